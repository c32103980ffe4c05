"""From PyTorch's optimiser and scheduler, made on a module's parameters, to a plan of training.

They are only looked at: nothing here runs a step. An optimiser that has done steps is refused,
because the arrays that it keeps would have to travel with the program.
"""

import math
from typing import TYPE_CHECKING, Any

from backhand.errors import BackhandError, shown
from backhand.graph import Attribute
from backhand.modules.schedules import schedules_of
from backhand.rules.updates import UPDATES, Update
from backhand.writers.modules.plan import Group, Options, Schedule, TrainingPlan

if TYPE_CHECKING:
    import torch

_BY_TORCH = {update.torch: update for update in UPDATES.values()}


def training_plan(
    module: "torch.nn.Module",
    optimizer: "torch.optim.Optimizer",
    scheduler: Any = None,
    *,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> TrainingPlan:
    """What the optimiser does to each parameter, by the keys of the `state_dict`.

    Args:
        module: whose parameters the optimiser has. Frozen ones, which do not require a
            derivative, stay as they are, as do those that the optimiser does not have.
        optimizer: one of PyTorch's that `rules/updates/` has, before its first step.
        scheduler: one of PyTorch's on this optimiser, before its first step, that is to be moved
            on after each step of the optimiser.
        clip_norm: as the `max_norm` of `clip_grad_norm_`, over all parameters in the groups.
        clip_value: as the `clip_value` of `clip_grad_value_`; after the norm where both are given.

    Raises:
        BackhandError: if one of them cannot be written out, or does not belong to the others.
    """
    update = _update_of(optimizer)
    schedules = () if scheduler is None else schedules_of(scheduler, optimizer)
    _check_schedules(schedules, update, optimizer)
    keys = {id(tensor): name for name, tensor in module.named_parameters()}
    groups = {}
    for number, group in enumerate(optimizer.param_groups):
        where = f"group {number} of the optimiser"
        if names := _names(group["params"], keys, where):
            groups[number] = Group(names, update.name, _options(group, update, where))
    if not groups:
        raise BackhandError(
            "the optimiser has nothing to change",
            where="optimizer",
            wanted="at least one parameter that requires a derivative",
        )
    return TrainingPlan(
        tuple(groups.values()),
        sum(len(group.names) for group in groups.values()) == len(keys),
        _limit(clip_norm, "clip_norm"),
        _limit(clip_value, "clip_value"),
        # Rprop reads its learning rate once, as it begins
        () if update.name == "rprop" else tuple(s.of_groups(groups) for s in schedules),
    )


def _update_of(optimizer: Any) -> Update:
    """The record of this optimiser."""
    kind = type(optimizer)
    if not kind.__module__.startswith("torch.optim.") or kind.__name__ not in _BY_TORCH:
        raise BackhandError(
            "this optimiser cannot be written out",
            where="optimizer",
            wanted=f"one of torch.optim's {', '.join(sorted(_BY_TORCH))}",
            got=f"{kind.__module__}.{kind.__qualname__}",
            repair="choose one of these, or write without an optimiser and add your own `update`",
        )
    if any(_steps(state) for state in optimizer.state.values()):
        raise BackhandError(
            "this optimiser has done steps, and what it keeps from them is not carried over",
            where="optimizer",
            repair=f"make a new torch.optim.{kind.__name__} on the parameters as they are now",
        )
    return _BY_TORCH[kind.__name__]


def _steps(state: Any) -> float:
    """How many steps made this state; Adagrad makes it before the first."""
    return float(state.get("step", len(state)))


def _names(parameters: list[Any], keys: dict[int, str], where: str) -> tuple[str, ...]:
    """The keys of the parameters that are changed, in order."""
    if any(id(parameter) not in keys for parameter in parameters):
        raise BackhandError(
            "this group has a parameter that the module does not have",
            where=where,
            wanted="parameters of the module that is written",
            repair="make the optimiser on module.parameters()",
        )
    return tuple(keys[id(parameter)] for parameter in parameters if parameter.requires_grad)


def _options(group: dict[str, Any], update: Update, where: str) -> Options:
    """Every option of the update, from PyTorch's."""
    for flag in ("capturable", "differentiable"):
        if group.get(flag):
            raise BackhandError(
                f"`{flag}` cannot be written out",
                where=where,
                wanted=f"{flag}=False",
                got=f"{flag}=True",
                repair=f"leave `{flag}` out; it changes how PyTorch runs, not what is learned",
            )
    found: list[tuple[str, Attribute]] = []
    for option, theirs in update.torch_names.items():
        value = group.get(theirs, update.defaults.get(option))
        if isinstance(value, tuple | list):
            siblings = [name for name, of in update.torch_names.items() if of == theirs]
            value = value[siblings.index(option)]
        found.append((option, _number(value, f"{where}, {theirs}")))
    return tuple(found)


def _number(value: Any, where: str) -> float | int | bool:
    """A number of Python's; PyTorch takes arrays of one number, too."""
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise BackhandError("a finite number is needed", where=where, got=shown(value))
    return value


def _check_schedules(schedules: tuple[Schedule, ...], update: Update, optimizer: Any) -> None:
    for schedule in schedules:
        if schedule.option != "learning_rate" and update.name == "nadam":
            raise BackhandError(
                "NAdam's momentum follows a schedule of its own, and cannot follow another",
                where="scheduler",
                repair="cycle_momentum=False",
            )
    if schedules and any(hasattr(group["lr"], "item") for group in optimizer.param_groups):
        raise BackhandError(
            "a schedule would round a learning rate that is a tensor to the tensor's dtype",
            where="optimizer",
            wanted="learning rates that are plain numbers",
            repair="lr=float(lr)",
        )


def _limit(given: float | None, name: str) -> float | None:
    if given is not None and not (0 < given < math.inf):
        raise BackhandError(
            "clipping needs a limit above 0", where=name, wanted="a number", got=shown(given)
        )
    return None if given is None else float(given)
