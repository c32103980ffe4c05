"""Mistakes on the derivative's way from one step to the one before: the chain rule's factors."""

import ast
from collections.abc import Iterator
from itertools import combinations

from backhand.diagnose.catalogue.activations import ACTIVATIONS
from backhand.diagnose.catalogue.options import options_of
from backhand.diagnose.editing import (
    BACKWARD,
    assignments,
    known,
    line,
    names_put,
    node_put,
    parameter_of,
    put_value,
    undone,
    wrapped,
)
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change

TRANSPOSED = "swapaxes(-1, -2)"


@known(
    "derivative from above not multiplied in",
    "backward",
    what="an activation's own slope is handed down, without the derivative that came from above",
    why="the chain rule multiplies: what comes from the loss, times the slope of this step",
    fix="dz = da * (1 - a * a), and so for every activation",
)
def above_missing(listing: Listing) -> Iterator[Change]:
    for step, _, statement in undone(listing, *ACTIVATIONS):
        above = step.inputs[0].name
        yield names_put(listing, BACKWARD, statement, above, f"np.ones_like({above})")


@known(
    "learning rate in the derivative that is handed down",
    "backward",
    what="the derivative is multiplied by the learning rate on its way to the layer below",
    why="the learning rate belongs to the step of each weight, not to the derivatives",
    fix="dh = dz @ w.T, and the learning rate in w -= learning_rate * dw alone",
    known_from="layers that are updated within their own backward pass",
)
def rate_handed_down(listing: Listing) -> Iterator[Change]:
    rate = options_of(listing).get("learning_rate")
    for _, statement, value in assignments(listing, BACKWARD) if rate else ():
        match value:
            case ast.BinOp(op=ast.MatMult(), right=ast.Attribute(attr="T")):
                yield wrapped(listing, BACKWARD, statement, f"{rate} * {{}}")


@known(
    "constant factor forgotten in the backward pass",
    "backward",
    what="a constant by which the forward pass multiplies or divides is not in the derivative",
    why="the derivative of c * x is c: what is made larger counts for more",
    fix="multiply or divide the derivative by the same constant",
    known_from="the scale of attention's scores, 1 / sqrt(d)",
)
def constant_forgotten(listing: Listing) -> Iterator[Change]:
    for _, statement, value in assignments(listing, BACKWARD):
        scaled = _scaled(value)
        if scaled is not None:
            yield put_value(listing, BACKWARD, statement, text_of(scaled.left))


@known(
    "constant factor left out or of another size",
    "forward",
    what=(
        "a constant by which a value is multiplied or divided is left out in both passes, or is "
        "its square or its root there"
    ),
    why="it is then another network, whose numbers are all of another size",
    fix="scores / np.sqrt(d), with the constant that is asked for",
    known_from="attention's scores divided by d instead of its root, or not at all",
)
def constant_of_another_size(listing: Listing) -> Iterator[Change]:
    for step in listing.forward:
        for name, statement, value in assignments(listing, "network"):
            scaled = _scaled(value) if name == step.output.name else None
            if scaled is None:
                continue
            left, constant = text_of(scaled.left), text_of(scaled.right)
            sign = "*" if isinstance(scaled.op, ast.Mult) else "/"
            for other in ("1", f"{constant} ** 2", f"{constant} ** 0.5", f"(1 / {constant})"):
                change = put_value(listing, "network", statement, f"{left} {sign} {other}")
                yield _also_back(change, name, f"{sign} {constant}", f"{sign} {other}")


def _scaled(value: ast.expr) -> ast.BinOp | None:
    """A name that is multiplied or divided by a number, if this is such a value."""
    match value:
        case ast.BinOp(left=ast.Name(), op=ast.Mult() | ast.Div(), right=ast.Constant()):
            return value
    return None


