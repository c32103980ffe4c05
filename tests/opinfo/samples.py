"""PyTorch's samples: each call of an operator as a small module, each module as it is."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db
from torch.utils import _pytree as pytree

DTYPES = {"float64": torch.float64, "float32": torch.float32}


class Called(nn.Module):
    """One call of an operator; all arrays among its arguments are the module's inputs."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        super().__init__()
        self.function = function
        self.leaves, self.structure = pytree.tree_flatten((args, kwargs))
        self.inputs = [_copied(x) for x in self.leaves if isinstance(x, Tensor)]

    @property
    def alike(self) -> Any:
        """All of the call but the numbers in its arrays, and how wide its floats are."""
        return str(self.structure), tuple(map(_kind, self.leaves))

    def forward(self, *given: Tensor) -> Any:
        """The call, on copies of what is given: an operator may write into it."""
        left = list(given)
        leaves = [left.pop(0) if isinstance(x, Tensor) else x for x in self.leaves]
        args, kwargs = pytree.tree_unflatten(leaves, self.structure)
        return self.function(*args, **kwargs)


def _copied(x: Tensor) -> Tensor:
    return x.detach().clone().requires_grad_(x.requires_grad)


def _kind(leaf: Any) -> Any:
    if not isinstance(leaf, Tensor):
        return repr(leaf)
    is_float = leaf.is_floating_point()
    layout = leaf.stride() if leaf.layout == torch.strided else leaf.layout
    return tuple(leaf.shape), layout, is_float or leaf.dtype, leaf.requires_grad


@dataclass(frozen=True)
class Case:
    """A module and the arguments of one call."""

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    training: bool = False
    written: bool = False
    """Whether a program is to be written of it as well."""


def operators() -> dict[str, Any]:
    """PyTorch's operators that have a derivative in float64, by name and variant."""
    return {
        f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name: op
        for op in op_db
        if op.supports_autograd and torch.float64 in op.supported_dtypes("cpu")
    }


def modules() -> dict[str, Any]:
    """PyTorch's modules, by name."""
    return {info.name: info for info in module_db}


def of_operator(op: Any, dtype: str) -> Iterator[Case]:
    """Every sample of an operator in a precision."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in op.sample_inputs("cpu", DTYPES[dtype], requires_grad=True):
            called = Called(op.op, (sample.input, *sample.args), sample.kwargs)
            yield Case(called, tuple(called.inputs), {})


def of_module(info: Any, dtype: str) -> Iterator[Case]:
    """Every sample of a module in a precision, in evaluation and in training."""
    for training in (False, True):
        torch.manual_seed(0)
        samples = info.module_inputs_func(
            info, device="cpu", dtype=DTYPES[dtype], requires_grad=True, training=training
        )
        for sample in samples:
            made, call = sample.constructor_input, sample.forward_input
            if call is None:
                continue
            module = info.module_cls(*made.args, **made.kwargs).to(DTYPES[dtype])
            yield Case(module, tuple(call.args), dict(call.kwargs), training, True)
