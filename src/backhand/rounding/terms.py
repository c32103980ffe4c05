"""Operands as the rules see them: numbers of one dtype, and how far off each may be."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from backhand.rounding.model import Model


@dataclass(frozen=True)
class Term:
    """An operand in the dtype of the computation.

    `error` bounds how far any implementation's operand is from the exact one; None: not at all.
    Any two implementations may lie on opposite sides, so another one's operand is within twice
    the error of `value`: what rounding it costs is measured by `reach`.
    `dyadic` numbers are powers of two or zeros: products with them are not rounded.
    `nonnegative` says that no implementation's operand, nor the exact one, is below 0.
    """

    value: np.ndarray
    error: np.ndarray | None
    dyadic: bool = False
    nonnegative: bool = False

    @cached_property
    def size(self) -> np.ndarray:
        """How large it is here."""
        absolute: np.ndarray = np.abs(self.value)
        return absolute

    @property
    def reach(self) -> np.ndarray:
        """How large it may be anywhere."""
        return self.size if self.error is None else self.size + 2 * self.error

    @property
    def least(self) -> np.ndarray:
        """How small it may be anywhere, in absolute value; 0 if it may be 0."""
        return self.size if self.error is None else np.maximum(self.size - 2 * self.error, 0)

    @property
    def live(self) -> np.ndarray:
        """Where it is not exactly 0."""
        nonzero: np.ndarray = self.value != 0
        return nonzero if self.error is None else nonzero | (self.error > 0)

    @property
    def error_or_0(self) -> Any:
        """The error as a number to compute with."""
        return 0 if self.error is None else self.error


def narrowed(value: np.ndarray, m: Model, is_result: bool = False) -> Term:
    """Exact numbers of whatever type in the model's dtype; what that loses is their error.

    A result has been rounded by everybody already. Other numbers stand in the program or in its
    data: a narrow format may have to round them.
    """
    kept = value.astype(m.dtype, copy=False)
    if value.dtype.kind == "b" or (value.dtype == m.dtype and (is_result or not m.narrow)):
        return Term(kept, None, dyadic=value.dtype.kind == "b")
    wide = np.result_type(value.dtype, np.float64)
    lost = np.abs(value.astype(wide) - kept.astype(wide))
    if value.dtype.kind in "iu":  # a large integer may not be a float64 either
        lost = lost + np.where(np.abs(kept) >= 2.0**53, m.unit * np.abs(kept), 0)
    lost = np.where(kept == value, 0, lost)
    if m.narrow and not is_result:
        lost = lost + m.narrow.lost(kept)
    return Term(kept, m.up(lost.astype(m.dtype)) if np.any(lost) else None)


def constant(number: float, m: Model) -> Term:
    """A Python number: it counts as the real number that it is, and rounds to the dtype.

    Beside a narrow format PyTorch takes it as a float32 number or rounds it to the format: no
    further from it than the latter.
    """
    kept = np.asarray(number, dtype=m.dtype)
    is_dyadic = math.isfinite(number) and abs(math.frexp(number)[0]) in (0, 0.5)
    near = m.narrow.nearest(kept) if m.narrow else kept
    if float(near) == number:
        return Term(kept, None, is_dyadic, number >= 0)
    if not (math.isfinite(number) and np.isfinite(near)):
        return Term(kept, np.asarray(np.inf, m.dtype))
    lost = max(abs(Fraction(number) - Fraction(float(x))) for x in (kept, near))
    return Term(kept, m.up(np.asarray(float(lost), m.dtype)), nonnegative=number >= 0)