def _also_back(change: Change, made: str, old: str, new: str) -> Change:
    """The change with the same constant in the derivative that comes back from the value."""
    for _, statement, value in assignments(change.listing, BACKWARD):
        scaled = _scaled(value)
        if scaled is not None and text_of(value) == f"d{made} {old}":
            text = f"d{made} {new}"
            return Change(
                change.where, put_value(change.listing, BACKWARD, statement, text).listing
            )
    return change


@known(
    "factor of a product not transposed in the backward pass",
    "backward",
    what="a factor of a product of matrices is used as it is where its transpose belongs",
    why="of y = a @ b the derivatives are da = dy @ b.T and db = a.T @ dy, for each example",
    fix="dv = attention.transpose(0, 2, 1) @ dout",
    known_from="attention written by hand, where the scores are square",
)
def factor_not_transposed(listing: Listing) -> Iterator[Change]:
    for _, statement, value in assignments(listing, BACKWARD):
        for node in ast.walk(value):
            match node:
                case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                    for factor in (left, right):
                        text = text_of(factor)
                        if text.endswith(f".{TRANSPOSED}"):
                            own = text.removesuffix(f".{TRANSPOSED}")
                            yield node_put(listing, BACKWARD, statement, factor, own)


@known(
    "gradients of two weights exchanged",
    "backward",
    what="two arrays of weights have each other's gradient",
    why="each is then moved by what the other one did to the loss",
    fix="dw1 for w1, dw2 for w2",
    known_from="queries and keys of an attention head, and gradients returned in another order",
)
def gradients_exchanged(listing: Listing) -> Iterator[Change]:
    shapes = {name: listing.experiment.arrays[name].shape for name in listing.parameters}
    for statement in listing.statements(BACKWARD):
        match statement:
            case ast.Return(value=ast.Tuple(elts=given)):
                names = [text_of(one) for one in given]
                for a, b in combinations(range(len(names)), 2):
                    if shapes.get(names[a][1:]) == shapes.get(names[b][1:]):
                        other = list(names)
                        other[a], other[b] = names[b], names[a]
                        told = f"{line(statement)}   ({names[a]}, {names[b]})"
                        new = f"return ({', '.join(other)})"
                        yield Change(told, listing.changed(BACKWARD, statement, new))


@known(
    "gradient of one weight with the wrong sign",
    "backward",
    what="the gradient of one array of weights has the wrong sign, the others have the right one",
    why="that array is then moved so that the loss grows",
    fix="take the minus from the derivative at the output, once, for all of them",
    is_local=True,
)
def one_sign(listing: Listing) -> Iterator[Change]:
    for name, statement, _ in assignments(listing, BACKWARD):
        if name[1:] in listing.parameters and len(listing.parameters) > 1:
            yield wrapped(listing, BACKWARD, statement, "-{}")


@known(
    "factors of a product exchanged in the backward pass",
    "backward",
    what="the derivative by a factor of a product is multiplied by that factor, not the other one",
    why="of y = a * b the derivatives are da = dy * b and db = dy * a",
    fix="da = dy * b; db = dy * a",
    known_from="the gates of an LSTM: di = dc * g and dg = dc * i",
)
def factors_exchanged(listing: Listing) -> Iterator[Change]:
    for step in listing.forward:
        factors = {value.name for value in step.inputs}
        if step.function != "mul" or len(factors) != len(("a", "b")):
            continue
        changed, where = listing, ""
        for name, statement, value in assignments(listing, BACKWARD):
            match value:
                case ast.BinOp(left=ast.Name(id=above), op=ast.Mult(), right=ast.Name(id=other)):
                    own = (factors - {other}).pop() if other in factors else ""
                    is_it = own and name.startswith(f"d{own}") and above == f"d{step.output.name}"
                    if is_it and not parameter_of(listing, name):
                        where = where or line(statement)
                        new = f"{name} = {above} * {own}"
                        changed = changed.changed(BACKWARD, statement, new)
        if where:
            yield Change(where, changed)
