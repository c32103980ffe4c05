"""PyTorch's side of a module as a whole: one call of it, its loss, derivatives and buffers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.agreement.modules.calls import Call, all_floats_in, generator_at, of_name
from backhand.capture.trees import Tree, numbers
from backhand.experiment import Precision


@dataclass(frozen=True)
class Eager:
    """What PyTorch makes of a call."""

    outputs: Mapping[int, np.ndarray]
    """The results by their numbers in the tree of results."""
    loss: np.ndarray | None
    derivatives: Mapping[str, np.ndarray]
    """By the keys of parameters that are trained; without a loss by the names of inputs too."""
    buffers: Mapping[str, np.ndarray]
    """By their keys, after the call."""
    refusal: str
    """Why autograd has no derivatives; empty where it has."""


def eager(
    call: Call,
    given: Tree,
    results: Tree,
    inputs: Sequence[str],
    cotangents: Mapping[int, np.ndarray],
    precision: Precision,
    seed: int,
) -> Eager:
    """Call a module as its user does, and ask autograd for the derivatives.

    Args:
        call: whose module's buffers change as they do in any call.
        given: the arguments, with the inputs' numbers.
        results: what it returns, with the outputs' numbers.
        inputs: names of the inputs by their numbers.
        cotangents: the derivative by each output, where there is no loss.
        precision: of all floats.
        seed: of PyTorch's generator, which is put back afterwards.
    """
    import torch

    arguments = _with_gradients(call)
    with generator_at(seed), torch.enable_grad(), all_floats_in(precision):
        made = call.module(*arguments[0], **arguments[1])
        found = _by_number(results, made)
        loss = _loss(call, made)
        trained = {n: p for n, p in call.module.named_parameters() if p.requires_grad}
        if loss is None:
            floats = {n: x for n, x in _by_number(given, arguments).items() if x.requires_grad}
            trained |= {inputs[number]: x for number, x in floats.items()}
            heads = [(found[n], _like(c, found[n])) for n, c in cotangents.items()]
        else:
            heads = [(loss, None)]
        derivatives, refusal = _derivatives(heads, trained)
    return Eager(
        {number: _plain(x) for number, x in found.items()},
        None if loss is None else _plain(loss),
        derivatives,
        {name: _plain(b) for name, b in call.module.named_buffers()},
        refusal,
    )


def _loss(call: Call, made: Any) -> Any:
    """The loss of what a module made; None where there is none."""
    if call.loss is None:
        return None
    is_own = isinstance(call.loss, str)
    return of_name(made, call.loss) if is_own else call.loss(made, *call.targets)


def _derivatives(
    heads: Sequence[tuple[Any, Any]], by: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], str]:
    """The derivatives of what stands at the end, and why autograd has none if it has not.

    Args:
        heads: each result with its cotangent; those that nothing trained went into are left out.
        by: what there is a derivative by, by its name.
    """
    import torch

    ends = [(head, weight) for head, weight in heads if head.requires_grad]
    got: Sequence[Any] = [None] * len(by)
    if ends and by:
        try:
            results, weights = zip(*ends, strict=True)
            got = torch.autograd.grad(results, list(by.values()), weights, allow_unused=True)
        except RuntimeError as error:
            return {}, str(error).partition(":")[0]
    pairs = zip(by.items(), got, strict=True)
    return {n: _plain(torch.zeros_like(p) if g is None else g) for (n, p), g in pairs}, ""


def _with_gradients(call: Call) -> tuple[Any, Any]:
    """The arguments; those of floats as arrays by which there is a derivative."""
    import torch
    from torch.utils import _pytree as pytree

    def one(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor) or not leaf.is_floating_point():
            return leaf
        # a module may write into what it is given, but not into a leaf of autograd's
        return leaf.detach().clone().requires_grad_().clone()

    args, kwargs = pytree.tree_map(one, (call.args, dict(call.kwargs)))
    return args, kwargs


def _by_number(of: Tree, made: Any) -> dict[int, Any]:
    """The arrays of a structure by their numbers in its tree."""
    from torch.utils import _pytree as pytree

    arrays = [leaf for leaf in pytree.tree_leaves(made) if hasattr(leaf, "dtype")]
    found: dict[int, Any] = {}
    for number, array in zip(numbers(of), arrays, strict=True):
        found.setdefault(number, array)
    return found


def _like(cotangent: np.ndarray, output: Any) -> Any:
    import torch

    return torch.from_numpy(np.asarray(cotangent)).to(output.dtype)


def _plain(tensor: Any) -> np.ndarray:
    found: np.ndarray = tensor.detach().cpu().numpy().copy()
    return found
