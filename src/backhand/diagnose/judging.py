"""Which mistake it is: the one program whose numbers are theirs, where no other's are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from backhand.diagnose.allowed import Allowed, allowances
from backhand.diagnose.catalogue import CATALOGUE
from backhand.diagnose.machine import Machine, Reading
from backhand.diagnose.mistake import Mistake, Planted, everywhere
from backhand.diagnose.scene import Scene
from backhand.diagnose.verdict import Distance, Finding, Verdict, verdict_of

SECONDS = 2.0
"""How long pairs are searched for."""
LONG = 3
"""A training of more epochs than that is run where all else fits."""
ENOUGH = 12
"""So many single mistakes that explain something are combined with all others."""
Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Tried:
    """A program that was run: how far each of their numbers is from its own, in allowances.

    `shares` has, for each scene and each name seen there, the largest difference as a part of what
    is allowed; infinity where the program gives no such number. What was not run is missing.
    """

    planted: Planted
    reading: Reading
    shares: dict[tuple[int, str], float]
    distances: dict[tuple[int, str], float]
    complete: bool

    @property
    def matches(self) -> bool:
        """Whether all of their numbers are this program's."""
        return self.complete and all(share <= 1 for share in self.shares.values())

    @property
    def explained(self) -> frozenset[tuple[int, str]]:
        """The numbers that are this program's."""
        return frozenset(key for key, share in self.shares.items() if share <= 1)


class Search:
    """All that is tried on one submission; the scenes are those in which their program was seen."""

    def __init__(self, machine: Machine, scenes: Sequence[Scene]) -> None:
        self.machine, self.scenes = machine, in_turn(scenes)
        self.allowed = [allowances(machine, scene) for scene in self.scenes]
        uniform = any(d.kind == "uniform" for s in scenes for d in s.draws or ())
        self.readings: tuple[Reading, ...] = ("below", "above") if uniform else ("below",)
        self.started = monotonic()
        self.every = tuple(self.planted(Planted((), (), self.machine.correct)))
        self.runs = 0

    def tried(
        self,
        planted: Planted,
        reading: Reading,
        *,
        thorough: bool = True,
        right: frozenset[tuple[int, str]] = frozenset(),
    ) -> Tried:
        """Run one program in the scenes; where it is not `thorough`, up to the first difference.

        It is given up as soon as it has a number wrong that is `right` without a mistake.
        """
        shares: dict[tuple[int, str], float] = {}
        distances: dict[tuple[int, str], float] = {}
        complete = True
        for i, (scene, allowed) in enumerate(zip(self.scenes, self.allowed, strict=True)):
            is_off = any(share > 1 for share in shares.values())
            spoilt = any(shares.get(key, 0.0) > 1 for key in right)
            if spoilt or (is_off and (not thorough or scene.epochs > LONG + 2)):
                complete = False
                break
            self.runs += 1
            try:
                with np.errstate(all="ignore"):
                    values = self.machine.run(planted.listing, scene, reading)
            except Exception:  # a changed program may raise anything; then it is not theirs
                values = {}
            for key in in_order(scene, self.machine):
                distance, share = _apart(scene, key, values, allowed)
                shares[i, key], distances[i, key] = share, distance
        return Tried(planted, reading, shares, distances, complete)

    def correct(self) -> list[Tried]:
        """The correct program, once for each way in which a draw may be read."""
        nothing = Planted((), (), self.machine.correct)
        return [self.tried(nothing, reading) for reading in self.readings]

    def singles(self, correct: Tried) -> list[Tried]:
        """Every single mistake, at every place, the draws read as for this correct program."""
        right, reading = correct.explained, correct.reading
        return [self.tried(p, reading, right=right) for p in self.every]

    def planted(self, base: Planted, mistakes: Iterable[Mistake] = CATALOGUE) -> Iterator[Planted]:
        """A program with one more mistake, for each mistake and place, and at all at once."""
        for mistake in mistakes:
            if mistake in base.mistakes:
                continue
            try:
                changes = [*mistake.changes(base.listing), *everywhere(mistake, base.listing)]
            except Exception:  # the changed program may lack the form that is looked for
                continue
            for change in changes:
                yield base.with_change(mistake, change)

    def pairs(self, singles: list[Tried], correct: Tried) -> list[Tried]:
        """Pairs that match: first those of which one mistake explains something by itself."""
        deadline = monotonic() + SECONDS
        wrong = frozenset(correct.shares) - correct.explained
        helpful = [t for t in singles if t.explained & wrong]
        helpful.sort(key=lambda t: (-len(t.explained), list(t.shares.values()) and _nearness(t)))
        found: list[Tried] = []
        for first in _distinct(helpful)[:ENOUGH]:
            seconds = _seconds(singles, correct, wrong - first.explained)
            for both in self.planted(first.planted, seconds):
                if monotonic() > deadline:
                    return found
                tried = self.tried(both, first.reading, thorough=False)
                if tried.matches:
                    found.append(tried)
            if found:
                return found
        return found


