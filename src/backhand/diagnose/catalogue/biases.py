"""Mistakes with the gradient of a bias, or of the weights beside it."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.activations import ACTIVATIONS
from backhand.diagnose.editing import (
    BACKWARD,
    assignments,
    known,
    node_put,
    put_value,
    undone,
    wrapped,
)
from backhand.diagnose.listing import Listing
from backhand.diagnose.mistake import Change


@known(
    "bias gradient averaged over the batch",
    "backward",
    what="the bias's gradient is the mean over the examples where the sum belongs",
    why=(
        "the bias is used once for each example, and its derivatives add; the division is in dz "
        "already"
    ),
    fix="db = dz.sum(axis=0)",
    known_from="common in class",
)
def bias_averaged(listing: Listing) -> Iterator[Change]:
    for statement in bias_gradients(listing):
        yield _reduced(listing, statement, "{}.mean(axis=0)")


@known(
    "bias gradient not summed over the batch",
    "backward",
    what="the bias's gradient is not summed over the examples",
    why="the bias is used once for each example, and its derivatives add",
    fix="db = dz.sum(axis=0)",
    known_from="common in class",
)
def bias_unsummed(listing: Listing) -> Iterator[Change]:
    for statement in bias_gradients(listing):
        yield _reduced(listing, statement, "{}")
        yield _reduced(listing, statement, "{}[0]")
        yield _reduced(listing, statement, "{}[-1]")


@known(
    "bias gradient summed over everything",
    "backward",
    what="the bias's gradient is summed over the units too: one number for all of them",
    why="each unit has its own bias, and its own derivative",
    fix="db = dz.sum(axis=0), with the axis",
)
def bias_total(listing: Listing) -> Iterator[Change]:
    for statement in bias_gradients(listing):
        name = ast.unparse(statement.targets[0])[1:]  # type: ignore[attr-defined]
        size = listing.experiment.arrays[name].shape
        if size != (1,):
            yield _reduced(listing, statement, f"np.full({size}, {{}}.sum())")


@known(
    "bias gradient missing",
    "backward",
    what="the bias's gradient is 0: the bias is never trained",
    why="a bias is a weight like any other",
    fix="db = dz.sum(axis=0)",
    known_from="common in class",
)
def bias_gradient_missing(listing: Listing) -> Iterator[Change]:
    for statement in bias_gradients(listing):
        yield wrapped(listing, BACKWARD, statement, "0 * {}")


@known(
    "bias gradient of the derivative after the layer",
    "backward",
    what=(
        "the bias's gradient is summed from the derivative behind the activation, da, instead of dz"
    ),
    why="the bias stands before the activation: its derivative has gone through that",
    fix="db = dz.sum(axis=0)",
)
def bias_of_da(listing: Listing) -> Iterator[Change]:
    yield from _through_activation(listing, bias=True)


@known(
    "weight gradient of the derivative after the layer",
    "backward",
    what="dw is taken with the derivative behind the activation, da, instead of dz",
    why="the weights stand before the activation: their derivative has gone through that",
    fix="dw = x.T @ dz",
)
def weight_of_da(listing: Listing) -> Iterator[Change]:
    yield from _through_activation(listing, bias=False)


def _through_activation(listing: Listing, bias: bool) -> Iterator[Change]:
    behind = {step.output.name: step.inputs[0].name for step, _, _ in undone(listing, *ACTIVATIONS)}
    gradients = list(bias_gradients(listing))
    for name, statement, value in assignments(listing, BACKWARD):
        if name[1:] in listing.parameters and (statement in gradients) == bias:
            for node in ast.walk(value):
                match node:
                    case ast.Name(id=read) if read in behind:
                        yield node_put(listing, BACKWARD, statement, node, behind[read])


def bias_gradients(listing: Listing) -> Iterator[ast.stmt]:
    """The statements that sum a derivative over the batch."""
    for name, statement, value in assignments(listing, BACKWARD):
        if name[1:] in listing.parameters and "sum" in ast.unparse(value):
            match value:
                case ast.Call(args=[_, *_]):
                    yield statement


def _reduced(listing: Listing, statement: ast.stmt, form: str) -> Change:
    assert isinstance(statement, ast.Assign)
    assert isinstance(statement.value, ast.Call)
    summed = ast.unparse(statement.value.args[0])
    return put_value(listing, BACKWARD, statement, form.format(f"({summed})"))


@known(
    "weight gradient divided by N, bias gradient not",
    "backward",
    what=(
        "the gradient of the weights is divided by the number of examples once more, that of the "
        "biases not"
    ),
    why="both belong to the same loss, and so to the same division",
    fix="divide once, at the output: dz = (p - y) / N",
)
def weights_divided(listing: Listing) -> Iterator[Change]:
    biases = list(bias_gradients(listing))
    if not biases:
        return
    changed, where = listing, ""
    for name, statement, _ in list(assignments(listing, BACKWARD)):
        if name[1:] in listing.parameters and statement not in biases:
            one = wrapped(listing, BACKWARD, statement, "{} / len(x_rows)")
            rows = listing.experiment.network.forward.inputs[0].name
            yield Change(one.where, _renamed_rows(one.listing, rows))
            target = next(s for n, s, _ in assignments(changed, BACKWARD) if n == name)
            changed = wrapped(changed, BACKWARD, target, f"{{}} / len({rows})").listing
            where = where or one.where
    if where:
        yield Change(where, changed)


def _renamed_rows(listing: Listing, rows: str) -> Listing:
    tree = listing.functions[BACKWARD]
    return listing.with_lines(
        BACKWARD, "\n".join(map(ast.unparse, tree.body)).replace("x_rows", rows)
    )
