"""Activations that a module writes out of tanh, erf and arithmetic, as the one operator they are.

Which one it is, numbers say: a formula of these functions is analytic, and two such that agree on a
grid within rounding agree everywhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from backhand.graph import Step, Value
from backhand.rules.operations import operation

ACTIVATIONS = ("gelu_tanh", "gelu")
"""What is looked for."""

ANALYTIC = frozenset({"add", "sub", "mul", "div", "pow", "tanh", "erf"})

GRID = np.concatenate([sign * np.geomspace(1e-3, 1e3, 97) for sign in (-1, 1)])

ROUNDING = 1e-12
"""How far two formulas may lie from each other, as a part of 1 + |x|."""


def as_activation(step: Step, makers: Mapping[str, Step], uses: Mapping[str, int]) -> Step:
    """The step, or the activation that it is the last of the steps of.

    Args:
        step: of a flat network.
        makers: the step that makes each value, by its name.
        uses: how often each value is read.
    """
    if step.function != "mul":
        return step
    chain = list(_chain(step, makers, uses))
    ends = {v for s in chain for v in s.inputs if v.literal is None and _is_end(v, makers, uses)}
    if len(chain) < 4 or len(ends) != 1:
        return step
    (x,) = ends
    if x.numbers != "float" or x.shape != step.output.shape:
        return step
    made = _computed(chain, x)
    for activation in ACTIVATIONS:
        (meant,) = operation(activation).results((GRID,), {})
        if np.all(np.abs(made - meant) <= ROUNDING * (1 + np.abs(GRID))):
            return replace(step, function=activation, inputs=(x,), attributes=())
    return step


def _is_end(value: Value, makers: Mapping[str, Step], uses: Mapping[str, int]) -> bool:
    """Whether a formula begins at a value: it is read several times, or made by something else."""
    maker = makers.get(value.name)
    return maker is None or maker.function not in ANALYTIC or uses[value.name] > 1


def _chain(step: Step, makers: Mapping[str, Step], uses: Mapping[str, int]) -> Iterator[Step]:
    """The steps of a formula in the order in which they run, the given one last."""
    for value in step.inputs:
        if value.literal is None and not _is_end(value, makers, uses):
            yield from _chain(makers[value.name], makers, uses)
    yield step


def _computed(chain: list[Step], x: Value) -> np.ndarray:
    """What the last step of a formula makes of the grid."""
    known: dict[str, np.ndarray] = {x.name: GRID}
    made = GRID
    with np.errstate(all="ignore"):
        for step in chain:
            given = tuple(known.get(v.name, v.literal) for v in step.inputs)
            (made,) = operation(step.function).results(given, dict(step.attributes))
            known[step.output.name] = made
    return made
