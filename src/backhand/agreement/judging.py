"""Is a difference rounding or not? One value of one step, both sides fed the same inputs.

A difference beyond the certain bound is none that rounding can make. One within it agrees, unless
the bound is so wide that it says nothing: then neither can be told. The statistical bound (Higham
and Mary 2019) is kept beside it as evidence and decides nothing.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from backhand.experiment import Format

Verdict = Literal["agrees", "differs", "cannot tell"]
Part = Literal["data", "forward", "loss", "backward", "update"]

WIDEST: dict[Format, float] = {
    "float64": 1e-9, "float32": 1e-2, "float16": 1.0, "bfloat16": 1.0,
}  # fmt: skip
"""A bound beyond this part of the numbers that go into a step or come out of it tells nothing.

In float64 a right formula stays below it and a wrong one a factor of a million above; in narrower
formats it is the part of a value that one may still call its rounding.
"""


@dataclass(frozen=True)
class Sight:
    """A value as both sides made it from the same inputs, all arrays of one shape.

    `bound` is how far apart rounding alone can bring the two sides, `likely` the same if rounding
    errors are independent; `went_in` is the largest number that the step's line reads. The bound is
    a guess where it is not known by which formula the other side computes the value.
    """

    name: str
    part: Part
    epoch: int
    ours: np.ndarray
    theirs: np.ndarray
    bound: np.ndarray
    likely: np.ndarray | None
    went_in: float
    is_guess: bool = False


@dataclass(frozen=True)
class Element:
    """One number of a value on both sides. `epoch` 0 is the evaluation at the initial weights."""

    epoch: int
    index: tuple[int, ...]
    ours: float
    theirs: float
    bound: float

    @property
    def difference(self) -> float:
        """Infinite where only one side is a number."""
        gap = abs(self.ours - self.theirs)
        return gap if gap == gap else np.inf

    @property
    def share(self) -> float:
        """The difference as a part of its bound."""
        if self.difference == 0:
            return 0.0
        return self.difference / self.bound if self.bound else np.inf


@dataclass(frozen=True)
class Judgement:
    """What was seen of one value in one format, over all epochs that were looked at.

    Attributes:
        widest: the element whose difference is the largest share of its bound, if any differs.
        first: the first element out of its bound; None if there is none.
        caught: the smallest relative slip that would have been seen, in the passes in which the
            statistical bound was carried too.
        likely: the largest share of the statistical bound; None where it was not carried.
        elements: how many numbers were looked at.
        blind: of how many of them the bound says nothing.
        unexplained: of those, how many differ by more than could pass as rounding.
        puzzling: the first of those.
        reason: why a step could not be computed with bounds, if it could not.
        misfit: how the shapes or the types of the two sides differ, if they do.
    """

    widest: Element | None = None
    first: Element | None = None
    caught: float = np.inf
    likely: float | None = None
    elements: int = 0
    blind: int = 0
    unexplained: int = 0
    puzzling: Element | None = None
    reason: str = ""
    misfit: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.first is not None:
            return "differs"
        nothing_seen = self.elements == self.blind > 0
        return "cannot tell" if self.unexplained or nothing_seen or self.reason else "agrees"

    @property
    def share(self) -> float:
        """The largest difference as a share of its bound."""
        return self.widest.share if self.widest else 0.0


def misfitting(epoch: int, words: str) -> Judgement:
    """Of a value whose shape or type differs, `shapes: (4,) and (1, 4)`: it is not the same."""
    none = Element(epoch, (), np.nan, np.nan, 0.0)
    return Judgement(widest=none, first=none, misfit=words)


def judged(sight: Sight, precision: Format) -> Judgement:
    """One value at one epoch."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return _plainly(sight, precision) or _closely(sight, precision)


