"""What each NumPy function of single elements does to a bound.

A rule gets the model, the result as NumPy computed it, and the operands; it returns a bound on
|what any implementation computes - the exact result|, or None where nothing was rounded. With x
for an operand here, x* for the exact one and x^ for another implementation's, |x - x*| and
|x^ - x*| are at most its error e, so that x^ lies within 2 e of x. Every rule adds

    how far f(x^) is from f(x*)     by a slope that holds wherever x^ and x* may be,
    the rounding of f(x^) itself    u |f(x^)| for + - * / (ASNA, (2.4)), the stated ulps for others,
    one underflow                   where the result is below the normal numbers (ASNA, (2.8)).

A bound that is no number counts as infinite; `settled` in combine.py sees to that.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.rounding.accuracy import STATED
from backhand.rounding.formats import ERF_OF_16_BITS
from backhand.rounding.model import Model
from backhand.rounding.terms import Term

Rule = Callable[..., np.ndarray | None]
Carry = Callable[[Model, np.ndarray, Term], Any]


def rounded(
    m: Model, v: np.ndarray, carried: np.ndarray | None, roundings: float = 1.0
) -> np.ndarray:
    """`carried` and the rounding of the result, whose size anywhere is within 2 `carried` of v."""
    e: np.ndarray = np.abs(v)
    if carried is not None:
        e += 2 * carried
    e *= roundings * m.unit
    if carried is not None:
        e += carried
    return e


def underflowing(m: Model, v: np.ndarray, e: np.ndarray, *factors: Term) -> np.ndarray:
    """`e` and what underflow may cost, where the result is tiny and no factor is exactly 0.

    Anywhere else u |v| is at least half the smallest number already.
    """
    tiny = np.abs(v) < m.tiny
    if not np.any(tiny):
        return e
    for factor in factors:
        tiny = tiny & factor.live
    return np.where(tiny, e + 4 * m.smallest, e)


def stored(m: Model, v: np.ndarray, e: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The end of a sum with the error e: where it was held in wider numbers, its one rounding.

    `size` is the sum of what was added, without signs: where it is too large for the wider
    numbers, so may a part of the sum be.
    """
    if m.narrow is None:
        return e
    last = rounded(m, v, e)
    last = np.where((e > 0) & (np.abs(v) < m.tiny), last + 4 * m.smallest, last)
    return np.where(size <= m.inner.largest, last, np.inf)


def plus(m: Model, v: np.ndarray, a: Term, b: Term) -> np.ndarray:
    """a + b and a - b, which do not underflow (ASNA, problem 2.19).

    What is added to the largest number, as a mask has it, does not overflow where it is small: the
    rounding is not larger than the smaller of the two.
    """
    if a.error is None and b.error is None:
        e = rounded(m, v, None)
    else:
        e = rounded(m, v, a.error_or_0 + b.error_or_0)
    if v.size and np.max(np.abs(v)) >= m.result.largest:
        masked = is_largest(m, a) | is_largest(m, b)
        moved = a.error_or_0 + b.error_or_0 + np.minimum(a.reach, b.reach)
        e = np.where(masked, np.minimum(e, moved), e)
    return e


def is_largest(m: Model, a: Term) -> Any:
    """Where an operand is the largest number, or its negative, in every implementation."""
    return (a.size == m.result.largest) & (a.error_or_0 < m.unit * m.result.largest / 4)


def times(m: Model, v: np.ndarray, a: Term, b: Term) -> np.ndarray | None:
    """|a^ b^ - a* b*| <= ea |b*| + eb |a*| + ea eb, |b*| <= |b| + eb."""
    carried = None
    if a.error is not None and b.error is not None:
        carried = a.error * (b.size + 3 * b.error) + b.error * a.size
    elif a.error is not None:
        carried = a.error * b.size
    elif b.error is not None:
        carried = b.error * a.size
    is_scaled = a.dyadic or b.dyadic
    return underflowing(m, v, rounded(m, v, carried, 0 if is_scaled else 1), a, b)


def over(m: Model, v: np.ndarray, a: Term, b: Term) -> np.ndarray:
    """|a^ / b^ - a* / b*| <= (ea + |a* / b*| eb) / |b^|."""
    carried = None
    if b.error is not None:
        quotient = (a.size + a.error_or_0) / b.least
        moved = a.error_or_0 / b.least + quotient * (b.error / b.least)
        carried = np.where(b.least > 0, moved, np.inf)
    elif a.error is not None:
        carried = a.error / b.size
    is_scaled = b.dyadic and b.value.ndim == 0
    return underflowing(m, v, rounded(m, v, carried, 0 if is_scaled else 1), a)


