"""Mistakes with the derivative of an activation."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.loss_places import output_form
from backhand.diagnose.editing import (
    BACKWARD,
    assignment,
    backward_with,
    known,
    put,
    put_value,
    undone,
    value_of,
)
from backhand.diagnose.listing import Listing, renamed, text_of
from backhand.diagnose.mistake import Change

SLOPES = {
    "tanh": "1 - {x} ** 2",
    "sigmoid": "{x} * (1 - {x})",
}
"""The derivatives in terms of the output."""


AGAIN = {
    "tanh": "(1 - np.tanh({x}) ** 2)",
    "sigmoid": "(1 / (1 + np.exp(-{x}))) * (1 - 1 / (1 + np.exp(-{x})))",
}
"""The same in terms of the input."""


GATED = ("leaky_relu", "elu", "softplus", "silu", "gelu")
"""Those whose derivative is written in terms of the input."""


ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu", "gelu", "silu", "elu", "softplus")


@known(
    "activation's derivative missing",
    "backward",
    what=(
        "the activation's derivative is left out of the backward pass (for ReLU: it is 1 "
        "everywhere)"
    ),
    why=(
        "what a unit passes back must be weighed with how it answered: nothing through a ReLU "
        "below 0"
    ),
    fix=(
        "multiply: dz = da * (z > 0) for ReLU, da * (1 - a * a) for tanh, da * a * (1 - a) for "
        "sigmoid"
    ),
    known_from="common in class",
)
def derivative_missing(listing: Listing) -> Iterator[Change]:
    for step, _, statement in undone(listing, *ACTIVATIONS):
        yield put_value(listing, BACKWARD, statement, step.inputs[0].name)


@known(
    "activation's derivative taken at the input instead of the output",
    "backward",
    what=(
        "the formula in terms of the activation's output is given its input: 1 - z * z, z * (1 - z)"
    ),
    why="a (1 - a) is the sigmoid's derivative only where a is the sigmoid's output",
    fix="use the saved output a, or the formula in terms of z",
    known_from="common in class",
)
def derivative_at_input(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, *SLOPES):
        x = forward.inputs[0].name
        form = SLOPES[forward.function].format(x=x)
        yield backward_with(listing, statement, f"{step.inputs[0].name} * ({form})", x)
        if forward.function == "sigmoid":
            a = forward.output.name
            for mixed in (f"{a} * (1 - {x})", f"{x} * (1 - {a})"):
                yield backward_with(listing, statement, f"{step.inputs[0].name} * {mixed}", a, x)


@known(
    "activation's derivative taken at the output instead of the input",
    "backward",
    what=(
        "the formula in terms of the activation's input is given its output: the activation is "
        "applied twice"
    ),
    why="1 - tanh(a)^2 with a = tanh(z) is not the derivative at z",
    fix="use z, or the formula in terms of a: 1 - a * a, a * (1 - a)",
    known_from="common in class",
)
def derivative_at_output(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, *AGAIN):
        a = forward.output.name
        form = AGAIN[forward.function].format(x=a)
        yield backward_with(listing, statement, f"{step.inputs[0].name} * {form}", a)
    for _, forward, statement in undone(listing, *GATED):
        a, x = forward.output.name, forward.inputs[0].name
        new = value_of(ast.parse(renamed(statement, {x: a})).body[0])
        if new is not None:
            yield backward_with(listing, statement, text_of(new), a)


@known(
    "derivative of another activation",
    "backward",
    what="the backward pass has another activation's derivative than the forward pass's activation",
    why="each activation has its own derivative",
    fix="take the derivative of the activation that the forward pass uses",
    known_from="common in class",
)
def derivative_other(listing: Listing) -> Iterator[Change]:
    forms = {**SLOPES, "relu": "({x} > 0)"}
    for step, forward, statement in undone(listing, *forms):
        for name, form in forms.items():
            if name == forward.function:
                continue
            a, dy = forward.output.name, step.inputs[0].name
            yield backward_with(listing, statement, f"{dy} * ({form.format(x=a)})", a)
            if name == "relu":
                x = forward.inputs[0].name
                yield backward_with(listing, statement, f"{dy} * ({form.format(x=x)})", x)
    for step, forward, statement in undone(listing, *GATED):
        x = forward.inputs[0].name
        yield backward_with(listing, statement, f"{step.inputs[0].name} * ({x} > 0)", x)
    for step, forward, statement in undone(listing, *ACTIVATIONS):
        x = forward.inputs[0].name
        for name, form in AGAIN.items():
            if name != forward.function:
                value = f"{step.inputs[0].name} * {form.format(x=x)}"
                yield backward_with(listing, statement, value, x)


@known(
    "activation itself for its derivative",
    "backward",
    what="the derivative is multiplied with the activation's output instead of with its slope",
    why="how large an output is does not say how it answers to its input",
    fix="1 - a * a for tanh, a * (1 - a) for sigmoid, exp(z) below 0 for ELU",
)
def activation_for_derivative(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, "tanh", "sigmoid", "gelu", "silu", "softplus"):
        a = forward.output.name
        yield backward_with(listing, statement, f"{step.inputs[0].name} * {a}", a)
    for step, forward, statement in undone(listing, "elu"):
        a, x, dy = forward.output.name, forward.inputs[0].name, step.inputs[0].name
        yield backward_with(listing, statement, f"{dy} * np.where({x} > 0, 1, {a})", a, x)
        yield backward_with(listing, statement, f"{dy} * {a}", a)


@known(
    "activation's derivative taken at the derivative",
    "backward",
    what="the activation's derivative is taken of the derivative that comes from above",
    why="how a unit answers depends on its own sum, not on what comes back to it",
    fix="da * a * (1 - a) with the unit's own output a",
)
def derivative_of_derivative(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, *SLOPES):
        dy = step.inputs[0].name
        form = SLOPES[forward.function].format(x=dy)
        yield put_value(listing, BACKWARD, statement, f"{dy} * ({form})")
        yield put_value(listing, BACKWARD, statement, form)


@known(
    "square missing in tanh's derivative",
    "backward",
    what="tanh's derivative is taken as 1 - a instead of 1 - a * a, or the sigmoid's as 1 - a or a",
    why="a factor of the derivative is missing",
    fix="1 - a * a for tanh, a * (1 - a) for sigmoid",
    known_from="common in class",
)
def derivative_square(listing: Listing) -> Iterator[Change]:
    forms = {"tanh": ("(1 - {a})", "{a} ** 2"), "sigmoid": ("(1 - {a})", "{a}")}
    for step, forward, statement in undone(listing, *forms):
        a = forward.output.name
        for form in forms[forward.function]:
            value = f"{step.inputs[0].name} * {form.format(a=a)}"
            yield backward_with(listing, statement, value, a)
    for form in ("({p} - {y}) / (1 - {p})", "({p} - {y}) / {p}"):
        yield from output_form(listing, "sigmoid", form)


@known(
    "wrong sign in the activation's derivative",
    "backward",
    what="the derivative is taken as 1 + a * a for tanh, or as a * (1 + a) for the sigmoid",
    why="the slope is largest at 0 and falls on both sides",
    fix="1 - a * a for tanh, a * (1 - a) for sigmoid",
)
def derivative_sign(listing: Listing) -> Iterator[Change]:
    forms = {"tanh": "(1 + {a} * {a})", "sigmoid": "{a} * (1 + {a})"}
    for step, forward, statement in undone(listing, *forms):
        a = forward.output.name
        value = f"{step.inputs[0].name} * {forms[forward.function].format(a=a)}"
        yield backward_with(listing, statement, value, a)
    yield from output_form(listing, "sigmoid", "({p} - {y}) * (1 + {p}) / (1 - {p})")


@known(
    "activation's derivative twice",
    "backward",
    what="the derivative is multiplied with the activation's derivative twice",
    why="each activation stands once on the way, and so does its derivative",
    fix="multiply once: in da or in dz, not in both",
)
def derivative_doubled(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, *SLOPES):
        a = forward.output.name
        form = f"({SLOPES[forward.function].format(x=a)})"
        yield backward_with(listing, statement, f"{step.inputs[0].name} * {form} * {form}", a)


@known(
    "activation's derivative taken at another layer's values",
    "backward",
    what="the activation's derivative is taken with the sums or the outputs of another layer",
    why="how a unit answers depends on its own sum",
    fix="use the layer's own z, or its own output",
    known_from="an index that is one off in a loop over the layers",
)
def derivative_elsewhere(listing: Listing) -> Iterator[Change]:
    every = [s for s in listing.forward if s.function in ACTIVATIONS]
    for _, forward, statement in undone(listing, *ACTIVATIONS):
        for other in every:
            same_shape = other.output.shape == forward.output.shape
            if other.output.name == forward.output.name or not same_shape:
                continue
            names = {
                forward.output.name: other.output.name,
                forward.inputs[0].name: other.inputs[0].name,
            }
            new = value_of(ast.parse(renamed(statement, names)).body[0])
            if new is not None:
                yield backward_with(listing, statement, text_of(new), *names.values())


@known(
    "bias forgotten where the derivative is taken",
    "backward",
    what=(
        "the sums at which the activation's derivative is taken are computed again, without a bias"
    ),
    why="the unit answered to its whole sum, the bias included",
    fix="save z in the forward pass and use it again",
)
def derivative_without_bias(listing: Listing) -> Iterator[Change]:
    slopes = {"tanh": "(1 - np.tanh({x}) ** 2)", "relu": "({x} > 0)", "sigmoid": AGAIN["sigmoid"]}
    for step, forward, statement in undone(listing, *slopes):
        x = forward.inputs[0].name
        sums = assignment(listing, "network", x)
        match value_of(sums) if sums is not None else None:
            case ast.BinOp(left=ast.BinOp(op=ast.MatMult()), op=ast.Add(), right=ast.Name(id=b)):
                form = slopes[forward.function].format(x=f"({x} - {b})")
                yield backward_with(listing, statement, f"{step.inputs[0].name} * {form}", x, b)


@known(
    "ReLU's gate read from the derivative",
    "backward",
    what="the derivative is cut where it is itself negative, not where the ReLU's input was",
    why=(
        "the ReLU decides by its input what passes; the derivative's sign has nothing to do with it"
    ),
    fix="dz = da * (z > 0), or dz[z <= 0] = 0",
    known_from="the ReLU of 'deconvnet' visualisations, where it is meant",
)
def relu_gate_of_derivative(listing: Listing) -> Iterator[Change]:
    for step, _, statement in undone(listing, "relu"):
        dy = step.inputs[0].name
        yield put_value(listing, BACKWARD, statement, f"{dy} * ({dy} > 0)")


@known(
    "ReLU's gate the wrong way round",
    "backward",
    what="the derivative passes where the ReLU's input was negative",
    why="just the units that were silent are trained",
    fix="dz = da * (z > 0)",
)
def relu_gate_inverted(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, "relu"):
        x = forward.inputs[0].name
        yield backward_with(listing, statement, f"{step.inputs[0].name} * ({x} < 0)", x)
    for _, forward, statement in undone(listing, *GATED):
        text, x = text_of(statement), forward.inputs[0].name
        if f"{x} > 0" in text:
            yield put(listing, BACKWARD, statement, text.replace(f"{x} > 0", f"{x} <= 0"))


@known(
    "ReLU itself for its derivative",
    "backward",
    what="the derivative is multiplied with the ReLU's output instead of with 0 or 1",
    why="above 0 the ReLU's slope is 1, however large the output",
    fix="dz = da * (z > 0)",
)
def relu_for_derivative(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, "relu"):
        x = forward.inputs[0].name
        yield backward_with(listing, statement, f"{step.inputs[0].name} * np.maximum({x}, 0)", x)
        yield backward_with(listing, statement, f"{step.inputs[0].name} * {x}", x)


@known(
    "ReLU's derivative 1 at 0",
    "backward",
    what="the derivative of the ReLU is taken as 1 where its input is exactly 0",
    why=(
        "PyTorch takes 0 there; both are subgradients, but the numbers differ where sums are "
        "exactly 0"
    ),
    fix="z > 0, not z >= 0",
)
def relu_at_zero(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, "relu"):
        x = forward.inputs[0].name
        yield backward_with(listing, statement, f"{step.inputs[0].name} * ({x} >= 0)", x)
