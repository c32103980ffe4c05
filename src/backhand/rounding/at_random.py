"""Arrays whose every result is rounded at random, and how far that leads from a plain run.

Each result is replaced, at random, by one of the floating-point numbers beside it, or left alone:
the program could as well have been rounded that way. How far several such runs end up from the
plain one is how far an equally good implementation may. That is an estimate and proves nothing.
Sources: J. Vignes, A stochastic arithmetic for reliable scientific computation, Math. Comput.
Simul. 35 (1993), 233-261; D. S. Parker, Monte Carlo arithmetic, UCLA CSD-970002 (1997).

Here, unlike with bounds, an array that loses its type on the way does no harm: the next operation
on a weight is rounded at random again.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, ClassVar

import numpy as np

from backhand.rounding.lasting import Lasting, plain

MEMBERS = 8
BEYOND = 8
"""So many times the spread of the members is more than rounding makes: the spread itself was found
to be 1 to 12 times the true error, and 8 members miss a little of what is possible."""

POOL = 2**14
"""How many random numbers are drawn at a time: calls, not numbers, are what costs in small nets."""

EXACT = frozenset({
    np.maximum, np.minimum, np.fmax, np.fmin, np.negative, np.positive, np.absolute, np.fabs,
    np.sign, np.copysign, np.heaviside, np.floor, np.ceil, np.rint, np.trunc,
})  # fmt: skip
"""These round nothing: a largest number that was moved would not be found in its array again."""

PRODUCTS = frozenset({np.dot, np.inner, np.vdot, np.tensordot, np.einsum})
"""Functions that compute without any ufunc, so that their results are moved as a whole."""


def farthest(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference of two arrays; infinite where only one side is a number."""
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return float(np.max(np.where(np.isnan(gap), np.inf, gap), initial=0.0))


def reached(run: Callable[[Callable[[np.ndarray], Any]], Mapping[str, Any]]) -> dict[str, float]:
    """How far from a plain run rounding alone may lead, for each result by its name.

    Args:
        run: given a function that wraps arrays, it computes everything from arrays so wrapped.

    Returns:
        `BEYOND` times the largest |member - plain run| over all elements and members.
    """
    with np.errstate(all="ignore"):
        unmoved = run(np.array)
        spread = dict.fromkeys(unmoved, 0.0)
        for seed in range(MEMBERS):
            for name, array in run(rounded_at_random(seed)).items():
                spread[name] = max(spread[name], farthest(array, unmoved[name]))
    return {name: BEYOND * far for name, far in spread.items()}


class Moves:
    """By what part of itself a number is moved: one unit roundoff up, or down, or (half the time)
    not at all. Added to the number, that gives the one next to it, or itself."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.pools: dict[np.dtype, tuple[np.ndarray, int]] = {}

    def take(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Fresh ones for an array of that shape."""
        size = prod(shape)
        pool, place = self.pools.get(dtype, (NOTHING, 0))
        if place + size > len(pool):
            u = np.finfo(dtype).eps / 2
            drawn = self.generator.integers(0, 4, max(size, POOL), np.uint8)
            pool, place = np.array([-u, 0, 0, u], dtype)[drawn], 0
        self.pools[dtype] = pool, place + size
        return pool[place : place + size].reshape(shape)

    def moved(self, x: Any) -> Any:
        """A result rounded at random; whole numbers, truth values and infinities stay."""
        if isinstance(x, tuple):
            return tuple(map(self.moved, x))
        if not isinstance(x, (np.ndarray, np.floating)) or x.dtype.kind != "f":
            return x
        result = x + x * self.take(x.shape, x.dtype)
        return result if np.isfinite(result).all() else np.where(np.isfinite(x), result, x)

    def shuffled(self, x: np.ndarray, axis: Any) -> np.ndarray:
        """The terms of a sum in another order, so that its partial sums are rounded elsewhere."""
        axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        for i in axes if x.ndim else ():
            x = x.take(self.generator.permutation(x.shape[i]), axis=i)
        return x

    def factors(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of a matrix product with its terms in another order, and each rounded at random."""
        order = self.generator.permutation(a.shape[-1])
        return self.moved(a[..., order]), b.take(order, axis=max(b.ndim - 2, 0))


NOTHING = np.zeros(0)


class Random(Lasting):
    """An array whose every result is rounded at random; `rounded_at_random` makes such arrays.

    It goes through functions that move numbers about, and takes part in what is done in place.
    """

    moves: ClassVar[Moves]

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any
    ) -> Any:
        operands = list(map(plain, inputs))
        if ufunc is np.matmul:
            operands[:2] = self.moves.factors(*map(np.asarray, operands[:2]))
        elif ufunc is np.add and method == "reduce" and options.get("where", True) is True:
            operands[0] = self.moves.shuffled(np.asarray(operands[0]), options.get("axis", 0))
        if out is not None:
            options["out"] = tuple(map(plain, out))
        result = getattr(ufunc, method)(*operands, **options)
        if ufunc in EXACT:
            return self.lasting(result) if out is None else out[0]
        if out is None:
            return self.lasting(self.moves.moved(result))
        result[...] = self.moves.moved(result)
        return out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        result = super().__array_function__(function, types, args, kwargs)
        return self.lasting(self.moves.moved(plain(result))) if function in PRODUCTS else result


def rounded_at_random(seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Makes copies of plain arrays into arrays of one member; a seed gives the same roundings."""

    class Member(Random):
        moves = Moves(seed)

    return lambda array: np.array(array).view(Member)