def _plainly(sight: Sight, precision: Format) -> Judgement | None:
    """Where all is finite and within bounds that are narrow, which is nearly always, a few passes
    over the numbers are enough; None where they are not, or where all is asked for."""
    if sight.likely is not None:
        return None
    gap = np.abs(np.subtract(sight.ours, sight.theirs, dtype=np.float64))
    size = float(np.maximum(_magnitude(sight.ours), _magnitude(sight.theirs)))  # nan if one is
    visible = WIDEST[precision] * max(size, sight.went_in)
    largest = float(np.max(gap, initial=0.0))
    if not (np.isfinite(size) and np.max(sight.bound, initial=0.0) <= visible):
        return None
    if largest == 0:
        return Judgement(elements=gap.size)
    share = np.divide(gap, sight.bound, out=np.zeros_like(gap), where=gap > 0)
    index = np.unravel_index(int(np.argmax(share)), gap.shape)
    widest = _element(sight, tuple(int(i) for i in index))
    return Judgement(widest=widest, elements=gap.size) if widest.share <= 1 else None


def _magnitude(array: np.ndarray) -> float:
    """The largest, nan if one is."""
    if not array.size or array.dtype.kind == "b":
        return float(array.size > 0)
    return max(float(np.max(array)), -float(np.min(array)))


def _element(sight: Sight, index: tuple[int, ...]) -> Element:
    numbers = (float(a[index]) for a in (sight.ours, sight.theirs, sight.bound))
    return Element(sight.epoch, index, *numbers)


def _closely(sight: Sight, precision: Format) -> Judgement:
    ours, theirs = sight.ours.astype(np.float64), sight.theirs.astype(np.float64)
    bound = sight.bound.astype(np.float64)
    is_same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    gap = np.where(is_same, 0.0, np.abs(ours - theirs))
    gap[np.isnan(gap)] = np.inf  # a number on one side only
    size = np.maximum(np.abs(ours), np.abs(theirs))
    visible = WIDEST[precision] * max(_largest(size), sight.went_in)
    is_blind = ~(bound <= visible) & ~((bound == 0) & is_same)
    is_out = gap > (np.maximum(bound, visible) if sight.is_guess else bound)
    puzzles = ~is_out & (gap > np.where(is_blind, visible, bound))
    ratio = np.where(is_same, 0.0, gap / bound)
    caught = np.where(is_blind | (size == 0), np.inf, (bound + gap) / size)
    likely = None
    if sight.likely is not None:
        parts = np.where(gap > 0, gap / sight.likely.astype(np.float64), 0.0)
        likely = float(np.max(np.where(is_blind, 0.0, parts), initial=0.0))

    def element(measure: np.ndarray) -> Element | None:
        if not measure.any():
            return None
        index = np.unravel_index(int(np.argmax(measure)), measure.shape)
        return _element(sight, tuple(int(i) for i in index))

    return Judgement(
        widest=element(np.where(is_blind, 0.0, ratio)),
        first=element(np.where(is_out, ratio, 0.0)),
        caught=float(np.min(caught, initial=np.inf)),
        likely=likely,
        elements=ours.size,
        blind=int(np.count_nonzero(is_blind)),
        unexplained=int(np.count_nonzero(puzzles)),
        puzzling=element(np.where(puzzles, np.minimum(gap, 1e308), 0.0)),
    )


def _largest(size: np.ndarray) -> float:
    return float(np.max(size, initial=0.0, where=np.isfinite(size)))


def joined(earlier: Judgement, later: Judgement) -> Judgement:
    """Both together, of the same value."""
    likely = [j.likely for j in (earlier, later) if j.likely is not None]
    return Judgement(
        widest=max(
            (j.widest for j in (earlier, later) if j.widest), key=lambda e: e.share, default=None
        ),
        first=earlier.first or later.first,
        caught=min(earlier.caught, later.caught),
        likely=max(likely, default=None),
        elements=earlier.elements + later.elements,
        blind=earlier.blind + later.blind,
        unexplained=earlier.unexplained + later.unexplained,
        puzzling=earlier.puzzling or later.puzzling,
        reason=earlier.reason or later.reason,
        misfit=earlier.misfit or later.misfit,
    )
