"""The derivative of one operator at a time: our rules' against autograd's through that operator.

Both are given PyTorch's numbers and PyTorch's own derivative by the operator's results. Where an
operator takes several of our steps, theirs are put together by the deriver, as in the program.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from backhand.agreement.judging import Judgement
from backhand.agreement.modules.steps import Compared, Feeding, Unknown, results
from backhand.agreement.modules.watched import Operator
from backhand.agreement.units import unit
from backhand.derive.kinds import derive_kinds
from backhand.derive.pairs import Pair
from backhand.graph import Kind, Network, Statement, Step, Value
from backhand.rounding import Bounded, CannotTell, Untracked, bounded


def backward(feeding: Feeding, operator: Operator) -> Iterator[Compared]:
    """An operator's derivatives, ours beside autograd's; nothing where it has none to compare.

    Args:
        feeding: after its forward.
        operator: with the derivatives that autograd makes through it alone.
    """
    steps = steps_of(feeding, operator)
    if not steps or not operator.derivatives:
        return
    pair = _pair(tuple(_sized(step, feeding) for step in steps), operator)
    last = steps[-1]
    try:
        found = _executed(pair, feeding, operator)
    except (Untracked, CannotTell, Unknown) as error:
        for by in operator.derivatives:
            yield Compared(operator.made[-1], "backward", last, by, Judgement(reason=error.what))
        return
    derivatives = {v.name: d for v, d in zip(pair.kind.inputs, pair.inputs, strict=True) if d}
    for by, theirs in operator.derivatives.items():
        if by not in derivatives:
            continue
        name = derivatives[by].name
        chain = unit(name, {v.name: s for s in _body(pair) for v in s.made()}, frozenset())
        ours = found[name]
        inner = feeding.beside(found)
        other = inner.other(name, chain, ours)
        judgement = inner.judged(name, "backward", ours, theirs, other, chain)
        if judgement is not None:
            yield Compared(operator.made[-1], "backward", last, by, judgement)


def steps_of(feeding: Feeding, operator: Operator) -> tuple[Step, ...]:
    """The steps that lead from what an operator is given to what it makes; none where they read
    anything else, as where an array was written into before."""
    known = frozenset({*operator.read, *feeding.drawn}) - {*operator.made}
    found: dict[int, Step] = {}
    for name in operator.made:
        found |= {id(step): step for step in unit(name, feeding.made_by, known)}
    steps = tuple(found.values())
    made = {value.name for step in steps for value in step.made()}
    leaves = {v.name for s in steps for v in s.inputs if v.literal is None} - made
    constants = {v.name for v in feeding.watched.network.forward.parameters}
    return steps if leaves <= {*known, *constants} else ()


def _sized(step: Step, feeding: Feeding) -> Step:
    """A step with the shapes of its arrays as they are, those that only a derivative reads too."""

    def sized(value: Value) -> Value:
        is_known = value.role != "generator" and value.name in {*feeding.ours, *feeding.fed}
        return replace(value, shape=feeding.feed(value.name).shape) if is_known else value

    inputs = tuple(map(sized, step.inputs))
    return replace(step, inputs=inputs, outputs=tuple(v and sized(v) for v in step.outputs))


def _pair(steps: tuple[Step, ...], operator: Operator) -> Pair:
    """These steps and their derivative."""
    made = {value.name: value for step in steps for value in step.made()}
    inputs = {v.name: v for s in steps for v in s.inputs if v.literal is None}
    leaves = tuple(value for name, value in inputs.items() if name not in made)
    outputs = tuple(made[name] for name in operator.made if name in made)
    kind = Kind[Statement]("operator", leaves, (), outputs, steps)
    asked = [n for n, value in enumerate(outputs) if value.name in operator.cotangents]
    trained = {value.name for value in leaves if value.name in operator.derivatives}
    network = Network("operator", (), kind)
    return derive_kinds(network, trained=trained, outputs=asked, sizes={}).pairs[-1]


def _body(pair: Pair) -> tuple[Step, ...]:
    return tuple(step for step in pair.body if isinstance(step, Step))


def _executed(pair: Pair, feeding: Feeding, operator: Operator) -> dict[str, Any]:
    """What each step of a derivative makes, with what they are given, by name."""
    given = [pair.kind.outputs[number].name for number in pair.outputs]
    found: dict[str, Any] = {}
    for name, cotangent in zip(given, pair.cotangents, strict=True):
        array = operator.cotangents[name].astype(feeding.precision)
        found[cotangent.name] = bounded(array)
    for step in _body(pair):
        arrays = [_given(value, found, feeding) for value in step.inputs]
        for value, array in zip(step.outputs, results(step, arrays), strict=True):
            if value is not None:
                found[value.name] = array if isinstance(array, Bounded) else bounded(array)
    return found


def _given(value: Value, found: dict[str, Any], feeding: Feeding) -> Any:
    if value.literal is not None:
        return value.literal
    return found[value.name] if value.name in found else feeding.feed(value.name)
