"""Functions that move numbers without changing any: what is done to values is done to bounds."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from backhand.rounding.array import (
    FUNCTIONS,
    Bounded,
    error_dtype,
    made,
    undecided,
    wrap,
)
from backhand.rounding.combine import channels, error_of, raw, term
from backhand.rounding.model import model
from backhand.rounding.refusals import Untracked, unknown, way_out
from backhand.rounding.sums import implements

# --- one array ------------------------------------------------------------------------------------

MOVING = (
    np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.expand_dims,
    np.squeeze, np.broadcast_to, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.flip, np.fliplr,
    np.flipud, np.roll, np.rot90, np.tile, np.repeat, np.tril, np.triu, np.diag, np.diagonal,
    np.diagflat, np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit, np.copy, np.take,
    np.take_along_axis, np.compress, np.delete, np.resize, np.matrix_transpose, np.permute_dims,
    np.unstack, sliding_window_view,
)  # fmt: skip


def plain_index(index: Any) -> Any:
    """An index without bounds: whole numbers and truth values that are certain."""
    if isinstance(index, Bounded):
        if index.dtype.kind == "f":
            raise way_out("an index made of floats")
        if index.error.any():
            raise undecided("an index")
        return index.raw
    if isinstance(index, tuple):
        return tuple(plain_index(i) for i in index)
    if isinstance(index, list) and any(isinstance(i, Bounded) for i in index):
        return [plain_index(i) for i in index]
    return index


FUNCTIONS["index"] = plain_index


def moved(function: Callable[..., Any], a: Bounded) -> Any:
    """`function` of the values and of each channel's errors; a view stays a view."""
    if not isinstance(a, Bounded):
        raise unknown(f"np.{getattr(function, '__name__', 'function')} with bounded arguments only")
    values = function(a.raw)
    errors = [function(e[()] if a.is_scalar else e) for e in a.errors]
    if isinstance(values, (list, tuple)):
        parts = [_part(a, v, [e[i] for e in errors]) for i, v in enumerate(values)]
        return type(values)(parts)
    return _part(a, values, errors)


def _part(a: Bounded, value: Any, errors: list[Any]) -> Bounded:
    if isinstance(value, np.ndarray) and np.may_share_memory(value, a.value):
        result = wrap(value, tuple(errors), a.origin)
    else:
        result = made(value, [np.asarray(e) for e in errors])
        result.origin.exact = a.origin.exact
    if not a.sign:
        result.note_sign(a.sign)
    return result


def _moving(function: Callable[..., Any]) -> Callable[..., Any]:
    first = next(iter(inspect.signature(function).parameters), "a")

    def handler(*args: Any, **kwargs: Any) -> Any:
        a, *rest = args if args else (kwargs.pop(first),)
        options = {k: plain_index(v) for k, v in kwargs.items()}
        others = [plain_index(r) for r in rest]
        return moved(lambda v: function(v, *others, **options), a)

    return handler


for _moves in MOVING:
    implements(_moves)(_moving(_moves))


@implements("getitem")
def getitem(a: Bounded, index: Any) -> Any:
    """a[index]: a view where NumPy gives a view, a scalar where it gives a scalar."""
    plain = plain_index(index)
    return moved(lambda v: v[plain], a)


@implements("setitem")
def setitem(a: Bounded, index: Any, source: Any) -> None:
    """a[index] = source, with what the target's dtype rounds away."""
    plain = plain_index(index)
    if a.dtype.kind != "f":
        if _is_broken(source):
            raise unknown("an assignment of floats to whole numbers or truth values")
        unsure = [error_of(source, c) for c in range(channels(source))] if _is(source) else [None]
        new_errors: list[Any] = [False if e is None else e for e in unsure]
    else:
        terms = [term(source, model(a.dtype, c)) for c in range(len(a.errors))]
        new_errors = [t.error_or_0 for t in terms]
    sign = source.sign if _is(source) else frozenset([0]) if np.any(np.less(source, 0)) else ()
    stays = not a.sign and not sign
    a.value[plain] = raw(source)
    for channel, error in enumerate(a.errors):
        error[plain] = new_errors[min(channel, len(new_errors) - 1)]
    is_exact = all(not np.any(e) for e in new_errors)
    a.origin.exact, a.origin.version = a.origin.exact and is_exact, a.origin.version + 1
    if stays:
        a.note_sign(frozenset())


def _is(x: Any) -> bool:
    return isinstance(x, Bounded)


def _is_broken(source: Any) -> bool:
    """Floats that whole numbers cannot hold: bounded ones, and those that are not whole."""
    array = np.asarray(raw(source))
    return array.dtype.kind == "f" and (_is(source) or bool(np.any(array != np.rint(array))))


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """Writes in place; of a bounded array only."""
    if not isinstance(arr, Bounded) or arr.dtype.kind != "f" or axis is None:
        raise unknown("np.put_along_axis on this target")
    index = plain_index(indices)
    terms = [term(values, model(arr.dtype, c)) for c in range(len(arr.errors))]
    np.put_along_axis(arr.value, index, raw(values), axis)
    for error, t in zip(arr.errors, terms, strict=True):
        np.put_along_axis(error, index, np.asarray(t.error_or_0, arr.dtype), axis)
    is_exact = all(t.error is None for t in terms)
    arr.origin.exact, arr.origin.version = arr.origin.exact and is_exact, arr.origin.version + 1


@implements(np.copyto)
def copyto(dst: Any, src: Any) -> None:
    """dst[...] = src."""
    if not isinstance(dst, Bounded):
        raise way_out("np.copyto into a plain array")
    dst[...] = src


