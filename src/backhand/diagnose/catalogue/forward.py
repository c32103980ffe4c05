"""Mistakes of the forward pass."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import (
    BACKWARD,
    assignment,
    assignments,
    known,
    line,
    made_by,
    names_put,
    node_put,
    put_value,
    target_of,
    undone,
    wrapped,
)
from backhand.diagnose.listing import Listing, functions_of, renamed, text_of
from backhand.diagnose.mistake import Change
from backhand.graph import Step

MATRIX = 2
"""Axes: of more, the softmax of an example may be taken over its rows."""
SIGMOID = "1 / (1 + np.exp(-{x}))"


def sums_of(listing: Listing) -> Iterator[tuple[str, ast.stmt]]:
    """The statements with a product of matrices."""
    for name, statement, value in assignments(listing, "network"):
        if any(isinstance(n, ast.MatMult) for n in ast.walk(value)):
            yield name, statement


@known(
    "bias not added",
    "forward",
    what="the bias is not added in the forward pass",
    why="each unit's threshold is stuck at 0",
    fix="add the bias to the product: x @ w + b",
    known_from="common in class",
)
def bias_missing(listing: Listing) -> Iterator[Change]:
    for _, statement in sums_of(listing):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=left, op=ast.Add(), right=ast.Name(id=name)):
                    if name in listing.parameters:
                        yield node_put(listing, "network", statement, node, text_of(left))
    for step, statement in made_by(listing, "conv1d", "conv2d", "conv3d"):
        for bias in step.inputs[2:]:
            yield names_put(listing, "network", statement, bias.name, f"(0 * {bias.name})")


@known(
    "bias added after the activation",
    "forward",
    what="the bias is added to what the activation gives, not to the sums",
    why="a bias is the threshold of the activation: behind it, it only shifts the output",
    fix="f(x @ w + b), not f(x @ w) + b",
)
def bias_late(listing: Listing) -> Iterator[Change]:
    for name, statement in sums_of(listing):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=left, op=ast.Add(), right=ast.Name(id=bias)):
                    step = next((s for s in listing.forward if s.inputs[0].name == name), None)
                    after = assignment(listing, "network", step.output.name) if step else None
                    if bias in listing.parameters and after is not None:
                        moved = node_put(listing, "network", statement, node, text_of(left))
                        added = wrapped(moved.listing, "network", after, f"{{}} + {bias}")
                        yield Change(moved.where, added.listing)


@known(
    "bias added twice",
    "forward",
    what="the bias is added twice",
    why="every sum is shifted once too often",
    fix="x @ w + b",
)
def bias_twice(listing: Listing) -> Iterator[Change]:
    for _, statement in sums_of(listing):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(op=ast.Add(), right=ast.Name(id=name)) if name in listing.parameters:
                    new = f"({text_of(node)} + {name})"
                    yield node_put(listing, "network", statement, node, new)


@known(
    "bias subtracted",
    "forward",
    what="the bias is subtracted instead of added in the forward pass",
    why="the bias then acts, and is trained, with the wrong sign",
    fix="add the bias: x @ w + b",
)
def bias_subtracted(listing: Listing) -> Iterator[Change]:
    for _, statement in sums_of(listing):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=left, op=ast.Add(), right=ast.Name(id=name)):
                    if name in listing.parameters:
                        new = f"{text_of(left)} - {name}"
                        yield node_put(listing, "network", statement, node, new)


@known(
    "weights transposed in the forward pass",
    "forward",
    what="the weight matrix is transposed in the forward pass",
    why="each weight then connects another pair of units than the one it belongs to",
    fix="multiply with the weights as they are given, [in, out]: x @ w",
)
def weights_transposed(listing: Listing) -> Iterator[Change]:
    for _, statement in sums_of(listing):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(op=ast.MatMult(), right=ast.Name(id=name)) if (
                    name in listing.parameters
                ):
                    shape = listing.experiment.arrays[name].shape
                    if len(shape) == 2 and shape[0] == shape[1]:
                        yield names_put(listing, "network", statement, name, f"{name}.T")


SOFTMAXES = (
    "np.exp({x} - {x}.max()) / np.exp({x} - {x}.max()).sum({options})",
    "np.exp({x} - {x}.max(axis=-1, keepdims=True)) "
    "/ np.exp({x} - {x}.max(axis=-1, keepdims=True)).sum({options})",
)
"""With one largest number taken off everywhere, and with each example's own."""


@known(
    "softmax over the wrong axis",
    "forward",
    what="the softmax is taken over the batch (axis 0) instead of over the classes of each example",
    why="the examples then compete with each other, and an example's probabilities do not sum to 1",
    fix="sum over the last axis: e / e.sum(axis=1, keepdims=True)",
    known_from="common in class",
)
def softmax_axis(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, "softmax"):
        for form in SOFTMAXES:
            value = form.format(x=step.inputs[0].name, options="axis=0, keepdims=True")
            yield put_value(listing, "network", statement, value)
        if len(step.output.shape) > MATRIX:
            yield from _over_rows(listing, step, statement)
    yield from _softmaxes_along(listing, "0")


def _over_rows(listing: Listing, step: Step, statement: ast.stmt) -> Iterator[Change]:
    """The softmax of each example's matrix taken over its rows: forward, and backward too."""
    x = step.inputs[0].name
    value = SOFTMAXES[0].format(x=x, options="axis=-2, keepdims=True")
    change = put_value(listing, "network", statement, value)
    yield change
    for _, forward, derivative in undone(change.listing, "softmax"):
        if forward.output.name == step.output.name:
            new = text_of(derivative).replace("axis=-1", "axis=-2")
            yield Change(change.where, change.listing.changed(BACKWARD, derivative, new))


