"""Activations that are missing, others than asked for, or where none should be."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.activations import ACTIVATIONS, SLOPES
from backhand.diagnose.catalogue.forward import SIGMOID, sums_of
from backhand.diagnose.editing import (
    BACKWARD,
    assignment,
    assignments,
    backward_with,
    known,
    line,
    made_by,
    outer_products,
    put,
    put_value,
    undone,
    value_of,
)
from backhand.diagnose.listing import Listing, renamed, text_of
from backhand.diagnose.mistake import Change
from backhand.graph import Step

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
        changed = put_value(listing, "network", statement, step.inputs[0].name)
        yield changed
        for back, forward, derivative in undone(changed.listing, step.function):
            if forward.output.name == step.output.name:
                da = back.inputs[0].name
                done = put_value(changed.listing, BACKWARD, derivative, da)
                yield Change(changed.where, done.listing)


@known(
    "next layer fed with the sums",
    "forward",
    what="the next layer reads the sums before the activation, whose derivative is still taken",
    why="without the activation the two layers are one linear layer",
    fix="hand the activation's output to the next layer",
    known_from="common in class: z1 for a1 in the next line",
)
def activation_passed_by(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, *ACTIVATIONS):
        a, x = step.output.name, step.inputs[0].name
        changed = _read_later(listing, statement, a, x)
        if changed is listing:
            continue
        yield Change(line(statement), changed)
        for product, read, right in outer_products(changed):
            if read == a:
                value = f"{x}.T @ {text_of(right)}"
                done = backward_with(changed, product, value, x)
                yield Change(line(statement), done.listing)


def _read_later(listing: Listing, made: ast.stmt, name: str, other: str) -> Listing:
    """The forward pass with another name where a value is read after it was made."""
    is_later = False
    changed = listing
    for statement in list(listing.statements("network")):
        new = renamed(statement, {name: other})
        if is_later and not isinstance(statement, ast.Return) and new != text_of(statement):
            changed = changed.changed("network", statement, new)
        is_later = is_later or statement is made
    return changed


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
        for slope in (0.01, 0.1, 0.2):
            yield from _leaky(listing, step, statement, slope)


@known(
    "leaky ReLU's slope of another size",
    "forward",
    what="the leaky ReLU lets another part of negative sums through than asked for",
    why="it is another activation, with another derivative",
    fix="use the slope that is asked for, forward and backward",
    known_from="0.01 is PyTorch's slope, 0.2 or 0.3 that of others",
)
def leaky_slope(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, "leaky_relu"):
        asked = dict(step.attributes).get("slope", 0.01)
        for slope in (0.01, 0.1, 0.2, 0.3):
            if slope != asked:
                yield from _leaky(listing, step, statement, slope)


def _leaky(listing: Listing, step: Step, statement: ast.stmt, slope: float) -> Iterator[Change]:
    """A leaky ReLU with this slope: forward, and forward and backward."""
    x = step.inputs[0].name
    changed = put_value(listing, "network", statement, f"np.where({x} > 0, {x}, {slope} * {x})")
    yield changed
    for back, forward, derivative in undone(changed.listing, step.function):
        if forward.output.name == step.output.name:
            value = f"{back.inputs[0].name} * np.where({x} > 0, 1, {slope})"
            done = backward_with(changed.listing, derivative, value, x)
            yield Change(changed.where, done.listing)


@known(
    "GELU with another constant",
    "forward",
    what="a constant of the GELU is another one: sqrt(2 * pi), 1 / sqrt(2), or another 0.044715",
    why="the curve is then no longer that of x times the normal distribution",
    fix="0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))), and its derivative",
)
def gelu_constant(listing: Listing) -> Iterator[Change]:
    root, cube = "(2 / np.pi) ** 0.5", "0.044715"
    others = ((root, "(2 * np.pi) ** 0.5"), (root, "(1 / np.pi) ** 0.5"), (root, "0.5 ** 0.5"),
              (root, "(2 / np.pi)"), (cube, "0.44715"), (cube, "0.0044715"), (cube, "0.04715"),
              (cube, "0.044"))  # fmt: skip
    for old, new in others:
        changed, where = listing, ""
        for function in listing.functions:
            for statement in list(changed.statements(function)):
                text = text_of(statement)
                if old in text:
                    change = put(changed, function, statement, text.replace(old, new))
                    where, changed = where or change.where, change.listing
                    if function == "network":
                        yield change
        if where:
            yield Change(where, changed)


@known(
    "ELU without its - 1",
    "forward",
    what="below 0 the ELU gives exp(z) instead of exp(z) - 1",
    why="the two halves then do not meet at 0",
    fix="np.where(z > 0, z, np.exp(z) - 1)",
)
def elu_lifted(listing: Listing) -> Iterator[Change]:
    for _, statement, value in assignments(listing, "network"):
        if "np.expm1(" in (text := text_of(value)):
            yield put_value(listing, "network", statement, text.replace("np.expm1(", "np.exp("))


@known(
    "activation on the last layer too",
    "forward",
    what="an activation is applied to the last layer's sums as well",
    why=(
        "the output can no longer take the values that it should (a rectified score is never "
        "below 0)"
    ),
    fix="pass the last layer's sums on as they are",
    known_from="common in class",
)
def activation_on_last(listing: Listing) -> Iterator[Change]:
    found = list(sums_of(listing))
    activated = {s.inputs[0].name for s in listing.forward if s.function in ACTIVATIONS}
    if not found or found[-1][0] in activated:
        return
    name, statement = found[-1]
    sums = f"({text_of(value_of(statement))})"
    others = {function: form.format(x=sums) for function, form in FORMS.items()}
    for step, made in made_by(listing, *ACTIVATIONS):
        value = value_of(ast.parse(renamed(made, {step.inputs[0].name: sums})).body[0])
        others |= {step.function: text_of(value)} if value is not None else {}
    for function, other in others.items():
        changed = put_value(listing, "network", statement, other)
        yield changed
        yield from _with_slope(changed, name, function)


def _with_slope(changed: Change, name: str, function: str) -> Iterator[Change]:
    """The activation of a last layer with its derivative, where that is given by the output."""
    target = assignment(changed.listing, BACKWARD, f"d{name}")
    form = {**SLOPES, "relu": "({x} > 0)"}.get(function)
    value = value_of(target) if target is not None else None
    if target is not None and value is not None and form is not None:
        new = f"({text_of(value)}) * ({form.format(x=name)})"
        yield Change(changed.where, backward_with(changed.listing, target, new, name).listing)
