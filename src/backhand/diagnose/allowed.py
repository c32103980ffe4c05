"""How far two right programs may be apart in a scene: the rounding bound of the correct one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.diagnose.machine import CannotReplayError, Machine
from backhand.diagnose.scene import Scene, Seen
from backhand.rounding import Bounded, CannotTell, Untracked, run

BOTH = 8
"""Two programs round, and theirs may take another formula for the same value; measured in the
exam, right programs stay within half of one bound."""
RIGHT = 1e-9
"""A right formula in float64 stays within this part of a value (see docs/agreement.md): the limit
where a bound is wider, as it becomes over many epochs, or is not known."""
SINGLE = 2.0**29
"""How much wider float32 rounds than float64."""
RIGHT_SINGLE = 2e-4


@dataclass(frozen=True)
class Allowed:
    """The bounds of a scene's values by name; a name that is not there has none."""

    bounds: Mapping[str, float]
    sizes: Mapping[str, float]

    def of(self, key: str, ours: np.ndarray, theirs: Seen) -> float:
        """What is allowed between our numbers and theirs, for every element of an array.

        A changed program's numbers may be larger than the correct one's, and their bound with them.
        """
        is_single = theirs.values.dtype == np.float32
        size = float(np.max(np.abs(ours), initial=0.0, where=np.isfinite(ours)))
        limit = (RIGHT_SINGLE if is_single else RIGHT) * size
        bound = self.bounds.get(key)
        if bound is None or not np.isfinite(bound):
            return limit + theirs.half
        larger = max(1.0, size / self.sizes[key]) if self.sizes[key] else 1.0
        width = BOTH * bound * larger * (SINGLE if is_single else 1.0)
        return min(width, limit) + theirs.half


def allowances(machine: Machine, scene: Scene) -> Allowed:
    """The bounds of the correct program's numbers in a scene; none of more than one pass."""
    if scene.mode == "training":
        return Allowed({}, {})

    def bounded_call(function: Any, *arguments: Any) -> Any:
        return run(function, *arguments)

    try:
        with np.errstate(all="ignore"):
            kept: dict[str, Any] = machine.run(machine.correct, scene, call=bounded_call)
    except (CannotTell, Untracked, CannotReplayError):  # no bound: then the limit alone
        return Allowed({}, {})
    tracked = {name: v for name, v in kept.items() if isinstance(v, Bounded)}
    return Allowed(
        {name: float(np.max(v.error, initial=0.0)) for name, v in tracked.items()},
        {name: float(np.max(np.abs(v.value), initial=0.0)) for name, v in tracked.items()},
    )
