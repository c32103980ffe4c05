"""The methods of an ndarray on a bounded array: each is the NumPy function of its name."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.rounding.array import FUNCTIONS, Bounded, call_named

BY_FUNCTION = (
    "sum", "mean", "max", "min", "prod", "var", "std", "argmax", "argmin", "cumsum", "any", "all",
    "clip", "dot", "swapaxes", "ravel", "squeeze", "take", "repeat", "copy", "diagonal", "trace",
    "compress",
)  # fmt: skip


def _method(name: str, function: Any) -> Callable[..., Any]:
    def method(self: Bounded, *args: Any, **kwargs: Any) -> Any:
        return call_named(f"ndarray.{name}", FUNCTIONS[function], self, *args, **kwargs)

    return method


def _reshape(self: Bounded, *shape: Any, **options: Any) -> Any:
    return np.reshape(self, shape[0] if len(shape) == 1 else shape, **options)


def _transpose(self: Bounded, *axes: Any) -> Any:
    return np.transpose(self, (axes[0] if len(axes) == 1 else axes) if axes else None)


def _flatten(self: Bounded) -> Any:
    return np.copy(np.ravel(self))


def _astype(self: Bounded, dtype: Any, copy: bool = True) -> Any:
    return FUNCTIONS["astype"](self, dtype, copy)


def _fill(self: Bounded, number: Any) -> None:
    self[...] = number


def _sort(self: Bounded, axis: int = -1) -> None:
    self[...] = np.sort(self, axis=axis)


def _outside(name: str) -> Callable[..., Any]:
    def method(self: Bounded, *_: Any, **__: Any) -> Any:
        self._refuse(f".{name}()")

    return method


for _name in BY_FUNCTION:
    setattr(Bounded, _name, _method(_name, getattr(np, _name)))
for _name in ("item", "tolist", "tobytes", "tofile", "dump", "dumps"):
    setattr(Bounded, _name, _outside(_name))
for _name, _function in {
    "reshape": _reshape, "transpose": _transpose, "flatten": _flatten, "astype": _astype,
    "fill": _fill, "sort": _sort,
}.items():  # fmt: skip
    setattr(Bounded, _name, _function)
