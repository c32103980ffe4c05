"""Mistakes with numbers that are added up in loops, over examples, units or inputs."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.forward import sums_of
from backhand.diagnose.catalogue.options import rows_of
from backhand.diagnose.editing import (
    BACKWARD,
    assignment,
    assignments,
    known,
    node_put,
    parameter_of,
    put_value,
    undone,
    wrapped,
)
from backhand.diagnose.listing import Listing, renamed, text_of
from backhand.diagnose.mistake import Change


@known(
    "an example left out of a gradient",
    "backward",
    what="the first or the last example has no part in the gradient of one array of weights",
    why="the gradient of a sum over the examples has a part of each of them",
    fix="for i in range(n), from the first example to the last",
    known_from="range(1, n) where range(n) belongs",
)
def example_left_out(listing: Listing) -> Iterator[Change]:
    if rows_of(listing) == 1:
        return
    layers: dict[str, list[ast.stmt]] = {}
    for step, _, statement in undone(listing):
        if any(parameter_of(listing, value.name) for value in step.made()):
            layers.setdefault(step.inputs[0].name, []).append(statement)
    for dz, statements in layers.items():
        for left_out in ("0", f"len({dz}) - 1"):
            is_kept = f"(np.arange(len({dz})) != {left_out})"
            kept = f"({dz} * {is_kept}.reshape(-1, *[1] * ({dz}.ndim - 1)))"
            changed = listing
            for statement in statements:
                new = renamed(statement, {dz: kept})
                yield Change(text_of(statement), listing.changed(BACKWARD, statement, new))
                changed = changed.changed(BACKWARD, statement, new)
            if len(statements) > 1:
                yield Change(text_of(statements[0]), changed)


@known(
    "derivative of the last unit alone",
    "backward",
    what="what comes back to a unit is from the last unit above it alone, not from all of them",
    why="a unit acts on the loss through every unit above it: their parts add",
    fix="error += weight * delta, with += inside of the loop over the units above",
    known_from="= for += in the loop over the next layer's neurons",
)
def last_unit_alone(listing: Listing) -> Iterator[Change]:
    for _, statement, value in assignments(listing, BACKWARD):
        match value:
            case ast.BinOp(
                left=dz, op=ast.MatMult(), right=ast.Attribute(value=ast.Name(id=name), attr="T")
            ) if name in listing.parameters:
                new = f"({text_of(dz)})[:, -1:] @ {name}[:, -1:].T"
                yield put_value(listing, BACKWARD, statement, new)


@known(
    "sum not set back to 0 for each unit",
    "backward",
    what="the sum that carries the derivative back goes on from one unit to the next",
    why="each unit has its own sum, which begins at 0",
    fix="set the sum to 0 inside of the loop over the units",
)
def sum_carried_on(listing: Listing) -> Iterator[Change]:
    for _, statement, value in assignments(listing, BACKWARD):
        match value:
            case ast.BinOp(op=ast.MatMult(), right=ast.Attribute(attr="T")):
                yield wrapped(listing, BACKWARD, statement, "np.cumsum({}, axis=1)")


@known(
    "rows of a gradient share one list",
    "backward",
    what="all rows of a gradient are one and the same list, and get each other's numbers",
    why="[[0.0] * n] * m has one list of n numbers, m times",
    fix="[[0.0] * n for _ in range(m)]",
    known_from="common on Stack Overflow: a list of lists made by multiplication",
)
def rows_shared(listing: Listing) -> Iterator[Change]:
    for name in listing.parameters:
        statement = assignment(listing, BACKWARD, f"d{name}")
        if statement is not None and listing.experiment.arrays[name].ndim == len("MN"):
            shape = listing.experiment.arrays[name].shape
            form = f"np.broadcast_to({{}}.sum(axis=0), {shape}).copy()"
            yield wrapped(listing, BACKWARD, statement, form)


@known(
    "bias added for each input",
    "forward",
    what="the bias is added once for each input of a unit, inside of the loop over the inputs",
    why="a unit has one bias, however many inputs it has",
    fix="begin the sum with the bias, or add it behind the loop",
)
def bias_for_each_input(listing: Listing) -> Iterator[Change]:
    for _, statement in sums_of(listing):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(
                    left=ast.BinOp(op=ast.MatMult(), right=ast.Name(id=weight)) as product,
                    op=ast.Add(),
                    right=ast.Name(id=bias),
                ) if weight in listing.parameters and bias in listing.parameters:
                    new = f"{text_of(product)} + len({weight}) * {bias}"
                    forward = node_put(listing, "network", statement, node, new)
                    yield forward
                    derivative = assignment(forward.listing, BACKWARD, f"d{bias}")
                    if derivative is not None:
                        inputs = listing.experiment.arrays[weight].shape[0]
                        both = wrapped(forward.listing, BACKWARD, derivative, f"{inputs} * {{}}")
                        yield Change(forward.where, both.listing)
