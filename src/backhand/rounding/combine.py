"""Ufuncs on bounded arrays: operands in, NumPy's own result and its bound out."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backhand.rounding.array import UFUNC_METHODS, Bounded, made
from backhand.rounding.elementwise import ELEMENTWISE
from backhand.rounding.model import Model, model
from backhand.rounding.refusals import unknown, way_out
from backhand.rounding.terms import Term, constant, narrowed

INFINITE_OPERANDS = (np.add, np.subtract, np.maximum, np.minimum, np.negative, np.absolute)
"""Where an operand that is exactly infinite gives a result that is exactly infinite."""


def raw(operand: Any) -> Any:
    """What plain NumPy would have in the operand's place."""
    return operand.raw if isinstance(operand, Bounded) else operand


def channels(*operands: Any) -> int:
    """2 if any operand carries a statistical bound, else 1."""
    return max((len(x.errors) for x in operands if isinstance(x, Bounded)), default=1)


def error_of(x: Bounded, channel: int) -> np.ndarray | None:
    """One channel's errors, None where all is exact; the certain ones where there are no others."""
    return None if x.origin.exact else x.errors[min(channel, len(x.errors) - 1)]


def term(x: Any, m: Model) -> Term:
    """An operand as a rule sees it: in the dtype of the computation."""
    if isinstance(x, (bool, int, float)) and not isinstance(x, np.generic):
        return constant(x, m)
    if not isinstance(x, Bounded):
        array = np.asarray(x)
        exact = narrowed(array, m)
        return Term(exact.value, exact.error, exact.dyadic, bool(np.all(array >= 0)))
    exact = narrowed(x.value, m, is_result=x.dtype.kind == "f")
    is_positive, error = not x.sign, error_of(x, m.channel)
    if error is None:
        return Term(exact.value, exact.error, exact.dyadic, is_positive)
    if x.dtype.kind in "iu":
        error = np.where(error, np.inf, 0)
    moved = error.astype(m.dtype, copy=False)
    if x.dtype.itemsize > m.dtype.itemsize:  # rounded where it is used
        moved = m.up(moved * (1 + 4 * m.unit) + exact.size * m.unit)
        moved += np.where(exact.live & (exact.size < m.tiny), 4 * m.smallest, 0).astype(m.dtype)
    return Term(exact.value, moved, exact.dyadic, is_positive)


def settled(
    v: np.ndarray, error: np.ndarray | None, m: Model, certain: Callable[[], Any] | None = None
) -> np.ndarray | None:
    """A rule's bound, rounded up; infinite where it, or what it bounds, is no finite number.

    `certain` says, if asked, where an infinite result is what every implementation has.
    """
    if error is None and (np.isfinite(v).all() or certain is None):
        return None
    if error is None:
        e = np.zeros(v.shape, m.dtype)
    elif error.shape == v.shape and error.dtype == m.dtype and error.ndim:
        e = m.up(error)  # rules give fresh arrays
    else:
        e = m.up(np.array(np.broadcast_to(error, v.shape), dtype=m.dtype))
    if not _all_in_range(v, e, m):
        # not where another implementation may overflow
        finite = np.abs(v) + 2 * e <= m.result.largest
        known = certain() if certain else False
        e = np.where(finite, e, np.where(known & np.isinf(v), 0, np.inf)).astype(m.dtype)
    return e


def _all_in_range(v: np.ndarray, e: np.ndarray, m: Model) -> bool:
    """Whether all numbers are finite in every implementation: the quick answer, mostly yes."""
    if v.size == 0:
        return True
    largest = max(float(v.max()), -float(v.min())) + 2 * float(e.max())
    return largest < m.result.largest and not np.isnan(largest)


def exactly_infinite(terms: Sequence[Term]) -> Any:
    """Where some operand is infinite in every implementation, and none is unknown."""
    known = [np.isinf(t.value) & np.equal(t.error_or_0, 0) for t in terms]
    unknown_ones = [~np.isfinite(t.error_or_0) for t in terms]
    return np.logical_or.reduce(np.broadcast_arrays(*known)) & ~np.logical_or.reduce(
        np.broadcast_arrays(*unknown_ones, known[0])[:-1]
    )


