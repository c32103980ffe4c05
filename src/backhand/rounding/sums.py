"""Sums, means, products of many numbers, running sums: in any order.

A sum of n numbers in any order is off by at most gamma(n - 1) times the sum of their sizes (ASNA,
section 4.2, (4.4)), a product of n by gamma(n - 1) of itself (ASNA, lemma 3.1). Additions do not
underflow.

Both libraries are more exact than that where a sum runs along contiguous memory: of 256 numbers,
none goes through more than 19 additions in NumPy (pairwise, in blocks of 128) and 17 in PyTorch
(cascades). It is not made use of: across memory NumPy adds one after the other (255), and what the
gain would be for, layer_norm and its kin, PyTorch does not compute by sums at all, but by updating
a mean and a variance (Welford's way, moments_utils.h). The bound is to hold for that side as well.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.rounding.array import FUNCTIONS, UFUNC_METHODS, Bounded, made
from backhand.rounding.combine import combined, error_of, raw, settled, sign_of, term
from backhand.rounding.elementwise import growth, rounded, stored, underflowing
from backhand.rounding.formats import SPLIT
from backhand.rounding.model import Model, gamma, model
from backhand.rounding.refusals import unknown
from backhand.rounding.terms import Term

Axis = int | tuple[int, ...] | None


def implements(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function into the table of what NumPy's are on bounded arrays."""

    def note(handler: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            FUNCTIONS[function] = handler
        return handler

    return note


def terms_in(size: int, result: Any) -> int:
    """How many numbers went into each number of a reduction."""
    return size // max(np.size(result), 1)


def sum_rule(m: Model, v: np.ndarray, x: Term, axis: Axis, n: int) -> np.ndarray | None:
    """A sum; one that was held in wider numbers is rounded at the end, and so is, where threads
    share it, the part of each."""
    e, size = added_up(m, v, x, axis, n)
    if m.narrow is None or e is None or size is None:
        return e
    if n < SPLIT:
        return stored(m, v, e, size)
    return np.where(size <= m.result.largest, stored(m, v, e + m.unit * size, size), np.inf)


def added_up(
    m: Model, v: np.ndarray, x: Term, axis: Axis, n: int
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The errors add up, and n - 1 additions round; None where they do not. Second, the sum of the
    numbers' sizes; None where no more than one of them is not exactly 0."""
    shape = np.shape(v)
    if x.dyadic and n * m.unit < 1:  # ones and zeros: every partial sum is a whole number
        return (None if x.error is None else m.total(x.error, axis).reshape(shape)), None
    live = x.live
    if not live.all():  # to add an exact 0 rounds nothing
        n = int(np.max(np.sum(live, axis=axis), initial=0))
    size = m.total(x.reach, axis)
    e = size * m.gamma(max(n - 1, 0))
    if x.error is not None:
        e = e + m.total(x.error, axis)
    e = np.where(size <= m.inner.largest, e, np.inf) if m.narrow else e
    return e.reshape(shape), size.reshape(shape) if n > 1 else None


def mean_rule(m: Model, v: np.ndarray, x: Term, axis: Axis, n: int) -> np.ndarray:
    """A sum, and a division by n (which may itself be rounded, if it is that large)."""
    summed, _ = added_up(m, v * n, x, axis, n)
    divided = None if summed is None else summed / n
    roundings = 1 if n * m.unit < 1 else 2
    e = rounded(m, v, divided, roundings)
    return np.where(
        np.asarray(np.any(x.live, axis=axis)).reshape(v.shape), underflowing(m, v, e), e
    )


def product_rule(m: Model, v: np.ndarray, x: Term, axis: Axis, n: int) -> np.ndarray:
    """gamma(n - 1), if no part of the product can under- or overflow; each factor moves by e."""
    shape = v.shape
    carried: Any = None
    if x.error is not None:
        moved = np.where(x.error > 0, x.error / x.least, 0)
        carried = np.abs(v) * growth(m, m.total(moved, axis).reshape(shape))
    gammas = m.repeated(max(n - 1, 0)) / m.unit
    e = rounded(m, v, carried, gammas)
    lowest = np.prod(np.minimum(x.least, 1), axis=axis).reshape(shape)
    highest = np.prod(np.maximum(x.reach, 1), axis=axis).reshape(shape)
    is_zero = ~np.all(x.live, axis=axis).reshape(shape)
    e = np.where((lowest >= 2 * m.tiny) | (n == 1), e, np.where(is_zero, 0, np.inf))
    return np.where(highest <= m.result.largest, e, np.inf)


def reduced(
    rule: Callable[..., Any], compute: Callable[..., Any], x: Any, axis: Axis, where: Any
) -> Bounded:
    """A float reduction; with `where`, of the numbers it lets through."""
    value = compute(raw(x))
    kept = x if where is True else np.where(where, x, np.zeros((), value.dtype))
    n = terms_in(np.size(raw(kept)), value)
    return combined(value, (kept,), lambda m, v, t: rule(m, v, t, axis, n))


def _options(dtype: Any, keepdims: Any, where: Any) -> dict[str, Any]:
    given = {} if where is True else {"where": raw(where)}
    return {"dtype": dtype, "keepdims": keepdims, **given}


@implements(np.sum)
def total(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    where: Any = True,
) -> Any:  # fmt: skip
    """np.sum and .sum."""
    no_out(out, "np.sum")
    options = _options(dtype, keepdims, where)
    kind = np.sum(np.zeros((1,), a.dtype), dtype=dtype).dtype
    if kind.kind != "f":
        return counted(a, lambda v: np.sum(v, axis=axis, **options), axis)
    result = reduced(sum_rule, lambda v: np.sum(v, axis=axis, **options), a, axis, where)
    return same_sign(result, a)


def no_out(out: Any, name: str) -> None:
    """Refuse `out=` where it is not handled."""
    if out is not None:
        raise unknown(f"{name}(out=...)")


def same_sign(result: Bounded, *operands: Any) -> Bounded:
    """A result that is not negative where no operand is."""
    if not any(s is None or s for s in map(sign_of, operands)):
        result.note_sign(frozenset())
    return result


def counted(a: Bounded, compute: Callable[[Any], Any], axis: Axis) -> Bounded:
    """Whole numbers made of many: unsure where any of them is."""
    value = compute(raw(a))
    unsure: list[np.ndarray | None] = []
    for channel in range(len(a.errors)):
        e = error_of(a, channel)
        unsure.append(None if e is None else np.any(e, axis=axis).reshape(np.shape(value)))
    return made(value, unsure)


@implements(np.mean)
def mean(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    *, where: Any = True,
) -> Any:  # fmt: skip
    """np.mean and .mean."""
    no_out(out, "np.mean")
    if where is not True:
        raise unknown("np.mean(where=...)")

    def compute(v: Any) -> Any:
        return np.mean(v, axis=axis, dtype=dtype, keepdims=keepdims)

    return same_sign(reduced(mean_rule, compute, a, axis, True), a)


@implements(np.prod)
def product(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    """np.prod and .prod."""
    no_out(out, "np.prod")

    def compute(v: Any) -> Any:
        return np.prod(v, axis=axis, dtype=dtype, keepdims=keepdims)

    if a.dtype.kind != "f":
        return counted(a, compute, axis)
    return same_sign(reduced(product_rule, compute, a, axis, True), a)


@implements(np.var)
def variance(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, ddof: int = 0,
    keepdims: Any = False,
) -> Any:  # fmt: skip
    """The mean square distance from the mean, as NumPy computes it; the value is NumPy's own."""
    no_out(out, "np.var")
    if dtype is not None:
        raise unknown("np.var(dtype=...)")
    value = np.var(raw(a), axis=axis, ddof=ddof, keepdims=keepdims)
    away = a - np.mean(a, axis=axis, keepdims=True)
    squares = np.sum(away * away, axis=axis, keepdims=keepdims)
    return with_value(squares / max(terms_in(a.size, value) - ddof, 0), value)


def with_value(composed: Bounded, value: Any) -> Bounded:
    """NumPy's own result of a composition: one implementation among those the bound is for."""
    result = made(value, [error_of(composed, c) for c in range(len(composed.errors))])
    result.note_sign(composed.sign)
    return result


@implements(np.std)
def deviation(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, ddof: int = 0,
    keepdims: Any = False,
) -> Any:  # fmt: skip
    """The root of the variance."""
    value = np.std(raw(a), axis=axis, ddof=ddof, keepdims=keepdims)
    return with_value(np.sqrt(variance(a, axis, dtype, out, ddof, keepdims)), value)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: Any = False) -> Any:
    """The 2-norm of a vector (or of all numbers): the root of the sum of the squares."""
    if ord is not None and not (ord == 2 and (isinstance(axis, int) or x.ndim == 1)):
        raise unknown(f"np.linalg.norm(ord={ord!r})")
    value = np.linalg.norm(raw(x), ord=ord, axis=axis, keepdims=keepdims)
    return with_value(np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)), value)


