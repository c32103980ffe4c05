"""One architecture: built small, captured in float64, its network compared with PyTorch's."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from backhand.capture.exported import Captured, capture
from backhand.capture.refused import NoRulesError
from backhand.capture.trees import Branch, Leaf, Tree
from backhand.draws import generator
from backhand.errors import BackhandError
from backhand.graph import NamedSize
from backhand.rules.operations import operation

AGREES = 1e-9
"""The largest difference in float64, relative to the largest number of an output."""


@dataclass
class Finding:
    """What became of one architecture."""

    name: str
    verdict: str
    """agrees, differs, refused, crashed, not built, or out of time."""
    operators: dict[str, int] = field(default_factory=dict)
    """Those that have no rule, and how often they stand there."""
    because: str = ""
    sizes: str = ""
    """The letters of the sizes that have names."""
    steps: int = 0
    difference: float = 0.0
    seconds: float = 0.0
    """Of the capture alone."""


def look_at(name: str) -> dict[str, Any]:
    """The finding for one architecture, as plain data."""
    from benchmarks.census.tiny_models import tiny  # it imports all of transformers

    try:
        module, kwargs = tiny(name)
    except RuntimeError as error:
        return asdict(Finding(name, "not built", because=str(error)))
    _without_ties(module)
    for part in module.modules():  # mixtures of experts, without an operator of transformers' own
        if hasattr(config := getattr(part, "config", None), "_experts_implementation"):
            config._experts_implementation = "batched_mm"
    kwargs = pytree.tree_map(_double, kwargs)
    found = Finding(name, "crashed")
    try:
        _examine(found, module.double(), kwargs)
    except NoRulesError as error:
        found.verdict, found.operators = "refused", dict(error.operators)
    except BackhandError as error:
        found.verdict, found.because = "refused", str(error)
    except Exception as error:
        found.because = f"{type(error).__name__}: {error}"[:2000]
    return asdict(found)


def _without_ties(module: torch.nn.Module) -> None:
    """Draw the matrices that start as zeros: a router of zeros leaves it open which experts are
    the best, and each side is free to choose others."""
    numbers = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1 and not parameter.any():
                parameter.normal_(std=0.1, generator=numbers)


def _double(x: Any) -> Any:
    return x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x


def _examine(found: Finding, module: torch.nn.Module, kwargs: dict[str, Any]) -> None:
    start = time.perf_counter()
    try:
        captured = capture(module, (), kwargs)
    finally:
        found.seconds = round(time.perf_counter() - start, 3)
    found.sizes = "".join(letter for letter, _ in captured.network.sizes)
    found.steps = len(captured.network.forward.body)
    ours = outputs(captured, kwargs)
    with torch.no_grad(), _in_float64():
        theirs = module(**kwargs)
    found.difference = max(
        (_difference(ours[number], x.numpy()) for number, x in leaves(captured.outputs, theirs)),
        default=0.0,
    )
    found.verdict = "agrees" if found.difference <= AGREES else "differs"


def _difference(mine: Any, reference: np.ndarray) -> float:
    """The largest difference relative to the largest number; infinite where a shape differs or one
    is finite and the other not."""
    a, b = np.asarray(mine) * 1.0, reference * 1.0
    finite = np.isfinite(b)
    if a.shape != b.shape or not np.array_equal(np.isfinite(a), finite):
        return float("inf")
    a, b = a[finite], b[finite]
    return float(np.max(np.abs(a - b), initial=0.0) / max(np.max(np.abs(b), initial=0.0), 1e-300))


def outputs(captured: Captured, kwargs: dict[str, Any]) -> list[Any]:
    """What the flat network gives, by its rules, in NumPy."""
    forward = captured.network.forward
    given = dict(leaves(captured.inputs, ((), kwargs)))
    known: dict[str, Any] = dict(captured.arrays)
    for number, value in enumerate(forward.inputs):
        drawn = value.role == "generator"
        known[value.name] = generator(0) if drawn else given[number].numpy()
    pairs = [
        pair
        for value in forward.inputs
        if value.role == "input"
        for pair in zip(value.shape, known[value.name].shape, strict=True)
    ]
    sizes = {str(size): length for size, length in pairs}

    def number(given: Any) -> Any:
        if isinstance(given, tuple):
            return tuple(map(number, given))
        return eval(given, {}, sizes) if isinstance(given, NamedSize) else given

    for step in forward.body:
        arrays = [known[v.name] if v.literal is None else v.literal for v in step.inputs]
        attributes = {name: number(value) for name, value in step.attributes}
        with np.errstate(all="ignore"):
            made = operation(step.function).function.call(*arrays, **attributes)
        results = made if isinstance(made, tuple | list) else (made,)
        for value, result in zip(step.outputs, results, strict=True):
            if value is not None:
                known[value.name] = result
    return [known[value.name] for value in forward.outputs]


def leaves(tree: Tree, given: Any) -> Iterator[tuple[int, torch.Tensor]]:
    """What stands at each numbered leaf of a tree in the real thing."""
    if isinstance(tree, Leaf):
        if tree.number is not None:
            yield tree.number, given
        return
    assert isinstance(tree, Branch)
    flat, spec = pytree.tree_flatten(given)
    if len(tree.parts) == 1 and spec.is_leaf():
        yield from leaves(tree.parts[0], given)
        return
    at = 0
    for part, child in zip(tree.parts, spec.children(), strict=True):
        taken = flat[at : at + child.num_leaves]
        yield from leaves(part, pytree.tree_unflatten(taken, child))
        at += child.num_leaves


class _Widened(TorchFunctionMode):
    """Every float32 that a module makes within is a float64, as in the captured network."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def wide(x: Any) -> Any:
            return torch.float64 if x is torch.float32 else x

        args, kwargs = pytree.tree_map(wide, (args, kwargs or {}))
        made = func(*args, **kwargs)
        if func is torch.Tensor.float:
            return args[0].double()
        is_single = isinstance(made, torch.Tensor) and made.dtype is torch.float32
        return made.double() if is_single else made


@contextlib.contextmanager
def _in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        with _Widened():
            yield
    finally:
        torch.set_default_dtype(torch.float32)
