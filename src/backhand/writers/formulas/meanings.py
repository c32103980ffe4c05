"""What each value of a backward pass is the derivative of, read off its steps, not its name."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import TypeVar

from backhand.graph import Kind, Network, Step, Value
from backhand.rules.register import rule

Found = TypeVar("Found")


def of_network(function: Callable[[Network], Found]) -> Callable[[Network], Found]:
    """The function, remembering its last answer: it is asked for with each step of a network.

    By identity, not by `functools.cache`: the hash of a network goes through all of it.
    """
    last: list[tuple[Network, Found]] = []

    @wraps(function)
    def remembered(network: Network) -> Found:
        for known, answer in last:
            if known is network:
                return answer
        answer = function(network)
        last[:] = [(network, answer)]
        return answer

    return remembered


@dataclass(frozen=True)
class Derivative:
    """The derivative of the loss by `of`.

    Where `of` is used more than once, `through` names the forward value that this part of the
    derivative comes through, and `place` counts from 1 where one step uses `of` several times.
    `unsummed` says that what broadcasting repeated is still to be summed.
    """

    of: Value
    through: str = ""
    place: int = 0
    unsummed: bool = False


@dataclass(frozen=True)
class Meanings:
    """By name of a backward value: its derivative, and the step that a rule wrote for it."""

    derivatives: dict[str, Derivative]
    origins: dict[str, Step]


def is_fan_in(step: Step) -> bool:
    """Whether a backward step adds up the parts of a derivative."""
    return step.function == "add" and not step.undoes


def is_sum(step: Step) -> bool:
    """Whether a backward step undoes broadcasting."""
    return step.function == "sum" and bool(step.undoes)


def forward_step(network: Network, name: str) -> Step:
    """The forward or loss step that makes a value."""
    (found,) = [s for s in network.steps if any(v.name == name for v in s.made())]
    return found


def undone_step(step: Step, network: Network) -> Step:
    """The forward step through which a backward step goes: of a pair, the first of its two."""
    forward = forward_step(network, step.undoes)
    skips = "+" in step.function and not step.function.startswith("+")
    return forward_step(network, forward.inputs[0].name) if skips else forward


def parameters_of(step: Step, network: Network) -> tuple[str, ...]:
    """By which parameters of the forward rule the results of a rule's step are derivatives."""
    base, _, part = step.function.partition(".")
    if "+" in base:
        return rule(undone_step(step, network).function).forward.parameters[:1]
    return rule(base).wrt if part == "backward" else (part.removeprefix("d"),)


@of_network
def meanings(network: Network) -> Meanings:
    """What the values of the backward pass are, nameless ones included."""
    found = Meanings({}, {})
    if network.backward is None:
        return found
    for step in network.backward.body:
        if is_fan_in(step) or is_sum(step):
            _carry(step, network, found)
        else:
            _begin(step, network, found)
    _tell_apart(found, network.backward)
    return found


def _begin(step: Step, network: Network, found: Meanings) -> None:
    forward = undone_step(step, network)
    inputs = dict(zip(rule(forward.function).forward.parameters, forward.inputs, strict=True))
    for parameter, value in zip(parameters_of(step, network), step.outputs, strict=True):
        if value is not None:
            through = forward.output.name
            found.derivatives[value.name] = Derivative(inputs[parameter], through)
            found.origins[value.name] = step


def _carry(step: Step, network: Network, found: Meanings) -> None:
    """A sum or an addition is of the same value as what goes into it."""
    before = [found.derivatives[v.name] for v in step.inputs if v.name in found.derivatives]
    name = step.output.name
    if is_sum(step):
        found.derivatives[step.inputs[0].name] = replace(before[0], unsummed=True)
        found.derivatives[name] = replace(before[0], unsummed=False)
        found.origins[name] = found.origins[step.inputs[0].name]
    else:
        of = before[0].of if before else _of_numbers(step.output, network)
        found.derivatives[name] = Derivative(of)


def _of_numbers(total: Value, network: Network) -> Value:
    """What a sum of plain numbers is the derivative of: told by the step that goes on from it."""
    assert network.backward is not None
    outputs = zip(network.backward.outputs, network.backward.parameters, strict=True)
    for step in network.backward.body:
        if total in step.inputs:
            if is_fan_in(step):
                return _of_numbers(step.output, network)
            return forward_step(network, step.undoes).output
    return next(of for made, of in outputs if made == total)


def _tell_apart(found: Meanings, backward: Kind) -> None:
    """Parts are parts only where several are added; those through one step are counted."""
    parts = {
        value.name
        for step in backward.body
        if is_fan_in(step)
        for value in step.inputs
        if value.name in found.derivatives and found.derivatives[value.name].through
    }
    through = Counter((d.of.name, d.through) for n, d in found.derivatives.items() if n in parts)
    seen: Counter[tuple[str, str]] = Counter()
    for name, derivative in found.derivatives.items():
        key = (derivative.of.name, derivative.through)
        if name in parts:
            seen[key] += 1
            place = seen[key] if through[key] > 1 else 0
            found.derivatives[name] = replace(derivative, place=place)
        elif not derivative.unsummed:
            found.derivatives[name] = Derivative(derivative.of)
