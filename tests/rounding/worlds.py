"""Implementations of arithmetic to hold a bound against: the exact one, and adversaries.

A `World` computes with mpmath numbers and calls the same names as NumPy. In the exact world nothing
is rounded. An adversary's operations are as wrong as the standard model and the stated accuracies
allow, always upwards, always downwards or at random; its sums go from left to right. So a bound
that is too small for some correct implementation is found out, whatever this machine computes.
"""

import math
import random
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from backhand.rounding import STATED

MP = mpmath.mp.clone()
MP.prec = 240
MODES = ("up", "down", "random")
# the accuracies as they are when the tests begin: a mutant that halves one must not blind them
ACCURACY = {name: (a.float32, a.float64) for name, a in STATED.items()}
Objects = Any


def each(function: Callable[..., Any], *arrays: Any) -> Objects:
    """A function of single numbers on arrays; NaN where it has no real result."""

    def safe(*numbers: Any) -> Any:
        try:
            result = function(*numbers)
        except (ZeroDivisionError, ValueError, OverflowError):
            return MP.nan
        # far beyond any dtype: nothing is learned there, and sin would take for ever
        is_lost = isinstance(result, MP.mpc) or (
            isinstance(result, MP.mpf) and MP.isfinite(result) and result and MP.mag(result) > 5000
        )
        return MP.nan if is_lost else result

    return np.asarray(np.frompyfunc(safe, len(arrays), 1)(*arrays), dtype=object)


def same_side(x: Any, moved: Any) -> Any:
    """`moved`, or 0 where it has another sign than x."""
    return moved if x * moved > 0 else MP.mpf(0)


