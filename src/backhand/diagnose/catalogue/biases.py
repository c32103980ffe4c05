"""Mistakes with the gradient of a bias, or of the weights beside it."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.activations import ACTIVATIONS
from backhand.diagnose.catalogue.options import rows_of
from backhand.diagnose.editing import (
    BACKWARD,
    assignment,
    assignments,
    known,
    line,
    node_put,
    parameter_of,
    put_value,
    target_of,
    undone,
    wrapped,
)
from backhand.diagnose.listing import Listing, text_of
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
        yield _reduced(listing, statement, "{}.mean(axis=@axis)")
        yield _reduced(listing, statement, "({}.sum(axis=@axis) / len({}))")
        if len(_summed(statement)[1]) > len("(0,)"):  # the bias of a filter: over the places alone
            yield _reduced(listing, statement, "({}.sum(axis=@axis) / np.prod({}.shape[2:]))")


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
        if _summed(statement)[1] == "0":
            yield _reduced(listing, statement, "{}")
            yield _reduced(listing, statement, "{}[0]")
            yield _reduced(listing, statement, "{}[-1]")


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
    "bias gradient summed over everything",
    "backward",
    what="the bias's gradient is summed over the units too: one number for all of them",
    why="each unit has its own bias, and its own derivative",
    fix="db = dz.sum(axis=0), with the axis",
)
def bias_total(listing: Listing) -> Iterator[Change]:
    for statement in bias_gradients(listing):
        size = listing.experiment.arrays[parameter_of(listing, target_of(statement))].shape
        if size != (1,):
            yield _reduced(listing, statement, f"np.full({size}, {{}}.sum())")


@known(
    "bias gradient summed over the wrong axis",
    "backward",
    what="the bias's gradient is summed over the units, one number for each example",
    why="where there are as many examples as units, the shapes fit, and the numbers are wrong",
    fix="db = dz.sum(axis=0) where examples are rows",
)
def bias_other_axis(listing: Listing) -> Iterator[Change]:
    for statement in bias_gradients(listing):
        size = listing.experiment.arrays[parameter_of(listing, target_of(statement))].shape
        if size == (rows_of(listing),) and _summed(statement)[1] == "0":
            yield _reduced(listing, statement, "{}.sum(axis=1)")


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
        if parameter_of(listing, name) and (statement in gradients) == bias:
            for node in ast.walk(value):
                match node:
                    case ast.Name(id=read) if read in behind:
                        yield node_put(listing, BACKWARD, statement, node, behind[read])


def bias_gradients(listing: Listing) -> Iterator[ast.stmt]:
    """The statements that sum a derivative over the batch."""
    for name, statement, _ in assignments(listing, BACKWARD):
        parameter = parameter_of(listing, name)
        is_bias = parameter and listing.experiment.arrays[parameter].ndim <= 1
        if is_bias and _summed(statement)[0]:
            yield statement


def _summed(statement: ast.stmt) -> tuple[str, str]:
    """What a statement sums, and over which axes; nothing where it does something else."""
    match statement:
        case (
            ast.Assign(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id="np"), attr="sum"),
                    args=[summed],
                    keywords=[ast.keyword(arg="axis", value=axis)],
                )
            )
            | ast.Assign(
                value=ast.Call(
                    func=ast.Attribute(value=summed, attr="sum"),
                    args=[],
                    keywords=[ast.keyword(arg="axis", value=axis)],
                )
            )
        ):
            return text_of(summed), text_of(axis)
    return "", ""


def _reduced(listing: Listing, statement: ast.stmt, form: str) -> Change:
    """What it sums put into another form: `{}` is that, `@axis` the axes."""
    summed, axis = _summed(statement)
    form = form.replace("@axis", axis)
    return put_value(listing, BACKWARD, statement, form.format(*[f"({summed})"] * form.count("{}")))


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
    biases = [target_of(statement) for statement in bias_gradients(listing)]
    if biases:
        weights = [n for n, _, _ in assignments(listing, BACKWARD) if parameter_of(listing, n)]
        weights = [name for name in weights if name not in biases]
        yield from scaled(listing, weights, "{} / len(@x)")


@known(
    "bias gradient never divided by N",
    "backward",
    what=(
        "the gradient of the biases is not divided by the number of examples, that of the weights "
        "is"
    ),
    why="both belong to the same loss, and so to the same division",
    fix="db = dz.sum(axis=0) / N where dw = x.T @ dz / N; or divide once, at the output",
    known_from="Ng's course, where both are divided by m by hand",
)
def biases_undivided(listing: Listing) -> Iterator[Change]:
    biases = [target_of(statement) for statement in bias_gradients(listing)]
    if biases and rows_of(listing) > 1:
        yield from scaled(listing, biases, "{} * len(@x)")


def scaled(listing: Listing, names: list[str], form: str) -> Iterator[Change]:
    """These derivatives put into a form, each alone and all of them; `@x` is the first input."""
    form = form.replace("@x", listing.experiment.network.forward.inputs[0].name)
    changed, where = listing, ""
    for name in names:
        statement = assignment(listing, BACKWARD, name)
        again = assignment(changed, BACKWARD, name)
        assert statement is not None
        assert again is not None
        yield wrapped(listing, BACKWARD, statement, form)
        changed = wrapped(changed, BACKWARD, again, form).listing
        where = where or line(statement)
    if len(names) > 1:
        yield Change(where, changed)