def inverse(m: Model, v: np.ndarray, a: Term) -> np.ndarray:
    """1 / a."""
    return over(m, v, Term(np.ones((), m.dtype), None), a)


def unchanged(m: Model, v: np.ndarray, a: Term) -> np.ndarray | None:
    """-a, |a| and a: nothing is rounded, and no distance grows."""
    return None if a.error is None else a.error.copy()


def at_most(error: Any, limit: Any) -> Any:
    """An error that cannot be larger; but an infinite one may stand for what does not exist."""
    return np.where(np.isfinite(error), np.minimum(error, limit), np.inf)


def signum(m: Model, v: np.ndarray, a: Term) -> np.ndarray | None:
    """-1, 0 or 1: off by at most 2 where the sign is not certain."""
    if a.error is None:
        return None
    unsure = np.where((a.least == 0) & (a.error > 0), 2, 0)
    return np.where(np.isfinite(a.error), unsure, np.inf).astype(m.dtype)


def with_sign(m: Model, v: np.ndarray, a: Term, b: Term) -> np.ndarray | None:
    """copysign(a, b)."""
    if b.error is None:
        return unchanged(m, v, a)
    unsure = np.where((b.least == 0) & (b.error > 0), 2 * a.reach, 0)
    unsure = np.where(np.isfinite(b.error), unsure, np.inf)
    e: np.ndarray = a.error_or_0 + unsure.astype(m.dtype)
    return e


def square(m: Model, v: np.ndarray, a: Term) -> np.ndarray | None:
    """a * a, multiplied."""
    return times(m, v, a, a)


def root(m: Model, v: np.ndarray, a: Term) -> np.ndarray:
    """|sqrt(x^) - sqrt(x*)| is at most |x^ - x*| / (their sum), and at most sqrt(|x^ - x*|).

    Where an operand may be below 0 one implementation may have a NaN and another a number.
    """
    carried = None
    if a.error is not None:
        low = np.maximum(a.value - 2 * a.error, 0)
        carried = np.minimum(a.error / (2 * np.sqrt(low)), np.sqrt(a.error))
        carried = np.where(a.error > 0, carried, 0)
        if not a.nonnegative:
            carried = np.where(a.value < 2 * a.error, np.inf, carried)
    return rounded(m, v, carried, m.roundings(STATED["sqrt"]))


def stated(name: str, carry: Carry) -> Rule:
    """The rule of an elementary function with a stated accuracy; `carry` bounds its slope."""

    def rule(m: Model, v: np.ndarray, a: Term) -> np.ndarray:
        carried = None if a.error is None else carry(m, v, a)
        e = rounded(m, v, carried, m.roundings(STATED[name]))
        if a.error is None and np.any(a.value == -np.inf):  # exp(-inf) is 0 everywhere
            return np.where(a.value == -np.inf, 0, underflowing(m, v, e))
        # an exact 0 gives 0, or 1; log(1) is not far from what is not 0
        return underflowing(m, v, e, a)

    return rule


def growth(m: Model, distance: np.ndarray) -> np.ndarray:
    """At most by what factor exp(x) changes, less 1, over a distance: exp(d) (exp(d) - 1)."""
    e: np.ndarray = np.exp(distance) * np.expm1(distance)
    return e


def from_exp(m: Model, v: np.ndarray, a: Term) -> Any:
    """|exp(x^) - exp(x*)| <= exp(x) exp(e) (exp(e) - 1), with room for v's own underflow.

    Neither of the two is larger than exp(x + 2 e): that is less where x is far below 0 and its
    error large, as where -1e308 masks a score.
    """
    near = (np.abs(v) + 4 * m.own.smallest) * growth(m, a.error_or_0)
    largest = 2 * np.exp(a.value + 2 * a.error_or_0) + 4 * m.own.smallest
    return np.fmin(near, largest)


def from_exp2(m: Model, v: np.ndarray, a: Term) -> Any:
    """The same with log 2, rounded up."""
    return (np.abs(v) + 4 * m.own.smallest) * growth(m, a.error_or_0 * 0.6931472)


def from_expm1(m: Model, v: np.ndarray, a: Term) -> Any:
    """The same with an exp(x) of its own: far below 0, v + 1 has lost it to cancellation."""
    return (np.exp(a.value) + 4 * m.own.smallest) * growth(m, a.error_or_0)


def from_log(factor: float, offset: float) -> Carry:
    """|log(x^) - log(x*)| <= factor e / (the smallest the argument may be)."""

    def carry(m: Model, v: np.ndarray, a: Term) -> Any:
        argument = a.value if offset == 0 else (a.value + offset) * (1 - 4 * m.own.unit)
        low = argument - 2 * a.error_or_0
        moved = np.where(a.error_or_0 > 0, factor * a.error_or_0 / low, 0)
        return np.where((low > 0) | (a.error_or_0 == 0), moved, np.inf)

    return carry