class World:
    """One implementation: `exact`, or an adversary in a mode, for programs of one dtype."""

    def __init__(self, dtype: str, mode: str = "exact", seed: int = 0) -> None:
        about = np.finfo(dtype)
        self.unit = MP.mpf(float(about.eps)) / 2
        self.tiny = MP.mpf(float(about.smallest_normal))
        self.smallest = MP.mpf(float(about.smallest_subnormal))
        self.largest = MP.mpf(float(about.max)) * (1 + self.unit)
        self.column = 0 if dtype == "float32" else 1
        self.dtype, self.mode, self.random = dtype, mode, random.Random(seed)

    def lean(self) -> float:
        """How far, and where to, the next rounding goes: a share of what is allowed."""
        fixed = {"exact": 0.0, "up": 1.0, "down": -1.0}
        return (
            fixed.get(self.mode) if self.mode in fixed else self.random.choice((-1, -0.5, 0.5, 1))
        )  # type: ignore[return-value]

    def array(self, value: Any, error: Any = None, side: int = 1) -> "Num":
        """The exact world is at one side's end of the errors, another within as much of that."""
        numbers = each(lambda v: MP.mpf(float(v)), np.asarray(value))
        if error is not None:
            off = each(lambda e: MP.mpf(float(e)) * (side + self.lean()), np.asarray(error))
            numbers = np.asarray(numbers + off, dtype=object)
        return Num(self, numbers)

    def within_range(self, numbers: Objects) -> "Num":
        """What is too large for the dtype is infinite, except in exact arithmetic."""
        if self.mode == "exact":
            return Num(self, numbers)
        return Num(self, each(lambda x: x if abs(x) < self.largest else x * MP.inf, numbers))

    def number(self, x: Any) -> Objects:
        """A constant: the real number, or what it rounds to."""
        if isinstance(x, Num):
            return x.numbers
        if isinstance(x, np.ndarray):
            return each(lambda v: MP.mpf(float(v)), x)
        rounds = self.mode == "random" and math.isfinite(x)
        return np.asarray(MP.mpf(float(np.dtype(self.dtype).type(x)) if rounds else x), object)

    def added(self, numbers: Objects) -> "Num":
        """After + and -, which are exact where their results are tiny."""

        def one(x: Any) -> Any:
            if self.mode == "exact" or not MP.isfinite(x) or abs(x) < 2 * self.tiny:
                return x
            return x * (1 + self.lean() * self.unit / (1 + self.unit))

        return self.within_range(each(one, numbers))

    def rounded(self, numbers: Objects) -> "Num":
        """After * and /, which may underflow. Rounding never goes beyond 0."""

        def one(x: Any) -> Any:
            if self.mode == "exact" or not x or not MP.isfinite(x):
                return x
            if abs(x) >= self.tiny:
                return x * (1 + self.lean() * self.unit / (1 + self.unit))
            return same_side(x, x + self.lean() * self.smallest / 2)

        return self.within_range(each(one, numbers))

    def stated(self, name: str, numbers: Objects) -> "Num":
        """After an elementary function: as many units in the last place off as are stated."""

        def one(x: Any) -> Any:
            if self.mode == "exact" or not x or not MP.isfinite(x):
                return x
            ulp = MP.ldexp(self.unit, int(MP.floor(MP.log(abs(x), 2))) + 1)
            off = self.lean() * max(ACCURACY[name][self.column] * ulp, 2 * self.smallest)
            return same_side(x, x + off)

        return self.within_range(each(one, numbers))

    def product(self, numbers: Objects) -> Objects:
        """One product of a matrix product."""
        return self.rounded(numbers).numbers

    def sum(self, rows: Objects) -> Objects:
        """[n, ...] numbers, added from the first to the last."""
        total = rows[0]
        for row in rows[1:]:
            total = self.plus(total, row)
        return total

    def held(self, rows: Objects) -> Objects:
        """A sum that is to be divided yet."""
        return self.sum(rows)

    def plus(self, total: Objects, row: Objects) -> Objects:
        """One more addend: an exact 0 rounds nothing, nor does the first that is none."""
        added = self.added(total + row).numbers
        if self.mode == "exact":
            return added
        return each(lambda s, a, b: s if a and b else a + b, added, total, row)

    # --- NumPy's names ------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in ACCURACY and name not in ("power", "square", "sqrt"):
            function = FUNCTIONS[name]
            return lambda x: self.stated(name, each(function, x.numbers))
        raise AttributeError(name)

    def sqrt(self, x: "Num") -> "Num":
        return self.stated("sqrt", each(MP.sqrt, x.numbers))

    def square(self, x: "Num") -> "Num":
        return x * x

    def reciprocal(self, x: "Num") -> "Num":
        return 1 / x

    def abs(self, x: "Num") -> "Num":
        return abs(x)

    def maximum(self, a: Any, b: Any) -> "Num":
        return Num(self, each(max, *np.broadcast_arrays(self.number(a), self.number(b))))

    def minimum(self, a: Any, b: Any) -> "Num":
        return Num(self, each(min, *np.broadcast_arrays(self.number(a), self.number(b))))

    def where(self, condition: Any, a: Any, b: Any) -> "Num":
        truth = condition.numbers if isinstance(condition, Num) else np.asarray(condition)
        return Num(self, np.where(truth.astype(bool), self.number(a), self.number(b)))

    def logaddexp(self, a: "Num", b: "Num") -> "Num":
        if self.mode == "exact":
            return Num(self, each(lambda x, y: MP.log(MP.exp(x) + MP.exp(y)), a.numbers, b.numbers))
        return self.maximum(a, b) + self.log1p(self.exp(-abs(a - b)))

    def cumsum(self, x: "Num", axis: int) -> "Num":
        rows = np.moveaxis(x.numbers, axis, 0)
        sums = [np.asarray(rows[0], dtype=object)]
        for row in rows[1:]:
            sums.append(self.plus(sums[-1], row))
        return Num(self, np.moveaxis(np.stack(sums), 0, axis))

    def amax(self, x: "Num", axis: Any, keepdims: bool) -> "Num":
        return x.max(axis, keepdims)

    def concatenate(self, parts: Any, axis: int = 0) -> "Num":
        return Num(self, np.concatenate([p.numbers for p in parts], axis=axis))

    def clip(self, x: "Num", low: float, high: float) -> "Num":
        return self.minimum(self.maximum(x, low), high)

    def copysign(self, a: "Num", b: "Num") -> "Num":
        return Num(self, each(lambda x, y: abs(x) if y >= 0 else -abs(x), a.numbers, b.numbers))

    def sign(self, a: "Num") -> "Num":
        return Num(self, each(MP.sign, a.numbers))


