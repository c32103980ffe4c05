"""A third computation for the one number at which a module's step parts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backhand.agreement.judging import Element
from backhand.agreement.modules.steps import Feeding
from backhand.agreement.modules.watched import Operator
from backhand.agreement.witness import STEP, spoken
from backhand.graph import Step
from backhand.rules.operations import operation


def of_forward(feeding: Feeding, step: Step, name: str, element: Element) -> tuple[str, str]:
    """Which side is off where a narrower format parts them, by the rule in float64; none in
    float64, where the rule is one of the sides."""
    if feeding.precision == "float64" or any(v.role == "generator" for v in step.inputs):
        return "", ""
    try:
        made = _run((step,), _lifted(feeding, (step,)))
        number = float(made[name][element.index])
    except Exception:
        # the rule may be anybody's: no witness is better than a second failure on the way
        return "", ""
    return spoken(number, element, ("NumPy", "PyTorch"), "the rule in float64")


def of_backward(
    feeding: Feeding, operator: Operator, steps: Sequence[Step], by: str, element: Element
) -> tuple[str, str]:
    """Which side is off, by the difference quotient of the operator's forward steps, which know of
    neither side's derivative."""
    try:
        number = _quotient(feeding, operator, steps, by, element)
    except Exception:
        # as above
        return "", ""
    words = "the difference quotient of the operator"
    return spoken(number, element, ("NumPy", "PyTorch"), words)


def _quotient(
    feeding: Feeding, operator: Operator, steps: Sequence[Step], by: str, element: Element
) -> float:
    given = _lifted(feeding, steps)
    h = STEP * max(abs(float(given[by][element.index])), 1e-3)

    def loss(change: float) -> float:
        moved = {**given, by: given[by].copy()}
        moved[by][element.index] += change
        made = _run(steps, moved)
        pairs = ((made[name], cotangent) for name, cotangent in operator.cotangents.items())
        return sum(float(np.sum(y * dy)) for y, dy in pairs)

    with np.errstate(all="ignore"):
        return (loss(h) - loss(-h)) / (2 * h)


def _lifted(feeding: Feeding, steps: Sequence[Step]) -> dict[str, np.ndarray]:
    """What steps read and do not make, in float64."""
    made = {value.name for step in steps for value in step.made()}
    names = {v.name for s in steps for v in s.inputs if v.literal is None} - made
    arrays = {name: np.asarray(feeding.feed(name).value) for name in names}
    return {n: a.astype(np.float64) if a.dtype.kind == "f" else a for n, a in arrays.items()}


def _run(steps: Sequence[Step], given: Mapping[str, np.ndarray]) -> dict[str, Any]:
    found: dict[str, Any] = dict(given)
    for step in steps:
        inputs = tuple(found[v.name] if v.literal is None else v.literal for v in step.inputs)
        made = operation(step.function).results(inputs, dict(step.attributes))
        pairs = zip(step.outputs, made, strict=True)
        found |= {value.name: np.asarray(array) for value, array in pairs if value is not None}
    return found
