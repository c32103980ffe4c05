"""Elementary functions that few networks use: angles, hyperbolic functions, lengths.

NumPy's float32 forms are said to be within 4 ulp (its pull request 19478; the last column of
numpy/_core/tests/data/umath-validation-set-*.csv), PyTorch's within 1 (SLEEF's *_u10), MKL's within
1. What the C library computes, in float64, is within 2.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.rounding.accuracy import Accuracy
from backhand.rounding.elementwise import ELEMENTWISE, Rule, at_most, growth, rounded, underflowing
from backhand.rounding.model import Model
from backhand.rounding.terms import Term

ACCURACY = Accuracy(4, 4)

Slope = Callable[[Term], Any]


def sloped(slope: Slope) -> Rule:
    """The rule of a function whose slope is at most `slope` wherever its argument may be."""

    def rule(m: Model, v: np.ndarray, x: Term) -> np.ndarray:
        carried = None if x.error is None else x.error * slope(x)
        e = rounded(m, v, carried, m.roundings(ACCURACY))
        return underflowing(m, v, e, x)

    return rule


def hyperbolic(m: Model, v: np.ndarray, x: Term) -> np.ndarray:
    """sinh and cosh: neither moves by more than exp(|x|) does."""
    carried = None
    if x.error is not None:
        carried = np.exp(x.size) * growth(m, x.error)
    return underflowing(m, v, rounded(m, v, carried, m.roundings(ACCURACY)), x)


def _inside(x: Term) -> Any:
    """1 / sqrt(1 - x^2), the slope of arcsin, at the far end of the bound."""
    left = 1 - x.reach * x.reach
    return np.where(left > 0, 1 / np.sqrt(np.maximum(left, 1e-30)), np.inf)


def _within_one(x: Term) -> Any:
    """1 / (1 - x^2), the slope of arctanh."""
    left = 1 - x.reach * x.reach
    return np.where(left > 0, 1 / np.maximum(left, 1e-30), np.inf)


def _above_one(x: Term) -> Any:
    """1 / sqrt(x^2 - 1), the slope of arccosh."""
    left = x.least * x.least - 1
    return np.where(left > 0, 1 / np.sqrt(np.maximum(left, 1e-30)), np.inf)


def angle(m: Model, v: np.ndarray, y: Term, x: Term) -> np.ndarray:
    """arctan2: it turns by at most the distance moved over the least distance from 0; where x is
    negative and y may change its sign it may jump by a whole turn."""
    carried = None
    if y.error is not None or x.error is not None:
        least = np.hypot(y.least, x.least)
        moved = (y.error_or_0 + x.error_or_0) / least
        carried = np.where(least > 0, at_most(moved, 7), 7)
        carried = np.where((x.value < 0) & (y.least == 0) & (y.error_or_0 > 0), 7, carried)
    return underflowing(m, v, rounded(m, v, carried, m.roundings(ACCURACY)), y)


def length(m: Model, v: np.ndarray, a: Term, b: Term) -> np.ndarray:
    """hypot: it grows by no more than both together."""
    carried = None
    if a.error is not None or b.error is not None:
        carried = a.error_or_0 + b.error_or_0 + np.zeros_like(v)
    return rounded(m, v, carried, m.roundings(ACCURACY))


ELEMENTWISE.update(
    {
        np.sinh: hyperbolic,
        np.cosh: hyperbolic,
        np.arcsin: sloped(_inside),
        np.arccos: sloped(_inside),
        np.arctan: sloped(lambda x: 1 / (1 + x.least * x.least)),
        np.arcsinh: sloped(lambda x: 1 / np.sqrt(1 + x.least * x.least)),
        np.arccosh: sloped(_above_one),
        np.arctanh: sloped(_within_one),
        np.arctan2: angle,
        np.hypot: length,
    }
)
