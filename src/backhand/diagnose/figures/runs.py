"""`Runs`: many runs of one array at once, so that a program's functions compute all of them.

The runs are a hidden last axis: `shape`, `len`, `.T`, axes and indices mean those of one run. The
functions of the rules work on it unchanged. What is not known here by name is computed run by run:
slower, and as right.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

ALONG_AXES = {
    np.sum, np.mean, np.max, np.min, np.prod, np.cumsum, np.any, np.all, np.argmax, np.argmin,
    np.flip, np.var, np.std,
}  # fmt: skip
"""Functions of one array and `axis`, whose None means all axes."""


class Runs(NDArrayOperatorsMixin):
    """Arrays of one shape, one for each run: `data` is [*shape, runs]."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, data: np.ndarray) -> None:
        self.data = data

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape[:-1]

    @property
    def ndim(self) -> int:
        return self.data.ndim - 1

    @property
    def size(self) -> int:
        """Numbers of one run."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    @property
    def T(self) -> "Runs":
        return Runs(self.data.transpose(*reversed(range(self.ndim)), self.ndim))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> "Runs":
        return Runs(self.data[_for_all_runs(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        place = self.data[_for_all_runs(index)]
        self.data[_for_all_runs(index)] = _aligned(value, place.ndim - 1)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """`x.sum(axis=0)` is `np.sum(x, axis=0)`."""
        function = getattr(np, name, None)
        if function is None or name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments, **options: function(self, *arguments, **options)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError("runs are not one array")

    def astype(self, dtype: Any) -> "Runs":
        return Runs(self.data.astype(dtype))

    def copy(self) -> "Runs":
        return Runs(self.data.copy())

    def reshape(self, *shape: Any) -> "Runs":
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return Runs(self.data.reshape(*wanted, self.data.shape[-1]))

    def swapaxes(self, first: int, second: int) -> "Runs":
        return Runs(self.data.swapaxes(first % self.ndim, second % self.ndim))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc is np.matmul:
            return Runs(_matmul(*inputs))
        if method != "__call__" or ufunc.signature is not None:
            return _run_by_run(getattr(ufunc, method), inputs, options)
        if "out" not in options and _are_alike(inputs):  # most of them are
            return Runs(ufunc(*(a.data if isinstance(a, Runs) else a for a in inputs), **options))
        rank = max(map(_rank, inputs))
        into = options.pop("out", None)
        if into is not None:
            options["out"] = tuple(array.data for array in into)
        found = ufunc(*(_aligned(array, rank) for array in inputs), **options)
        return into[0] if into is not None else Runs(found)

    def __array_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        if function in ALONG_AXES and isinstance(arguments[0], Runs):
            array, (axis, options) = arguments[0], _axis(arguments[1:], options)
            along = _axes(axis, array.ndim)
            return Runs(function(array.data, axis=along, **options))
        if function is np.where:
            rank = max(map(_rank, arguments))
            return Runs(np.where(*(_aligned(array, rank) for array in arguments)))
        if function in (np.shape, np.ndim, np.size) and len(arguments) == 1:
            return getattr(arguments[0], function.__name__)
        if function in (np.zeros_like, np.ones_like, np.empty_like) and len(arguments) == 1:
            return Runs(function(arguments[0].data, **options))
        if function is np.full_like and isinstance(arguments[0], Runs):
            full = Runs(np.empty_like(arguments[0].data, **options))
            full[...] = arguments[1]
            return full
        if function is np.expand_dims and isinstance(arguments[1], int):
            array, axis = arguments
            return Runs(np.expand_dims(array.data, axis % (array.ndim + 1)))
        return _run_by_run(function, arguments, options)


def together(function: Callable[..., Any], arrays: tuple[Any, ...]) -> Any:
    """Call it once for all runs; where it asks for plain arrays, once for each."""
    try:
        return function(*arrays)
    except (TypeError, ValueError, AttributeError):
        if not any(isinstance(array, Runs) for array in arrays):
            raise
        return _run_by_run(function, arrays, {})


def repeated(array: np.ndarray, runs: int) -> Runs:
    """The same array in every run, to be changed in each by itself."""
    return Runs(np.repeat(np.asarray(array)[..., None], runs, axis=-1))


class Generator:
    """Draws for all runs at once, by the one method that `draws.dropout_mask` calls."""

    def __init__(self, seed: int, runs: int) -> None:
        self.numbers, self.runs = np.random.Generator(np.random.PCG64(seed)), runs

    def randint(self, high: int, size: tuple[int, ...], dtype: Any) -> Runs:
        return Runs(self.numbers.integers(high, size=(*size, self.runs), dtype=dtype))


def _for_all_runs(index: Any) -> tuple[Any, ...]:
    index = index if isinstance(index, tuple) else (index,)
    rest = () if any(part is Ellipsis for part in index) else (...,)
    return (*index, *rest, slice(None))


def _are_alike(arrays: Sequence[Any]) -> bool:
    """Whether all have equally many axes, but for plain numbers."""
    axes = {a.data.ndim if isinstance(a, Runs) else 0 if isinstance(a, int | float) else -1
            for a in arrays}  # fmt: skip
    return -1 not in axes and len(axes - {0}) == 1


def _rank(array: Any) -> int:
    return array.ndim if isinstance(array, Runs) else np.ndim(array)


def _aligned(array: Any, rank: int) -> Any:
    """An operand with its runs last, and as many axes in front of them as the others have."""
    if isinstance(array, Runs):
        missing = rank - array.ndim
        return array.data.reshape((1,) * missing + array.data.shape) if missing else array.data
    return np.asarray(array)[..., None] if _rank(array) else array


def _matmul(a: Any, b: Any) -> np.ndarray:
    """[..., i, k] @ [..., k, j] of each run; what has one axis gets its second for the while."""
    left, right = _rank(a) == 1, _rank(b) == 1
    a, b = a[None, :] if left else a, b[:, None] if right else b
    made = _product(a, b)
    made = made[..., 0, :, :] if left else made
    return made[..., 0, :] if right else made


def _product(a: Any, b: Any) -> np.ndarray:
    if not isinstance(a, Runs) and _rank(a) == 2 and b.ndim == 2:
        found: np.ndarray = (a @ b.data.reshape(len(b), -1)).reshape(len(a), *b.data.shape[1:])
        return found
    rank = max(_rank(a), _rank(b))
    a, b = _aligned(a, rank), _aligned(b, rank)
    # a sum of products over long rows of runs is faster than many small matrix products
    total = a[..., :, 0, None, :] * b[..., 0, None, :, :]
    for k in range(1, a.shape[-2]):
        total += a[..., :, k, None, :] * b[..., k, None, :, :]
    made: np.ndarray = total
    return made


def _axis(arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    rest = {name: value for name, value in options.items() if name != "axis"}
    return (arguments[0] if arguments else options.get("axis")), rest


def _axes(axis: Any, rank: int) -> Any:
    """Axes of one run as axes of `data`, whose last is not among them."""
    if axis is None:
        return tuple(range(rank))
    return tuple(a % rank for a in axis) if isinstance(axis, tuple) else axis % rank


def _run_by_run(function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call it for each run, and put the results side by side."""
    runs = next(part.data.shape[-1] for part in _parts((arguments, options)))
    made = [function(*_of_run(arguments, run), **_of_run(options, run)) for run in range(runs)]
    if made[0] is None:
        raise TypeError("one array was written into by all runs")
    if isinstance(made[0], tuple | list):
        return tuple(map(_side_by_side, zip(*made, strict=True)))
    return _side_by_side(made)


def _side_by_side(made: Iterable[np.ndarray]) -> Runs:
    """Not to be written into: NumPy may have given views, and these are copies."""
    data = np.stack(list(made), axis=-1)
    data.flags.writeable = False
    return Runs(data)


def _parts(thing: Any) -> Iterable[Runs]:
    if isinstance(thing, Runs):
        yield thing
    elif isinstance(thing, tuple | list | dict):
        for part in thing.values() if isinstance(thing, dict) else thing:
            yield from _parts(part)


def _of_run(thing: Any, run: int) -> Any:
    if isinstance(thing, Runs):
        return thing.data[..., run]
    if isinstance(thing, dict):
        return {name: _of_run(part, run) for name, part in thing.items()}
    if isinstance(thing, tuple | list):
        return type(thing)(_of_run(part, run) for part in thing)
    return thing
