"""How a module's weights are trained, as data: groups of weights, clipping, schedules."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from backhand.graph import Attribute

Options = tuple[tuple[str, Attribute], ...]
"""Names, in our words, and numbers."""


@dataclass(frozen=True)
class Group:
    """Weights that an optimiser changes with the same options.

    `names` are keys of the `state_dict`, the first one of an array that has several.
    """

    names: tuple[str, ...]
    optimizer: str
    options: Options


@dataclass(frozen=True)
class Curve:
    """A function of `rules/schedules.py`, and its numbers for each group."""

    function: str
    numbers: tuple[Options, ...]


@dataclass(frozen=True)
class Schedule:
    """What an option is at each step.

    One curve; or several, each of which begins behind a step of `milestones`; or, without
    milestones, several, each of which begins with the rate that the one before it gives.
    """

    option: str
    torch: str
    """What PyTorch calls it."""
    curves: tuple[Curve, ...]
    milestones: tuple[int, ...] = ()

    def of_groups(self, groups: Iterable[int]) -> "Schedule":
        """The schedule of these groups alone."""
        wanted = tuple(groups)
        curves = (replace(c, numbers=tuple(c.numbers[n] for n in wanted)) for c in self.curves)
        return replace(self, curves=tuple(curves))


@dataclass(frozen=True)
class TrainingPlan:
    """All of it. The groups have one optimiser; what is in no group stays as it is.

    `covers_all` says whether the groups have every parameter of the module. `schedules` are empty,
    or have that of the learning rate, and behind it that of a momentum that goes with it.
    """

    groups: tuple[Group, ...]
    covers_all: bool
    clip_norm: float | None = None
    clip_value: float | None = None
    schedules: tuple[Schedule, ...] = ()
