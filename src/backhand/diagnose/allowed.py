"""How far two right programs may be apart in a scene: computed for the program at hand.

In one pass our program is run on bounded numbers (`rounding/`), so the bound of each of its numbers
is certain. Theirs rounds as well, by formulas that are not known: its bound is taken to be as large
as ours, so both together may be apart by twice that. Over training a certain bound says nothing
after a few epochs (`agreement/carried.py`); there the program is trained several times, rounded at
random, and how far those runs spread is what rounding does (`rounding/at_random.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backhand.agreement.carried import USEFUL
from backhand.agreement.judging import WIDEST
from backhand.diagnose.listing import Listing
from backhand.diagnose.machine import CannotReplayError, Machine, Reading
from backhand.diagnose.scene import Scene, Seen
from backhand.rounding import Bounded, CannotTell, Untracked, run
from backhand.rounding.at_random import BEYOND, rounded_at_random

BOTH = 2
"""Ours rounds, and theirs."""
SINGLE = 2.0**29
"""How much wider float32 rounds than float64."""
FLOOR = 4
"""Units in the last place of the largest derivative."""
MEMBERS, FEWEST = 8, 2
"""Runs rounded at random: of a short training, and of a long one."""
EPOCHS = 24
"""So many epochs are trained in all, where `FEWEST` do not take more."""


@dataclass(frozen=True)
class Allowed:
    """The bounds of a program's values in a scene, by name; a name that is not there has none."""

    bounds: Mapping[str, float]
    widest: float | None = None
    """The largest part of a value that a bound may be; None for what agreements have."""
    derivative: float = 0.0
    """The largest derivative of the scene: one that cancels to nothing is rounded as that is."""
    is_first_look: bool = False
    """Whether a bound is at least as wide as it may be in one pass."""

    def of(self, key: str, ours: np.ndarray, theirs: Seen) -> float:
        """What is allowed between our numbers and theirs, for every element of an array."""
        is_single = theirs.values.dtype == np.float32
        size = float(np.abs(ours).max()) if ours.size else 0.0
        if not np.isfinite(size):
            size = float(np.max(np.abs(ours), initial=0.0, where=np.isfinite(ours)))
        least = WIDEST["float32" if is_single else "float64"] * size
        limit = self.widest * size if self.widest else least
        if self.is_first_look:
            return max(limit, self.bounds.get(key, 0.0)) + theirs.half
        bound = self.bounds.get(key, np.inf) * (SINGLE if is_single else 1.0)
        if not np.isfinite(bound):
            return limit + theirs.half
        if size < self.derivative and key.startswith("d"):
            limit *= self.derivative / size if size else np.inf
        return min(bound, limit) + theirs.half


WIDER = 64
"""A program with a mistake may compute larger numbers than the correct one, and round them more."""


def screen(correct: Allowed) -> Allowed:
    """What is wide enough for a first look at programs that are not worth a bound of their own."""
    wider = {n: WIDER * bound for n, bound in correct.bounds.items()}
    return replace(correct, bounds=wider, widest=None, is_first_look=True)


def allowances(
    machine: Machine, scene: Scene, listing: Listing, reading: Reading = "below"
) -> Allowed:
    """The computed bounds of a program's numbers in a scene."""
    if scene.mode == "training":
        spread = _spread(machine, scene, listing, reading)
        return Allowed(_with_floor(scene, spread), USEFUL, _largest(scene))

    def bounded_call(function: Any, *arguments: Any) -> Any:
        return run(function, *arguments)

    try:
        with np.errstate(all="ignore"):
            kept: dict[str, Any] = machine.run(listing, scene, reading, call=bounded_call)
    except (CannotTell, Untracked, CannotReplayError):  # no bound: then the widest alone
        return Allowed({})
    tracked = {name: v for name, v in kept.items() if isinstance(v, Bounded)}
    bounds = {n: BOTH * float(np.max(v.error, initial=0.0)) for n, v in tracked.items()}
    return Allowed(_with_floor(scene, bounds), derivative=_largest(scene))


def _largest(scene: Scene) -> float:
    """The largest derivative that was seen."""
    sizes = [np.abs(s.values) for name, s in scene.seen.items() if name.startswith("d")]
    return max((float(np.max(s, initial=0.0, where=np.isfinite(s))) for s in sizes), default=0.0)


def _with_floor(scene: Scene, bounds: Mapping[str, float]) -> dict[str, float]:
    """The bounds, none smaller than rounding in the largest derivative of the scene: what cancels
    to nothing in our formula (the bias before a batch norm) need not do so in theirs."""
    floor = FLOOR * float(np.finfo(np.float64).eps) * _largest(scene)
    return {n: max(b, floor) if n.startswith("d") else b for n, b in bounds.items()}


def _spread(machine: Machine, scene: Scene, listing: Listing, reading: Reading) -> dict[str, float]:
    """For each number of a training, `BEYOND` times the farthest that a rounded run is off."""
    members = max(FEWEST, min(MEMBERS, EPOCHS // max(scene.epochs, 1)))
    with np.errstate(all="ignore"):
        plain = machine.run(listing, scene, reading)
        moved = [
            machine.run(listing, scene, reading, array=rounded_at_random(seed))
            for seed in range(members)
        ]
        return {
            name: BEYOND * max(_unit(value), *(_farthest(run[name], value) for run in moved))
            for name, value in plain.items()
            if all(name in run and np.shape(run[name]) == np.shape(value) for run in moved)
        }


def _unit(value: np.ndarray) -> float:
    """Half a unit in the last place: what even a single operation may be off."""
    size = float(np.max(np.abs(value), initial=0.0, where=np.isfinite(value)))
    return size * float(np.finfo(np.float64).eps) / 2


def _farthest(a: np.ndarray, b: np.ndarray) -> float:
    apart = np.abs(np.asarray(a, float) - np.asarray(b, float))
    return float(np.max(apart, initial=0.0, where=np.isfinite(apart)))