class Num:
    """An array of one world's numbers, with the operators and methods that programs use."""

    __array_ufunc__ = None  # an ndarray beside it leaves the operator to it

    def __init__(self, world: World, numbers: Objects) -> None:
        self.world, self.numbers = world, np.asarray(numbers, dtype=object)

    shape = property(lambda self: self.numbers.shape)
    size = property(lambda self: self.numbers.size)
    T = property(lambda self: Num(self.world, self.numbers.T))

    def _other(self, other: Any) -> Objects:
        return self.world.number(other)

    def __add__(self, other: Any) -> "Num":
        return self.world.added(self.numbers + self._other(other))

    def __radd__(self, other: Any) -> "Num":
        return self + other

    def __sub__(self, other: Any) -> "Num":
        return self.world.added(self.numbers - self._other(other))

    def __rsub__(self, other: Any) -> "Num":
        return self.world.added(self._other(other) - self.numbers)

    def __mul__(self, other: Any) -> "Num":
        product = self.numbers * self._other(other)
        return Num(self.world, product) if is_dyadic(other) else self.world.rounded(product)

    def __rmul__(self, other: Any) -> "Num":
        return self * other

    def __truediv__(self, other: Any) -> "Num":
        quotient = each(lambda a, b: a / b, self.numbers, self._other(other))
        return Num(self.world, quotient) if is_dyadic(other) else self.world.rounded(quotient)

    def __rtruediv__(self, other: Any) -> "Num":
        return self.world.rounded(each(lambda a, b: a / b, self._other(other), self.numbers))

    def _stored(self, result: "Num") -> "Num":
        self.numbers[...] = result.numbers
        return self

    def __iadd__(self, other: Any) -> "Num":
        return self._stored(self + other)

    def __isub__(self, other: Any) -> "Num":
        return self._stored(self - other)

    def __imul__(self, other: Any) -> "Num":
        return self._stored(self * other)

    def __itruediv__(self, other: Any) -> "Num":
        return self._stored(self / other)

    def __pow__(self, other: Any) -> "Num":
        power = each(lambda a, b: a**b, self.numbers, self._other(other))
        return self.world.stated("square" if np.all(other == 2) else "power", power)

    def __neg__(self) -> "Num":
        return Num(self.world, -self.numbers)

    def __abs__(self) -> "Num":
        return Num(self.world, each(abs, self.numbers))

    def __gt__(self, other: Any) -> Any:
        return np.asarray(each(lambda a, b: a > b, self.numbers, self._other(other)), bool)

    def __matmul__(self, other: "Num") -> "Num":
        a, b, world = self.numbers, other.numbers, self.world
        products = a[..., :, :, None] * b[..., None, :, :]  # [..., i, k, j]
        if world.mode != "exact":
            products = world.product(products)
        return Num(world, world.sum(np.moveaxis(products, -2, 0)))

    def __getitem__(self, index: Any) -> "Num":
        return Num(self.world, self.numbers[index])

    def __setitem__(self, index: Any, source: Any) -> None:
        self.numbers[index] = self._other(source)

    def _rows(self, axis: Any) -> Objects:
        if axis is None:
            return self.numbers.reshape(-1)
        return np.moveaxis(self.numbers, axis, 0)

    def _kept(self, result: Any, axis: Any, keepdims: bool) -> "Num":
        reduced = np.asarray(result, dtype=object)
        if keepdims:
            dims = tuple(range(self.numbers.ndim)) if axis is None else axis
            reduced = np.expand_dims(reduced, dims)
        return Num(self.world, reduced)

    def sum(self, axis: Any = None, keepdims: bool = False) -> "Num":
        return self._kept(self.world.sum(self._rows(axis)), axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> "Num":
        rows = self._rows(axis)
        total = self.world.held(rows)
        divided = each(lambda x: x / len(rows), total)
        return self._kept(self.world.rounded(divided).numbers, axis, keepdims)

    def var(self, axis: Any = None, keepdims: bool = False) -> "Num":
        away = self - self.mean(axis, keepdims=True)
        return (away * away).mean(axis, keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> "Num":
        rows = self._rows(axis)
        product = rows[0]
        for row in rows[1:]:
            product = self.world.rounded(product * row).numbers
        return self._kept(product, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> "Num":
        return self._kept(np.max(self._rows(axis), axis=0), axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> "Num":
        return self._kept(np.min(self._rows(axis), axis=0), axis, keepdims)

    def reshape(self, *shape: int) -> "Num":
        return Num(self.world, self.numbers.reshape(*shape))


def is_dyadic(x: Any) -> bool:
    """Powers of two and truth values: products with them are exact."""
    if isinstance(x, np.ndarray):
        return x.dtype == bool
    return not isinstance(x, Num) and abs(math.frexp(x)[0]) in (0, 0.5)


FUNCTIONS = {
    "exp": MP.exp, "exp2": lambda x: MP.mpf(2) ** x, "expm1": MP.expm1, "log": MP.log,
    "log2": lambda x: MP.log(x, 2), "log10": lambda x: MP.log(x, 10), "log1p": MP.log1p,
    "tanh": MP.tanh, "sin": MP.sin, "cos": MP.cos, "tan": MP.tan,
    "erf": MP.erf,
}  # fmt: skip


def excess(value: Any, truth: Num, error: np.ndarray) -> tuple[float, int]:
    """The largest share of its bound by which `value` misses the truth, and how many are bounded.

    A NaN or an infinity on either side counts as infinitely far.
    """
    worst, counted = 0.0, 0
    values = value.numbers if isinstance(value, Num) else np.asarray(value)
    assert values.shape == truth.shape == error.shape
    for v, t, e in zip(values.flat, truth.numbers.flat, error.flat, strict=True):
        if e == np.inf:
            continue
        counted += 1
        v = v if isinstance(v, MP.mpf) else MP.mpf(float(v))
        if v == t:
            continue
        if not (MP.isfinite(v) and MP.isfinite(t)) or e == 0:
            return math.inf, counted
        worst = max(worst, float(abs(v - t) / MP.mpf(float(e))))
    return worst, counted
