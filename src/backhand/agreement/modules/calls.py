"""A call of a module, copied for one format, and what surrounds it on both sides."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.capture.copying import copied
from backhand.errors import BackhandError
from backhand.experiment import Precision

if TYPE_CHECKING:
    import torch

OUTER = "module"
"""What the module is called within the one that joins it with its loss."""


@dataclass(frozen=True)
class Call:
    """One call of a module, and what its results are for."""

    module: "torch.nn.Module"
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    loss: Any
    targets: tuple[Any, ...]


def called(
    module: "torch.nn.Module",
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None,
    loss: Any,
    targets: Any,
    *,
    training: bool | None,
    precision: Precision | None,
) -> Call:
    """A call on copies of all that it is made of, its floats in a format; None leaves them."""
    import torch
    from torch.utils import _pytree as pytree

    own = copied(module, torch.Tensor)
    if training is not None:
        own.train(training)
    dtype = None if precision is None else getattr(torch, precision)

    def one(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            leaf = torch.from_numpy(leaf)
        if not isinstance(leaf, torch.Tensor):
            return leaf
        leaf = leaf.detach().clone()
        return leaf.to(dtype) if dtype is not None and leaf.is_floating_point() else leaf

    wanted = targets if isinstance(targets, tuple | list) else (targets,)
    if isinstance(loss, torch.nn.Module):
        loss = copy.deepcopy(loss).to(dtype)
    return Call(
        own.to(dtype),
        pytree.tree_map(one, tuple(args)),
        pytree.tree_map(one, dict(kwargs or {})),
        loss,
        tuple(pytree.tree_map(one, target) for target in wanted),
    )


def own_precision(module: "torch.nn.Module", args: Any, kwargs: Any) -> Precision:
    """The widest format of the parameters, or of the arguments where no parameter is a float."""
    import torch
    from torch.utils import _pytree as pytree

    leaves = [x for x in pytree.tree_leaves((args, kwargs)) if hasattr(x, "dtype")]
    for group in (list(module.parameters()), leaves):
        kinds = {str(x.dtype).removeprefix("torch.") for x in group}
        for word in ("float64", "float32"):
            if word in kinds:
                return word
    return "float64" if torch.get_default_dtype() == torch.float64 else "float32"


@contextmanager
def all_floats_in(precision: Precision) -> Iterator[None]:
    """PyTorch, in float64, with what a module asks for in narrower formats (`x.float()`) in float64
    too: both sides are lifted whole. Nothing changes in float32."""
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils import _pytree as pytree

    if precision != "float64":
        yield
        return
    narrow = (torch.float32, torch.float16, torch.bfloat16)
    methods = {torch.Tensor.float, torch.Tensor.half, torch.Tensor.bfloat16}

    def lift(leaf: Any) -> Any:
        is_narrow = isinstance(leaf, torch.dtype) and leaf in narrow
        return torch.float64 if is_narrow else leaf

    class Lifted(TorchFunctionMode):
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            given = pytree.tree_map(lift, (args, kwargs))
            called = torch.Tensor.double if function in methods else function
            return called(*given[0], **(given[1] or {}))

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with Lifted():
            yield
    finally:
        torch.set_default_dtype(before)


def joined(call: Call) -> Any:
    """The module with its loss behind it, as one module."""
    import torch

    loss = call.loss

    class Joined(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            setattr(self, OUTER, call.module)

        def forward(self, args: Any, kwargs: Any, targets: Any) -> Any:
            outputs = getattr(self, OUTER)(*args, **kwargs)
            if loss is None:
                return outputs
            return of_name(outputs, loss) if isinstance(loss, str) else loss(outputs, *targets)

    whole = Joined()
    whole.training = call.module.training
    return whole


def of_name(outputs: Any, path: str) -> Any:
    """The module's own result of a name such as `loss` or `both.0`.

    Raises:
        BackhandError: if there is none.
    """
    found = outputs
    for part in path.split("."):
        try:
            found = found[int(part)] if part.isdecimal() else found[part]
        except (KeyError, IndexError, TypeError):
            raise BackhandError(f"the module has no result called `{path}`") from None
    return found


@contextmanager
def generator_at(seed: int) -> Iterator[None]:
    """PyTorch's generator at a seed; afterwards as it was."""
    import torch

    before = torch.get_rng_state()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def random_cotangents(shapes: Sequence[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    """Derivatives by results, where there is no loss: normal numbers, each of a seed."""
    generator = np.random.default_rng(seed)
    return [generator.standard_normal(shape) for shape in shapes]
