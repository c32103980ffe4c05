"""A module as a whole: the written program's text beside PyTorch's call, nothing fed in between.

So a line that reads the wrong value shows, which no step by itself can. What a result may be off by
is, in this order, as far as each says anything: the certain bound; that of implementations that
decide alike at every kink and tie; what the program reaches when it is rounded at random.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from backhand import rounding
from backhand.agreement.judging import WIDEST, Judgement, Part, Sight, judged, misfitting
from backhand.agreement.modules.calls import Call, random_cotangents
from backhand.agreement.modules.eager import Eager, eager
from backhand.agreement.modules.text import Made, Result, Text, inputs_of, results_of, written
from backhand.errors import BackhandError
from backhand.experiment import Precision
from backhand.rounding import Bounded, CannotTell, Untracked, bounded, decided
from backhand.rounding.at_random import reached

Basis = Literal["certain", "alike", "at random"]

TIMES_SLOWER = 30
"""How much longer a program takes on bounded numbers, at most in the models of the tests."""
MOST_SECONDS = 120
"""A program that would take longer than this on bounded numbers is only rounded at random."""
SHOWS = 1e-2
"""What the whole is to show is a value read in the place of another, or a part left out. That moves
a result by a part of its size, so that a bound below this part of its largest number still tells;
that each formula is right to the last digits is for the steps to show."""


@dataclass(frozen=True)
class WholeValue:
    """One result of the whole beside PyTorch's, and what its bound rests on."""

    name: str
    part: Part
    judgement: Judgement
    basis: Basis = "certain"

    @property
    def is_told(self) -> bool:
        """Whether anything can be said of it."""
        return self.judgement.verdict != "cannot tell"


@dataclass(frozen=True)
class _Both:
    """Our text and PyTorch's results, to be held against each other."""

    text: Text
    theirs: Eager
    precision: Precision
    largest: float
    """The largest number that goes in."""

    def results(self, made: Made) -> list[Result]:
        return list(results_of(self.text.program, made, self.theirs))


def whole(call: Call, precision: Precision, seed: int) -> list[WholeValue]:
    """Results, loss, derivatives and buffers of a module's written program beside PyTorch's.

    Args:
        call: whose module's buffers change as they do in any call.
        precision: of its floats.
        seed: of both generators.
    """
    try:
        program = written(call)
    except BackhandError as error:
        reason = f"the program cannot be written: {error.what}"
        return [WholeValue("the program", "forward", Judgement(reason=reason))]
    own = program.interface
    start = time.perf_counter()
    plain = Text(program, call, seed, {}).run(np.array)
    seconds = time.perf_counter() - start
    cotangents: dict[int, np.ndarray] = {}
    if call.loss is None:
        shapes = [np.shape(plain.outputs[number]) for number in own.cotangents]
        drawn = random_cotangents(shapes, seed)
        cotangents = {n: c.astype(precision) for n, c in zip(own.cotangents, drawn, strict=True)}
    theirs = eager(call, own.given, own.results, own.inputs, cotangents, precision, seed)
    largest = _largest([*program.parameters.values(), *inputs_of(program, call)])
    both = _Both(Text(program, call, seed, cotangents), theirs, precision, largest)
    return [*_told(both, seconds), *_refused(theirs)]


def _refused(theirs: Eager) -> Iterator[WholeValue]:
    if theirs.refusal:
        reason = f"PyTorch itself cannot differentiate this module ({theirs.refusal})"
        yield WholeValue("the derivatives", "backward", Judgement(reason=reason))


def _told(both: _Both, seconds: float) -> list[WholeValue]:
    """Every result, by the first basis that says anything of it."""
    found: list[WholeValue] = []
    if seconds * TIMES_SLOWER <= MOST_SECONDS:
        try:
            found = _by_bounds(both, rounding.run, "certain")
            if not all(one.is_told for one in found):
                found = list(map(_by_either, found, _by_bounds(both, _run_decided, "alike")))
        except (Untracked, CannotTell):
            found = []
    if found and all(one.is_told for one in found):
        return found
    random = _by_reach(both)
    return list(map(_by_either, found, random)) if found else random


def _run_decided(function: Callable[..., Any], *arrays: Any) -> Any:
    with decided():
        return rounding.run(function, *arrays)


def _by_either(certain: WholeValue, other: WholeValue) -> WholeValue:
    """Where the certain bound tells nothing, the other may: a difference within that is what
    rounding can make, and one beyond it is no proof."""
    if certain.is_told or not (other.judgement.verdict == "agrees" or other.basis == "at random"):
        return certain
    return other


def _by_bounds(both: _Both, run: Callable[..., Any], basis: Basis) -> list[WholeValue]:
    found = []
    for one in both.results(both.text.run(bounded, run)):
        mine = one.ours if isinstance(one.ours, Bounded) else bounded(np.asarray(one.ours))
        bound = 2 * mine.error if mine.dtype.kind == "f" else np.where(mine.error, np.inf, 0.0)
        judgement = _judged(both, replace(one, ours=np.array(mine.value)), bound)
        found.append(WholeValue(one.name, one.part, judgement, basis))
    return found


def _by_reach(both: _Both) -> list[WholeValue]:
    """By what rounding at random reaches. A difference beyond it is no proof of a mistake."""

    def run(wrap: Callable[[np.ndarray], Any]) -> Mapping[str, Any]:
        made = both.text.run(lambda array: wrap(array) if array.dtype.kind == "f" else array.copy())
        return {one.name: one.ours for one in both.results(made)}

    reach, found = reached(run), []
    for one in both.results(both.text.run(np.array)):
        bound = np.full(np.shape(one.ours), reach[one.name])
        judgement = _judged(both, replace(one, ours=np.asarray(one.ours)), bound)
        if judgement.verdict == "differs" and not judgement.misfit:
            judgement = Judgement(reason=_beyond(one, reach[one.name], both.precision))
        found.append(WholeValue(one.name, one.part, judgement, "at random"))
    return found


def _beyond(one: Result, reach: float, precision: Precision) -> str:
    gap = np.abs(np.subtract(one.ours, one.theirs, dtype=np.float64))
    return (
        f"in {precision} the two sides are {np.max(gap):.2g} apart, which is more than the "
        f"{reach:.2g} that this program reaches when it is rounded at random; its certain bounds "
        "are too wide to say whether rounding can do that"
    )


def _judged(both: _Both, one: Result, bound: np.ndarray) -> Judgement:
    """One result; PyTorch's own formulas on the way are not bounded here, so that a small excess
    is no proof of a mistake."""
    if one.ours.shape != one.theirs.shape:
        return misfitting(0, f"shapes: {one.ours.shape} and {one.theirs.shape}")
    if one.theirs.dtype.kind == "f" and one.theirs.dtype != np.dtype(both.precision):
        return Judgement(reason=f"PyTorch computes it in {one.theirs.dtype.name}")
    sight = Sight(one.name, one.part, 0, one.ours, one.theirs, bound, None, both.largest, True)
    closely = judged(sight, both.precision)
    if closely.verdict != "cannot tell":
        return closely
    seen = SHOWS / WIDEST[both.precision] * _largest([one.theirs])
    coarsely = judged(replace(sight, went_in=seen, is_guess=False), both.precision)
    return coarsely if coarsely.verdict == "agrees" else closely


def _largest(arrays: Iterable[np.ndarray]) -> float:
    found = [float(np.max(np.abs(a), initial=0.0)) for a in arrays if a.dtype.kind == "f"]
    return max(found, default=1.0)
