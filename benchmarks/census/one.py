"""One architecture: built small, written out in float64, forward and backward beside PyTorch's."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from backhand.capture.refused import NoRulesError
from backhand.capture.trees import Branch, Leaf, Tree
from backhand.errors import BackhandError
from backhand.modules import write
from backhand.modules.arguments import built, flattened

AGREES = 1e-9
"""The largest difference in float64, relative to the largest number of an output."""

AGREES_BACK = 1e-8
"""The same of derivatives, relative to the largest of all: they pass through twice the steps."""

SEED = 0
"""Of what is drawn within a module, as its patches to be masked are."""


@dataclass
class Finding:
    """What became of one architecture."""

    name: str
    verdict: str
    """agrees, differs, refused, crashed, not built, or out of time."""
    operators: dict[str, int] = field(default_factory=dict)
    """Those that have no rule, and how often they stand there."""
    because: str = ""
    lines: int = 0
    """Of the written program."""
    loops: int = 0
    """Over repeated layers, in its forward functions."""
    difference: float = 0.0
    gradients: float = 0.0
    seconds: float = 0.0
    """Of capturing and writing."""


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
        program = write(module, (), kwargs)
    finally:
        found.seconds = round(time.perf_counter() - start, 3)
    found.lines = len(program.source.splitlines())
    found.loops = program.source.count("\n    for i in range(")
    given = {name: _array(x) for name, x in kwargs.items()}
    with _in_float64():
        torch.manual_seed(SEED)
        theirs = module(**_asking(kwargs))
    expected = dict(leaves(program.interface.results, theirs))
    numbers = np.random.default_rng(0)
    cotangents = {n: numbers.normal(size=x.shape) for n, x in expected.items() if x.requires_grad}
    ours, gradients = program.vjp(
        (), given, built(program.interface.results, _every(cotangents, expected)), seed=SEED
    )
    results = flattened(program.interface.results, ours)
    found.difference = max(
        (_difference(results[n], x.detach().numpy()) for n, x in expected.items()), default=0.0
    )
    # an array that a module gives back at two places has a cotangent at each
    times = Counter(number for number, _ in leaves(program.interface.results, theirs))
    carried = {n: times[n] * c for n, c in cotangents.items()}
    found.gradients = _gradients(module, expected, carried, gradients)
    right = found.difference <= AGREES and found.gradients <= AGREES_BACK
    found.verdict = "agrees" if right else "differs"


def _every(cotangents: Mapping[int, np.ndarray], expected: Mapping[int, Any]) -> list[Any]:
    return [cotangents.get(n) for n in range(1 + max(expected, default=-1))]


def _asking(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments, whose floats ask for derivatives."""
    for x in pytree.tree_leaves(kwargs):
        if isinstance(x, torch.Tensor) and x.is_floating_point():
            x.requires_grad_()
    return kwargs


def _array(x: Any) -> Any:
    def one(leaf: Any) -> Any:
        return leaf.detach().numpy() if isinstance(leaf, torch.Tensor) else leaf

    return pytree.tree_map(one, x)


def _gradients(
    module: torch.nn.Module,
    expected: Mapping[int, torch.Tensor],
    cotangents: Mapping[int, np.ndarray],
    ours: Mapping[str, np.ndarray],
) -> float:
    """The largest difference from autograd's derivatives by parameters and inputs, relative to the
    largest number among the derivatives by any of them."""
    pairs = [(expected[n], torch.from_numpy(c)) for n, c in cotangents.items()]
    if not pairs:
        return 0.0
    torch.autograd.backward([x for x, _ in pairs], [c for _, c in pairs])
    theirs = {k: p.grad for k, p in module.named_parameters() if p.grad is not None}
    found = {k: g.numpy() for k, g in theirs.items()}
    scale = max((float(np.max(np.abs(g), initial=0)) for g in found.values()), default=1.0)
    worst = 0.0
    for key, gradient in found.items():
        mine = ours.get(key)
        if mine is None:  # no derivative reaches it
            mine = np.zeros_like(gradient)
        if mine.shape != gradient.shape or not np.isfinite(mine).all():
            return float("inf")
        worst = max(worst, float(np.max(np.abs(mine - gradient), initial=0)) / max(scale, 1e-300))
    return worst


def _difference(mine: Any, reference: np.ndarray) -> float:
    """The largest difference relative to the largest number; infinite where a shape differs or one
    is finite and the other not."""
    a, b = np.asarray(mine) * 1.0, reference * 1.0
    finite = np.isfinite(b)
    if a.shape != b.shape or not np.array_equal(np.isfinite(a), finite):
        return float("inf")
    a, b = a[finite], b[finite]
    return float(np.max(np.abs(a - b), initial=0.0) / max(np.max(np.abs(b), initial=0.0), 1e-300))


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
