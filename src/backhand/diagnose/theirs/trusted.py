"""Which of the numbers that were seen are what their names say.

Names are guesses. Where numbers tell that a guess was wrong, the number is not compared: what is
not understood is never held against a program.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from backhand.diagnose.machine import KEPT_EPOCHS, Machine
from backhand.diagnose.scene import Scene, Seen
from backhand.diagnose.theirs.layouts import fitted
from backhand.diagnose.theirs.names import plain, role

SAME = 1e-9
"""A relative difference that rounding may make in float64."""
SAME_SINGLE = 1e-5
"""In float32."""

Values = dict[str, np.ndarray]


def trusted(machine: Machine, scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """The scenes without the numbers that are something else than their names say."""
    own = [_recognised(machine, scene) for scene in scenes if not scene.is_called]
    found = iter(own)
    together = [scene if scene.is_called else next(found) for scene in scenes]
    mistaken = {
        key
        for ran in own
        for called in together
        if called.is_called
        for key in _called_otherwise(machine, ran, called)
    }
    return tuple(_without(s, mistaken) if s.is_called else s for s in together)


def _recognised(machine: Machine, scene: Scene) -> Scene:
    """A run of their own, with outputs and the loss found by their values where names mislead, and
    without gradients that did not move the weights."""
    values = _correct(machine, scene)
    first = "@1" if scene.mode == "training" else ""
    seen = dict(scene.seen)
    for name in (*(v.name for v in machine.experiment.network.forward.outputs), "loss"):
        key = f"{name}{first}"
        if key in seen and key in values and not _is_same(seen[key], values[key]):
            other = _by_value(scene, seen[key], values[key], is_loss=name == "loss")
            if other is not None:
                is_used = _goes_on_rightly(machine, seen, values, first)
                seen = {k: s for k, s in seen.items() if k.partition("@")[0] != name}
                seen |= {key: other} if is_used else {}
    if _moved_rightly(machine, seen, values):
        seen = {
            key: one
            for key, one in seen.items()
            if key not in values
            or key.partition("@")[0][1:] not in machine.correct.parameters
            or _is_same(one, values[key])
        }
    return replace(scene, seen=seen)


def _goes_on_rightly(machine: Machine, seen: Mapping[str, Seen], values: Values, at: str) -> bool:
    """Whether what is computed from the outputs is right: then these were. If it is not, they may
    be wrong themselves, and what is right stood before them."""
    gradients = [f"d{name}{at}" for name in machine.correct.parameters]
    after = [key for key in gradients if key in seen and key in values]
    return bool(after) and all(_is_same(seen[key], values[key]) for key in after)


def _correct(machine: Machine, scene: Scene) -> Values:
    """What the correct program computes there; nothing where it cannot be run on their draws."""
    try:
        with np.errstate(all="ignore"):
            return machine.run(machine.correct, scene)
    except Exception:
        return {}


def _by_value(scene: Scene, chosen: Seen, right: np.ndarray, *, is_loss: bool) -> Seen | None:
    """What another name of theirs stood for, if that is the correct value; a loss is called one."""
    names = {name for name, array in scene.between if _is_same(Seen(array), chosen.values)}
    for name, array in scene.between:
        is_named = not is_loss or "loss" in plain(name) or role(name) == "loss"
        is_other = name not in names and is_named
        if is_other and np.any(right) and _is_same(Seen(array), right):
            return Seen(fitted(array, right.shape))
    return None


def _moved_rightly(machine: Machine, seen: Mapping[str, Seen], values: Values) -> bool:
    """Whether all weights were seen after some epochs and at the end, and are right. A gradient
    twice as large moves them as far where the optimiser divides by its size."""
    training = machine.experiment.training
    if training is None or training.optimizer != "sgd":
        return False
    names = machine.correct.parameters
    ends = (*(f"@{epoch}" for epoch in KEPT_EPOCHS), "@end")
    keys = [f"{name}{end}" for name in names for end in ends if f"{name}{end}" in seen]
    is_whole = all(f"{name}@1" in keys and f"{name}@end" in keys for name in names)
    return is_whole and all(key in values and _is_same(seen[key], values[key]) for key in keys)


def _called_otherwise(machine: Machine, ran: Scene, called: Scene) -> Iterable[str]:
    """What a call of ours gives otherwise than their own run did at the same numbers, and wrongly:
    the call was not meant so."""
    if machine.experiment.draws or not _begin_alike(ran, called):
        return
    values = _correct(machine, called)
    for key, one in called.seen.items():
        name = key.partition("@")[0]
        end = f"{name}@{called.epochs}" if called.mode == "training" else f"{name}@1"
        there = ran.seen.get(end if ran.mode == "training" else key)
        if there is None or key not in values:
            continue
        if not _is_same(one, values[key]) and not _is_near(one, there.values):
            yield key


def _begin_alike(ran: Scene, called: Scene) -> bool:
    pairs = zip((*ran.weights, *ran.data), (*called.weights, *called.data), strict=True)
    return all(a.shape == b.shape and np.array_equal(a, b) for a, b in pairs)


def _without(scene: Scene, keys: set[str]) -> Scene:
    left = {key: one for key, one in scene.seen.items() if key not in keys}
    gone = [key.partition("@")[0] for key in scene.seen if key in keys]
    notes = [f"{name} of a call is not compared: their own run gives another one" for name in gone]
    return replace(scene, seen=left, notes=(*scene.notes, *notes))


def _is_near(one: Seen, other: np.ndarray) -> bool:
    """Whether two arrays are the same but for the precision they were computed in."""
    array = fitted(one.values, other.shape)
    is_number = array.dtype.kind in "fiub" and other.dtype.kind in "fiub"
    return array.shape == other.shape and is_number and np.allclose(array, other, rtol=1e-4)


def _is_same(theirs: Seen, ours: np.ndarray) -> bool:
    ours = np.asarray(ours)
    array = fitted(theirs.values, ours.shape)
    if array.shape != ours.shape or array.dtype.kind not in "fiub":
        return False
    near = SAME_SINGLE if array.dtype == np.float32 else SAME
    size = float(np.max(np.abs(ours), initial=0.0))
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(array - ours) <= near * size + theirs.half))
