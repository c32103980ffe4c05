"""From PyTorch's learning rate scheduler to the curves of `rules/schedules.py`."""

from collections.abc import Callable
from typing import Any

from backhand.errors import BackhandError
from backhand.writers.modules.plan import Curve, Options, Schedule

_SCALING = ("ConstantLR", "LinearLR", "ExponentialLR", "StepLR", "MultiStepLR", "PolynomialLR")
"""Those that multiply the rate that they find, so that several may work on one rate."""


def schedules_of(scheduler: Any, optimizer: Any) -> tuple[Schedule, ...]:
    """The schedule of the learning rate and, where it is cycled too, of the momentum.

    Raises:
        BackhandError: if it runs the user's code, reads the loss, has done steps, or is made on
            another optimiser.
    """
    name = _name(scheduler)
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise BackhandError(
            "the scheduler is made on another optimiser",
            where="scheduler",
            repair="make it on the optimiser that you give",
        )
    if name == "OneCycleLR":
        return _one_cycle(scheduler)
    if name == "CyclicLR":
        return _cyclic(scheduler)
    parts = scheduler._schedulers if name in ("SequentialLR", "ChainedScheduler") else [scheduler]
    allowed = tuple(_NUMBERS) if name != "ChainedScheduler" else _SCALING
    for part in parts:
        if _name(part) not in allowed:
            _refuse(part, allowed, f" within {name}")
    begun = parts if name == "ChainedScheduler" else [scheduler]
    if any(part.last_epoch != 0 for part in begun):
        _refuse_steps()
    curves = tuple(_curve(part) for part in parts)
    milestones = tuple(scheduler._milestones) if name == "SequentialLR" else ()
    return (Schedule("learning_rate", name, curves, milestones),)


def _name(scheduler: Any) -> str:
    """What PyTorch calls it, if it can be written out."""
    name = type(scheduler).__name__
    known = (*_NUMBERS, "OneCycleLR", "CyclicLR", "SequentialLR", "ChainedScheduler")
    if type(scheduler).__module__ != "torch.optim.lr_scheduler" or name not in known:
        _refuse(scheduler, known)
    return name


_WHY = {
    "LambdaLR": "it calls a function of yours, of which a program has no text",
    "MultiplicativeLR": "it calls a function of yours, of which a program has no text",
    "ReduceLROnPlateau": "it waits for losses, and the written rate depends on the step alone",
}


def _refuse(scheduler: Any, known: tuple[str, ...], within: str = "") -> None:
    kind = type(scheduler)
    raise BackhandError(
        f"this scheduler cannot be written out{within}",
        where="scheduler",
        wanted=f"one of torch.optim.lr_scheduler's {', '.join(known)}",
        got=f"{kind.__module__}.{kind.__qualname__}"
        + (f": {_WHY[kind.__name__]}" if kind.__name__ in _WHY else ""),
        repair="choose one of these (SequentialLR joins several), or write without a scheduler "
        "and give the written `update` your own `learning_rate`",
    )


def _refuse_steps() -> None:
    raise BackhandError(
        "this scheduler has been moved on already",
        where="scheduler",
        wanted="a scheduler before its first step",
        repair="make a new optimiser and a new scheduler on it",
    )


_NUMBERS: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "ConstantLR": ("constant_rate", lambda s: {"factor": s.factor, "length": s.total_iters}),
    "LinearLR": (
        "linear_rate",
        lambda s: {"first": s.start_factor, "last": s.end_factor, "length": s.total_iters},
    ),
    "ExponentialLR": ("exponential_rate", lambda s: {"gamma": s.gamma}),
    "StepLR": ("step_rate", lambda s: {"gamma": s.gamma, "length": s.step_size}),
    "MultiStepLR": (
        "milestone_rate",
        lambda s: {
            "gamma": s.gamma,
            "milestones": tuple(sorted(m for m in s.milestones.elements() if m >= 0)),
        },
    ),
    "PolynomialLR": ("polynomial_rate", lambda s: {"power": s.power, "length": s.total_iters}),
    "CosineAnnealingLR": ("cosine_rate", lambda s: {"lowest": s.eta_min, "length": s.T_max}),
    "CosineAnnealingWarmRestarts": (
        "cosine_restarts_rate",
        lambda s: {"lowest": s.eta_min, "length": s.T_0, "growth": s.T_mult},
    ),
}
"""By PyTorch's name ours, and the numbers that all groups share."""


def _curve(scheduler: Any) -> Curve:
    function, read = _NUMBERS[type(scheduler).__name__]
    shared = tuple(read(scheduler).items())
    rates = [float(rate) for rate in scheduler.base_lrs]
    return Curve(function, tuple((("initial", rate), *shared) for rate in rates))


def _one_cycle(scheduler: Any) -> tuple[Schedule, ...]:
    if scheduler.last_epoch != 0:
        _refuse_steps()
    phases = scheduler._schedule_phases
    turns = (0, *(_whole(phase["end_step"]) for phase in phases))
    linear = scheduler._anneal_func_type == "linear"

    def curve(kind: str) -> Curve:
        """Of each group: the value as the first phase starts, and as each of them ends."""
        keys = [phases[0][f"start_{kind}"], *(phase[f"end_{kind}"] for phase in phases)]
        numbers: list[Options] = [
            (
                ("turns", turns),
                ("values", tuple(float(group[key]) for key in keys)),  # type: ignore[misc]
                ("linear", linear),
            )
            for group in scheduler.optimizer.param_groups
        ]
        return Curve("one_cycle", tuple(numbers))

    found = [Schedule("learning_rate", "OneCycleLR", (curve("lr"),))]
    if scheduler.cycle_momentum:
        found.append(Schedule(_momentum(scheduler), "OneCycleLR", (curve("momentum"),)))
    return tuple(found)


def _cyclic(scheduler: Any) -> tuple[Schedule, ...]:
    if scheduler._scale_fn_custom is not None:
        raise BackhandError(
            "a scale_fn is a function of yours, of which a program has no text",
            where="scheduler",
            wanted="CyclicLR with a mode",
            repair='mode="triangular", "triangular2" or "exp_range"',
        )
    if scheduler.last_epoch != 0:
        _refuse_steps()
    up = _whole(scheduler.total_size * scheduler.step_ratio)
    rest = (
        ("up", up),
        ("down", _whole(scheduler.total_size - up)),
        ("halving", scheduler.mode == "triangular2"),
        ("gamma", scheduler.gamma if scheduler.mode == "exp_range" else 1),
    )

    def curve(starts: list[float], stops: list[float]) -> Curve:
        pairs = zip(starts, stops, strict=True)
        return Curve("cycle", tuple((("start", a), ("stop", b), *rest) for a, b in pairs))

    found = [Schedule("learning_rate", "CyclicLR", (curve(scheduler.base_lrs, scheduler.max_lrs),))]
    if scheduler.cycle_momentum:
        momentum = curve(scheduler.max_momentums, scheduler.base_momentums)
        found.append(Schedule(_momentum(scheduler), "CyclicLR", (momentum,)))
    return tuple(found)


def _momentum(scheduler: Any) -> str:
    """The option that is cycled against the learning rate."""
    return "beta1" if scheduler.use_beta1 else "momentum"


def _whole(number: float) -> float | int:
    """A number of steps as an int, where it is one but for rounding."""
    nearest = round(number)
    return nearest if abs(number - nearest) < 1e-9 else float(number)