@implements(np.cumsum)
def running_sum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """Each number is a sum of its own length."""
    no_out(out, "np.cumsum")
    value = np.cumsum(raw(a), axis=axis, dtype=dtype)
    x: Any = np.reshape(a, -1) if axis is None else a
    along = 0 if axis is None else axis
    if value.dtype.kind != "f":
        return made(value, [_any_before(error_of(x, c), along) for c in range(len(x.errors))])

    def rule(m: Model, v: np.ndarray, t: Term) -> np.ndarray:
        n = v.shape[along]
        longest = 1 + gamma(2 * n, m.own.unit)  # the bound's own sums, one after the other
        each = np.array([m.gamma(k) for k in range(n)], dtype=m.dtype)
        each = each.reshape([n if i == along % v.ndim else 1 for i in range(v.ndim)])
        size = np.cumsum(t.reach, axis=along) * longest
        e: np.ndarray = size * each
        if t.error is not None:
            e = e + np.cumsum(t.error, axis=along) * longest
        return stored(m, v, e, size)

    return same_sign(combined(value, (x,), rule), x)


def _any_before(unsure: np.ndarray | None, axis: int) -> np.ndarray | None:
    return None if unsure is None else np.logical_or.accumulate(unsure, axis=axis)


# --- ufunc methods --------------------------------------------------------------------------------


