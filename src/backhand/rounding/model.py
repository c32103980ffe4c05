"""What a rounding costs: units, gamma, and the rounding up of the bounds themselves.

Sources: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002 ("ASNA");
N. J. Higham and T. Mary, A New Approach to Probabilistic Rounding Error Analysis, SIAM J. Sci.
Comput. 41 (2019), A2815-A2835.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

import numpy as np

from backhand.rounding.accuracy import Accuracy
from backhand.rounding.formats import NARROW, Limits, Narrow, limits
from backhand.rounding.refusals import Untracked

SLACK = {"float32": 2.0**-18, "float64": 2.0**-44}
"""Relative room for the rounding of a bound's own arithmetic: 64 and 512 units. No rule rounds
nonnegative terms more than two dozen times in a row, its calls of exp and its kin included."""

CERTAIN, LIKELY = 0, 1
"""The channels of a bounded number: every number has the first, some have both."""

_arithmetic: ContextVar[str | None] = ContextVar("arithmetic", default=None)


@contextmanager
def arithmetic(name: str) -> Iterator[None]:
    """Inside, bounds are those of PyTorch's arithmetic in a 16-bit format; values stay float64.

        with arithmetic("bfloat16"):
            y = run(network, x)

    A bound then says how far an implementation may be from exact results that rounds every result
    to the format, computes elementary functions in float32 and holds sums and matrix products in
    float32 until they are done (`formats.py` has the sources). A number that the format does not
    have, such as 0.1 in the program or in an array, counts as exact or as rounded to the format:
    the bound is for both. It is infinite where anybody may leave the format's range.

    Args:
        name: "bfloat16" or "float16".

    Raises:
        Untracked: for any other name; and inside, for arrays of any float type but float64.
    """
    if name not in NARROW:
        raise Untracked(
            f"`{name}` is no arithmetic that bounds are known for",
            wanted=" or ".join(NARROW),
            repair="for float32 and float64 give arrays of that type, and no arithmetic",
        )
    before = _arithmetic.set(name)
    try:
        yield
    finally:
        _arithmetic.reset(before)


def gamma(n: int, unit: float) -> float:
    """n u / (1 - n u): n roundings of one term, in any order (ASNA, lemma 3.1)."""
    return n * unit / (1 - n * unit) if n * unit < 1 else math.inf


def likely_gamma(n: int, unit: float) -> float:
    """4 sqrt(n) u, or gamma where that is smaller: holds for rounding errors that are independent
    and have mean zero, but for a chance of 2 exp(-8) each (Higham and Mary, theorem 2.4)."""
    return min(gamma(n, unit), math.expm1(4 * math.sqrt(n) * unit + n * unit * unit / (1 - unit)))


@dataclass(frozen=True)
class Model:
    """The arithmetic of one dtype, as one channel sees it.

    Results are rounded to `result` (ASNA, section 2.1, (2.8)), sums are held in `inner` until they
    are done, and the bounds themselves are computed in `own`. All three are those of the dtype,
    unless the results are of a `narrow` format.
    """

    dtype: np.dtype
    channel: int
    result: Limits
    inner: Limits
    own: Limits
    slack: float
    narrow: Narrow | None = None

    @property
    def unit(self) -> float:
        """What one rounding of a result costs, relative to it."""
        return self.result.unit

    @property
    def tiny(self) -> float:
        """The smallest normal result."""
        return self.result.tiny

    @property
    def smallest(self) -> float:
        """What one underflow of a result may cost."""
        return self.result.smallest

    def gamma(self, n: int) -> float:
        """What n roundings of a term cost inside a sum, relative to it."""
        return (likely_gamma if self.channel == LIKELY else gamma)(n, self.inner.unit)

    def repeated(self, n: int) -> float:
        """What n roundings of a result cost, one after the other, relative to it."""
        return (likely_gamma if self.channel == LIKELY else gamma)(n, self.unit)

    def roundings(self, accuracy: Accuracy) -> float:
        """A stated accuracy as a multiple of `unit`: a narrow result has float32's, and its own."""
        if self.narrow is None:
            return accuracy.roundings(self.dtype)
        inside = accuracy.roundings(np.dtype(np.float32)) * self.inner.unit
        return 1 + inside * (1 + self.unit) / self.unit

    def up(self, error: np.ndarray) -> np.ndarray:
        """A bound that was computed in nearest rounding, made large enough; changes its argument.

        What is 0 stays 0: a rule gives 0 only where nothing was rounded.
        """
        error *= 1 + self.slack
        error += np.minimum(error, 4 * self.own.smallest)
        return error

    def total(self, parts: np.ndarray, axis: int | tuple[int, ...] | None) -> np.ndarray:
        """The sum of nonnegative numbers, with room for its own rounding; axes are kept."""
        sums = np.sum(parts, axis=axis, keepdims=True)
        terms = parts.size // max(sums.size, 1)
        if terms > 2**16 and self.dtype == np.float32:
            sums = np.sum(parts, axis=axis, keepdims=True, dtype=np.float64)
            return self.up(sums.astype(self.dtype))
        return self.up(sums / (1 - terms * self.own.unit / (1 - terms * self.own.unit)))


def model(dtype: np.dtype, channel: int = CERTAIN) -> Model:
    """The arithmetic of a dtype, or of the 16-bit format that `arithmetic` says.

    Raises:
        Untracked: for any dtype but float32 and float64, and for float32 beside 16-bit numbers.
    """
    return _model(dtype, channel, _arithmetic.get())


@cache
def _model(dtype: np.dtype, channel: int, name: str | None) -> Model:
    if name is not None and dtype != np.float64:
        raise Untracked(
            f"numbers of type {dtype.name} have no place in {name} arithmetic",
            wanted="float64 arrays, which stand for both sides",
            repair="convert the array first",
        )
    if dtype.name not in SLACK:
        raise Untracked(
            f"numbers of type {dtype.name} carry no rounding bound",
            wanted="float32 or float64",
            repair="convert the array first",
        )
    own, slack = limits(dtype), SLACK[dtype.name]
    if name is None:
        return Model(dtype, channel, own, own, own, slack)
    narrow = NARROW[name]
    return Model(dtype, channel, narrow.stored, narrow.summed, own, slack, narrow)