def from_tanh(m: Model, v: np.ndarray, a: Term) -> Any:
    """The slope 1 / cosh(x)^2 is at most 1, and at most 4 exp(-2 |x|)."""
    return a.error_or_0 * np.minimum(1, 4 * np.exp(-2 * a.least))


def from_erf(m: Model, v: np.ndarray, a: Term) -> Any:
    """The slope is 2 / sqrt(pi) exp(-x^2)."""
    low = np.minimum(a.least, 6)  # beyond, the square would only make exp less exact
    return a.error_or_0 * (1.1283792 * np.exp(-low * low * (1 - 2.0**-20)))


def from_wave(m: Model, v: np.ndarray, a: Term) -> Any:
    """sin and cos: the slope is at most 1, and so are they."""
    return at_most(a.error_or_0, 2)


def from_tan(m: Model, v: np.ndarray, a: Term) -> Any:
    """The slope is 1 + tan(x)^2, and x^ and x* are within d = 2 e of x: there |tan| is at most
    (|tan x| + tan d) / (1 - |tan x| tan d), up to the pole."""
    room = 1 + 32 * m.own.unit
    d = np.tan(np.minimum(2 * a.error_or_0, 1.5)) * room
    left = 1 - np.abs(v) * room * d - 4 * m.own.unit
    most = (np.abs(v) * room + d) / left
    carried = a.error_or_0 * (1 + most * most)
    return np.where((left > 0) & (2 * a.error_or_0 < 1.5), carried, np.inf)


def logaddexp(m: Model, v: np.ndarray, a: Term, b: Term) -> np.ndarray:
    """The larger plus log1p(exp(-|a - b|)), as NumPy and PyTorch have it.

    Its slopes are at least 0 and add up to 1. The last term is at most log 2: its argument is off
    by u |a - b| before exp and by exp's ulps after, it itself by log1p's ulps.
    """
    carried = np.maximum(a.error_or_0, b.error_or_0)
    inner = 1 + m.roundings(STATED["exp"]) + m.roundings(STATED["log1p"])
    e = rounded(m, v, carried + np.zeros_like(v)) + inner * m.unit
    certain = (a.value == -np.inf) | (b.value == -np.inf)  # log(0 + x): nothing is added
    return np.where(certain, carried, e)


def larger(m: Model, v: np.ndarray, a: Term, b: Term) -> np.ndarray | None:
    """maximum: where it is certain which is larger, that one's error, else the worse of both."""
    return _chosen(a, b, a.value > b.value)


def smaller(m: Model, v: np.ndarray, a: Term, b: Term) -> np.ndarray | None:
    """minimum."""
    return _chosen(a, b, a.value < b.value)


def _chosen(a: Term, b: Term, first: np.ndarray) -> np.ndarray | None:
    if a.error is None and b.error is None:
        return None
    ea, eb = np.broadcast_arrays(a.error_or_0, b.error_or_0)
    unsure = ~(np.abs(a.value - b.value) > 2 * (ea + eb))
    return np.where(unsure, np.maximum(ea, eb), np.where(first, ea, eb))


ELEMENTWISE: dict[np.ufunc, Rule] = {
    np.add: plus,
    np.subtract: plus,
    np.multiply: times,
    np.true_divide: over,
    np.reciprocal: inverse,
    np.negative: unchanged,
    np.positive: unchanged,
    np.absolute: unchanged,
    np.fabs: unchanged,
    np.sign: signum,
    np.copysign: with_sign,
    np.square: square,
    np.sqrt: root,
    np.exp: stated("exp", from_exp),
    np.exp2: stated("exp2", from_exp2),
    np.expm1: stated("expm1", from_expm1),
    np.log: stated("log", from_log(1, 0)),
    np.log2: stated("log2", from_log(1.442696, 0)),
    np.log10: stated("log10", from_log(0.4342945, 0)),
    np.log1p: stated("log1p", from_log(1, 1)),
    np.tanh: stated("tanh", from_tanh),
    np.sin: stated("sin", from_wave),
    np.cos: stated("cos", from_wave),
    np.tan: stated("tan", from_tan),
    np.logaddexp: logaddexp,
    np.maximum: larger,
    np.minimum: smaller,
}


def erf(m: Model, v: np.ndarray, a: Term) -> np.ndarray:
    """The error function, whose 16-bit kernels have an error of their own."""
    e = stated("erf", from_erf)(m, v, a)
    assert e is not None
    return e + ERF_OF_16_BITS if m.narrow else e


ERF = erf