def add_at(ufunc: np.ufunc, target: Any, indices: Any, b: Any) -> None:
    """np.add.at: each slot is a sum of what it held and what was added to it, in any order."""
    if ufunc not in (np.add, np.subtract) or not isinstance(target, Bounded):
        raise unknown(f"np.{ufunc.__name__}.at on this target")
    if target.dtype.kind != "f":
        raise unknown(f"np.{ufunc.__name__}.at on whole numbers")
    index = FUNCTIONS["index"](indices)
    times = np.zeros(target.shape, np.int64)
    np.add.at(times, index, 1)
    before = [term(target, model(target.dtype, c)) for c in range(len(target.errors))]
    value = target.value.copy()
    ufunc.at(value, index, raw(b))
    for channel, x in enumerate(before):
        m = model(target.dtype, channel)
        added = term(b, m)
        reach, e = x.reach.copy(), np.zeros_like(x.value) + x.error_or_0
        np.add.at(reach, index, added.reach)
        np.add.at(e, index, added.error_or_0)
        most = int(times.max(initial=0))
        gammas = np.array([m.repeated(k) for k in range(most + 1)], dtype=m.dtype)
        e = (e + gammas[times] * reach) * (1 + gamma(2 * most, m.own.unit))
        bound = settled(value, np.where(reach <= m.result.largest, e, np.inf), m)
        assert bound is not None
        target.errors[channel][...] = np.where(times > 0, bound, target.errors[channel])
    target.value[...] = value
    target.origin.exact, target.origin.version = False, target.origin.version + 1


REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}


def reduce(ufunc: np.ufunc, a: Any, axis: Axis = 0, **options: Any) -> Any:
    """np.add.reduce and its kin, over the first axis unless told otherwise."""
    if ufunc not in REDUCTIONS:
        raise unknown(f"np.{ufunc.__name__}.reduce")
    return REDUCTIONS[ufunc](a, axis=axis, **options)


def accumulate(ufunc: np.ufunc, a: Any, axis: int = 0, **options: Any) -> Any:
    """np.add.accumulate."""
    if ufunc != np.add:
        raise unknown(f"np.{ufunc.__name__}.accumulate")
    return np.cumsum(a, axis=axis, **options)


def outer(ufunc: np.ufunc, a: Any, b: Any, **options: Any) -> Any:
    """Every number of one with every number of the other."""
    return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **options)


UFUNC_METHODS["reduce"] = reduce
UFUNC_METHODS["accumulate"] = accumulate
UFUNC_METHODS["outer"] = outer
UFUNC_METHODS["at"] = add_at
