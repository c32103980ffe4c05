"""How far their numbers are from ours, as a part of what rounding allows."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from backhand.diagnose.allowed import Allowed
from backhand.diagnose.scene import Scene, Seen

UNLIKE = float("inf"), float("inf")
"""The distance of what has another shape, or is not there."""


def apart(
    scene: Scene, key: str, values: Mapping[str, np.ndarray], allowed: Allowed
) -> tuple[float, float]:
    """How far their number is from ours, and as a part of what is allowed."""
    theirs = scene.seen[key]
    ours = values.get(key)
    if ours is None:
        return UNLIKE
    ours = np.asarray(ours)
    best = _in_form(ours, theirs, theirs.values, key, allowed)
    if best[1] > 1 and theirs.is_summed:
        mean = theirs.values / len(scene.data[0])
        best = min(best, _in_form(ours, theirs, mean, key, allowed), key=_share)
    if best[1] > 1 and theirs.earlier is not None:
        best = min(best, _in_form(ours, theirs, theirs.earlier, key, allowed), key=_share)
    return best


def _share(distance: tuple[float, float]) -> float:
    return distance[1]


def _in_form(
    ours: np.ndarray, theirs: Seen, values: np.ndarray, key: str, allowed: Allowed
) -> tuple[float, float]:
    """The distance to one form of theirs; one number for a whole array acts where it is added."""
    if values.shape != ours.shape:
        if values.size != 1:
            return UNLIKE
        values = np.broadcast_to(values.reshape(()), ours.shape)
    bound = allowed.of(key, ours, replace(theirs, values=values))
    return _farthest(ours, values, bound)


def _farthest(ours: np.ndarray, theirs: np.ndarray, bound: float) -> tuple[float, float]:
    """The largest difference, and as a part of the bound."""
    off = np.abs(ours - theirs)
    largest = float(off.max()) if off.size else 0.0
    if np.isfinite(largest):
        return largest, _part(largest, bound)
    both_undefined = np.isnan(ours) & np.isnan(theirs)
    same = both_undefined | (ours == theirs)
    off = np.where(same, 0.0, np.where(np.isnan(off), np.inf, off))
    largest = float(off.max())
    return largest, _part(largest, bound)


def _part(distance: float, bound: float) -> float:
    """A distance in bounds."""
    if distance == 0:
        return 0.0
    return distance / bound if bound else float("inf")
