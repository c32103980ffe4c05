"""Every setting that PyTorch tests its optimisers with, through a module's program.

`python -m tests.modules.optimizers` prints how many of them agree, in float64 and float32.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_optimizers import optim_db

from backhand import rounding
from backhand.modules.optimizers import training_plan
from backhand.rounding import Bounded, bounded
from backhand.rules.updates import UPDATES
from backhand.writers.modules.plan import TrainingPlan
from backhand.writers.modules.training import training_functions
from backhand.writers.updates import chosen

STEPS = 10

WRITTEN = {update.torch for update in UPDATES.values()}

Arrays = dict[str, np.ndarray]


class Small(torch.nn.Module):
    """Weights, vectors and a number; two layers of a list; one weight under two keys."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(4, 3)
        self.layers = torch.nn.ModuleList([torch.nn.Linear(3, 3) for _ in range(2)])
        self.scale = torch.nn.Parameter(torch.tensor(0.5))
        self.head = torch.nn.Linear(3, 4, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("count", torch.tensor(3))


def small(dtype: str = "float64") -> Small:
    torch.manual_seed(0)
    return Small().to(getattr(torch, dtype))


def settings() -> Iterator[tuple[str, dict[str, Any]]]:
    """PyTorch's own, of the optimisers that can be written: name, keyword arguments."""
    for info in optim_db:
        if info.optim_cls.__name__ in WRITTEN:
            for given in info.optim_inputs_func(device="cpu"):
                yield info.optim_cls.__name__, given.kwargs


def program_of(plan: TrainingPlan) -> dict[str, Any]:
    """The functions of the written text."""
    space: dict[str, Any] = {"np": np}
    exec("\n\n\n".join(training_functions(plan)), space)
    return space


def parameters_of(module: torch.nn.Module) -> Arrays:
    """Copies under each key of the state_dict, those that are tied under several."""
    copies: dict[int, np.ndarray] = {}
    for tensor in module.state_dict(keep_vars=True).values():
        copies.setdefault(id(tensor), tensor.detach().numpy().copy())
    return {k: copies[id(t)] for k, t in module.state_dict(keep_vars=True).items()}


def derivatives(module: torch.nn.Module, seed: int, scale: float = 1.0) -> Arrays:
    """Random ones, by the first key of each parameter, as PyTorch's `.grad` too."""
    generator = np.random.default_rng(seed)
    found = {}
    for name, parameter in module.named_parameters():
        dtype = parameter.detach().numpy().dtype
        found[name] = np.asarray(scale * generator.normal(size=parameter.shape), dtype=dtype)
        parameter.grad = torch.tensor(found[name]) if parameter.requires_grad else None
    return found


def kept_by_torch(
    plan: TrainingPlan, module: torch.nn.Module, optimizer: torch.optim.Optimizer, state: Any
) -> dict[str, Any]:
    """A state as the program has it, with PyTorch's numbers where it has any."""
    group, tensors = plan.groups[0], dict(module.named_parameters())
    names = UPDATES[group.optimizer].torch_states
    kept = [names[n] for n in chosen(group.optimizer, dict(group.options)).state]
    found = dict(state)
    for name in state.keys() & tensors.keys():
        theirs = optimizer.state[tensors[name]]
        arrays = tuple(theirs[n].detach().numpy().copy() for n in kept)
        found[name] = arrays if len(arrays) > 1 else arrays[0]
    return found


def farthest(make: Callable[[Small], torch.optim.Optimizer], dtype: str) -> float:
    """The largest difference of a parameter, or of what is kept of it, after one of ten steps, in
    units of its bound. Each step begins with PyTorch's numbers; PyTorch rounds too, so that up to
    2 agrees."""
    module = small(dtype)
    optimizer = make(module)
    plan = training_plan(module, optimizer)
    program = program_of(plan)
    p = parameters_of(module)
    state = program["new_state"](p)
    largest = 0.0
    for step in range(1, STEPS + 1):
        dp = derivatives(module, step)
        ours, kept = {name: bounded(p[name]) for name in dp}, with_bounds(state)
        rounding.run(program["update"], ours, dp, kept, step)
        optimizer.step()
        p = parameters_of(module)
        state = kept_by_torch(plan, module, optimizer, state) if state else state
        pairs = [(ours[name], p[name]) for name in dp]
        for name in dp if state else ():
            pairs += zip(as_tuple(kept[name]), as_tuple(state[name]), strict=True)
        largest = max(largest, *(in_bounds(mine, theirs) for mine, theirs in pairs))
    return largest


def as_tuple(kept: Any) -> tuple[Any, ...]:
    return kept if isinstance(kept, tuple) else (kept,)


def with_bounds(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state as exact numbers that carry bounds from here on; what is not trained left out."""
    found = {}
    for name, kept in state.items():
        arrays = tuple(bounded(a) for a in as_tuple(kept) if a.dtype.kind == "f")
        found[name] = arrays if isinstance(kept, tuple) else arrays[0] if arrays else kept
    return found


def in_bounds(ours: Bounded, theirs: np.ndarray) -> float:
    """The largest difference in units of the bound."""
    gap = np.where(ours.value == theirs, 0, np.abs(ours.value - theirs))
    units = gap / np.maximum(ours.error, np.finfo(theirs.dtype).smallest_subnormal)
    return float(np.max(np.where(np.isnan(units), np.inf, units)))


def agreeing() -> Iterator[tuple[str, dict[str, Any], str, str]]:
    """For each setting and precision nothing, or what went wrong."""
    warnings.simplefilter("ignore")
    for name, options in settings():
        for dtype in ("float64", "float32"):

            def make(module: Small, name: str = name, options: Any = options) -> Any:
                return getattr(torch.optim, name)(module.parameters(), **options)

            try:
                off = farthest(make, dtype)
                wrong = "" if off <= 2 else f"{off:.3g} times its bound"
            except Exception as error:
                wrong = f"{type(error).__name__}: {error}"
            yield name, options, dtype, wrong


def main() -> None:
    found = list(agreeing())
    for name, options, dtype, wrong in found:
        if wrong:
            print(f"{name} {options} {dtype}: {wrong}")
    passed = sum(not wrong for *_, wrong in found)
    print(f"{passed} of {len(found)}: {len(found) // 2} settings of {len(WRITTEN)} optimisers, "
          "each in float64 and float32")  # fmt: skip


if __name__ == "__main__":
    main()
