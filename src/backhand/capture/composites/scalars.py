"""A number where PyTorch's operator goes along an axis: it counts as an array of one number."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from backhand.capture.reading import ARRAY
from backhand.graph import Step, Value

AXES = ("dim", "dims")
"""What PyTorch's schemas call the axis, or the axes, that an operator goes along."""

NUMBER = "value"
"""The argument that is a number whatever the others are."""


@dataclass(frozen=True)
class Widened:
    """An operator on arrays of one number each, and the steps around it."""

    before: tuple[Step, ...]
    operator: Step
    after: tuple[Step, ...]


def widened(step: Step) -> Iterator[Widened]:
    """Both ways to say it with an axis: the results have one as well, or it has gone."""
    numbers = [x for x in _arrays(step) if not x.shape and x.literal is None]
    axes = [given for name, given in step.attributes if name in AXES]
    if not numbers or not any(axis in (0, -1, (0,), (-1,)) for axis in axes):
        return
    wide = {v.name: replace(v, name=f"{v.name}_as_array", shape=(1,)) for v in numbers}
    wide = {name: replace(v, name=f"{step.made()[0].name}_{v.name}") for name, v in wide.items()}
    before = tuple(_step(step, "unsqueeze", v, wide[v.name], axis=0) for v in _once(numbers))
    inner = replace(step, inputs=tuple(wide.get(v.name, v) for v in step.inputs))
    yield Widened(before, inner, ())
    results = {v.name: replace(v, name=f"{v.name}_as_array", shape=(1,)) for v in step.made()}
    outputs = tuple(v and results[v.name] for v in step.outputs)
    after = tuple(_step(step, "squeeze", results[v.name], v, axis=0) for v in step.made())
    yield Widened(before, replace(inner, outputs=outputs), after)


def _arrays(step: Step) -> Iterator[Value]:
    """The inputs that may go along an axis."""
    (number,) = {given for name, given in step.attributes if name == NUMBER} or {None}
    yield from (x for place, x in enumerate(step.inputs) if f"{ARRAY}{place}" != number)


def _once(values: list[Value]) -> Iterator[Value]:
    yield from {value.name: value for value in values}.values()


def _step(of: Step, function: str, given: Value, made: Value, *, axis: int) -> Step:
    attributes = (("axis", axis),)
    return replace(of, function=function, inputs=(given,), outputs=(made,), attributes=attributes)
