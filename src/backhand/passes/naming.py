"""Names for the values of every function, as the source has them.

What the source assigns to a name is called so, as far as the function's own scope goes: the class
of the module that it stands for. A name that is assigned several times is numbered from the
second on. What is used once and has no name in the source stays nameless, and is written where it
is used; what is used more often is called after the module that made it, or by the noun of its
rule.
"""

import keyword
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from backhand.graph import (
    Call,
    Carried,
    Each,
    Kind,
    Loop,
    Nested,
    NestedKind,
    Statement,
    Step,
    Value,
    check,
)
from backhand.passes.reserved import is_reserved
from backhand.rules.register import rule

Scoped = Mapping[str, tuple[str, bool]]
"""By the class of a module, or empty for the network itself: a name, and whether it is one that
the source assigns to."""

LOOPED = re.compile(r"_in\d*(_\d+)?$")
"""What a loop puts behind the name of a value that it has under another name outside."""


def name_kinds(network: Nested, wishes: Mapping[str, Scoped]) -> Nested:
    """The network with the source's names in the bodies of its kinds.

    Args:
        network: as capture or the passes that nest it leave it.
        wishes: what the source calls each value, by the value's name in the flat network.
    """
    kinds = {kind.name: kind for kind in network.functions}
    reserved = frozenset(kinds) | {letter for letter, _ in network.sizes}
    functions = tuple(_named(kind, wishes, kinds, reserved) for kind in network.functions)
    forward = _named(network.forward, wishes, kinds, reserved)
    return check(replace(network, forward=forward, functions=functions), named=False)


def _named(
    kind: NestedKind,
    wishes: Mapping[str, Scoped],
    kinds: Mapping[str, NestedKind],
    reserved: frozenset[str],
) -> NestedKind:
    classes = {other.class_name for other in kinds.values()}
    taken = set(reserved) | set(kind.attributes) | set(kind.sizes)
    taken |= {name.partition(".")[0] for name in _inside_loops(kind) if "." in name}
    namer = _Namer(kind.class_name, wishes, classes, taken)
    uses = Counter(value.name for part in _parts(kind.body) for value in part.operands)
    uses.update(value.name for value in kind.outputs)
    for value, path in zip(kind.parameters, kind.paths or [()] * len(kind.parameters), strict=True):
        if kind.class_name and path:
            namer.give(value.name, re.sub(r"\W+", "_", path[0]).strip("_"))
        else:
            namer.keep(value.name)
    for value in kind.inputs:
        namer.incoming(value, kind)
    outputs = {value.name for value in kind.outputs}
    for part in _parts(kind.body):
        for value in _made(part):
            if not kind.class_name and value.name in outputs:
                namer.keep(value.name)
            elif "." not in value.name:
                namer.made(value, part, uses[value.name])
    return _renamed(kind, namer.names)


def _parts(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """The lines in order, those within a loop behind it."""
    for part in body:
        yield part
        if isinstance(part, Loop):
            yield from _parts(part.body)


def _made(part: Statement) -> Iterator[Value]:
    """What a line makes; a loop also what it carries and takes."""
    if isinstance(part, Loop):
        yield from (one.value for one in part.carried)
        yield from (one.value for one in part.taken)
    yield from part.made()


def _inside_loops(kind: NestedKind) -> Iterator[str]:
    for part in _parts(kind.body):
        if isinstance(part, Loop):
            yield from (each.value.name for each in part.parameters)


@dataclass
class _Namer:
    """Gives the names of one function."""

    scope: str
    wishes: Mapping[str, Scoped]
    classes: set[str]
    """Scopes that are functions of their own; a name from any other may serve here."""
    taken: set[str]
    names: dict[str, str] = field(default_factory=dict)

    def incoming(self, value: Value, kind: NestedKind) -> None:
        """Name what the function is given: after its parameter."""
        if value.role == "generator" or not kind.class_name:
            self.keep(value.name)
            return
        wish = self.wish(value.name)
        self.give(value.name, wish[0] if wish else "x" if value.is_nameless else value.name)

    def made(self, value: Value, part: Statement, uses: int) -> None:
        """Name what a line makes, if it needs a name."""
        if value.name in self.names:
            return
        wish = self.wish(value.name)
        if wish and wish[1]:
            self.give(value.name, wish[0])
        elif not value.is_nameless and not LOOPED.search(value.name):
            self.give(value.name, value.name)
        elif uses > 1 or not isinstance(part, Step) or len(part.made()) > 1:
            self.give(value.name, wish[0] if wish else _noun(part))

    def wish(self, name: str) -> tuple[str, bool] | None:
        """What the source calls a value in this scope, or in one that is no function."""
        scoped = self.wishes.get(name) or self.wishes.get(LOOPED.sub("", name), {})
        if self.scope in scoped:
            return scoped[self.scope]
        others = [wish for scope, wish in scoped.items() if scope and scope not in self.classes]
        return others[-1] if others else None

    def keep(self, name: str) -> None:
        """Leave a name as it is."""
        self.names[name] = name
        self.taken.add(name)

    def give(self, name: str, wish: str) -> None:
        """The wish, made fit for a program and numbered where it is taken."""
        base = re.sub(r"[\W_]+", "_", wish, flags=re.ASCII).strip("_")
        if not base or not base[0].isalpha():
            base = f"x_{base}".rstrip("_")
        if keyword.iskeyword(base) or is_reserved(base):
            base = f"{base}_of"
        free, number = base, 1
        while self._is_taken(free):
            number += 1
            free = f"{base}{number}" if not base[-1].isdigit() else f"{base}_{number}"
        self.names[name] = free
        self.taken.add(free)

    def _is_taken(self, name: str) -> bool:
        around = {name, f"d{name}", *([name[1:]] if name.startswith("d") else [])}
        return bool(around & self.taken) or is_reserved(name)


def _noun(part: Statement) -> str:
    if isinstance(part, Step):
        return rule(part.function).noun
    return part.module.path.rpartition(".")[2] if isinstance(part, Call) else "x"


def _renamed(kind: NestedKind, names: Mapping[str, str]) -> NestedKind:
    """The kind with new names for its values."""

    def one(old: Value) -> Value:
        return replace(old, name=names.get(old.name, old.name))

    def many(old: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple(map(one, old))

    def some(old: tuple[Value | None, ...]) -> tuple[Value | None, ...]:
        return tuple(value and one(value) for value in old)

    def each(old: tuple[Each, ...]) -> tuple[Each, ...]:
        return tuple(Each(one(e.value), some(e.outside)) for e in old)

    def statement(old: Statement) -> Statement:
        if isinstance(old, Step):
            return replace(old, inputs=many(old.inputs), outputs=some(old.outputs))
        if isinstance(old, Call):
            given = replace(old, inputs=many(old.inputs), parameters=many(old.parameters))
            return replace(given, outputs=some(old.outputs))
        return replace(
            old,
            carried=tuple(Carried(one(c.value), one(c.start), one(c.after)) for c in old.carried),
            invariant=many(old.invariant),
            parameters=each(old.parameters),
            taken=each(old.taken),
            body=tuple(map(statement, old.body)),  # type: ignore[arg-type]
            collected=each(old.collected),
        )

    return Kind(
        kind.name,
        many(kind.inputs),
        many(kind.parameters),
        many(kind.outputs),
        tuple(map(statement, kind.body)),
        kind.paths,
        kind.attributes,
        kind.sizes,
        kind.class_name,
    )
