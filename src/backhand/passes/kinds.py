"""One kind for all calls that do the same.

Two calls do the same if they are of one class and their bodies are equal in all but the names, the
numbers and the sizes. Numbers that differ become arguments of the kind, for a function for each
stride would say less. Sizes that differ become letters, so that no shape in a shared body lies.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backhand.graph import (
    Argument,
    Attribute,
    Call,
    Kind,
    NamedSize,
    Nested,
    NestedKind,
    Size,
    Statement,
    Step,
    Value,
    check,
)
from backhand.passes.nesting import free_name, read_outside, without_unused
from backhand.passes.reserved import MODULE_NAMES
from backhand.passes.signature import Given, signature
from backhand.passes.unify import Letters, letters_of


def shared_kinds(network: Nested) -> Nested:
    """The network with one kind for all calls that do the same, named after their class.

    It is for a network as `tree` leaves it: each kind has one call, and shares its names with it.
    """
    groups = _groups(network)
    taken = {v.name for kind in network.kinds for v in kind.values()}
    names = _names(groups, taken | MODULE_NAMES)
    letters = letters_of(network)
    instances: dict[str, _Instance] = {}
    functions: list[tuple[int, NestedKind]] = []
    for group, name in zip(groups, names, strict=True):
        merger = _Merger(group.members, Letters(letters), instances, frozenset(names))
        functions.append((group.first, merger.kind(name, group)))
        instances |= merger.made_of(name, group)
    merger = _Merger((network.forward,), Letters(letters), instances, frozenset(names))
    forward = merger.same(read_outside(network))
    ordered = tuple(kind for _, kind in sorted(functions, key=lambda pair: pair[0]))
    return check(replace(network, forward=forward, functions=ordered), named=False)


def snake_case(class_name: str) -> str:
    """`GPT2Block` as a function's name: `gpt2_block`."""
    borders = r"(?<=[a-z0-9])(?=[A-Z][A-Za-z0-9])|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
    name = re.sub(r"\W+", "_", re.sub(borders, "_", class_name)).strip("_").lower()
    return name if name.isidentifier() else f"module_{name}".strip("_")


@dataclass(frozen=True)
class _Group:
    """Calls that do the same. `values[m]` are the values of member m, in one order for all."""

    members: tuple[NestedKind, ...]
    values: tuple[tuple[Value, ...], ...]
    outputs: tuple[int, ...]
    """The values that one of them or another gives back, as numbers of that order."""
    first: int
    """How many kinds stand before the first of them."""


@dataclass(frozen=True)
class _Instance:
    """What a call of a kind says beside its values."""

    kind: str
    attributes: Given
    sizes: Mapping[str, Size]
    outputs: tuple[Value, ...]


def _groups(network: Nested) -> list[_Group]:
    """The kinds that do the same, those first that call no other."""
    heights: dict[str, int] = {}
    levels: defaultdict[int, list[tuple[int, NestedKind]]] = defaultdict(list)
    for index, kind in enumerate(network.functions):
        called = (heights[part.kind] for part in kind.body if isinstance(part, Call))
        heights[kind.name] = 1 + max(called, default=0)
        levels[heights[kind.name]].append((index, kind))
    groups: list[_Group] = []
    same: dict[str, int] = {}
    outputs: dict[str, tuple[Value, ...]] = {}
    for _, level in sorted(levels.items()):
        found = _grouped(level, same, outputs)
        for number, group in enumerate(found, len(groups)):
            for member, values in zip(group.members, group.values, strict=True):
                same[member.name] = number
                outputs[member.name] = tuple(values[i] for i in group.outputs)
        groups += found
    return groups


def _grouped(
    level: Iterable[tuple[int, NestedKind]],
    same: Mapping[str, int],
    outputs: Mapping[str, tuple[Value, ...]],
) -> list[_Group]:
    found: defaultdict[Hashable, list[tuple[int, NestedKind, tuple[Value, ...]]]]
    found = defaultdict(list)
    for index, kind in level:
        signed, values = signature(kind, same, outputs)
        found[signed].append((index, kind, values))
    groups = []
    for alike in found.values():
        given_back: set[int] = set()
        for _, kind, values in alike:
            number = {value.name: i for i, value in enumerate(values)}
            given_back |= {number[value.name] for value in kind.outputs}
        members = tuple(kind for _, kind, _ in alike)
        in_order = tuple(values for _, _, values in alike)
        groups.append(_Group(members, in_order, tuple(sorted(given_back)), alike[0][0]))
    return groups


def _names(groups: Sequence[_Group], taken: set[str]) -> list[str]:
    """A name for each group; numbered, in the order of the program, where a class has several."""
    often = Counter(snake_case(group.members[0].class_name) for group in groups)
    numbers: Counter[str] = Counter()
    names: dict[int, str] = {}
    for group in sorted(groups, key=lambda group: group.first):
        name = snake_case(group.members[0].class_name)
        if often[name] > 1:
            numbers[name] += 1
            name = f"{name}_{numbers[name]}"
        name = free_name(name, taken, other=f"{name}_module")
        if name.startswith(("saved_", "dp_")):  # as functions call things of their own
            name = free_name(f"module_{name}", taken)
        names[group.first] = name
        taken = taken | {name, f"{name}_backward", name.removesuffix("_backward")}
    return [names[group.first] for group in groups]


