"""Every program with a mistake in it, run in the scenes in which theirs was seen."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic, thread_time

import numpy as np

from backhand.diagnose.allowed import Allowed, allowances, screen
from backhand.diagnose.catalogue import CATALOGUE
from backhand.diagnose.machine import Machine, Reading
from backhand.diagnose.mistake import Mistake, Part, Planted, everywhere
from backhand.diagnose.scene import Scene, Seen

SECONDS = 2.0
"""What a search may compute in all."""
SINGLES = 1.3
"""What of it the single mistakes may take; the pairs have the rest."""
LONG = 3
"""A training of more epochs than that is run where all else fits."""
ENOUGH = 12
"""So many single mistakes that explain something are combined with all others."""

Key = tuple[int, str]
"""A number of theirs: the place of its scene, and its name there."""

LIKELY: Mapping[str, tuple[Part, ...]] = {
    "output": ("forward", "dropout", "data"),
    "loss": ("loss", "data"),
    "gradient": ("backward", "loss", "dropout"),
    "weight": ("update", "training", "initialisation", "loss", "dropout", "backward"),
}
"""By the first number that is off, the parts of a program in which its mistake is looked for
first."""


@dataclass(frozen=True)
class Tried:
    """A program that was run: how far each of their numbers is from its own, in allowances.

    `shares` has, for each scene and each name seen there, the largest difference as a part of what
    is allowed; infinity where the program gives no such number. What was not run is missing.
    """

    planted: Planted
    reading: Reading
    shares: dict[Key, float]
    distances: dict[Key, float]
    complete: bool

    @property
    def matches(self) -> bool:
        """Whether all of their numbers are this program's."""
        return self.complete and all(share <= 1 for share in self.shares.values())

    @property
    def explained(self) -> frozenset[Key]:
        """The numbers that are this program's."""
        return frozenset(key for key, share in self.shares.items() if share <= 1)

    @property
    def nearness(self) -> float:
        """Smaller for a program that is nearer in all of its numbers."""
        finite = [min(share, 1e12) for share in self.shares.values()]
        return float(np.sum(np.log1p(finite)))


class Search:
    """All that is tried on one submission; the scenes are those in which their program was seen."""

    def __init__(self, machine: Machine, scenes: Sequence[Scene]) -> None:
        self.machine, self.scenes = machine, in_turn(scenes)
        uniform = any(d.kind == "uniform" for s in scenes for d in s.draws or ())
        self.readings: tuple[Reading, ...] = ("below", "above") if uniform else ("below",)
        self.started, self.begun = monotonic(), thread_time()
        self.runs = 0
        self.ran_out = False
        nothing = Planted((), (), machine.correct)
        self.own = self._allowed(nothing, self.readings[0])
        self.screen = [screen(allowed) for allowed in self.own]

    def has_time(self, seconds: float = SECONDS) -> bool:
        """Whether the search may go on; what it computes counts, not what it waits."""
        if thread_time() - self.begun < seconds:
            return True
        self.ran_out = True
        return False

    def tried(
        self,
        planted: Planted,
        reading: Reading,
        *,
        thorough: bool = True,
        right: frozenset[Key] = frozenset(),
    ) -> Tried:
        """Run one program in the scenes; where it is not `thorough`, up to the first difference.

        It is given up as soon as it has a number wrong that is `right` without a mistake. What is
        near enough everywhere is judged again, by bounds of its own.
        """
        found = self._run(planted, reading, thorough, right, self.screen)
        if not found.matches:
            return found
        allowed = self._allowed(planted, reading)
        return self._run(planted, reading, True, frozenset(), allowed)

    def _allowed(self, planted: Planted, reading: Reading) -> list[Allowed]:
        """The computed bounds of a program's numbers in each scene."""
        found = []
        for scene in self.scenes:
            try:
                found.append(allowances(self.machine, scene, planted.listing, reading))
            except Exception:  # it may fail in other ways where it is rounded otherwise
                found.append(Allowed({}))
        return found

    def _run(
        self,
        planted: Planted,
        reading: Reading,
        thorough: bool,
        right: frozenset[Key],
        allowed: Sequence[Allowed],
    ) -> Tried:
        shares: dict[Key, float] = {}
        distances: dict[Key, float] = {}
        for i, (scene, bounds) in enumerate(zip(self.scenes, allowed, strict=True)):
            is_off = any(share > 1 for share in shares.values())
            spoilt = any(shares.get(key, 0.0) > 1 for key in right)
            if spoilt or (is_off and (not thorough or scene.epochs > LONG + 2)):
                return Tried(planted, reading, shares, distances, False)
            self.runs += 1
            try:
                with np.errstate(all="ignore"):
                    values = self.machine.run(planted.listing, scene, reading)
            except Exception:  # a changed program may raise anything; then it is not theirs
                values = {}
            for key in in_order(scene, self.machine):
                distances[i, key], shares[i, key] = _apart(scene, key, values, bounds)
        return Tried(planted, reading, shares, distances, True)

    def correct(self) -> list[Tried]:
        """The correct program, once for each way in which a draw may be read."""
        nothing = Planted((), (), self.machine.correct)
        found = [self.tried(nothing, reading) for reading in self.readings]
        return [
            one if one.matches else self._run(nothing, one.reading, True, frozenset(), self.own)
            for one in found
        ]

    def singles(self, correct: Tried) -> list[Tried]:
        """Every single mistake, at every place, the draws read as for this correct program; the
        likeliest first, as far as the time goes."""
        right, reading = correct.explained, correct.reading
        found = []
        for planted in self.likeliest_first(correct):
            if not self.has_time(SINGLES):
                break
            found.append(self.tried(planted, reading, right=right))
        return found

    def likeliest_first(self, correct: Tried) -> list[Planted]:
        """The single mistakes: those of the parts that make what is off first come first."""
        off = next((key for key, share in correct.shares.items() if share > 1), (0, ""))[1]
        first = LIKELY[self._kind(off)]
        return sorted(every(self.machine), key=lambda p: p.mistakes[0].part not in first)

    def _kind(self, key: str) -> str:
        name = key.partition("@")[0]
        weights = self.machine.correct.parameters
        if name == "loss":
            return "loss"
        if name in weights:
            return "weight"
        return "gradient" if name.removeprefix("d") in weights else "output"

    def pairs(self, singles: list[Tried], correct: Tried) -> list[Tried]:
        """Pairs that match: first those of which one mistake explains something by itself."""
        wrong = frozenset(correct.shares) - correct.explained
        helpful = [t for t in singles if t.explained & wrong]
        helpful.sort(key=lambda t: (-len(t.explained), t.nearness))
        found: list[Tried] = []
        for first in _distinct(helpful)[:ENOUGH]:
            seconds = _seconds(singles, correct, wrong - first.explained)
            for both in with_one_more(first.planted, seconds):
                if not self.has_time():
                    return found
                tried = self.tried(both, first.reading, thorough=False)
                if tried.matches:
                    found.append(tried)
            if found:
                return found
        return found

    def unseen(self, correct: Tried) -> tuple[str, ...]:
        """The mistakes that give their numbers as well as the correct program does: what these
        scenes cannot show."""
        hidden: dict[str, None] = {}
        for planted in every(self.machine):
            if not self.has_time():
                break
            name = planted.mistakes[0].name
            if name not in hidden and self.tried(planted, correct.reading, thorough=False).matches:
                hidden[name] = None
        return tuple(hidden)


