"""Where a program that no known mistake explains parts from the correct one.

Every value that the correct program makes on its way is looked for among all that theirs made,
whatever it is called there. They part behind the last that both have.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from backhand.diagnose.listing import Listing
from backhand.diagnose.machine import Machine, Reading
from backhand.diagnose.scene import Mode, Scene
from backhand.diagnose.theirs.layouts import fitted
from backhand.diagnose.theirs.watching import PROBE, Probes

SAME = 1e-9
"""A relative difference that rounding may make in float64."""
FUNCTIONS = ("network", "network_loss", "network_backward")


@dataclass(frozen=True)
class Parting:
    """The last value that both have, what theirs is called, and the one that should follow."""

    last: str
    called: str
    following: str


def parting(machine: Machine, scenes: list[Scene], reading: Reading) -> Parting | None:
    """The parting in the first scene that shows one; None where no values on the way were seen."""
    for scene in scenes:
        if scene.between:
            found = _in_scene(machine, scene, reading)
            if found:
                return found
    return None


def _in_scene(machine: Machine, scene: Scene, reading: Reading) -> Parting | None:
    """By the last value that both have: what theirs lacks before that is only nameless there."""
    made = [
        (name, value)
        for name, value in _values(machine, scene, reading)
        if value.size > 1 and np.ptp(value) > 0 and name not in ("_", *machine.correct.parameters)
    ]
    for i in range(len(made) - 2, -1, -1):
        name, value = made[i]
        same = next((n for n, theirs in scene.between if _is_same(value, theirs)), None)
        if same is not None:
            return Parting(name, same, made[i + 1][0])
    return None


def _values(machine: Machine, scene: Scene, reading: Reading) -> list[tuple[str, np.ndarray]]:
    """What the correct program makes in one pass, in order, by name."""
    made: list[tuple[str, np.ndarray]] = []

    def seen(name: str, value: object, *_: object) -> None:
        if isinstance(value, np.ndarray):
            made.append((name, np.array(value)))

    watched = machine.correct
    for name in FUNCTIONS:
        if watched.has(name):
            watched = watched.with_function(name, _watched(watched, name))
    mode: Mode = "pass" if machine.experiment.draws else "evaluation"
    once = replace(scene, mode=mode if scene.mode == "training" else scene.mode, epochs=0, seen={})
    machine.base[PROBE] = seen
    try:
        with np.errstate(all="ignore"):
            machine.run(watched, once, reading)
    except Exception:  # their draws may not fit
        return []
    finally:
        del machine.base[PROBE]
    return made


def _watched(listing: Listing, name: str) -> ast.FunctionDef:
    tree = ast.parse(ast.unparse(listing.functions[name])).body[0]
    probed = Probes().visit(tree)
    assert isinstance(probed, ast.FunctionDef)
    return ast.fix_missing_locations(probed)


def _is_same(ours: np.ndarray, theirs: np.ndarray) -> bool:
    own = fitted(theirs, ours.shape)
    if own.shape != ours.shape:
        return False
    size = float(np.max(np.abs(ours)))
    return any(_is_near(ours, form, size) for form in _forms(own))


def _is_near(ours: np.ndarray, theirs: np.ndarray, size: float) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(ours - theirs) <= SAME * size))


def _forms(array: np.ndarray) -> Iterator[np.ndarray]:
    """The array, and transposed where its shape does not say which it is."""
    yield array
    if array.ndim == 2 and array.shape[0] == array.shape[1]:
        yield array.T