@implements(np.pad)
def pad(
    array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0, **options: Any
) -> Any:
    """Zeros or another number around it, or numbers repeated from it."""
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap") or options:
        raise unknown(f"np.pad(mode={mode!r}, {', '.join(options)})")
    if not isinstance(constant_values, (int, float)):
        raise unknown("np.pad with more than one constant")
    if mode != "constant" or constant_values == 0:
        return moved(lambda v: np.pad(v, pad_width, mode=mode), array)
    widths = np.broadcast_to(pad_width, (array.ndim, 2))
    inside = tuple(slice(w, w + n) for (w, _), n in zip(widths, array.shape, strict=True))
    result = np.full_like(array, constant_values, shape=np.pad(raw(array), pad_width).shape)
    result[inside] = array
    return result


@implements("astype")
def astype(a: Bounded, dtype: Any, copy: bool = True) -> Any:
    """Numbers in another dtype: rounded if it is narrower, exact to and from truth values."""
    kind = np.dtype(dtype)
    if kind == a.dtype:
        return np.copy(a) if copy else a
    if kind.kind == "b":
        return np.not_equal(a, 0)
    if kind.kind != "f" and (a.dtype.kind == "f" or a.error.any()):
        raise Untracked(
            f"`astype({kind.name})` cuts rounding errors to whole numbers",
            wanted="whole numbers that are certain",
            repair="compare the numbers with a border instead",
        )
    value = a.raw.astype(kind)
    if kind.kind != "f":
        return made(value, [None] * len(a.errors))
    with np.errstate(all="ignore"):
        found = [term(a, model(kind, c)).error for c in range(len(a.errors))]
    result = made(value, found)
    if not a.sign:
        result.note_sign(a.sign)
    return result


# --- several arrays -------------------------------------------------------------------------------


def _joining(function: Callable[..., Any]) -> Callable[..., Any]:
    def handler(arrays: Any, *rest: Any, **options: Any) -> Any:
        if set(options) - {"axis"}:
            raise unknown(f"np.{function.__name__}({', '.join(options)}=...)")
        parts = list(arrays)
        value = function([raw(p) for p in parts], *rest, **options)
        errors = []
        for channel in range(channels(*parts)):
            bounds = list(_bounds(parts, value, channel))
            errors.append(function(bounds, *rest, **options))
        exact = all(p.origin.exact for p in parts if isinstance(p, Bounded))
        result = made(value, errors)
        result.origin.exact = exact and not any(np.any(e) for e in errors)
        return result

    return handler


def _bounds(parts: list[Any], value: np.ndarray, channel: int) -> Iterator[np.ndarray]:
    for part in parts:
        if value.dtype.kind == "f":
            t = term(part, model(value.dtype, channel))
            yield np.zeros_like(t.value) if t.error is None else t.error
        else:
            error = error_of(part, channel) if isinstance(part, Bounded) else None
            yield np.zeros(np.shape(raw(part)), error_dtype(value)) if error is None else error


for _joins in (np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack):
    implements(_joins)(_joining(_joins))


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """One array behind the other."""
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis=axis)


@implements(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any) -> Any:
    """Each in the shape that they have together."""
    shape = np.broadcast_shapes(*(np.shape(raw(a)) for a in arrays))
    return tuple(np.broadcast_to(a, shape) for a in arrays)


@implements(np.meshgrid)
def meshgrid(*xi: Any, indexing: str = "xy") -> Any:
    """Each stretched along the axes of the others."""
    axes = list(range(len(xi)))
    if indexing == "xy":
        axes[:2] = axes[:2][::-1]
    shapes = [[-1 if axis == own else 1 for axis in range(len(xi))] for own in axes]
    return broadcast_arrays(*(np.reshape(x, s) for x, s in zip(xi, shapes, strict=True)))


@implements(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Each number less the one before it."""
    if n != 1:
        raise unknown("np.diff(n=...)")
    last = np.moveaxis(a, axis, -1)
    return np.moveaxis(last[..., 1:] - last[..., :-1], -1, axis)


# --- arrays to be filled --------------------------------------------------------------------------


def _like(make: Callable[..., Any]) -> Callable[..., Any]:
    def handler(a: Any, dtype: Any = None, shape: Any = None) -> Any:
        result = made(make(raw(a), dtype=dtype, shape=shape)[...], [None] * len(a.errors))
        result.note_sign(frozenset())
        return result

    return handler


for _makes in (np.zeros_like, np.ones_like):
    implements(_makes)(_like(_makes))


@implements(np.empty_like)
def empty_like(a: Any, dtype: Any = None, shape: Any = None) -> Any:
    """Like the values, and with infinite bounds until it is filled."""
    return np.full_like(a, np.nan, dtype=dtype, shape=shape)


@implements(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """One number, or one array, everywhere."""
    result = np.zeros_like(a, dtype=dtype, shape=shape)
    if result.dtype.kind == "f" and np.isnan(np.asarray(raw(fill_value))).any():
        fill_value = made(raw(fill_value), [np.asarray(np.inf)] * channels(a))
    result[...] = fill_value
    return result


# --- questions about shape ------------------------------------------------------------------------

for _asks in (np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj):
    implements(_asks)(lambda a, *args, _f=_asks, **kw: _f(raw(a), *args, **kw))


@implements(np.result_type)
def result_type(*arrays: Any) -> np.dtype:
    """The dtype in which they would meet."""
    return np.result_type(*map(raw, arrays))