@dataclass
class _Merger:
    """Makes one body of equal ones."""

    members: tuple[NestedKind, ...]
    letters: Letters
    instances: Mapping[str, _Instance]
    """What the calls in the bodies say, by the name of the kind that each has until now."""
    reserved: frozenset[str]
    renamed: dict[str, Value] = field(default_factory=dict)
    """For each value of the first body the value in the kind."""
    arguments: dict[str, tuple[Argument, tuple[Attribute, ...]]] = field(default_factory=dict)
    """What the calls give: its name, and the number in each of the bodies."""

    def kind(self, name: str, group: _Group) -> NestedKind:
        first = self.members[0]
        columns = zip(*group.values, strict=True)
        self.renamed = {column[0].name: self.letters.value(column) for column in columns}
        self._name_given(first)
        outputs = tuple(self._value(group.values[0][i]) for i in group.outputs)
        body = self._body(outputs)
        return Kind(
            name,
            tuple(map(self._value, first.inputs)),
            tuple(map(self._value, first.parameters)),
            outputs,
            body,
            first.paths,
            tuple(str(argument) for argument, _ in self.arguments.values()),
            tuple(self.letters.made.values()),
            first.class_name,
        )

    def same(self, outputs: Iterable[Value]) -> NestedKind:
        """The one member with its calls as they are now."""
        (kind,) = self.members
        return replace(kind, body=self._body(outputs))

    def made_of(self, name: str, group: _Group) -> dict[str, _Instance]:
        """For each member what its call must say, once the kind is made."""
        return {
            member.name: _Instance(
                name,
                tuple((str(name), column[m]) for name, column in self.arguments.values()),
                dict(self.letters.bindings(m)),
                tuple(group.values[m][i] for i in group.outputs),
            )
            for m, member in enumerate(self.members)
        }

    def _name_given(self, first: NestedKind) -> None:
        """Parameters are called after their paths, and what goes in is an input here."""
        taken = {*self.renamed, *self.reserved}
        for value, paths in zip(first.parameters, first.paths, strict=True):
            name = free_name(paths[0], taken)
            taken.add(name)
            self.renamed[value.name] = replace(self.renamed[value.name], name=name)
        for value in first.inputs:
            if value.role != "generator":
                found = replace(self.renamed[value.name], role="input", facts=frozenset())
                self.renamed[value.name] = found

    def _body(self, outputs: Iterable[Value]) -> tuple[Statement, ...]:
        rows = zip(*(member.body for member in self.members), strict=True)
        body = [self._merged(row) for row in rows]
        used = {value.name for part in body for value in part.operands}
        used |= {value.name for value in outputs}
        return tuple(without_unused(p, used) if isinstance(p, Call) else p for p in body)

    def _merged(self, row: Sequence[Statement]) -> Step | Call:
        part = row[0]
        if isinstance(part, Step):
            steps = [step for step in row if isinstance(step, Step)]
            return self._step(part, steps)
        assert isinstance(part, Call)
        instances = [self.instances[call.kind] for call in row if isinstance(call, Call)]
        sizes = tuple(
            (letter, self.letters.size(tuple(one.sizes[letter] for one in instances)))
            for letter in instances[0].sizes
        )
        return Call(
            instances[0].kind,
            tuple(map(self._value, part.inputs)),
            tuple(map(self._value, part.parameters)),
            tuple(map(self._value, instances[0].outputs)),
            part.modules,
            self._attributes([one.attributes for one in instances]),
            sizes,
        )

    def _step(self, step: Step, steps: Sequence[Step]) -> Step:
        columns = zip(*(one.inputs for one in steps), strict=True)
        return replace(
            step,
            inputs=tuple(map(self._input, columns)),
            outputs=tuple(value and self._value(value) for value in step.outputs),
            attributes=self._attributes([one.attributes for one in steps]),
            place=step.place if all(one.place == step.place for one in steps) else None,
        )

    def _input(self, column: tuple[Value, ...]) -> Value:
        value = column[0]
        if value.literal is None:
            return self._value(value)
        found = self._number("scalar", tuple(one.literal for one in column))
        return replace(value, name=found, literal=None) if isinstance(found, Argument) else value

    def _attributes(self, given: Sequence[Given]) -> Given:
        return tuple(
            (name, self._number(name, tuple(one[i][1] for one in given)))
            for i, (name, _) in enumerate(given[0])
        )

    def _number(self, name: str, column: tuple[Attribute, ...]) -> Attribute:
        """The number that stands in one place of the bodies, or the argument that does."""
        if all(repr(number) == repr(column[0]) for number in column):
            return column[0]
        if sizes := self._sizes(column):
            return sizes
        key = repr(column)  # 1 and 1.0 are equal, but not the same number
        if key not in self.arguments:
            taken = {*(v.name for v in self.renamed.values()), *self.reserved}
            taken |= {str(argument) for argument, _ in self.arguments.values()}
            self.arguments[key] = (Argument(free_name(name, taken)), column)
        return self.arguments[key][0]

    def _sizes(self, column: tuple[Attribute, ...]) -> tuple[int | str, ...] | None:
        """A shape whose sizes are each the same everywhere, or that of one of the letters."""
        shapes = [shape for shape in column if isinstance(shape, tuple)]
        if len(shapes) < len(column) or len({len(shape) for shape in shapes}) > 1:
            return None
        made = self.letters.made
        found: list[int | str] = []
        for sizes in zip(*shapes, strict=True):
            if all(size == sizes[0] for size in sizes):
                found.append(sizes[0])
            elif sizes in made:
                found.append(NamedSize(made[sizes]))
            else:
                return None
        return tuple(found)

    def _value(self, value: Value) -> Value:
        return self.renamed.get(value.name, value)
