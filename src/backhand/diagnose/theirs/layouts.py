"""From the shapes of their arrays to those of ours, and back."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from backhand.diagnose.theirs.names import Layout

BiasShape = Literal["flat", "row", "column"]


@dataclass(frozen=True)
class Form:
    """How somebody lays arrays out: weights [out, in], examples as columns, biases with an axis."""

    turned: bool = False
    columns: bool = False
    bias: BiasShape = "flat"

    def data(self, array: np.ndarray) -> np.ndarray:
        """An input or target of ours as theirs."""
        return np.array(array.T if self.columns and array.ndim == 2 else array)

    def weight(self, array: np.ndarray) -> np.ndarray:
        """A weight of ours as theirs."""
        if array.ndim >= 2:
            return np.array(array.T if self.turned else array)
        shape = {"flat": array.shape, "row": (1, array.size), "column": (array.size, 1)}[self.bias]
        return np.array(array.reshape(shape))

    def draws(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Draws of theirs with the examples as rows."""
        if not self.columns:
            return found
        return [{**d, "values": d["values"].T} if d["values"].ndim == 2 else d for d in found]

    def output(self, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """An output of theirs as ours, where it fits."""
        if self.columns and array.ndim == 2 and array.T.shape == shape:
            return np.array(array.T)
        return fitted(array, shape)

    def own_weight(self, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """A weight, or a gradient, of theirs as ours."""
        if len(shape) >= 2 and self.turned and array.ndim == 2 and array.T.shape == shape:
            return np.array(array.T)
        return fitted(array, shape)


FORMS = (
    Form(),
    Form(bias="row"),
    Form(turned=True, columns=True, bias="column"),
    Form(turned=True),
    Form(turned=True, bias="row"),
    Form(turned=True, columns=True),
    Form(columns=True),
)
"""In the order in which they are tried."""


def fitted(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array in a shape, if it fits as it is, turned, or without axes of 1; else as it is."""
    if array.shape == shape:
        return np.array(array)
    if array.T.shape == shape:
        return np.array(array.T)
    squeezed = tuple(n for n in array.shape if n != 1)
    wanted = tuple(n for n in shape if n != 1)
    if squeezed == wanted:
        return np.array(array.reshape(shape))
    if squeezed == wanted[::-1]:
        return np.array(array.reshape(squeezed).T.reshape(shape))
    return np.array(array)


def form_of(arrays: dict[int, np.ndarray], layout: Layout, ours: list[np.ndarray]) -> Form:
    """The form of weights by their shapes, and where those are square by their values."""
    turned = [
        _is_turned(array, ours[i]) for i, array in arrays.items() if layout.kind(i) == "weight"
    ]
    decided = [t for t in turned if t is not None]
    biases = [a.shape for i, a in arrays.items() if layout.kind(i) == "bias"]
    bias: BiasShape = "flat"
    if biases and len(biases[0]) == 2:
        bias = "row" if biases[0][0] == 1 and biases[0] != (1, 1) else "column"
        if all(s == (1, 1) for s in biases):
            bias = "row"
    is_turned = bool(decided and decided[0])
    return Form(is_turned, bias == "column", bias)


def _is_turned(array: np.ndarray, ours: np.ndarray) -> bool | None:
    if array.ndim != 2 or ours.ndim != 2 or array.size != ours.size:
        return None
    if array.shape != ours.shape:
        return True
    if array.shape[0] != array.shape[1]:
        return False
    if np.array_equal(array, ours):
        return None if np.array_equal(ours, ours.T) else False
    return True if np.array_equal(array, ours.T) else None
