"""Running a function on bounded numbers without changing its text.

Dispatch reaches every NumPy call that gets a bounded array. What it cannot reach is a call that
gets none: `np.zeros` makes a plain buffer, `np.sqrt(5)` rounds unseen, a random generator draws
plain numbers. So a function is run as a copy of itself, which sees another `np`.
"""

import builtins
import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from backhand.rounding.array import FUNCTIONS, Bounded, bounded, made
from backhand.rounding.combine import combined, raw
from backhand.rounding.elementwise import ERF
from backhand.rounding.model import arithmetic as arithmetic_of
from backhand.rounding.refusals import unknown


@dataclass(frozen=True)
class Exit:
    """A number that left the bounded ones through `float()`, with the bound it had."""

    value: float
    error: float


def run(
    function: Callable[..., Any],
    *arrays: Any,
    exits: list[Exit] | None = None,
    likely: bool = False,
    arithmetic: str | None = None,
    **options: Any,
) -> Any:
    """Call a function, a written program's or a rule's, on bounded numbers.

    Args:
        function: ordinary NumPy code. Functions that it calls are treated likewise.
        arrays: its arguments. Plain arrays, also in tuples, lists and dicts, count as exact and
            are copied; arrays that are bounded already are taken as they are, and may be changed
            in place; random generators draw the numbers that they would draw for NumPy.
        exits: where `float(...)` in the function's text leaves its number and bound, which it
            else refuses to drop: for programs that keep or print a loss.
        likely: carry the statistical bound as well.
        arithmetic: "bfloat16" or "float16": bounds of an implementation in that format, as in
            `with arithmetic(...)`; arrays must be float64. Nothing: as it is around the call.
        options: further arguments by name.

    Raises:
        Untracked: where a bound would be lost: a function without a rule, or a way out.
        CannotTell: where rounding decides about a branch or an index.
    """
    kept: dict[int, Any] = {}

    def given(x: Any) -> Any:
        if isinstance(x, (np.ndarray, np.generic)):
            return kept.setdefault(id(x), bounded(x, likely=likely))
        if isinstance(x, (tuple, list)):
            return type(x)(given(part) for part in x)
        if isinstance(x, dict):
            return {name: given(part) for name, part in x.items()}
        return Draws(x, likely) if isinstance(x, GENERATORS) else x

    inside = Inside(exits, likely)
    called = inside.rebuilt(function) if isinstance(function, FunctionType) else function
    with nullcontext() if arithmetic is None else arithmetic_of(arithmetic):
        return called(*map(given, arrays), **{name: given(x) for name, x in options.items()})


GENERATORS = (np.random.RandomState, np.random.Generator)


class Draws:
    """A random generator whose draws are bounded numbers: exact, since they are data."""

    def __init__(self, generator: Any, likely: bool) -> None:
        self._generator, self._likely = generator, likely

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._generator, name)
        if not callable(found):
            return found

        def draw(*args: Any, **kwargs: Any) -> Any:
            drawn = found(*args, **kwargs)
            if isinstance(drawn, (np.ndarray, np.generic)):
                return bounded(drawn, likely=self._likely)
            return Draws(drawn, self._likely) if isinstance(drawn, GENERATORS) else drawn

        return draw


# --- another `np` ---------------------------------------------------------------------------------


class _Arrays(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, (np.ndarray, Bounded))


class _NdArray(metaclass=_Arrays):
    """What `np.ndarray` is to a function that asks whether its argument is an array."""


class Tracked:
    """A NumPy function whose plain arguments become bounded before it rounds anything."""

    def __init__(self, function: Any, likely: bool) -> None:
        self._function, self._likely = function, likely

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Bounded) for x in args):
            return self._function(*args, **kwargs)
        return self._function(*map(self._tracked, args), **kwargs)

    def _tracked(self, x: Any) -> Any:
        if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f":
            return bounded(x, likely=self._likely)
        if isinstance(self._function, np.ufunc) and isinstance(x, float):
            return bounded(np.float64(x), likely=self._likely)
        return x

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)


