"""Rows divided by the root of the mean of their squares, as many networks spell it out.

Source: Zhang and Sennrich, Root Mean Square Layer Normalization (2019).
"""

from collections.abc import Iterator
from dataclasses import replace

from backhand.graph import Step, Value
from backhand.passes.around import Around

RULE = "divided_by_rms"


def root_mean_square(step: Step, around: Around) -> Step:
    """The rule for `x * rsqrt(mean(x ** 2) + eps)` and `x / sqrt(mean(x ** 2) + eps)` in the place
    of the last step; any other step as it is."""
    for x, inner in _divided(step, around):
        total = around.alone(inner, "add")
        if total is None or x.shape != step.output.shape:
            continue
        eps = next((v.literal for v in total.inputs if v.literal is not None), None)
        mean = next((around.alone(v, "mean") for v in total.inputs if v.literal is None), None)
        if eps is None or mean is None or not _is_of_rows(mean):
            continue
        if _is_square(mean.inputs[0], x, around):
            outputs, given = (step.output, None), (("eps", eps),)
            return replace(step, function=RULE, inputs=(x,), outputs=outputs, attributes=given)
    return step


def _divided(step: Step, around: Around) -> Iterator[tuple[Value, Value]]:
    """What is divided by a root, and what it is the root of."""
    pairs = {
        "mul": ("rsqrt", (step.inputs, step.inputs[::-1])),
        "div": ("sqrt", (step.inputs,)),
    }
    function, ways = pairs.get(step.function, ("", ()))
    for x, root in ways:
        maker = around.alone(root, function)
        if maker is not None and x.literal is None:
            yield x, maker.inputs[0]


def _is_of_rows(mean: Step) -> bool:
    given = dict(mean.attributes)
    last = len(mean.inputs[0].shape) - 1
    return given["axis"] in (-1, last) and given["keepdims"] is True


def _is_square(value: Value, x: Value, around: Around) -> bool:
    """Whether a value that is read once is the square of another."""
    maker = around.makers.get(value.name)
    if maker is None or around.uses[value.name] != 1 or any(v != x for v in maker.inputs):
        return False
    is_power = maker.function == "pow" and dict(maker.attributes)["exponent"] == 2
    return is_power or maker.function in ("square", "mul")