def _seconds(
    singles: list[Tried], correct: Tried, rest: frozenset[tuple[int, str]]
) -> list[Mistake]:
    """The mistakes that could explain the rest: those that do so alone, then all that touch it."""
    alone: dict[str, Mistake] = {}
    touching: dict[str, Mistake] = {}
    for tried in singles:
        mistake = tried.planted.mistakes[0]
        if tried.explained & rest:
            alone[mistake.name] = mistake
        elif any(tried.distances.get(k) != correct.distances.get(k) for k in rest):
            touching[mistake.name] = mistake
    return list({**alone, **touching}.values())


def in_turn(scenes: Sequence[Scene]) -> list[Scene]:
    """The scenes, quick ones first; the first epochs of a long training are a scene apart."""
    found: list[Scene] = []
    for scene in scenes:
        early = {k: s for k, s in scene.seen.items() if k.partition("@")[2].isdigit()}
        if scene.epochs > LONG and early:
            late = {k: s for k, s in scene.seen.items() if k not in early}
            first = min(LONG + 2, scene.epochs)
            found.append(
                replace(scene, seen=early, epochs=first, name=f"{scene.name}, first epochs")
            )
            found.append(replace(scene, seen=late))
        else:
            found.append(scene)
    order = {"evaluation": 0, "pass": 1, "training": 2}
    return sorted(found, key=lambda s: (order[s.mode], s.epochs))


def _nearness(tried: Tried) -> float:
    finite = [min(share, 1e12) for share in tried.shares.values()]
    return float(np.sum(np.log1p(finite)))


def _distinct(tried: list[Tried]) -> list[Tried]:
    """One of each set that gives the same distances everywhere."""
    seen: dict[tuple[float, ...], Tried] = {}
    for one in tried:
        key = tuple(float(f"{d:.6g}") for d in one.distances.values())
        seen.setdefault(key, one)
    return list(seen.values())


def in_order(scene: Scene, machine: Machine) -> list[str]:
    """What was seen, in the order in which it is computed: outputs, loss, derivatives back."""
    weights = list(machine.correct.parameters)

    def place(key: str) -> tuple[int, int, int]:
        name, _, epoch = key.partition("@")
        number = int(epoch) if epoch.isdigit() else 10**6 if epoch == "end" else 10**7
        if name == "loss":
            return number, 1, 0
        if name.startswith("d") and name[1:] in weights:
            return number, 2, -weights.index(name[1:])
        if name in weights:
            return number, 3, weights.index(name)
        return number, 0, 0

    return sorted(scene.seen, key=place)


def _apart(scene: Scene, key: str, values: Values, allowed: Allowed) -> tuple[float, float]:
    """How far their number is from ours, and as a part of what is allowed."""
    theirs = scene.seen[key]
    ours = values.get(key)
    if ours is None or np.shape(ours) != np.shape(theirs.values):
        return float("inf"), float("inf")
    ours = np.asarray(ours)
    with np.errstate(all="ignore"):
        apart = np.abs(ours - theirs.values)
    both_undefined = np.isnan(ours) & np.isnan(theirs.values)
    same = both_undefined | (ours == theirs.values)
    apart = np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))
    bound = allowed.of(key, ours, theirs)
    with np.errstate(all="ignore"):
        share = np.where(apart == 0, 0.0, apart / bound)
    share = np.where(np.isnan(share), np.inf, share)
    return float(np.max(apart, initial=0.0)), float(np.max(share, initial=0.0))


def diagnose(machine: Machine, scenes: Sequence[Scene]) -> Verdict:
    """Say which known mistake their numbers show.

    Args:
        machine: of the experiment.
        scenes: what was seen of their program; at least one with something in it.
    """
    search = Search(machine, scenes)
    every = search.correct()
    right = next((t for t in every if t.matches), None)
    if right is not None:
        return verdict_of(search.scenes, right, (), (), search.runs, search.started)
    singles = [t for one in every for t in search.singles(one)]
    correct = min(every, key=_nearness)
    found = [t for t in singles if t.matches]
    if not found:
        best = max(every, key=lambda t: len(t.explained))
        for reading in search.readings:
            one = next(t for t in every if t.reading == reading)
            found = search.pairs([t for t in singles if t.reading == reading], one)
            if found:
                break
        correct = best
    return verdict_of(search.scenes, correct, found, singles, search.runs, search.started)


__all__ = ["Distance", "Finding", "Search", "Tried", "Verdict", "diagnose", "in_order"]