def _softmaxes_along(listing: Listing, axis: str) -> Iterator[Change]:
    """The softmax that a loss of scores has within it taken along another axis: in the loss and its
    derivative, and in one of them alone."""
    own = [name for name in ("log_softmax", "softmax") if listing.has(name)]
    if "log_softmax" not in own:
        return
    for names in (own, *([name] for name in own[:1] if len(own) > 1)):
        changed = listing
        for name in names:
            text = text_of(listing.functions[name]).replace("axis=-1)", f"axis={axis})", 1)
            changed = changed.with_function(name, functions_of(text)[name])
        yield Change("; ".join(f"{name}(x, axis=-1)" for name in names), changed)


@known(
    "softmax over the whole batch",
    "forward",
    what="the softmax divides by the sum over the whole batch instead of over each example",
    why="all examples' probabilities together sum to 1, not those of each",
    fix="sum over the last axis: e / e.sum(axis=1, keepdims=True)",
    known_from="common in class",
)
def softmax_batch(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, "softmax"):
        for form in SOFTMAXES:
            value = form.format(x=step.inputs[0].name, options="")
            yield put_value(listing, "network", statement, value)
    yield from _softmaxes_along(listing, "None")


@known(
    "softmax not normalised",
    "forward",
    what="the exponentials are not divided by their sum",
    why="the outputs are then no probabilities",
    fix="divide by the sum over the last axis",
)
def softmax_unnormalised(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, "softmax"):
        x = step.inputs[0].name
        yield put_value(listing, "network", statement, f"np.exp({x})")
        shifted = f"np.exp({x} - {x}.max(axis=-1, keepdims=True))"
        yield put_value(listing, "network", statement, shifted)


@known(
    "softmax twice",
    "forward",
    what="the softmax is applied twice",
    why=(
        "the second softmax flattens the probabilities: with two classes they stay within 0.27 "
        "and 0.73"
    ),
    fix="apply it once; a loss that takes logits has it inside",
    known_from="common in class",
)
def softmax_twice(listing: Listing) -> Iterator[Change]:
    for _, statement in made_by(listing, "softmax"):
        yield wrapped(listing, "network", statement, "softmax({})")


@known(
    "softmax's exponent with the wrong sign",
    "forward",
    what="the softmax is taken of the negative scores",
    why="the least score then gets the largest probability",
    fix="np.exp(z), not np.exp(-z)",
)
def softmax_sign(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, "softmax"):
        x = step.inputs[0].name
        yield names_put(listing, "network", statement, x, f"(-{x})")


@known(
    "output activation missing",
    "forward",
    what="the softmax or sigmoid at the end is left out: the outputs are raw scores",
    why="scores are no probabilities, and the loss and its derivative expect those",
    fix="apply the output activation to the last layer's sums",
    known_from="common in class",
)
def output_activation_missing(listing: Listing) -> Iterator[Change]:
    outputs = [value.name for value in listing.experiment.network.forward.outputs]
    for step, statement in made_by(listing, "softmax", "sigmoid"):
        if step.output.name in outputs:
            x = step.inputs[0].name
            yield put_value(listing, "network", statement, x)
            yield from _inside_the_loss(listing, statement, x)


def _inside_the_loss(listing: Listing, statement: ast.stmt, scores: str) -> Iterator[Change]:
    """The scores given as the output, and the output activation applied by the loss."""
    p = target_of(statement)
    body = [text_of(s) for s in listing.functions["network"].body]
    given = body[-1].replace(f"return ({p},", f"return ({scores},", 1)
    if "network_loss" not in listing.functions or given == body[-1]:
        return
    applied = renamed(statement, {scores: p})
    loss = [text_of(s) for s in listing.functions["network_loss"].body]
    changed = listing.with_lines("network", "\n".join([*body[:-1], given]))
    yield Change(line(statement), changed.with_lines("network_loss", "\n".join([applied, *loss])))


@known(
    "sigmoid for softmax",
    "forward",
    what="a sigmoid is applied to each score where a softmax belongs",
    why="the classes then do not compete, and the probabilities do not sum to 1",
    fix="use the softmax over the classes",
)
def sigmoid_for_softmax(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, "softmax"):
        yield put_value(listing, "network", statement, SIGMOID.format(x=step.inputs[0].name))


@known(
    "sigmoid's exponent with the wrong sign",
    "forward",
    what="the sigmoid is computed as 1 / (1 + exp(x))",
    why="that is 1 - sigmoid(x): it falls where it should rise",
    fix="write 1 / (1 + np.exp(-x))",
)
def sigmoid_sign(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, "sigmoid"):
        yield put_value(listing, "network", statement, f"1 / (1 + np.exp({step.inputs[0].name}))")


@known(
    "residual connection missing",
    "forward",
    what="what should be added around a layer is left out",
    why="the layer then has to learn all of its output, and the derivative has one way back less",
    fix="add the layer's input to its output",
)
def residual_missing(listing: Listing) -> Iterator[Change]:
    parameters = {*listing.parameters}
    for step, statement in made_by(listing, "add"):
        named = [v.name for v in step.inputs if not v.is_nameless and v.name not in parameters]
        if len(named) == 2:
            for name in named:
                yield put_value(listing, "network", statement, name)
