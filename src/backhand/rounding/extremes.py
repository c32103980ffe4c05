"""Largest and smallest numbers, which of them it is, and choices between arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.rounding.array import Bounded, made
from backhand.rounding.combine import (
    channels,
    combined,
    error_of,
    raw,
    sign_of,
    term,
)
from backhand.rounding.model import Model, model
from backhand.rounding.refusals import unknown
from backhand.rounding.sums import Axis, implements, no_out, same_sign, with_value
from backhand.rounding.terms import Term


def candidates(x: Term, axis: Axis, largest: bool) -> np.ndarray:
    """Which numbers may be the largest (or smallest) of their row, in some implementation."""
    e = 2 * x.error_or_0
    if largest:
        top = np.max(x.value - e, axis=axis, keepdims=True)
        return np.asarray(~(x.value + e < top))
    bottom = np.min(x.value + e, axis=axis, keepdims=True)
    return np.asarray(~(x.value - e > bottom))


def _extreme(function: Callable[..., Any], largest: bool) -> Callable[..., Any]:
    def handler(a: Any, axis: Axis = None, out: Any = None, keepdims: Any = False) -> Any:
        """It moves by no more than the worst of those numbers that may be it."""
        no_out(out, f"np.{function.__name__}")

        def rule(m: Model, v: np.ndarray, x: Term) -> np.ndarray | None:
            if x.error is None:
                return None
            worst = np.where(candidates(x, axis, largest), x.error, 0)
            return np.asarray(np.max(worst, axis=axis)).reshape(v.shape)

        value = function(raw(a), axis=axis, keepdims=keepdims)
        if np.asarray(value).dtype.kind != "f":
            unsure = [error_of(a, c) for c in range(len(a.errors))]
            rows = [None if e is None else np.any(e, axis=axis, keepdims=keepdims) for e in unsure]
            return made(value, rows)
        return same_sign(combined(value, (a,), rule, infinite=False), a)

    return handler


implements(np.max, np.amax)(_extreme(np.max, True))
implements(np.min, np.amin)(_extreme(np.min, False))


def _where_extreme(function: Callable[..., Any], largest: bool) -> Callable[..., Any]:
    def handler(a: Any, axis: int | None = None, out: Any = None, *, keepdims: Any = False) -> Any:
        """Unsure where more than one number may be it, also where several are equal: libraries
        do not agree which of those they name."""
        no_out(out, f"np.{function.__name__}")
        value = function(raw(a), axis=axis, keepdims=keepdims)
        if a.dtype.kind != "f":
            raise unknown(f"np.{function.__name__} of whole numbers or truth values")
        unsure: list[np.ndarray | None] = []
        for channel in range(len(a.errors)):
            x = term(a, model(a.dtype, channel))
            rivals = np.sum(candidates(x, axis, largest), axis=axis)
            unsure.append(np.asarray(rivals > 1).reshape(np.shape(value)))
        return made(value, [u if u is not None and u.any() else None for u in unsure])

    return handler


implements(np.argmax)(_where_extreme(np.argmax, True))
implements(np.argmin)(_where_extreme(np.argmin, False))


@implements(np.where)
def where(condition: Any, *choices: Any) -> Any:
    """The chosen one's error; where the choice is unsure, also the gap between the two.

    An implementation that chooses y^ where x* is right is off by |y^ - x*|, which is at most
    |x - y| + 2 ex + 2 ey.
    """
    if len(choices) != 2:
        raise unknown("np.where with a condition alone")
    value = np.where(raw(condition), *map(raw, choices))
    truth = condition if np.asarray(raw(condition)).dtype.kind == "b" else condition != 0
    if value.dtype.kind != "f":
        return _where_whole(value, truth, choices)
    errors: list[np.ndarray | None] = []
    for channel in range(channels(truth, *choices)):
        doubt = error_of(truth, channel) if isinstance(truth, Bounded) else None
        m = model(value.dtype, channel)
        x, y = (term(c, m) for c in choices)
        if doubt is None and x.error is None and y.error is None:
            errors.append(None)
            continue
        with np.errstate(all="ignore"):
            errors.append(_chosen(m, raw(truth), doubt, x, y, value))
    result = made(value, errors)
    if all(sign_of(c) == frozenset() for c in choices):
        result.note_sign(frozenset())
    return result


def _chosen(
    m: Model, truth: Any, doubt: np.ndarray | None, x: Term, y: Term, value: np.ndarray
) -> np.ndarray:
    e = np.where(truth, x.error_or_0, y.error_or_0).astype(m.dtype)
    if doubt is not None:
        gap = np.abs(x.value - y.value) + 2 * (x.error_or_0 + y.error_or_0)
        gap = np.where(x.value == y.value, 2 * (x.error_or_0 + y.error_or_0), gap)
        e = np.where(doubt, m.up(np.array(gap, m.dtype)), e)
    return np.where(np.isnan(e) | np.isnan(value), np.inf, e).astype(m.dtype)


def _where_whole(value: np.ndarray, truth: Any, choices: Any) -> Any:
    errors: list[np.ndarray | None] = []
    for channel in range(channels(truth, *choices)):
        parts = [
            np.zeros((), bool) if (e := _doubt(c, channel)) is None else e
            for c in (truth, *choices)
        ]
        errors.append(np.where(raw(truth), parts[1], parts[2]) | parts[0])
    return made(value, [e if e is not None and e.any() else None for e in errors])


def _doubt(x: Any, channel: int) -> np.ndarray | None:
    return error_of(x, channel) if isinstance(x, Bounded) else None


@implements(np.clip)
def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None,
    max: Any = None,
) -> Any:  # fmt: skip
    """The smaller of the upper limit and the larger of the lower limit and the number."""
    no_out(out, "np.clip")
    low, high = a_min if min is None else min, a_max if max is None else max
    value = np.clip(raw(a), raw(low), raw(high))
    result = a if low is None else np.maximum(a, low)
    result = result if high is None else np.minimum(result, high)
    return with_value(result, value)


def _any_all(function: Callable[..., Any], decisive: bool) -> Callable[..., Any]:
    def handler(a: Any, axis: Axis = None, out: Any = None, keepdims: Any = False) -> Any:
        """Sure as soon as one truth value that decides is sure."""
        no_out(out, f"np.{function.__name__}")
        truth = a if a.dtype.kind == "b" else a != 0
        value = function(raw(truth), axis=axis, keepdims=keepdims)
        errors: list[np.ndarray | None] = []
        for channel in range(len(truth.errors)):
            doubt = error_of(truth, channel)
            if doubt is not None:
                decided = np.any((raw(truth) == decisive) & ~doubt, axis=axis, keepdims=keepdims)
                doubt = np.any(doubt, axis=axis, keepdims=keepdims) & ~decided
            errors.append(doubt)
        return made(value, errors)

    return handler


implements(np.any)(_any_all(np.any, True))
implements(np.all)(_any_all(np.all, False))


@implements(np.sort)
def sort(a: Any, axis: int = -1) -> Any:
    """The k-th smallest of a row moves by no more than the row's worst error."""

    def rule(m: Model, v: np.ndarray, x: Term) -> np.ndarray | None:
        if x.error is None:
            return None
        return np.asarray(np.max(x.error, axis=axis, keepdims=True) + np.zeros_like(v))

    return combined(np.sort(raw(a), axis=axis), (a,), rule)
