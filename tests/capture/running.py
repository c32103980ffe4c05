"""A captured network run in NumPy step by step, by its rules, on numbers that carry bounds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from backhand.capture.exported import Captured
from backhand.capture.trees import Branch, Leaf, Tree
from backhand.draws import generator
from backhand.graph import NamedSize, Value
from backhand.rounding import Bounded, bounded, run
from backhand.rules.operations import operation


def outputs(
    captured: Captured, args: Any, kwargs: Any, *, seed: int = 0, exact: bool = False
) -> list[Any]:
    """What the network gives: plain arrays if `exact`, else arrays with their bounds."""
    forward = captured.network.forward
    given = dict(filled(captured.inputs, (tuple(args), dict(kwargs))))
    known: dict[str, Any] = {}
    for number, value in enumerate(forward.inputs):
        known[value.name] = (
            generator(seed) if value.role == "generator" else given[number].detach().numpy()
        )
    known |= captured.arrays
    sizes = {
        size: length
        for value in forward.inputs
        if value.role == "input"
        for size, length in zip(value.shape, np.shape(known[value.name]), strict=True)
        if isinstance(size, str)
    }
    if not exact:
        floats = {k: v for k, v in known.items() if getattr(v, "dtype", None) == np.float64}
        known |= {name: bounded(array) for name, array in floats.items()}

    def array(value: Value) -> Any:
        return known[value.name] if value.literal is None else value.literal

    for step in forward.body:
        function, inputs = operation(step.function).function.call, map(array, step.inputs)
        attributes = {name: _filled_in(given, sizes) for name, given in step.attributes}
        made = function(*inputs, **attributes) if exact else run(function, *inputs, **attributes)
        results = made if isinstance(made, tuple) else (made,)
        for value, result in zip(step.outputs, results, strict=True):
            if value is not None:
                known[value.name] = result
    return [known[value.name] for value in forward.outputs]


def _filled_in(given: Any, sizes: dict[str, int]) -> Any:
    """An attribute with lengths in the place of sizes that have names."""
    if isinstance(given, tuple):
        return tuple(_filled_in(part, sizes) for part in given)
    return eval(given, {}, sizes) if isinstance(given, NamedSize) else given


def filled(tree: Tree, given: Any) -> Iterator[tuple[int, torch.Tensor]]:
    """What stands at each numbered leaf of a tree in the real thing; raises where they differ."""
    if isinstance(tree, Leaf):
        if tree.number is not None:
            yield tree.number, given
        else:
            assert given == tree.literal
        return
    assert isinstance(tree, Branch)
    assert tree.kind == type(given).__name__
    parts = list(given.values()) if isinstance(given, dict) else list(given)
    if isinstance(given, dict):
        assert tree.keys == tuple(given)
    for part, inner in zip(tree.parts, parts, strict=True):
        yield from filled(part, inner)


def check_agreement(module: torch.nn.Module, captured: Captured, args: Any, kwargs: Any) -> None:
    """Raise unless the network gives what the module gives, within their bounds end to end."""
    torch.manual_seed(5)
    theirs = module(*args, **kwargs)
    ours = outputs(captured, args, kwargs, seed=5)
    leaves = list(filled(captured.outputs, theirs))
    own = len(ours) - len(captured.updated)
    assert {number for number, _ in leaves} == set(range(own))
    for number, tensor in leaves:
        mine, reference = ours[number], tensor.detach().numpy()
        value = mine.value if isinstance(mine, Bounded) else mine
        error = mine.error if isinstance(mine, Bounded) else 0
        assert value.shape == reference.shape
        assert (abs(value * 1.0 - reference * 1.0) <= 2 * error).all()
        assert (np.asarray(error) <= 1e-9).all()  # a bound that lets everything pass shows nothing
