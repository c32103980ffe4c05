"""Schedules as functions of a program: `learning_rate(step)`, and a momentum that goes with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from backhand.graph import Attribute
from backhand.rules.schedules import SCHEDULES
from backhand.writers.layout import broken
from backhand.writers.modules.plan import Curve, Schedule
from backhand.writers.shared import function
from backhand.writers.specialise import specialised


@dataclass(frozen=True)
class Rate:
    """A schedule's functions, what its value is called in the update, and how each group asks."""

    option: str
    now: str
    functions: tuple[str, ...]
    calls: tuple[str, ...]


def rate_of(schedule: Schedule, step: str) -> Rate:
    """The text of a schedule; `step` is the step whose value an update asks for."""
    differing = _differing(schedule.curves[0])
    if len(schedule.curves) == 1:
        functions = [_alone(schedule, schedule.curves[0], differing)]
    else:
        functions = _joined(schedule, differing)
    calls = []
    for numbers in schedule.curves[0].numbers:
        own = [f"{name}={value!r}" for name, value in numbers if name in differing]
        calls.append(f"{schedule.option}({', '.join([step, *own])})")
    now = f"{schedule.option.removeprefix('learning_')}_now"
    return Rate(schedule.option, now, tuple(functions), tuple(calls))


def _differing(curve: Curve) -> list[str]:
    """The numbers in which groups differ."""
    first = dict(curve.numbers[0])
    return [name for name in first if any(dict(n)[name] != first[name] for n in curve.numbers)]


def _alone(schedule: Schedule, curve: Curve, differing: Sequence[str]) -> str:
    """One curve, with what all groups share filled in."""
    return function(
        schedule.option, ["step", *differing], _about(schedule), _body(curve, differing)
    )


def _about(schedule: Schedule) -> str:
    what = schedule.option.replace("_", " ")
    return f"The {what} of a step, which counts from 1: {schedule.torch} of PyTorch."


def _body(curve: Curve, named: Sequence[str]) -> list[str]:
    filled: dict[str, Attribute] = {k: v for k, v in curve.numbers[0] if k not in named}
    lines = specialised(SCHEDULES[curve.function], filled)
    return [part for line in lines for part in broken(line)]


def _joined(schedule: Schedule, differing: Sequence[str]) -> list[str]:
    """A function for each curve, and one that calls them, in turn or each on the other's rate."""
    names = _names(schedule.curves)
    parts = [
        function(name, ["step", "initial"], "", _body(curve, ["initial"]))
        for name, curve in zip(names, schedule.curves, strict=True)
    ]
    initial = "initial" if differing else repr(dict(schedule.curves[0].numbers[0])["initial"])
    if schedule.milestones:
        lines = []
        begins = (0, *schedule.milestones)
        for name, begin, end in zip(names, begins, schedule.milestones, strict=False):
            lines += [f"if step <= {end}:", f"    return {_call(name, begin, initial)}"]
        lines.append(f"return {_call(names[-1], begins[-1], initial)}")
    else:
        lines, rate = [], initial
        for name in names[:-1]:
            lines.append(f"rate = {_call(name, 0, rate)}")
            rate = "rate"
        lines.append(f"return {_call(names[-1], 0, rate)}")
    arguments = ["step", *(["initial"] if differing else [])]
    return [*parts, function(schedule.option, arguments, _about(schedule), lines)]


def _call(name: str, begin: int, initial: str) -> str:
    return f"{name}({f'step - {begin}' if begin else 'step'}, {initial})"


def _names(curves: Sequence[Curve]) -> list[str]:
    """A name for each curve's function: its own, numbered where several are of one kind."""
    own = [curve.function for curve in curves]
    return [
        name if own.count(name) == 1 else f"{name}_{own[: place + 1].count(name)}"
        for place, name in enumerate(own)
    ]