def every(machine: Machine) -> tuple[Planted, ...]:
    """Every single mistake at every place of an experiment's program; made once for a machine."""
    if machine.planted is None:
        machine.planted = tuple(with_one_more(Planted((), (), machine.correct)))
    return machine.planted


def with_one_more(base: Planted, mistakes: Iterable[Mistake] = CATALOGUE) -> Iterator[Planted]:
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


def _seconds(singles: list[Tried], correct: Tried, rest: frozenset[Key]) -> list[Mistake]:
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
            name = f"{scene.name}, first epochs"
            found.append(replace(scene, seen=early, epochs=first, name=name))
            found.append(replace(scene, seen=late))
        else:
            found.append(scene)
    order = {"evaluation": 0, "pass": 1, "training": 2}
    return sorted(found, key=lambda s: (order[s.mode], s.epochs))


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


def _apart(
    scene: Scene, key: str, values: Mapping[str, np.ndarray], allowed: Allowed
) -> tuple[float, float]:
    """How far their number is from ours, and as a part of what is allowed."""
    theirs = scene.seen[key]
    ours = values.get(key)
    if ours is None or np.shape(ours) != np.shape(theirs.values):
        return float("inf"), float("inf")
    ours = np.asarray(ours)
    if theirs.is_summed:
        mean = replace(theirs, values=theirs.values / len(scene.data[0]), is_summed=False)
        found = [_farthest(ours, one, allowed.of(key, ours, one)) for one in (theirs, mean)]
        return min(found, key=lambda pair: pair[1])
    return _farthest(ours, theirs, allowed.of(key, ours, theirs))


def _farthest(ours: np.ndarray, theirs: Seen, bound: float) -> tuple[float, float]:
    """The largest difference, and as a part of the bound."""
    with np.errstate(all="ignore"):
        apart = np.abs(ours - theirs.values)
    both_undefined = np.isnan(ours) & np.isnan(theirs.values)
    same = both_undefined | (ours == theirs.values)
    apart = np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))
    with np.errstate(all="ignore"):
        share = np.where(apart == 0, 0.0, apart / bound)
    share = np.where(np.isnan(share), np.inf, share)
    return float(np.max(apart, initial=0.0)), float(np.max(share, initial=0.0))