def combined(
    value: Any,
    operands: Sequence[Any],
    rule: Callable[..., np.ndarray | None],
    infinite: bool = False,
) -> Bounded:
    """A float result of a rule on operands, in every channel."""
    array = np.asarray(value)
    errors = []
    with np.errstate(all="ignore"):
        for channel in range(channels(*operands)):
            m = model(array.dtype, channel)
            terms = [term(x, m) for x in operands]
            certain = (lambda t=terms: exactly_infinite(t)) if infinite else None
            errors.append(settled(array, rule(m, array, *terms), m, certain))
    return made(value, errors)


# --- ufuncs ---------------------------------------------------------------------------------------


def call(ufunc: np.ufunc, *inputs: Any, out: Any = None, **options: Any) -> Any:
    """A ufunc on whole arrays."""
    if set(options) - {"dtype", "casting"}:
        raise unknown(f"np.{ufunc.__name__}({', '.join(options)}=...)")
    operands = [x if isinstance(x, Bounded) else _plain(x) for x in inputs]
    result = apply(ufunc, ufunc, operands, **options)
    if out is None:
        return result
    (target,) = out if isinstance(out, tuple) else (out,)
    return written(target, result)


def written(target: Any, result: Any) -> Any:
    """`out=`: the result stored in a bounded array."""
    if not isinstance(target, Bounded):
        raise way_out("out= or an in-place operator on a plain array")
    target[...] = result
    return target


def _plain(x: Any) -> Any:
    return x if isinstance(x, (bool, int, float)) else np.asarray(x)[()]


def apply(
    ufunc: np.ufunc, compute: Callable[..., Any], operands: Sequence[Any], **opts: Any
) -> Any:
    """The result of `compute`, which is `ufunc` in NumPy's own spelling, with its bound."""
    if ufunc in SPECIAL:
        return SPECIAL[ufunc](compute, *operands, **opts)
    if ufunc not in ELEMENTWISE:
        return _of_whole_numbers(ufunc, compute, operands, **opts)
    value = compute(*map(raw, operands), **opts)
    if np.asarray(value).dtype.kind != "f":
        return _of_whole_numbers(ufunc, compute, operands, **opts)
    result = combined(value, operands, ELEMENTWISE[ufunc], ufunc in INFINITE_OPERANDS)
    sign = result_sign(ufunc, operands)
    if sign is not None:
        result.note_sign(sign)
    return result


def _of_whole_numbers(
    ufunc: np.ufunc, compute: Callable[..., Any], operands: Sequence[Any], **opts: Any
) -> Bounded:
    """Whole numbers and truth values: exact, or unsure where an operand is."""
    if any(np.asarray(raw(x)).dtype.kind == "f" for x in operands):
        raise unknown(f"np.{ufunc.__name__}")
    value = compute(*map(raw, operands), **opts)
    if np.asarray(value).dtype.kind not in "iub":
        raise unknown(f"np.{ufunc.__name__} on whole numbers")
    return made(value, _unsure_anywhere(operands))


def _unsure_anywhere(operands: Sequence[Any]) -> list[np.ndarray | None]:
    found: list[np.ndarray | None] = []
    for channel in range(channels(*operands)):
        errors = [error_of(x, channel) for x in operands if isinstance(x, Bounded)]
        unsure = [np.asarray(e, bool) for e in errors if e is not None]
        shape = np.broadcast_shapes(*(np.shape(raw(x)) for x in operands))
        every = (
            np.logical_or.reduce([np.broadcast_to(u, shape) for u in unsure]) if unsure else None
        )
        found.append(every)
    return found


# --- decisions ------------------------------------------------------------------------------------


def compare(compute: Callable[..., Any], *operands: Any, **opts: Any) -> Any:
    """<, ==, ...: unsure where the operands are closer than both may move, on either side."""
    value = compute(*map(raw, operands), **opts)
    kind = np.result_type(*map(raw, operands))
    if kind.kind != "f":
        return made(value, _unsure_anywhere(operands))
    errors: list[np.ndarray | None] = []
    with np.errstate(all="ignore"):
        for channel in range(channels(*operands)):
            m = model(kind, channel)
            a, b = (term(x, m) for x in operands)
            if a.error is None and b.error is None:
                errors.append(None)
                continue
            reach = m.up(np.asarray(2 * (a.error_or_0 + b.error_or_0), m.dtype).copy())
            unsure = ~(np.abs(a.value - b.value) > reach) & (reach > 0)
            errors.append(np.asarray(unsure))
    return made(value, errors)


