"""In which order scenes are run, and their numbers compared: cheap and early ones first."""

from collections.abc import Sequence
from dataclasses import replace

from backhand.diagnose.machine import Machine
from backhand.diagnose.scene import Scene

LONG = 3
"""A training of more epochs than that is run where all else fits."""


def in_turn(scenes: Sequence[Scene]) -> list[Scene]:
    """The scenes, quick ones first; the first epochs of a long training are a scene apart."""
    found: list[Scene] = []
    for scene in scenes:
        early = {k: s for k, s in scene.seen.items() if k.partition("@")[2].isdigit()}
        if scene.epochs > LONG and early:
            late = {k: s for k, s in scene.seen.items() if k not in early}
            first = {k: s for k, s in early.items() if k.endswith("@1")}
            second = {k: s for k, s in early.items() if k not in first}
            # one epoch more than is looked at: a mistake may be one too few
            for seen, epochs in ((first, 2), (second, LONG + 2)):
                if seen:
                    name = f"{scene.name}, first epochs"
                    short = min(epochs, scene.epochs)
                    found.append(replace(scene, seen=seen, epochs=short, name=name))
            found.append(replace(scene, seen=late))
        else:
            found.append(scene)
    order = {"evaluation": 0, "pass": 1, "training": 2}
    return sorted(found, key=lambda s: (order[s.mode], s.epochs))


def in_order(scene: Scene, machine: Machine) -> list[str]:
    """What was seen, in the order in which it is computed: outputs, loss, derivatives back."""
    weights = list(machine.correct.parameters)

    def place(key: str) -> tuple[int, int, int]:
        name, _, epoch = key.partition("@")
        number = int(epoch) if epoch.isdigit() else 10**6 if epoch == "end" else 10**7
        if not epoch:
            number = 0
        if name == "loss":
            return number, 1, 0
        if name.startswith("d") and name[1:] in weights:
            return number, 2, -weights.index(name[1:])
        if name in weights:
            return number, 3, weights.index(name)
        return number, 0, 0

    return sorted(scene.seen, key=place)