class Numpy:
    """NumPy as a tracked function sees it."""

    ndarray = _NdArray

    def __init__(self, likely: bool) -> None:
        self._likely = likely
        self.random = Draws(np.random, likely)

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if name in FRESH:
            return lambda *args, **kwargs: self._fresh(name, found, args, kwargs)
        if isinstance(found, np.ufunc) or found in _functions():
            return Tracked(found, self._likely)
        return found

    def _fresh(self, name: str, make: Any, args: Any, kwargs: Any) -> Any:
        plain = make(*map(raw, args), **{k: raw(v) for k, v in kwargs.items()})
        if plain.dtype.kind != "f":
            return plain
        if name == "empty":
            return made(plain, [np.asarray(np.inf)] * (2 if self._likely else 1))
        if name == "linspace":  # a product and a sum for each number
            off = 4 * np.spacing(np.abs(plain).max(initial=0))
            return bounded(plain, off + bounded(plain).error, likely=self._likely)
        if name == "arange" and not (plain == np.rint(plain)).all():
            raise unknown("np.arange of numbers that are not whole")
        return bounded(plain, likely=self._likely)

    def array(self, source: Any, dtype: Any = None, copy: bool = True) -> Any:
        """np.array, which may get bounded numbers, also in lists."""
        if isinstance(source, Bounded):
            return FUNCTIONS["astype"](source, dtype or source.dtype, copy)
        if isinstance(source, (list, tuple)) and _holds_bounded(source):
            stacked = np.stack([self.array(part) for part in source])
            return stacked if dtype is None else FUNCTIONS["astype"](stacked, dtype, False)
        plain = np.array(source, dtype=dtype)
        return bounded(plain, likely=self._likely) if plain.dtype.kind == "f" else plain

    def asarray(self, source: Any, dtype: Any = None) -> Any:
        """np.asarray, which copies nothing that is bounded already."""
        return self.array(source, dtype, copy=False)

    asanyarray = ascontiguousarray = asarray

    def full(self, shape: Any, fill_value: Any, dtype: Any = None) -> Any:
        """np.full, also of a bounded number."""
        kind = dtype or np.asarray(raw(fill_value)).dtype
        result = self.__getattr__("zeros")(shape, kind)
        result[...] = fill_value
        return result


FRESH = ("zeros", "ones", "empty", "eye", "identity", "arange", "linspace")


def _functions() -> set[Any]:
    return {f for f in FUNCTIONS if not isinstance(f, str)}


def _holds_bounded(source: Any) -> bool:
    if isinstance(source, (list, tuple)):
        return any(map(_holds_bounded, source))
    return isinstance(source, Bounded)


# --- copies of functions --------------------------------------------------------------------------


class Inside:
    """Copies of functions that see `Numpy` for numpy; each is made once."""

    def __init__(self, exits: list[Exit] | None, likely: bool) -> None:
        self.exits, self.likely = exits, likely
        self.numpy = Numpy(likely)
        self.copies: dict[int, Any] = {}
        self.globals: dict[int, dict[str, Any]] = {}

    def rebuilt(self, function: FunctionType) -> Any:
        """The copy of a function, and with it of the functions that it calls."""
        if id(function) in self.copies:
            return self.copies[id(function)]
        if function.__name__ == "erf":
            return self.copies.setdefault(id(function), error_function(function))
        space = self.globals.setdefault(id(function.__globals__), dict(function.__globals__))
        copy = FunctionType(
            function.__code__, space, function.__name__, function.__defaults__, function.__closure__
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        self.copies[id(function)] = copy
        for name in _names(function.__code__):
            if name == "float" and self.exits is not None and name not in function.__globals__:
                space[name] = self.leave
            elif name in function.__globals__:
                space[name] = self.replaced(function.__globals__[name])
        return copy

    def replaced(self, thing: Any) -> Any:
        """What stands in the place of a global."""
        if thing is np:
            return self.numpy
        if isinstance(thing, FunctionType) and not _is_numpys(thing):
            is_ours = thing.__module__.startswith(__package__)  # it makes bounds from plain arrays
            return thing if is_ours else self.rebuilt(thing)
        if isinstance(thing, np.ufunc) or (callable(thing) and _is_numpys(thing)):
            return getattr(self.numpy, thing.__name__, thing)
        if isinstance(thing, np.ndarray) and thing.dtype.kind == "f":
            return bounded(thing, likely=self.likely)
        return thing

    def leave(self, x: Any) -> float:
        """`float(x)` where it is allowed: the number goes out, its bound is written down."""
        if not isinstance(x, Bounded):
            return builtins.float(x)
        assert self.exits is not None
        self.exits.append(Exit(builtins.float(x.value), builtins.float(x.error)))
        return self.exits[-1].value


def _is_numpys(thing: Any) -> bool:
    return (getattr(thing, "__module__", None) or "").split(".")[0] == "numpy"


def _names(code: CodeType) -> set[str]:
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def error_function(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """An `erf` in Python as an elementary function with a stated accuracy.

    Its body is one of many ways to compute erf, and the bound is to hold for others. That it is
    erf is checked on up to 1,000 of the numbers at hand.
    """

    def erf(x: Any) -> Any:
        argument = x if isinstance(x, Bounded) else bounded(np.asarray(x)[()])
        value = function(argument.raw)
        sample = slice(None, None, max(argument.size // 1000, 1))
        mine = np.ravel(value)[sample].astype(np.float64)
        true = np.array([math.erf(v) for v in np.ravel(argument.value)[sample]])
        off = np.abs(mine - true) > 8 * np.spacing(np.abs(true).astype(value.dtype))
        if np.any(off):
            raise unknown("a function called erf that is not the error function")
        return combined(value, (argument,), ERF)

    return erf
