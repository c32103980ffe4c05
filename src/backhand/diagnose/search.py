"""Every program with a mistake in it, run in the scenes in which theirs was seen."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from time import monotonic, thread_time

import numpy as np

from backhand.diagnose.allowed import Allowed, allowances, screen
from backhand.diagnose.apart import apart
from backhand.diagnose.candidates import (
    can_explain,
    changed_functions,
    every,
    in_likely_order,
    kind_of,
    may_change,
    with_one_more,
)
from backhand.diagnose.derived import computes_otherwise, is_exact, with_own_derivative
from backhand.diagnose.listing import Listing
from backhand.diagnose.machine import Machine, Reading
from backhand.diagnose.mistake import Mistake, Part, Planted
from backhand.diagnose.scene import Scene
from backhand.diagnose.slips import likelihood, slips
from backhand.diagnose.tried import Key, Tried, distinct, helpful, likely_seconds, name_of
from backhand.diagnose.turns import LONG, in_order, in_turn

SECONDS = 2.0
"""What a search may compute in all."""
SINGLES, DERIVED, SLIPS, PARTLY = 1.1, 1.2, 1.4, 1.6
"""When the single mistakes must be done, then those with their own derivatives, then the slips,
then the single mistakes that explain a part; the pairs have the rest."""
BETWEEN = 0.02
"""Seconds after which the time is looked at again: to ask for it takes as long as a candidate."""
MATTERS = 1e-12
"""A part of a number that an epsilon against log(0) may be: more than rounding, and harmless."""
ENOUGH, FEW = 12, 3
"""So many single mistakes that explain something are combined with all others, and with slips."""

GIVEN: tuple[Part, ...] = ("data", "initialisation")
"""The parts in which a program makes its data and weights."""
HOOKED = ("given_data", "given_weights")

Bounds = Callable[[int], Allowed]
"""What is allowed in the scene at a place."""


class Search:
    """All that is tried on one submission; the scenes are those in which their program was seen."""

    def __init__(self, machine: Machine, scenes: Sequence[Scene]) -> None:
        self.machine, self.scenes = machine, in_turn(scenes)
        uniform = any(d.kind == "uniform" for s in scenes for d in s.draws or ())
        self.readings: tuple[Reading, ...] = ("below", "above") if uniform else ("below",)
        self.started, self.begun = monotonic(), thread_time()
        self.keys = [in_order(scene, machine) for scene in self.scenes]
        self.looked, self.spent = self.started, 0.0
        self.runs = 0
        self.ran_out = False
        self.wrong: dict[Reading, frozenset[Key]] = {}
        """What the correct program does not explain, once it was run."""
        self.base: dict[Reading, Tried] = {}
        """The correct program, once it was run."""
        self.slipped: list[Tried] = []
        """The slips that were tried and do not match."""
        self.harmless: frozenset[str] = frozenset()
        """What is off in the correct program by too little to matter, as by an epsilon of 1e-15:
        so it may be in the mistaken one."""
        nothing = Planted((), (), machine.correct)
        self.own = self._allowed(nothing, self.readings[0])
        self.screen = cache(lambda place: screen(self.own(place)))

    def has_time(self, seconds: float = SECONDS) -> bool:
        """Whether the search may go on; what it computes counts, not what it waits."""
        now = monotonic()
        if now - self.looked > BETWEEN:
            self.looked, self.spent = now, thread_time() - self.begun
        if self.spent < seconds:
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
        found = self._run(planted, reading, True, frozenset(), allowed)
        return found if self._is_told(found) else replace(found, complete=False)

    def matters(self, key: Key, distance: float) -> bool:
        """Whether a number of theirs is off by more than a part of it that matters to nobody."""
        values = self.scenes[key[0]].seen[key[1]].values
        return not distance <= MATTERS * float(np.max(np.abs(values), initial=0.0))

    def _is_told(self, found: Tried) -> bool:
        """Whether numbers tell it: that both ran into NaN or infinity says nothing of the way."""
        wrong = self.wrong.get(found.reading, frozenset())
        return not wrong or any(
            np.isfinite(self.scenes[i].seen[name].values).all() for i, name in wrong
        )

    def _allowed(self, planted: Planted, reading: Reading) -> Bounds:
        """The computed bounds of a program's numbers in each scene, once they are asked for."""

        def of_scene(place: int) -> Allowed:
            try:
                return allowances(self.machine, self.scenes[place], planted.listing, reading)
            except Exception:  # it may fail in other ways where it is rounded otherwise
                return Allowed({})

        return cache(of_scene)

    def _run(
        self,
        planted: Planted,
        reading: Reading,
        thorough: bool,
        right: frozenset[Key],
        allowed: Bounds,
    ) -> Tried:
        shares: dict[Key, float] = {}
        distances: dict[Key, float] = {}
        untouched = self._untouched(planted, reading)
        for i, scene in enumerate(self.scenes):
            is_off = any(s > 1 and self.matters(k, distances[k]) for k, s in shares.items())
            spoilt = any(shares.get(key, 0.0) > 1 for key in right)
            if spoilt or (is_off and (not thorough or scene.epochs > LONG + 2)):
                return Tried(planted, reading, shares, distances, False)
            for key, (distance, share) in (
                self._as_correct(i, reading)
                if i in untouched
                else self._compared(planted, reading, i, allowed(i))
            ).items():
                distances[i, key], shares[i, key] = distance, share
                if name_of(key) in self.harmless and not self.matters((i, key), distance):
                    shares[i, key] = min(share, 1.0)
        return Tried(planted, reading, shares, distances, True)

    def _compared(
        self, planted: Planted, reading: Reading, place: int, bounds: Allowed
    ) -> dict[str, tuple[float, float]]:
        """How far a program's numbers are from theirs in one scene: distances, and shares."""
        scene = self.scenes[place]
        found: dict[str, tuple[float, float]] = {}
        for listing in self._listings(planted, scene):
            values = self._values(listing, scene, reading)
            with np.errstate(all="ignore"):
                found = {key: apart(scene, key, values, bounds) for key in self.keys[place]}
            if all(share <= 1 for _, share in found.values()):
                break
        return found

    def _untouched(self, planted: Planted, reading: Reading) -> frozenset[int]:
        """The scenes in which a program must give what the correct one gave, which need no run."""
        if reading not in self.base:
            return frozenset()
        correct = self.machine.correct
        changed = changed_functions(planted.listing, correct)
        return frozenset(
            i
            for i, scene in enumerate(self.scenes)
            if not any(may_change(changed, scene, k, correct.parameters) for k in self.keys[i])
        )

    def _as_correct(self, place: int, reading: Reading) -> dict[str, tuple[float, float]]:
        base = self.base[reading]
        return {
            key: (base.distances[place, key], base.shares[place, key]) for key in self.keys[place]
        }

    def _listings(self, planted: Planted, scene: Scene) -> tuple[Listing, ...]:
        """The program, or where it was called first the one that takes data and weights as they
        are given: what they do to their own does not show there."""
        listing = planted.listing
        if not scene.is_called or not any(m.part in GIVEN for m in planted.mistakes):
            return (listing,)
        own = self.machine.correct.functions
        for name in HOOKED:
            listing = listing.with_function(name, own[name])
        return listing, planted.listing

    def _values(self, listing: Listing, scene: Scene, reading: Reading) -> dict[str, np.ndarray]:
        """What a program computes; nothing where it fails."""
        self.runs += 1
        try:
            with np.errstate(all="ignore"):
                return self.machine.run(listing, scene, reading)
        except Exception:  # a changed program may raise anything; then it is not theirs
            return {}

    def correct(self) -> list[Tried]:
        """The correct program, once for each way in which a draw may be read."""
        nothing = Planted((), (), self.machine.correct)
        found = [self.tried(nothing, reading) for reading in self.readings]
        every = [
            one if one.matches else self._run(nothing, one.reading, True, frozenset(), self.own)
            for one in found
        ]
        self.base = {one.reading: one for one in every if one.complete}
        harmless = [key for one in every for key in one.shares if self._is_harmless(one, key)]
        # an epsilon against log(0) does not show in a loss that is off by more
        self.harmless = frozenset(("loss", *(name_of(name) for _, name in harmless)))
        self.wrong = {
            one.reading: frozenset(one.shares) - one.explained - frozenset(harmless)
            for one in every
        }
        return every

    def _is_harmless(self, one: Tried, key: Key) -> bool:
        """Whether a number is off by more than rounding, and too little to matter."""
        return one.shares[key] > 1 and not self.matters(key, one.distances[key])

    def singles(self, correct: Tried) -> list[Tried]:
        """The single mistakes that can explain all that is off, at every place, the draws read as
        for this correct program, as far as the time goes."""
        off = sorted(self.wrong[correct.reading])
        whole = (p for p in self._ordered(off) if self._can_explain(p, off))
        found = self._tried(whole, correct, thorough=False, until=SINGLES)
        return sorted(found, key=self._says_too_much)

    def derived(self, singles: Sequence[Tried], correct: Tried) -> list[Tried]:
        """The single mistakes of the forward pass and the loss with their own derivatives, as a
        library takes them: those whose outputs and loss are theirs."""
        off = sorted(self.wrong[correct.reading])
        names = self.machine.correct.parameters
        kinds = [kind_of(key, names) for _, key in off]
        computed = [key for key, kind in zip(off, kinds, strict=True) if kind in ("output", "loss")]
        if not computed or len(computed) == len(off):
            return []
        if not is_exact(self.machine, self.scenes[computed[0][0]]):
            return []
        known = {id(one.planted): one for one in singles}
        found = []
        for planted in self._ordered(off):
            if not self.has_time(DERIVED):
                break
            if not computes_otherwise(self.machine, planted):
                continue
            plain = known.get(id(planted)) or self.tried(planted, correct.reading, thorough=False)
            own = with_own_derivative(self.machine.experiment, planted)
            if own is not None and computed[0] in plain.explained:
                found.append(self.tried(own, correct.reading, thorough=False))
        return found

    def partly(self, correct: Tried) -> list[Tried]:
        """All single mistakes, with all that they explain by themselves, as far as the time
        goes."""
        ordered = self._ordered(sorted(self.wrong[correct.reading]))
        return self._tried(ordered, correct, thorough=True, until=PARTLY)

    def _ordered(self, off: Sequence[Key]) -> Iterator[Planted]:
        return in_likely_order(self.machine, off[0][1] if off else "")

    def _says_too_much(self, one: Tried) -> bool:
        """Whether a mistake changes the loss's value too, which nobody saw."""
        own, others = self.machine.correct.functions, one.planted.listing.functions
        is_seen = any(name_of(key) == "loss" for scene in self.scenes for key in scene.seen)
        return not is_seen and others.get("network_loss") is not own.get("network_loss")

    def _can_explain(self, planted: Planted, off: Sequence[Key]) -> bool:
        return can_explain(planted.listing, self.machine.correct, self.scenes, off)

    def _tried(
        self, candidates: Iterable[Planted], correct: Tried, *, thorough: bool, until: float
    ) -> list[Tried]:
        found = []
        for planted in candidates:
            if not self.has_time(until):
                break
            right, reading = correct.explained, correct.reading
            found.append(self.tried(planted, reading, thorough=thorough, right=right))
        return found

    def slips(self, correct: Tried) -> list[Tried]:
        """The likeliest of the slips that match, one place of the program written otherwise; in
        the derivatives also of the program that takes each operator by itself."""
        off = sorted(self.wrong[correct.reading])
        found: list[Tried] = []
        for planted in self._slips(off):
            if not self.has_time(SLIPS):
                break
            right, reading = correct.explained, correct.reading
            tried = self.tried(planted, reading, thorough=False, right=right)
            found += [tried] if tried.matches else []
            self.slipped += [] if tried.matches else [tried]
        return sorted(found, key=lambda tried: likelihood(tried.planted))[:1]

    def _slips(self, off: Sequence[Key]) -> Iterator[Planted]:
        yield from (p for p in slips(self.machine.correct) if self._can_explain(p, off))
        apart = self.machine.step_by_step
        names = self.machine.correct.parameters
        if apart is not None and any(kind_of(key, names) == "gradient" for _, key in off):
            yield from slips(apart, only="network_backward")

    def pairs(self, singles: list[Tried], correct: Tried) -> list[Tried]:
        """Pairs that match: first those of which one mistake explains something by itself, then
        those of which both are needed for the first number that is off."""
        found: list[Tried] = []
        for first, seconds in self._firsts(singles, correct):
            for both in with_one_more(first.planted, seconds):
                if not self.has_time():
                    return found
                tried = self.tried(both, first.reading, thorough=False)
                if tried.matches:
                    found.append(tried)
            if found:
                return sorted(found, key=self._says_too_much)
        return self._with_slip(singles, correct)

    def _with_slip(self, singles: list[Tried], correct: Tried) -> list[Tried]:
        """A slip that explains something by itself with a known mistake that explains the rest, or
        the other way round."""
        wrong = self.wrong[correct.reading]
        for first in helpful(self.slipped, wrong)[:FEW]:
            seconds = likely_seconds(singles, correct, wrong - first.explained)
            for both in with_one_more(first.planted, seconds):
                if not self.has_time():
                    return []
                tried = self.tried(both, first.reading, thorough=False)
                if tried.matches:
                    return [tried]
        for first in helpful(singles, wrong)[:FEW]:
            rest = sorted(wrong - first.explained)
            for slip in slips(self.machine.correct):
                if not self.has_time():
                    return []
                if not self._can_explain(slip, rest):
                    continue
                (mistake,) = slip.mistakes
                for change in mistake.changes(first.planted.listing):
                    both = first.planted.with_change(mistake, change)
                    tried = self.tried(both, first.reading, thorough=False)
                    if tried.matches:
                        return [tried]
        return []

    def _firsts(
        self, singles: list[Tried], correct: Tried
    ) -> Iterator[tuple[Tried, list[Mistake]]]:
        """The mistakes that a pair may begin with, each with those that may come on top."""
        wrong = self.wrong[correct.reading]
        for first in helpful(singles, wrong)[:ENOUGH]:
            yield first, likely_seconds(singles, correct, wrong - first.explained)
        key = min(wrong)
        touching = [
            t for t in singles
            if key in t.distances and t.distances[key] != correct.distances[key]
            and not t.explained & wrong and correct.explained <= t.explained
        ]  # fmt: skip
        touching.sort(key=lambda t: t.nearness)
        begun: set[str] = set()
        for first in distinct(touching):
            begun.add(first.planted.name)
            mistakes = {t.planted.name: t.planted.mistakes[0] for t in touching}
            yield first, [m for name, m in mistakes.items() if name not in begun]

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
