"""Whether a written program computes what its module computes, derivatives too."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from backhand.capture.copying import copied
from backhand.modules import Program, write

CLOSE = 1e-9
"""How far two float64 results may lie apart, relative to the largest of them. Rounding of the few
thousand operations of a small module leads some 1e-13 apart; a wrong formula, far more."""

NOTHING: Mapping[str, Any] = {}


def assert_writes(
    module: torch.nn.Module,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] = NOTHING,
    *,
    others: Sequence[Sequence[Any]] = (),
) -> Program:
    """Write a module in float64; its program must agree for these arguments, and for others."""
    module = module.double()
    args = doubles(args)
    program = write(module, args, doubles(kwargs))
    assert_agrees(program, module, args, doubles(kwargs))
    for other in others:
        assert_agrees(program, module, doubles(other), doubles(kwargs))
    return program


def doubles(tree: Any) -> Any:
    """The tree with its floats in float64."""
    return pytree.tree_map(lambda a: a.double() if _is_float(a) else a, tree)


def _is_float(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.is_floating_point()


def assert_agrees(
    program: Program,
    module: torch.nn.Module,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] = NOTHING,
    *,
    seed: int | None = None,
) -> None:
    """Results and vector-Jacobian products, by all parameters and by all float inputs."""
    module = copied(module, torch.Tensor)
    given = pytree.tree_map(_wanting, (tuple(args), dict(kwargs)))
    if seed is not None:
        torch.manual_seed(seed)
    results = module(*given[0], **given[1])
    leaves = [leaf for leaf in pytree.tree_leaves(results) if isinstance(leaf, torch.Tensor)]
    draw = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(leaf.shape, generator=draw, dtype=leaf.dtype) if _is_float(leaf)
                  else None for leaf in leaves]  # fmt: skip
    before = {name: array.copy() for name, array in program.parameters.items()}
    outputs, found = program.vjp(*numbers(given), _in_tree(results, cotangents), seed=seed)
    assert_close(outputs, numbers(results))
    wanted = derivatives(module, given, leaves, cotangents)
    found = {_key(key, program): derivative for key, derivative in found.items()}
    assert_same_keys(found, wanted)
    for key, derivative in wanted.items():
        close(found[key], derivative, key)
    state = module.state_dict()
    for key, array in program.to_state_dict().items():  # running statistics, and all else
        close(array, state[key].numpy(), key)
    for name, array in before.items():
        program.parameters[name][...] = array


def _wanting(leaf: Any) -> Any:
    return leaf.detach().clone().requires_grad_() if _is_float(leaf) else leaf


def numbers(tree: Any) -> Any:
    """The tree with PyTorch's arrays as NumPy's."""
    return pytree.tree_map(lambda a: a.detach().numpy() if isinstance(a, torch.Tensor) else a, tree)


def _in_tree(results: Any, cotangents: Sequence[Any]) -> Any:
    """Cotangents where the results are, None where there is none."""
    left = iter(cotangents)

    def one(leaf: Any) -> Any:
        found = next(left) if isinstance(leaf, torch.Tensor) else None
        return None if found is None else found.numpy()

    return pytree.tree_map(one, results)


def derivatives(
    module: torch.nn.Module, given: Any, leaves: Sequence[Any], cotangents: Sequence[Any]
) -> dict[str, np.ndarray]:
    """Autograd's, by the names of the parameters and `input 0`, `input 1` for the float inputs."""
    parameters = {k: w for k, w in module.named_parameters() if w.requires_grad}
    leaves_in = [leaf for leaf in pytree.tree_leaves(given) if isinstance(leaf, torch.Tensor)]
    numbered = enumerate(dict.fromkeys(leaves_in))
    inputs = {f"input {n}": leaf for n, leaf in numbered if _is_float(leaf)}
    wanted = {**parameters, **inputs}
    pairs = [
        (leaf, d)
        for leaf, d in zip(leaves, cotangents, strict=True)
        if d is not None and leaf.requires_grad
    ]
    if not pairs or not wanted:
        return {}
    made, along = zip(*pairs, strict=True)
    found = torch.autograd.grad(made, list(wanted.values()), along, allow_unused=True)
    named = zip(wanted, found, strict=True)
    return {key: d.numpy() for key, d in named if d is not None}


def _key(key: str, program: Program) -> str:
    """Autograd's key for one of the program's: inputs are counted."""
    names = program.interface.inputs
    is_input = key in names and key not in program.interface.state_keys
    return f"input {names.index(key)}" if is_input else key


def assert_same_keys(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    """A derivative for each that autograd has, and for no other but zeros."""
    for key in set(found) - set(wanted):
        assert not np.any(found[key]), f"a derivative by {key} that autograd does not have"
    assert set(wanted) <= set(found)


def assert_close(found: Any, wanted: Any) -> None:
    """Trees of arrays."""
    pairs = zip(pytree.tree_leaves(found), pytree.tree_leaves(wanted), strict=True)
    for number, (ours, theirs) in enumerate(pairs):
        close(ours, theirs, f"output {number}")


def close(ours: Any, theirs: Any, what: str) -> None:
    """One array."""
    if theirs is None or isinstance(theirs, str):
        assert ours == theirs
        return
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape, f"{what}: {ours.shape} for {theirs.shape}"
    assert ours.dtype == theirs.dtype, f"{what}: {ours.dtype} for {theirs.dtype}"
    if theirs.dtype.kind != "f":
        np.testing.assert_array_equal(ours, theirs, err_msg=what)
        return
    scale = float(np.max(np.abs(theirs[np.isfinite(theirs)]), initial=1e-3))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=CLOSE * scale, err_msg=what)
