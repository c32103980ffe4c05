"""Which values of each kind have a derivative: those that depend on a trained parameter or an
input that one asks for, and that influence a result that is asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backhand.graph import Call, Loop, Nested, NestedKind, Statement, Step, Value
from backhand.rules.register import Rule, rule


@dataclass
class Active:
    """What is known of one kind, over all its calls."""

    given: set[str] = field(default_factory=set)
    """Names of its inputs and parameters that have a derivative somewhere."""
    returned: set[int] = field(default_factory=set)
    """Numbers of its outputs that have a cotangent somewhere."""
    values: set[str] = field(default_factory=set)
    """Names of its values that have a derivative."""


def activity(
    network: Nested, trained: Iterable[str], outputs: Iterable[int]
) -> Mapping[str, Active]:
    """For each kind by its name, what in it has a derivative.

    Args:
        network: without a loss.
        trained: names of the parameters and inputs of the network that have a derivative.
        outputs: numbers of the network's outputs by which cotangents are given.
    """
    kinds = {kind.name: kind for kind in network.functions}
    known = {name: Active() for name in kinds}
    known[network.forward.name] = Active(set(trained), set(outputs))
    for kind in (network.forward, *reversed(network.functions)):
        _Sweep(kind, kinds, known, known[kind.name]).run()
    return known


def differentiable(step: Step) -> tuple[Value, ...]:
    """The inputs of a forward step that its rule has a derivative for."""
    known = rule(step.function)
    named = zip(of_parameters(known, step), step.inputs, strict=True)
    return tuple(value for parameter, value in named if parameter in known.wrt)


def of_parameters(known: Rule, step: Step) -> tuple[str, ...]:
    """For each input of a step the parameter of the rule that takes it."""
    names = known.forward.parameters
    rest = known.forward.rest
    if not rest:
        return names
    at = names.index(rest)
    after = len(names) - at - 1
    return (*names[:at], *[rest] * (len(step.inputs) - at - after), *names[at + 1 :])


@dataclass(frozen=True)
class _Sweep:
    """One kind, through its body and back."""

    kind: NestedKind
    kinds: Mapping[str, NestedKind]
    known: Mapping[str, Active]
    active: Active

    def run(self) -> None:
        depends = set(self.active.given)
        self._forward(self.kind.body, depends)
        reached = {
            self.kind.outputs[number].name
            for number in self.active.returned
            if self.kind.outputs[number].name in depends
        }
        self._backward(self.kind.body, depends, reached)
        self.active.values |= depends & reached

    def _forward(self, body: Iterable[Statement], depends: set[str]) -> None:
        """Add to `depends` what depends on what is there."""
        for part in body:
            if isinstance(part, Step):
                read: Iterable[Value] = differentiable(part)
            else:
                read = part.operands
            is_active = any(value.name in depends for value in read)
            if isinstance(part, Loop):
                self._through(part, depends)
            elif is_active:
                depends |= {v.name for v in part.made() if v.numbers == "float"}

    def _through(self, loop: Loop, depends: set[str]) -> None:
        given = [(one.value, (one.start,)) for one in loop.carried]
        given += [(each.value, each.outside) for each in (*loop.parameters, *loop.taken)]  # type: ignore[misc]
        for value, outside in given:
            if any(v is not None and v.name in depends for v in outside):
                depends.add(value.name)
        for _ in range(2):  # what is carried may become active in the first repetition
            self._forward(loop.body, depends)
            depends |= {one.value.name for one in loop.carried if one.after.name in depends}
        for each in loop.collected:
            if each.value.name in depends:
                depends |= {v.name for v in each.outside if v is not None}

    def _backward(self, body: Iterable[Statement], depends: set[str], reached: set[str]) -> None:
        """Add to `reached` what influences what is there, and tell the kinds that are called."""
        for part in reversed(tuple(body)):
            if isinstance(part, Loop):
                self._back_through(part, depends, reached)
            elif any(value.name in reached and value.name in depends for value in part.made()):
                if isinstance(part, Call):
                    self._tell(part, depends, reached)
                read = differentiable(part) if isinstance(part, Step) else part.operands
                reached |= {value.name for value in read if value.name in depends}

    def _back_through(self, loop: Loop, depends: set[str], reached: set[str]) -> None:
        for each in loop.collected:
            if any(v is not None and v.name in reached for v in each.outside):
                reached.add(each.value.name)
        for _ in range(2):
            self._backward(loop.body, depends, reached)
            reached |= {one.after.name for one in loop.carried if one.value.name in reached}
        for one in loop.carried:
            if one.value.name in reached and one.start.name in depends:
                reached.add(one.start.name)
        for each in (*loop.parameters, *loop.taken):
            if each.value.name in reached:
                reached |= {v.name for v in each.outside if v is not None and v.name in depends}

    def _tell(self, call: Call, depends: set[str], reached: set[str]) -> None:
        kind, active = self.kinds[call.kind], self.known[call.kind]
        slots = (*kind.inputs, *kind.parameters)
        for slot, value in zip(slots, call.operands, strict=True):
            if value.name in depends:
                active.given.add(slot.name)
        for number, output in enumerate(call.outputs):
            if output is not None and output.name in depends and output.name in reached:
                active.returned.add(number)
