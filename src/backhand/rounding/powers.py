"""Powers, in all of NumPy's ways to compute them."""

import operator
from typing import Any

import numpy as np

from backhand.rounding.accuracy import STATED
from backhand.rounding.array import UFUNC_METHODS
from backhand.rounding.combine import SPECIAL, combined, raw, sign_of
from backhand.rounding.elementwise import growth, inverse, rounded, times, underflowing
from backhand.rounding.model import Model
from backhand.rounding.terms import Term

TWO_OPERATIONS = 2
"""Roundings more than pow's: in 16 bits PyTorch has `x ** 3` and `x ** -0.5` as two operations."""


def power_rule(m: Model, v: np.ndarray, a: Term, b: Term) -> Any:
    """a ** b within the ulps of pow. Exponents 0 and 1 round nothing, 2 rounds as a square."""
    exponent = float(b.value) if b.value.ndim == 0 and b.error is None else np.nan
    if exponent == 0:
        return None
    if exponent == 1:
        return None if a.error is None else a.error.copy()
    carried = None
    if a.error is not None or b.error is not None:
        is_whole = exponent >= 1 and exponent.is_integer()
        carried = _of_base(a, exponent) if is_whole else _of_both(m, v, a, b)
    if m.narrow and exponent == -2:
        return _inverse_square(m, v, a)
    roundings = m.roundings(STATED["square" if exponent == 2 else "power"])
    if m.narrow and exponent != 2:
        roundings += TWO_OPERATIONS
    return underflowing(m, v, rounded(m, v, carried, roundings), a)


def _inverse_square(m: Model, v: np.ndarray, a: Term) -> Any:
    """1 / (a * a), as PyTorch has it: the square may leave a narrow format that the result fits."""
    square = a.value * a.value
    e: Any = times(m, square, a, a)
    e = np.where(square + 2 * e <= m.result.largest, e, np.inf)
    return inverse(m, v, Term(square, e, nonnegative=True))


def _of_base(a: Term, exponent: float) -> Any:
    """|x^ ** n - x* ** n| <= n e max(|x^|, |x*|) ** (n - 1)."""
    return exponent * a.error_or_0 * a.reach ** (exponent - 1)


def _of_both(m: Model, v: np.ndarray, a: Term, b: Term) -> Any:
    """With D a bound on how far b log a moves, a ** b moves by at most |v| exp(D) (exp(D) - 1).

    log a moves by at most ea over the least |a|. An exact 0 to a power stays what it is.
    """
    moved = np.where(a.error_or_0 > 0, a.error_or_0 / a.least, 0)
    logarithm = np.abs(np.log(a.size)) + moved
    distance = b.reach * moved + np.where(b.error_or_0 > 0, logarithm * b.error_or_0, 0)
    carried = (np.abs(v) + 4 * m.own.smallest) * growth(m, distance)
    is_zero = ~a.live & (b.value > 2 * b.error_or_0)
    flat = _below_one(a, b)
    return np.where(is_zero, 0, carried if flat is None else np.fmin(carried, flat))


def _below_one(a: Term, b: Term) -> Any:
    """|x ** p - y ** p| <= |x - y| ** p for 0 < p < 1 and numbers that are not negative."""
    if not a.nonnegative or b.error is not None or b.value.ndim or not 0 < float(b.value) < 1:
        return None
    return np.where(a.error_or_0 > 0, a.error_or_0**b.value, 0)


def power(compute: Any, a: Any, b: Any, **options: Any) -> Any:
    """np.power, or `**` where `compute` is that."""
    value = compute(raw(a), raw(b), **options)
    result = combined(value, (a, b), power_rule)
    is_even = isinstance(b, (int, float)) and b % 2 == 0
    if is_even or not (sign_of(a) or sign_of(a) is None):
        result.note_sign(frozenset())
    return result


def power_operator(a: Any, b: Any) -> Any:
    """`a ** b`: NumPy's operator takes a square, a root or a reciprocal where it can."""
    return power(operator.pow, a, b)


SPECIAL[np.power] = power
UFUNC_METHODS["**"] = power_operator
