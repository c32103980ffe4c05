"""Mistakes of the forward pass."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import (
    assignments,
    backward_with,
    known,
    line,
    made_by,
    names_put,
    node_put,
    put_value,
    undone,
    value_of,
    wrapped,
)
from backhand.diagnose.listing import Listing, renamed
from backhand.diagnose.mistake import Change

ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu", "gelu", "silu", "elu", "softplus")
SIGMOID = "1 / (1 + np.exp(-{x}))"
FORMS = {"relu": "np.maximum({x}, 0)", "tanh": "np.tanh({x})", "sigmoid": SIGMOID}


@known(
    "activation missing",
    "forward",
    what="the activation is left out: its input is passed on as it is",
    why="two linear layers without an activation between them are one linear layer",
    fix="apply the activation to the layer's sums before the next layer reads them",
    known_from="common in class",
)
def activation_missing(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, *ACTIVATIONS):
        yield put_value(listing, "network", statement, step.inputs[0].name)


@known(
    "another activation",
    "forward",
    what="another activation is used than the network has, forward",
    why="the network computes another function, whose derivative is another one too",
    fix="use the activation that is asked for, and its own derivative in the backward pass",
)
def activation_other(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, *FORMS):
        for name, form in FORMS.items():
            if name != step.function:
                value = form.format(x=step.inputs[0].name)
                yield put_value(listing, "network", statement, value)


@known(
    "another activation, with its derivative",
    "forward",
    what="another activation is used than the network has, and the derivative of that one",
    why="the gradients are right, but of another network",
    fix="use the activation that is asked for, and its derivative",
)
def activation_other_throughout(listing: Listing) -> Iterator[Change]:
    slopes = {"relu": "({x} > 0)", "tanh": "(1 - np.tanh({x}) ** 2)",
              "sigmoid": f"({SIGMOID}) * (1 - ({SIGMOID}))"}  # fmt: skip
    for step, statement in made_by(listing, *FORMS):
        for name, form in FORMS.items():
            if name == step.function:
                continue
            x = step.inputs[0].name
            changed = put_value(listing, "network", statement, form.format(x=x))
            for back, forward, derivative in undone(changed.listing, step.function):
                if forward.output.name == step.output.name:
                    value = f"{back.inputs[0].name} * {slopes[name].format(x=x)}"
                    done = backward_with(changed.listing, derivative, value, x)
                    yield Change(line(statement), done.listing)


@known(
    "leaky ReLU for ReLU",
    "forward",
    what="the rectifier lets a hundredth of negative sums through",
    why="a leaky ReLU is another activation than ReLU",
    fix="use np.maximum(z, 0)",
)
def relu_leaky(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, "relu"):
        x = step.inputs[0].name
        yield put_value(listing, "network", statement, f"np.where({x} > 0, {x}, 0.01 * {x})")


@known(
    "activation on the last layer too",
    "forward",
    what="the hidden layer's activation is applied to the last layer's sums as well",
    why=(
        "the output can no longer take the values that it should (a rectified score is never "
        "below 0)"
    ),
    fix="pass the last layer's sums on as they are",
    known_from="common in class",
)
def activation_on_last(listing: Listing) -> Iterator[Change]:
    used = {step.function: (step, made) for step, made in made_by(listing, *ACTIVATIONS)}
    for _, statement in list(_sums(listing))[-1:]:
        sums = value_of(statement)
        for step, made in used.values():
            applied = ast.parse(renamed(made, {step.inputs[0].name: f"({ast.unparse(sums)})"}))  # type: ignore[arg-type]
            value = value_of(applied.body[0])
            if value is not None:
                yield put_value(listing, "network", statement, ast.unparse(value))


def _sums(listing: Listing) -> Iterator[tuple[str, ast.stmt]]:
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
    for _, statement in _sums(listing):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=left, op=ast.Add(), right=ast.Name(id=name)):
                    if name in listing.parameters:
                        yield node_put(listing, "network", statement, node, ast.unparse(left))


@known(
    "bias subtracted",
    "forward",
    what="the bias is subtracted instead of added in the forward pass",
    why="the bias then acts, and is trained, with the wrong sign",
    fix="add the bias: x @ w + b",
)
def bias_subtracted(listing: Listing) -> Iterator[Change]:
    for _, statement in _sums(listing):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=left, op=ast.Add(), right=ast.Name(id=name)):
                    if name in listing.parameters:
                        new = f"{ast.unparse(left)} - {name}"
                        yield node_put(listing, "network", statement, node, new)


@known(
    "weights transposed in the forward pass",
    "forward",
    what="the weight matrix is transposed in the forward pass",
    why="each weight then connects another pair of units than the one it belongs to",
    fix="multiply with the weights as they are given, [in, out]: x @ w",
)
def weights_transposed(listing: Listing) -> Iterator[Change]:
    for _, statement in _sums(listing):
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
    "output activation missing",
    "forward",
    what="the softmax or sigmoid at the end is left out: the outputs are raw scores",
    why="scores are no probabilities, and the loss and its derivative expect those",
    fix="apply the output activation to the last layer's sums",
    known_from="common in class",
)
def output_activation_missing(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, "softmax"):
        yield put_value(listing, "network", statement, step.inputs[0].name)


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
