"""What depends on neither inputs nor parameters is computed once and stored.

Afterwards every step reads an input, a parameter or a draw, directly or not, or is one that
`compute` would not do. Equal constants are one value.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import numpy as np

from backhand.graph import Network, Step, Value
from backhand.passes.functionalise import is_in_place
from backhand.passes.rewriting import rebuilt, replaced

Compute = Callable[[Step, Mapping[str, np.ndarray]], tuple[np.ndarray | None, ...] | None]
"""What a step makes of arrays by name, or None where that is not known beforehand."""


def fold(
    network: Network,
    arrays: Mapping[str, np.ndarray],
    compute: Compute,
    name: Callable[[Collection[str]], str],
    changed: Collection[str] = (),
) -> tuple[Network, dict[str, np.ndarray], dict[str, Value]]:
    """The network with its constant steps done, the arrays that are left to store, and the
    constants that stand for values which are gone, by those values' names.

    Args:
        network: steps under the names of PyTorch's operators.
        arrays: numbers of parameters, buffers and constants.
        compute: does one step.
        name: gives a new constant its name, by the names of the arrays that it is made from.
        changed: names of buffers that are no constants, for the network changes them.
    """
    written = {s.inputs[0].name for s in network.forward.body if is_in_place(s.function)}
    known = {
        value.name: arrays[value.name]
        for value in network.forward.parameters
        if value.role in ("buffer", "constant") and value.name not in {*written, *changed}
    }
    body: list[Step] = []
    origins = {array: frozenset([array]) for array in known}
    for step in network.forward.body:
        made = compute(step, known) if _is_constant(step, known) else None
        if made is None:
            body.append(step)
            continue
        for value, array in zip(step.outputs, made, strict=True):
            if value is not None and array is not None:
                known[value.name] = array
                origins[value.name] = frozenset().union(*(origins[v.name] for v in step.inputs))
    return _stored(
        network, body, known, dict(arrays), lambda value: name(sorted(origins[value.name]))
    )


def _is_constant(step: Step, known: Mapping[str, np.ndarray]) -> bool:
    fixed = all(isinstance(size, int) for value in step.made() for size in value.shape)
    known_inputs = all(value.name in known for value in step.inputs)
    return fixed and known_inputs and bool(step.made()) and not is_in_place(step.function)


def _stored(
    network: Network,
    body: list[Step],
    known: Mapping[str, np.ndarray],
    arrays: dict[str, np.ndarray],
    name: Callable[[Value], str],
) -> tuple[Network, dict[str, np.ndarray], dict[str, Value]]:
    """Constants that are still read become values of their own, or plain numbers."""
    outputs = {value.name for value in network.forward.outputs}
    instead: dict[str, Value] = {}
    same: dict[tuple[str, tuple[int, ...], bytes], Value] = {}
    parameters = list(network.forward.parameters)
    read = [value for step in body for value in step.inputs]
    for value in (*read, *network.forward.outputs):
        if value.name not in known or value.name in arrays or value.name in instead:
            continue
        array = known[value.name]
        if (number := _number(array)) is not None and value.name not in outputs:
            instead[value.name] = Value(repr(number), (), "constant", number)
            continue
        content = (str(array.dtype), array.shape, array.tobytes())
        if content not in same:
            same[content] = replace(value, name=name(value), role="constant")
            arrays[same[content].name] = array
            parameters.append(same[content])
        instead[value.name] = same[content]
    folded = rebuilt(network, [replaced(s, instead) for s in body], instead, parameters)
    return folded, arrays, instead


def _number(array: np.ndarray) -> float | None:
    """The number of a constant that is one, if a program can spell it."""
    if array.shape or array.dtype.kind != "f" or not math.isfinite(float(array)):
        return None
    return float(array)
