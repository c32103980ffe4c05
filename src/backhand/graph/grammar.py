"""The grammar of a network, checked: a pass that breaks it is found where it does."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from backhand.errors import BackhandError
from backhand.graph.data import (
    Argument,
    Attribute,
    Call,
    Kind,
    Loop,
    Network,
    Size,
    Statement,
    Value,
)
from backhand.graph.text import shape_text

Part = TypeVar("Part", bound=Statement)


def check(network: Network[Part], *, named: bool = True) -> Network[Part]:
    """Return the network if it obeys the grammar.

    Every use has an earlier maker, every value one maker, and a nameless value one use; the last
    holds once names have been given, and is left out for a network that is not yet `named`. A call
    fits its kind, which stands earlier: so no kind calls itself. A loop says for each of its
    repetitions what it needs.

    Raises:
        BackhandError: naming the kind, the step and the value that break it.
    """
    kinds: dict[str, Kind[Statement]] = {}
    for kind in network.functions:
        if kind.name in kinds:
            raise _broken(kind, "there are two kinds of this name")
        if len(kind.paths) != len(kind.parameters):
            raise _broken(kind, "each parameter needs its path")
        _check_kind(_Scope(kind, kinds, named))
        kinds[kind.name] = kind
    shared = _Scope(network.forward, kinds, named)
    for own in network.kinds[len(network.functions) :]:
        _check_kind(replace(shared, kind=own, uses=Counter()))
    return network


@dataclass(frozen=True)
class _Scope:
    """What is known at one place of a kind's body, and how often each value was used so far."""

    kind: Kind[Statement]
    kinds: Mapping[str, Kind[Statement]]
    """The kinds that stand before this one."""
    named: bool
    known: dict[str, Value] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """All names so far; in a loop also those that are not known there."""
    uses: Counter[str] = field(default_factory=Counter)

    def use(self, values: Iterable[Value], by: object) -> None:
        for value in values:
            if value.literal is not None or self._is_argument(value):
                continue
            if value.name not in self.known:
                raise _broken(self.kind, f"{_line(by)} uses {value.name} before it is made")
            if self.known[value.name].shape != value.shape:
                raise _broken(self.kind, f"{_line(by)} changes the shape of {value.name}")
            self.uses[value.name] += 1

    def make(self, values: Iterable[Value]) -> None:
        for value in values:
            if value.name in self.taken:
                raise _broken(self.kind, f"{value.name} is made twice")
            self.give((value,))

    def give(self, values: Iterable[Value]) -> None:
        for value in values:
            self.known[value.name] = value
            self.taken.add(value.name)

    def attributes(self, given: tuple[tuple[str, Attribute], ...], by: object) -> None:
        for _, value in given:
            if isinstance(value, Argument) and value not in self.kind.attributes:
                raise _broken(self.kind, f"{_line(by)} reads {value}, which no call gives")

    def _is_argument(self, value: Value) -> bool:
        return value.role == "constant" and value.name in self.kind.attributes


def _check_kind(scope: _Scope) -> None:
    kind = scope.kind
    scope.give((*kind.inputs, *kind.parameters))
    for part in kind.body:
        _check_part(part, scope)
    for value in kind.outputs:
        if value.name not in scope.known and value.literal is None:
            raise _broken(kind, f"output {value.name} has no maker")
    _check_nameless(scope, kind.body)


def _check_part(part: Statement, scope: _Scope) -> None:
    if isinstance(part, Loop):
        _check_loop(part, scope)
        return
    scope.use(part.operands, part)
    scope.attributes(part.attributes, part)
    if isinstance(part, Call):
        _check_call(part, scope)
    scope.make(part.made())


def _check_call(call: Call, scope: _Scope) -> None:
    kind = scope.kinds.get(call.kind)
    if kind is None:
        raise _broken(scope.kind, f"{call} calls a kind that does not stand before it")
    sizes = dict(call.sizes)
    if tuple(sizes) != kind.sizes:
        raise _broken(scope.kind, f"{call} does not say what {kind.name}'s own sizes are")
    if tuple(name for name, _ in call.attributes) != kind.attributes:
        raise _broken(scope.kind, f"{call} does not give the attributes of {kind.name}")
    _check_fit(call, "inputs", call.inputs, kind.inputs, scope)
    _check_fit(call, "parameters", call.parameters, kind.parameters, scope)
    _check_fit(call, "outputs", call.outputs, kind.outputs, scope)


