"""Matrix products and their kin: sums of n products, in any order, fused or not.

Such a sum is off by at most gamma(n) times the sum of the products' sizes (ASNA, section 3.1, (3.4)
and section 3.5), plus one underflow for each product (ASNA, section 2.8's model). That covers
blocking, vectors of partial sums and wider accumulators, not Strassen's or Winograd's products.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from backhand.rounding.combine import SPECIAL, combined, raw
from backhand.rounding.elementwise import stored
from backhand.rounding.model import Model, gamma
from backhand.rounding.refusals import unknown
from backhand.rounding.sums import implements, with_value
from backhand.rounding.terms import Term

Bilinear = Callable[[Any, Any], Any]
SMALL = 2.0**-20
"""A share of the roundings that half an underflow for each product is not more than."""


def product_sum_rule(
    m: Model, v: np.ndarray, a: Term, b: Term, multiply: Bilinear, n: int
) -> np.ndarray:
    """The errors carried, ea (|b| + 2 eb) + (|a| + ea) eb, and gamma(n) (|a| + 2 ea) (|b| + 2 eb).

    The first and the last share a product. An addend keeps tiny factors from vanishing in it.
    """
    g = m.gamma(n)
    a, b = flushed(m, a), flushed(m, b)
    size = multiply(a.reach, b.reach)
    if a.error is None and b.error is None:
        e = size * g
    elif b.error is None:
        e = multiply(_together(m, a, g), b.size)
    elif a.error is None:
        e = multiply(a.size, _together(m, b, g))
    else:
        e = multiply(_together(m, a, g), b.reach) + multiply(a.size + a.error, b.error)
    # the products of the bound itself are rounded n + 2 times; an overflow anywhere shows in size
    e = np.asarray(e) * (1 + gamma(2 * n + 4, m.own.unit)) * (1 + SMALL)
    e = np.where(size <= m.inner.largest, e, np.inf)
    # n underflows may come on top of the roundings; beside a size above this they are SMALL
    tiny = size < m.inner.smallest / m.inner.unit / SMALL
    if np.any(tiny):  # where all products are exactly 0 none underflows
        e = np.where(tiny & _any_product(a, b, multiply), e + 4 * n * m.inner.smallest, e)
    return stored(m, v, e, size)


def flushed(m: Model, x: Term) -> Term:
    """A factor that is taken for 0 where it is below the normal numbers, if the model says so."""
    if not (m.narrow and m.narrow.flushes):
        return x
    lost = np.where(x.live & (x.least < m.inner.tiny), m.inner.tiny, 0)
    return replace(x, error=x.error_or_0 + lost) if np.any(lost) else x


def _together(m: Model, x: Term, g: float) -> Any:
    return x.error_or_0 + np.where(x.live, g * x.reach + 4 * m.own.smallest, 0).astype(m.dtype)


def _any_product(a: Term, b: Term, multiply: Bilinear) -> np.ndarray:
    """Where some product of two numbers, neither exactly 0, goes into the sum."""
    counts = multiply(a.live.astype(np.float32), b.live.astype(np.float32))
    return np.asarray(counts) > 0


def live_in_rows(a: Term, b: Term) -> int:
    """The most products in a matrix product's sum that are not exactly 0: those cost nothing."""
    rows = np.sum(a.live, axis=-1).max(initial=0)
    columns = np.sum(b.live, axis=-2 if b.value.ndim > 1 else -1).max(initial=0)
    return int(min(rows, columns))


def bilinear(compute: Bilinear, a: Any, b: Any, n: int | Callable[[Term, Term], int]) -> Any:
    """compute(a, b), whose every number is a sum of (at most) n products."""
    value = compute(raw(a), raw(b))
    if np.asarray(value).dtype.kind != "f":
        raise unknown("a matrix product of whole numbers")

    def rule(m: Model, v: np.ndarray, s: Term, t: Term) -> np.ndarray:
        return product_sum_rule(m, v, s, t, compute, n(s, t) if callable(n) else n)

    return combined(value, (a, b), rule)


def matmul(compute: Bilinear, a: Any, b: Any, **options: Any) -> Any:
    """np.matmul and @."""
    if options:
        raise unknown(f"np.matmul({', '.join(options)}=...)")
    return bilinear(compute, a, b, live_in_rows)


SPECIAL[np.matmul] = matmul


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """np.dot: a product with a number if either is one."""
    if out is not None:
        raise unknown("np.dot(out=...)")
    if not (np.ndim(raw(a)) and np.ndim(raw(b))):
        return np.multiply(a, b)
    return bilinear(np.dot, a, b, np.shape(raw(a))[-1])


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """np.inner: over both last axes."""
    return bilinear(np.inner, a, b, np.shape(raw(a))[-1])


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """np.vdot of real numbers."""
    return bilinear(np.vdot, a, b, np.size(raw(a)))


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """np.outer."""
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)), out=out)


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """np.tensordot: n is the size of what is summed over."""

    def compute(x: Any, y: Any) -> Any:
        return np.tensordot(x, y, axes=axes)

    value = compute(raw(a), raw(b))
    free = np.size(value)  # |a| |b| = free n n
    n = round((np.size(raw(a)) * np.size(raw(b)) / free) ** 0.5) if free else 0
    return bilinear(compute, a, b, n)


@implements(np.einsum)
def einsum(subscripts: Any, *operands: Any, **options: Any) -> Any:
    """np.einsum of one or two arrays; n is the size of the axes that are summed away."""
    if not isinstance(subscripts, str) or len(operands) > 2 or set(options) - {"optimize"}:
        raise unknown("np.einsum of these arguments (one or two arrays, by a string)")
    if len(operands) == 1:  # a sum of copies: times one
        one = np.ones((), raw(operands[0]).dtype)
        letters = subscripts.partition("->")
        spelled = f"{letters[0]},{letters[1]}{letters[2]}" if letters[1] else f"{letters[0]},"
        value = np.einsum(subscripts, raw(operands[0]), **options)
        composed = einsum(spelled, operands[0], one)
        return with_value(composed, value)

    def compute(x: Any, y: Any) -> Any:
        return np.einsum(subscripts, x, y, **options)

    a, b = operands
    return bilinear(compute, a, b, _summed(subscripts, np.shape(raw(a)), np.shape(raw(b))))


def _summed(subscripts: str, *shapes: tuple[int, ...]) -> int:
    """The product of the sizes of all letters that the result does not have."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    for letters, shape in zip(inputs.split(","), shapes, strict=True):
        names, dots, behind = letters.partition("...")
        pairs = [*zip(names, shape, strict=False)]
        pairs += [*zip(reversed(behind), reversed(shape), strict=False)] if dots else []
        for letter, size in pairs:
            sizes[letter] = max(size, sizes.get(letter, 1))
    if not arrow:  # each letter that stands once stays
        output = "".join(c for c in sizes if inputs.count(c) == 1)
    summed = [size for letter, size in sizes.items() if letter not in output]
    return int(np.prod(summed, dtype=np.int64)) if summed else 1
