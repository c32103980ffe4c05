"""`Bounded`: an array of numbers beside an array of how far off each of them may be.

It is no `ndarray` on purpose: a subclass loses its bounds without a word in `np.array([...])`,
`np.asarray` and assignments into plain arrays. Here everything reaches NumPy's two dispatch
protocols and from there a table of rules, or is refused by name.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import numpy as np

from backhand.rounding.model import model
from backhand.rounding.refusals import CannotTell, unknown, way_out

FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""NumPy function -> what it is on bounded arrays."""

UFUNC_METHODS: dict[str, Callable[..., Any]] = {}
"""`__call__`, `reduce`, `at`, ... -> what it is on bounded arrays; and `**`, which picks its own
way through NumPy."""

_tokens = itertools.count()

_decided: ContextVar[bool] = ContextVar("decided", default=False)


@contextmanager
def decided() -> Iterator[None]:
    """Inside, truth values and whole numbers are as they are, even where rounding could turn them
    around: bounds are those of implementations that decide alike (take the same side of a ReLU's
    kink, the same of two numbers that are equal but for rounding)."""
    before = _decided.set(True)
    try:
        yield
    finally:
        _decided.reset(before)


class Origin:
    """What all views of the same memory share: whether all is exact, and how often it changed."""

    __slots__ = ("exact", "version")

    def __init__(self, exact: bool) -> None:
        self.exact, self.version = exact, 0


