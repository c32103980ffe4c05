"""What a rounding costs: units, gamma, and the rounding up of the bounds themselves.

Sources: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002 ("ASNA");
N. J. Higham and T. Mary, A New Approach to Probabilistic Rounding Error Analysis, SIAM J. Sci.
Comput. 41 (2019), A2815-A2835.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from backhand.rounding.refusals import Untracked

SLACK = {"float32": 2.0**-18, "float64": 2.0**-44}
"""Relative room for the rounding of a bound's own arithmetic: 64 and 512 units. No rule rounds
nonnegative terms more than two dozen times in a row, its calls of exp and its kin included."""

CERTAIN, LIKELY = 0, 1
"""The channels of a bounded number: every number has the first, some have both."""


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

    `unit` is half the distance from 1 to the next number, `tiny` the smallest normal number and
    `smallest` the smallest of all, which one underflow may cost (ASNA, section 2.1, (2.8)).
    """

    dtype: np.dtype
    channel: int
    unit: float
    tiny: float
    smallest: float
    slack: float

    def gamma(self, n: int) -> float:
        """What n roundings of a term cost, relative to it."""
        return (likely_gamma if self.channel == LIKELY else gamma)(n, self.unit)

    def up(self, error: np.ndarray) -> np.ndarray:
        """A bound that was computed in nearest rounding, made large enough; changes its argument.

        What is 0 stays 0: a rule gives 0 only where nothing was rounded.
        """
        error *= 1 + self.slack
        error += np.minimum(error, 4 * self.smallest)
        return error

    def total(self, parts: np.ndarray, axis: int | tuple[int, ...] | None) -> np.ndarray:
        """The sum of nonnegative numbers, with room for its own rounding; axes are kept."""
        sums = np.sum(parts, axis=axis, keepdims=True)
        terms = parts.size // max(sums.size, 1)
        if terms > 2**16 and self.dtype == np.float32:
            sums = np.sum(parts, axis=axis, keepdims=True, dtype=np.float64)
            return self.up(sums.astype(self.dtype))
        return self.up(sums / (1 - terms * self.unit / (1 - terms * self.unit)))


@cache
def model(dtype: np.dtype, channel: int = CERTAIN) -> Model:
    """The arithmetic of a dtype.

    Raises:
        Untracked: for any dtype but float32 and float64.
    """
    if dtype.name not in SLACK:
        raise Untracked(
            f"numbers of type {dtype.name} carry no rounding bound",
            wanted="float32 or float64",
            repair="convert the array first",
        )
    about = np.finfo(dtype)
    return Model(
        dtype,
        channel,
        float(about.eps) / 2,
        float(about.smallest_normal),
        float(about.smallest_subnormal),
        SLACK[dtype.name],
    )
