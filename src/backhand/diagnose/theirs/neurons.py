"""Networks of plain lists: layers of neurons, each a dict with its own list of weights."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from backhand.diagnose.theirs.names import weight_key

Told = tuple[str, np.ndarray, Any]
"""A name, an array, and the object that stands for it."""


def is_network(value: Any) -> bool:
    """Whether this is a list of layers, each a list of dicts with weights."""
    return isinstance(value, list) and bool(value) and all(map(_is_layer, value))


def arrays_of(network: list[Any]) -> Iterator[Told]:
    """The weights of each layer, [units, inputs], and its biases: under a name of their own, or the
    last of each neuron's weights."""
    for number, layer in enumerate(network, 1):
        rows = np.array([neuron[_weights_in(neuron)] for neuron in layer], dtype=float)
        biases = [neuron[key] for neuron in layer for key in neuron if _kind(key) == "bias"]
        if len(biases) != len(layer):
            rows, last = rows[:, :-1], rows[:, -1]
            biases = list(last)
        yield f"W{number}", rows, layer
        yield f"b{number}", np.array(biases, dtype=float), layer[0]


def lists_of(network: list[Any]) -> Iterator[Any]:
    """The lists, and the dicts, in which a network's numbers are changed."""
    for layer in network:
        for neuron in layer:
            yield neuron[_weights_in(neuron)]


def _is_layer(layer: Any) -> bool:
    if not isinstance(layer, list) or not layer:
        return False
    if not all(isinstance(neuron, dict) and _weights_in(neuron) for neuron in layer):
        return False
    return len({len(neuron[_weights_in(neuron)]) for neuron in layer}) == 1


def _weights_in(neuron: Any) -> str:
    """The key under which a neuron has its list of weights; empty if it has none."""
    found = (
        key
        for key, value in neuron.items()
        if _kind(key) == "weight" and isinstance(value, list) and value
        if all(isinstance(number, int | float) for number in value)
    )
    return next(found, "")


def _kind(key: Any) -> str:
    return (weight_key(key) or ("",))[0] if isinstance(key, str) else ""