def _check_fit(
    call: Call, what: str, given: Sequence[Value | None], wanted: Sequence[Value], scope: _Scope
) -> None:
    if len(given) != len(wanted):
        counts = f"{len(given)} {what} where {call.kind} has {len(wanted)}"
        raise _broken(scope.kind, f"{call} has {counts}")
    sizes = dict(call.sizes)
    for value, slot in zip(given, wanted, strict=True):
        expected = tuple(_size(size, sizes) for size in slot.shape)
        if value is not None and value.shape != expected:
            shapes = f"{shape_text(value.shape)} where {call.kind} has {shape_text(expected)}"
            raise _broken(scope.kind, f"{call}: {value.name} is {shapes}")


def _size(size: Size, sizes: Mapping[str, Size]) -> Size:
    return sizes.get(size, size) if isinstance(size, str) else size


def _check_loop(loop: Loop, scope: _Scope) -> None:
    if loop.times < 2:
        raise _broken(scope.kind, f"{_line(loop)} is no repetition")
    columns = [each.outside for each in (*loop.parameters, *loop.taken, *loop.collected)]
    if any(len(column) != loop.times for column in [*columns, *(s for _, s in loop.sizes)]):
        raise _broken(scope.kind, f"{_line(loop)} does not say what each repetition gets")
    if any(value is None for each in (*loop.parameters, *loop.taken) for value in each.outside):
        raise _broken(scope.kind, f"{_line(loop)} leaves a repetition without its value")
    scope.use(loop.operands, loop)
    inside = replace(scope, known={value.name: value for value in loop.invariant}, uses=Counter())
    inside.make(loop.given)
    for part in loop.body:
        _check_part(part, inside)
    inside.use((carried.after for carried in loop.carried), loop)
    inside.use((each.value for each in loop.collected), loop)
    for value in loop.invariant:
        if value.name not in inside.uses:
            raise _broken(scope.kind, f"{_line(loop)} does not use {value.name}")
    _check_nameless(inside, loop.body)
    _check_shapes(loop, scope.kind)
    scope.make(loop.made())


def _check_shapes(loop: Loop, kind: Kind[Statement]) -> None:
    """Each value that crosses the border has the same shape on both sides, every time."""
    for repetition in range(loop.times):
        each = (*loop.parameters, *loop.taken, *loop.collected)
        pairs = [(one.value, one.outside[repetition]) for one in each]
        if repetition == 0:
            pairs += [(carried.value, carried.start) for carried in loop.carried]
        for value, outside in pairs:
            shape = _shape_in(loop, value, repetition)
            if outside is not None and outside.shape != shape:
                shapes = f"{shape_text(outside.shape)} outside and {shape_text(shape)} inside"
                raise _broken(kind, f"{_line(loop)} {outside.name} is {shapes}")
        for carried in loop.carried if repetition else ():
            before = _shape_in(loop, carried.after, repetition - 1)
            if before != _shape_in(loop, carried.value, repetition):
                names = f"{carried.after.name} to {carried.value.name}"
                raise _broken(kind, f"{_line(loop)} changes the shape from {names}")


def _shape_in(loop: Loop, value: Value, repetition: int) -> tuple[Size, ...]:
    sizes = {letter: column[repetition] for letter, column in loop.sizes}
    return tuple(_size(size, sizes) for size in value.shape)


def _check_nameless(scope: _Scope, body: Iterable[Statement]) -> None:
    for value in (value for part in body for value in part.made()):
        if scope.named and value.is_nameless and scope.uses[value.name] != 1:
            raise _broken(scope.kind, f"nameless {value.name} must be used exactly once")


def _line(part: object) -> str:
    return str(part).split("\n", 1)[0]


def _broken(kind: Kind[Statement], what: str) -> BackhandError:
    return BackhandError(
        f"the graph breaks its grammar: {what}",
        where=kind.name,
        repair="this is a mistake in backhand or in a rule; please report it with the network",
    )
