"""Numbers as a person writes them: `1` and not `1.0`, `12 ** -0.5` and not `0.28867513459481287`.

Always the same bits: where floats stand beside it, a whole number computes what its float does.
"""

import ast
import math
from dataclasses import replace

from backhand.graph import Step, Value
from backhand.writers import expressions as ex

ARITHMETIC = frozenset({"add", "sub", "mul", "div", "pow"})
"""Operators whose result has an array's format, whatever number stands beside the array."""

SHORT = 8
"""Letters of a number that says what it is."""

LARGEST_FLOAT32 = (2 - 2.0**-23) * 2.0**127

LARGEST = 4096
"""The root of a larger number is not looked for."""


def with_whole_numbers(step: Step) -> Step:
    """The step with whole numbers where floats that are whole stand beside arrays of floats."""
    if step.function.partition(".")[0] not in ARITHMETIC or not _has_floats(step):
        return step
    return replace(
        step,
        inputs=tuple(replace(v, literal=_whole(v.literal)) for v in step.inputs),
        attributes=tuple(
            (name, _whole(value) if isinstance(value, float) else value)
            for name, value in step.attributes
        ),
    )


def _has_floats(step: Step) -> bool:
    return any(v.literal is None and v.numbers == "float" for v in step.inputs)


def _whole(number: float | None) -> float | None:
    """A whole number for a float that is one; -0.0 is none."""
    if number is None or not float(number).is_integer() or abs(number) > LARGEST:
        return number
    return number if number == 0 and math.copysign(1, number) < 0 else int(number)


def number_text(value: Value) -> ast.expr:
    """A number: one that is the root of a whole number as such a root."""
    number = value.literal
    if not isinstance(number, float) or len(repr(number)) <= SHORT or not math.isfinite(number):
        return ex.literal(number)
    for power in (0.5, -0.5):
        whole = round(number ** (1 / power)) if 1 / LARGEST < number < LARGEST else 0
        if 1 < whole <= LARGEST and whole**power == number:
            return ex.parse(f"{whole} ** {power}")
    if abs(number) == LARGEST_FLOAT32:
        return ex.parse("np.finfo(np.float32)." + ("max" if number > 0 else "min"))
    if number == (2 / math.pi) ** 0.5:
        return ex.parse("(2 / np.pi) ** 0.5")
    return ex.literal(number)