class Bounded:
    """Numbers with a bound for each. Make one with `bounded(array)`.

    `value` is bit by bit what plain NumPy computes. `error` bounds how far any implementation of
    the same expressions, with sums in any order and with or without fused multiply-adds, may be
    from their exact results; `value` itself is one of those. `likely` is the same under the
    assumption of Higham and Mary (2019) that rounding errors are independent: evidence, not proof;
    None where it was not asked for. Of whole numbers and truth values `error` marks the unsure.

    Values and errors are laid out alike, so a view of one is a view of the other. Numbers that
    NumPy would give as scalars are read-only arrays without a dimension.
    """

    __slots__ = ("_sign", "_sign_version", "errors", "origin", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: np.ndarray, errors: tuple[np.ndarray, ...], origin: Origin) -> None:
        self.value, self.errors, self.origin = value, errors, origin
        self._sign: frozenset[int] | None = None
        self._sign_version = 0

    # --- what it holds ------------------------------------------------------------------------

    @property
    def error(self) -> np.ndarray:
        """The certain bound, rounded up."""
        return self.errors[0]

    @property
    def likely(self) -> np.ndarray | None:
        """The statistical bound, if it was asked for."""
        return self.errors[1] if len(self.errors) > 1 else None

    @property
    def raw(self) -> Any:
        """What plain NumPy would have in its place: the value, a scalar if that is what it is."""
        return self.value[()] if self.is_scalar else self.value

    @property
    def is_scalar(self) -> bool:
        return self.value.ndim == 0 and not self.value.flags.writeable

    @property
    def sign(self) -> frozenset[int]:
        """Tokens whose signs multiply to this array's, element by element; none: not negative."""
        if self._sign is None or self._sign_version != self.origin.version:
            self.note_sign(frozenset([next(_tokens)]))
        assert self._sign is not None
        return self._sign

    def note_sign(self, sign: frozenset[int]) -> None:
        """Remember a sign until the numbers change."""
        self._sign, self._sign_version = sign, self.origin.version

    shape = property(lambda self: self.value.shape)
    size = property(lambda self: self.value.size)
    ndim = property(lambda self: self.value.ndim)
    dtype = property(lambda self: self.value.dtype)
    itemsize = property(lambda self: self.value.itemsize)
    nbytes = property(lambda self: self.value.nbytes)
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))  # noqa: N815  (as NumPy has it)

    def __repr__(self) -> str:
        shown = np.array2string(self.value, separator=", ")
        short = {"float_kind": "{:.2g}".format}
        bound = np.array2string(self.error, separator=", ", formatter=short)  # type: ignore[arg-type]
        return f"{type(self).__name__}({shown}, error={bound}, {self.dtype})"

    def __format__(self, spec: str) -> str:
        return format(self.raw, spec)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    # --- dispatch -----------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method not in UFUNC_METHODS:
            raise unknown(f"np.{ufunc.__name__}.{method}")
        return UFUNC_METHODS[method](ufunc, *inputs, **options)

    def __array_function__(
        self, function: Any, types: Any, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Any:
        name = f"{function.__module__.replace('numpy', 'np')}.{function.__name__}"
        if function not in FUNCTIONS:
            raise unknown(name)
        return call_named(name, FUNCTIONS[function], *args, **kwargs)

    def __pow__(self, other: Any) -> Any:
        return UFUNC_METHODS["**"](self, other)

    def __rpow__(self, other: Any) -> Any:
        return UFUNC_METHODS["**"](other, self)

    def __getitem__(self, index: Any) -> Any:
        return FUNCTIONS["getitem"](self, index)

    def __setitem__(self, index: Any, source: Any) -> None:
        FUNCTIONS["setitem"](self, index, source)

    # --- the ways out, closed -----------------------------------------------------------------

    def __bool__(self) -> bool:
        if self.size != 1 or self.dtype.kind != "b":
            return bool(np.not_equal(self, 0)) if self.size == 1 else bool(self.value)
        if self.error.any():
            raise undecided("a truth value")
        return bool(self.value)

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise way_out("an index made of a float")
        if self.error.any():
            raise undecided("an index")
        return operator.index(self.value[()])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Only truth values and whole numbers that are certain lose nothing as plain arrays."""
        if self.dtype.kind == "f":
            raise way_out("np.array, np.asarray or an assignment into a plain array")
        if self.error.any():
            raise undecided("a plain array of them")
        return np.array(self.value, dtype=dtype)

    def __float__(self) -> float:
        raise way_out("float()")

    def __int__(self) -> int:
        return self.__index__() if self.dtype.kind in "iu" else self._refuse("int()")

    def __complex__(self) -> complex:
        raise way_out("complex()")

    def _refuse(self, name: str) -> NoReturn:
        raise way_out(name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"bounded numbers have no attribute {name!r}")
        raise unknown(f"ndarray.{name}")


class BoundedBool(Bounded):
    """Truth values, of which `unsure` marks those that rounding could turn around."""

    __slots__ = ()

    @property
    def unsure(self) -> np.ndarray:
        """Where another implementation, or exact arithmetic, may say the opposite."""
        return self.error


def undecided(what: str) -> CannotTell:
    """The refusal to decide by numbers that are closer to a border than their bounds."""
    return CannotTell(
        f"{what} depends on rounding here",
        wanted="numbers further from the border than their bounds",
        repair="feed the step exact inputs, or compare its numbers instead of its decisions",
    )


def call_named(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A call whose arguments, if they do not fit, are refused by the name of what was called."""
    try:
        return function(*args, **kwargs)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error) and "positional" not in str(error):
            raise
        raise unknown(f"{name} with these arguments ({error})") from error


# --- making them ----------------------------------------------------------------------------------


def error_dtype(value: np.ndarray) -> np.dtype:
    """Floats have errors of their own dtype, everything else is sure or not."""
    return value.dtype if value.dtype.kind == "f" else np.dtype(bool)


def wrap(value: np.ndarray, errors: tuple[np.ndarray, ...], origin: Origin) -> Bounded:
    """The class that fits the dtype."""
    return (BoundedBool if value.dtype.kind == "b" else Bounded)(value, errors, origin)


def made(value: Any, errors: Sequence[np.ndarray | None]) -> Bounded:
    """A fresh result; None stands for no error. Errors are laid out as the values are."""
    array = np.asarray(value)
    kind, laid_out = error_dtype(array), []
    if array.dtype.kind != "f" and _decided.get():
        errors = [None] * len(errors)
    for error in errors:
        if error is None:
            laid_out.append(np.zeros_like(array, dtype=kind))
        elif _laid_out_alike(error, array, kind):
            laid_out.append(error)
        else:
            copied = np.empty_like(array, dtype=kind)
            copied[...] = error
            laid_out.append(copied)
    if not isinstance(value, np.ndarray):
        array = array.copy()
        array.flags.writeable = False
    return wrap(array, tuple(laid_out), Origin(all(e is None for e in errors)))


