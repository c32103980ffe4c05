"""Functions that jump, orders, and whatever runs along an axis.

Where a bound reaches over a jump the result may lie on the other side of it. What depends on an
order is unsure where rounding alone may turn it around; of equal numbers libraries do not agree
which comes first.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.rounding.array import FUNCTIONS, UFUNC_METHODS, made
from backhand.rounding.combine import SPECIAL, raw, term
from backhand.rounding.elementwise import ELEMENTWISE, Rule, rounded
from backhand.rounding.model import Model, model
from backhand.rounding.refusals import unknown
from backhand.rounding.sums import implements, with_value
from backhand.rounding.terms import Term

# --- jumps ----------------------------------------------------------------------------------------


def jumping(function: np.ufunc) -> Rule:
    """The rule of a function that is flat between its jumps."""

    def rule(m: Model, v: np.ndarray, x: Term) -> np.ndarray | None:
        if x.error is None:
            return None
        low, high = function(x.value - 2 * x.error), function(x.value + 2 * x.error)
        return np.asarray(np.maximum(high - v, v - low))

    return rule


for _jumps in (np.floor, np.ceil, np.trunc, np.rint):
    ELEMENTWISE[_jumps] = jumping(_jumps)


@implements(np.round)
def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """Whole numbers, halves to the even one."""
    if decimals or out is not None:
        raise unknown("np.round(decimals=..., out=...)")
    return np.rint(a)


def whole_quotient(cut: np.ufunc) -> Rule:
    """a // b: the quotient's own bound, then the jump."""

    def rule(m: Model, v: np.ndarray, a: Term, b: Term) -> np.ndarray | None:
        if a.error is None and b.error is None:
            return None
        e = ELEMENTWISE[np.true_divide](m, np.asarray(a.value / b.value), a, b)
        return jumping(cut)(m, v, Term(np.asarray(a.value / b.value), e))

    return rule


def remainder(cut: np.ufunc) -> Rule:
    """a - q b with q whole: exact, but for one rounding where the sign of b is taken on."""

    def rule(m: Model, v: np.ndarray, a: Term, b: Term) -> np.ndarray:
        e = rounded(m, v, None)
        q = np.asarray(cut(a.value / b.value))
        moved = whole_quotient(cut)(m, q, a, b)
        if moved is None:
            return e
        e = e + a.error_or_0 + (np.abs(q) + moved) * b.error_or_0
        return np.asarray(np.where(moved > 0, e + moved * b.reach, e))

    return rule


ELEMENTWISE[np.floor_divide] = whole_quotient(np.floor)
ELEMENTWISE[np.remainder] = remainder(np.floor)
ELEMENTWISE[np.fmod] = remainder(np.trunc)


def heaviside(compute: Callable[..., Any], x: Any, y: Any, **options: Any) -> Any:
    """0, 1, or y where x is 0."""
    return np.where(x == 0, y, np.where(x > 0, np.ones((), raw(x).dtype), 0))


SPECIAL[np.heaviside] = heaviside


# --- orders ---------------------------------------------------------------------------------------


@implements(np.argsort)
def argsort(a: Any, axis: int = -1, kind: Any = None) -> Any:
    """Unsure where two numbers that follow each other are closer than their bounds."""
    order = np.argsort(raw(a), axis=axis, kind=kind)
    if a.dtype.kind != "f":
        return made(order, [None] * len(a.errors))
    unsure: list[np.ndarray | None] = []
    for channel in range(len(a.errors)):
        x = term(a, model(a.dtype, channel))
        if x.error is None:
            unsure.append(None)
            continue
        value = np.take_along_axis(x.value, order, axis)
        reach = 2 * np.take_along_axis(x.error, order, axis)
        first = np.moveaxis(value + reach, axis, -1)[..., :-1]
        second = np.moveaxis(value - reach, axis, -1)[..., 1:]
        close = ~(first < second) & ((first - second) != 0)
        found = np.zeros(order.shape, bool)
        np.moveaxis(found, axis, -1)[..., :-1] |= close
        np.moveaxis(found, axis, -1)[..., 1:] |= close
        unsure.append(found)
    return made(order, unsure)


