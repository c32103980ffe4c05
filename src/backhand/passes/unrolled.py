"""The way back: a nested network as the flat one it stands for.

Every call is replaced by its kind's body and every loop by its repetitions. The passes that make
calls and loops are right if this gives back, but for names, what went in.
"""

from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace

from backhand.graph import (
    Argument,
    Attribute,
    Call,
    Counted,
    Kind,
    Loop,
    Module,
    NamedSize,
    Nested,
    NestedKind,
    Network,
    Size,
    Statement,
    Step,
    Value,
    check,
)
from backhand.passes.unify import resolved, with_sizes


def unrolled(network: Nested) -> Network:
    """The network with steps alone, in the order in which they are computed.

    Each step knows the calls in which it stands, as before `tree`; of a call that dissolved there,
    the number starts again in each call of its caller.
    """
    names = Counter(value.name for kind in network.kinds for value in kind.values())
    calls = _Calls({kind.name: kind for kind in network.functions}, names)

    def flat(kind: NestedKind) -> Kind:
        scope = _Scope(calls, ChainMap(), is_top=True)
        return _flat_kind(kind, tuple(scope.steps(kind.body)))

    return check(
        Network(
            network.name,
            network.sizes,
            flat(network.forward),
            flat(network.loss) if network.loss else None,
            flat(network.backward) if network.backward else None,
            network.saved,
            network.saved_by_loss,
        ),
        named=False,
    )


def _flat_kind(kind: NestedKind, body: tuple[Step, ...]) -> Kind:
    return Kind(kind.name, kind.inputs, kind.parameters, kind.outputs, body, kind.paths)


@dataclass(frozen=True)
class _Calls:
    """What all scopes share: the kinds, and how often each name and each module was met."""

    kinds: Mapping[str, NestedKind]
    names: Counter[str]
    met: Counter[str] = field(default_factory=Counter)

    def fresh(self, name: str) -> str:
        while True:
            self.names[name] += 1
            found = f"{name}_{self.names[name]}"
            if found not in self.names:
                self.names[found] = 1
                return found


@dataclass(frozen=True)
class _Scope:
    """What the names of a body stand for, while it is written out."""

    calls: _Calls
    values: MutableMapping[str, Value]
    sizes: Mapping[str, Size] = field(default_factory=dict)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    stack: tuple[Module, ...] = ()
    slices: Mapping[str, str] = field(default_factory=dict)
    """For each variable of a loop the path it stands for in this repetition."""
    repetition: int = 0
    """Which one of the loop's repetitions is written out."""
    is_top: bool = False
    """Whether names are those of the flat network already."""

    def steps(self, body: tuple[Statement, ...]) -> Iterator[Step]:
        for part in body:
            if isinstance(part, Loop):
                yield from self._repeated(part)
            elif isinstance(part, Call):
                yield from self._called(part)
            else:
                yield replace(
                    part,
                    inputs=tuple(map(self._read, part.inputs)),
                    outputs=tuple(value and self._made(value) for value in part.outputs),
                    attributes=self._given(part.attributes),
                    modules=(*self.stack, *map(self._module, part.modules)),
                )

    def _called(self, call: Call) -> Iterator[Step]:
        kind = self.calls.kinds[call.kind]
        slots = (*kind.inputs, *kind.parameters)
        values = dict(zip((v.name for v in slots), map(self._read, call.operands), strict=True))
        for slot, value in zip(kind.outputs, call.outputs, strict=True):
            if value is not None:
                values[slot.name] = self._made(value)
        stack = tuple(map(self._module, call.modules))
        number = self.calls.met[stack[-1].path]
        self.calls.met[stack[-1].path] += 1
        inside = _Scope(
            self.calls,
            ChainMap(values),
            dict(zip(kind.sizes, resolved((s for _, s in call.sizes), self.sizes), strict=True)),
            dict(self._given(call.attributes)),
            (*self.stack, *stack[:-1], replace(stack[-1], call=number)),
        )
        yield from inside.steps(kind.body)

    def _repeated(self, loop: Loop) -> Iterator[Step]:
        carried = {one.value.name: self._read(one.start) for one in loop.carried}
        for repetition in range(loop.times):
            values = dict(carried)
            for each in (*loop.parameters, *loop.taken):
                outside = each.outside[repetition]
                assert outside is not None
                values[each.value.name] = self._read(outside)
            for each in loop.collected:
                outside = each.outside[repetition]
                if outside is not None:
                    values[each.value.name] = self._made(outside)
            columns = resolved((column[repetition] for _, column in loop.sizes), self.sizes)
            letters = dict(zip((letter for letter, _ in loop.sizes), columns, strict=True))
            inside = replace(
                self,
                values=ChainMap(values, self.values),
                sizes={**self.sizes, **letters},
                slices={one.variable: one.at(repetition) for one in loop.slices},
                repetition=repetition,
                is_top=False,
            )
            yield from inside.steps(loop.body)
            carried = {one.value.name: inside._read(one.after) for one in loop.carried}

    def _read(self, value: Value) -> Value:
        if value.name in self.attributes and value.role == "constant" and value.literal is None:
            number = self.attributes[value.name]
            assert isinstance(number, int | float)
            return replace(value, name=repr(number), literal=number)
        return self.values.get(value.name, value)

    def _made(self, value: Value) -> Value:
        if value.name not in self.values:
            found = with_sizes(value, self.sizes)
            name = value.name if self.is_top else self.calls.fresh(value.name)
            self.values[value.name] = replace(found, name=name)
        return self.values[value.name]

    def _given(self, given: tuple[tuple[str, Attribute], ...]) -> tuple[tuple[str, Attribute], ...]:
        return tuple((name, self._attribute(value)) for name, value in given)

    def _attribute(self, value: Attribute) -> Attribute:
        if isinstance(value, Argument):
            return self.attributes[value]
        if isinstance(value, Counted):
            return value.at(self.repetition)
        if isinstance(value, tuple):
            sizes = (self.sizes.get(s, s) if isinstance(s, NamedSize) else s for s in value)
            return tuple(sizes)
        return value

    def _module(self, module: Module) -> Module:
        if module.path.startswith("/"):
            return replace(module, path=module.path[1:])
        first, dot, rest = module.path.partition(".")
        path = self.slices.get(first, first) + dot + rest
        if path.startswith("/"):
            return replace(module, path=path[1:])
        base = self.stack[-1].path if self.stack else ""
        return replace(module, path=f"{base}.{path}" if base else path)