def is_finite(compute: Callable[..., Any], x: Any, **opts: Any) -> Any:
    """isfinite, isnan, isinf: unsure where the bound is infinite."""
    errors = [error_of(x, c) for c in range(channels(x))]
    unsure = [e if e is None or e.dtype.kind == "b" else ~np.isfinite(e) for e in errors]
    return made(compute(raw(x), **opts), unsure)


def logical(strong: bool | None) -> Callable[..., Any]:
    """and (False decides), or (True decides), exclusive or and not (nothing does)."""

    def rule(compute: Callable[..., Any], *operands: Any, **opts: Any) -> Any:
        truths = [as_truth(x) for x in operands]
        value = compute(*map(raw, truths), **opts)
        errors = _unsure_anywhere(truths)
        if strong is None:
            return made(value, errors)
        for channel, unsure in enumerate(errors):
            if unsure is not None:
                for t in truths:
                    doubt = error_of(t, channel) if isinstance(t, Bounded) else None
                    sure = True if doubt is None else ~doubt
                    unsure = unsure & ~((np.asarray(raw(t)) == strong) & sure)
                errors[channel] = unsure
        return made(value, errors)

    return rule


def as_truth(x: Any) -> Any:
    """Numbers as truth values: whether they are not 0."""
    return x if np.asarray(raw(x)).dtype.kind == "b" else np.not_equal(x, 0)


def bitwise(strong: bool | None, ufunc: np.ufunc) -> Callable[..., Any]:
    """&, |, ^ and ~ on truth values are the logical ones, on whole numbers bits."""

    def rule(compute: Callable[..., Any], *operands: Any, **opts: Any) -> Any:
        if all(np.asarray(raw(x)).dtype.kind == "b" for x in operands):
            return logical(strong)(compute, *operands, **opts)
        return _of_whole_numbers(ufunc, compute, operands, **opts)

    return rule


SPECIAL: dict[np.ufunc, Callable[..., Any]] = {
    **dict.fromkeys(
        (np.less, np.less_equal, np.equal, np.not_equal, np.greater, np.greater_equal), compare
    ),
    **dict.fromkeys((np.isfinite, np.isnan, np.isinf), is_finite),
    np.logical_and: logical(False),
    np.logical_or: logical(True),
    np.logical_xor: logical(None),
    np.logical_not: logical(None),
    np.bitwise_and: bitwise(False, np.bitwise_and),
    np.bitwise_or: bitwise(True, np.bitwise_or),
    np.bitwise_xor: bitwise(None, np.bitwise_xor),
    np.invert: bitwise(None, np.invert),
}
"""Ufuncs that are no rules of single floats; sums.py and powers.py add theirs."""


# --- signs ----------------------------------------------------------------------------------------


def sign_of(x: Any) -> frozenset[int] | None:
    """The sign tokens of an operand; None if nothing is known."""
    if isinstance(x, Bounded):
        return x.sign
    return frozenset() if bool(np.all(np.asarray(x) >= 0)) else None


def result_sign(ufunc: np.ufunc, operands: Sequence[Any]) -> frozenset[int] | None:
    """What is known about the result's sign: it matters to square roots of sums of squares."""
    if ufunc in (np.absolute, np.fabs, np.square, np.exp, np.exp2, np.sqrt):
        return frozenset()
    signs = [sign_of(x) for x in operands]
    first, *others = signs
    if ufunc in (np.multiply, np.true_divide) and first is not None and others[0] is not None:
        return first ^ others[0]
    if ufunc == np.maximum and frozenset() in signs:
        return frozenset()
    if ufunc in (np.add, np.maximum, np.minimum, np.positive) and not any(
        s is None or s for s in signs
    ):
        return frozenset()
    return None


UFUNC_METHODS["__call__"] = call