# --- along an axis --------------------------------------------------------------------------------


def running(ufunc: np.ufunc, a: Any, axis: int) -> Any:
    """`ufunc` of all so far and the next, one after the other."""
    rows = np.moveaxis(a, axis, 0)
    parts = [rows[0]] if len(rows) else []
    for row in rows[1:]:
        parts.append(ufunc(parts[-1], row))
    return np.moveaxis(np.stack(parts), 0, axis) if parts else a


_accumulate = UFUNC_METHODS["accumulate"]


def accumulate(ufunc: np.ufunc, a: Any, axis: int = 0, **options: Any) -> Any:
    """np.maximum.accumulate and its kin; running sums are those of `sums`."""
    if ufunc in (np.maximum, np.minimum, np.multiply, np.logaddexp) and not options:
        return running(ufunc, a, axis)
    return _accumulate(ufunc, a, axis=axis, **options)


UFUNC_METHODS["accumulate"] = accumulate


@implements(np.cumprod)
def running_product(a: Any, axis: int | None = None) -> Any:
    """Each number is a product of its own length."""
    return running(np.multiply, a if axis is not None else np.reshape(a, -1), axis or 0)


def _of_anything(function: Any) -> Callable[..., Any]:
    of_floats = FUNCTIONS[function]

    def handler(a: Any, axis: int | None = None, out: Any = None, *, keepdims: Any = False) -> Any:
        """Of whole numbers and truth values that are certain, as NumPy has it: the first."""
        if a.dtype.kind == "f" or a.error.any():
            return of_floats(a, axis, out, keepdims=keepdims)
        return made(function(a.raw, axis=axis, keepdims=keepdims), [None] * len(a.errors))

    return handler


for _places in (np.argmax, np.argmin):
    implements(_places)(_of_anything(_places))


# --- products of many -----------------------------------------------------------------------------

_einsum_of_two = FUNCTIONS[np.einsum]


@implements(np.einsum)
def einsum(subscripts: Any, *operands: Any, **options: Any) -> Any:
    """Three arrays or more, by letters: the first two, then their product and the third, ..."""
    if not isinstance(subscripts, str) or len(operands) < 3:
        return _einsum_of_two(subscripts, *operands, **options)
    value = np.einsum(subscripts, *map(raw, operands), **options)
    inputs, _, output = subscripts.replace(" ", "").partition("->")
    first, *names = inputs.split(",")
    made_so_far: Any = operands[0]
    for place, (letters, x) in enumerate(zip(names, operands[1:], strict=True)):
        wanted = set("".join(names[place + 1 :])) | set(output)
        is_last = place == len(names) - 1
        kept = output if is_last else "".join(sorted({*first, *letters} & wanted))
        made_so_far = _einsum_of_two(f"{first},{letters}->{kept}", made_so_far, x)
        first = kept
    return with_value(made_so_far, value)


@implements(np.cross)
def cross(a: Any, b: Any, axis: int = -1) -> Any:
    """Two products each, one less the other."""
    value = np.cross(raw(a), raw(b), axis=axis)
    x, y = np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1)
    ahead, behind = np.array([1, 2, 0]), np.array([2, 0, 1])
    composed = x[..., ahead] * y[..., behind] - x[..., behind] * y[..., ahead]
    return with_value(np.moveaxis(composed, -1, axis), value)


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Every number of one with every number of the other, in blocks."""
    rank = max(np.ndim(raw(a)), np.ndim(raw(b)))
    sizes = [(1,) * (rank - np.ndim(raw(x))) + np.shape(raw(x)) for x in (a, b)]
    first = np.reshape(a, [n for size in sizes[0] for n in (size, 1)])
    second = np.reshape(b, [n for size in sizes[1] for n in (1, size)])
    return np.reshape(first * second, [m * n for m, n in zip(*sizes, strict=True)])