def _laid_out_alike(error: np.ndarray, value: np.ndarray, kind: np.dtype) -> bool:
    if error.dtype != kind or error.shape != value.shape or not error.flags.writeable:
        return False
    ours = tuple(s * value.itemsize for s in error.strides)
    return ours == tuple(s * error.itemsize for s in value.strides)


def bounded(array: Any, error: Any = None, *, likely: bool = False) -> Bounded:
    """Numbers with bounds, from plain ones.

    Args:
        array: float32 or float64 (also whole numbers or truth values, as data). It is copied.
        error: how far each may be from what it stands for; nothing means that it is exact (or, in a
            narrow `arithmetic`, exact and rounded to the format elsewhere).
        likely: carry a statistical bound beside the certain one.
    """
    value = np.array(array, copy=True, order="K")
    if value.dtype.kind not in "fbiu" or value.dtype.name in ("float16", "longdouble"):
        raise unknown(f"bounded numbers of type {value.dtype.name}")
    given = _lost(value) if error is None else _rounded_up(error, value)
    fresh = made(value, [given] * (2 if likely else 1))
    fresh.origin.exact = given is None
    if isinstance(array, np.generic):
        fresh.value.flags.writeable = False
    if value.dtype.kind == "b" or (error is None and bool(np.all(value >= 0))):
        fresh.note_sign(frozenset())
    return fresh


def _lost(value: np.ndarray) -> np.ndarray | None:
    """What a narrow format loses of exact numbers; nothing elsewhere."""
    narrow = model(value.dtype).narrow if value.dtype.kind == "f" else None
    if narrow is None:
        return None
    lost = narrow.lost(value)
    return lost if np.any(lost) else None


def _rounded_up(error: Any, value: np.ndarray) -> np.ndarray:
    kind, given = error_dtype(value), np.asarray(error)
    if kind.kind == "f" and given.dtype != kind:
        given = np.nextafter(given.astype(kind), kind.type(np.inf))
    return np.where(np.isnan(given), np.inf, given).astype(kind) + np.zeros(value.shape, kind)


# --- operators ------------------------------------------------------------------------------------


def _forward(ufunc: np.ufunc) -> Callable[[Bounded, Any], Any]:
    return lambda self, other: ufunc(self, other)


def _reflected(ufunc: np.ufunc) -> Callable[[Bounded, Any], Any]:
    return lambda self, other: ufunc(other, self)


def _in_place(compute: Callable[[Any, Any], Any]) -> Callable[[Bounded, Any], Any]:
    def method(self: Bounded, other: Any) -> Any:
        result = compute(self, other)
        if self.is_scalar:  # NumPy's scalars never change: the name gets a new one
            return result
        FUNCTIONS["setitem"](self, ..., result)
        return self

    return method


for _name, _ufunc in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
    "matmul": np.matmul, "floordiv": np.floor_divide, "mod": np.remainder,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
}.items():  # fmt: skip
    setattr(Bounded, f"__{_name}__", _forward(_ufunc))
    setattr(Bounded, f"__r{_name}__", _reflected(_ufunc))
    setattr(Bounded, f"__i{_name}__", _in_place(_ufunc))
Bounded.__ipow__ = _in_place(operator.pow)  # type: ignore[attr-defined]
for _name, _ufunc in {
    "lt": np.less, "le": np.less_equal, "eq": np.equal, "ne": np.not_equal,
    "ge": np.greater_equal, "gt": np.greater,
}.items():  # fmt: skip
    setattr(Bounded, f"__{_name}__", _forward(_ufunc))
for _name, _ufunc in {
    "neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert,
}.items():  # fmt: skip
    setattr(Bounded, f"__{_name}__", lambda self, _ufunc=_ufunc: _ufunc(self))
