"""What makes two bodies equal: everything but the names, the numbers and the sizes."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from backhand.graph import Attribute, Loop, Module, NestedKind, Step, Value

Given = tuple[tuple[str, Attribute], ...]


def is_number(attribute: Attribute) -> bool:
    """Whether an attribute may differ between calls of a kind: it is then an argument of it.

    A truth value, a word or None chooses what is computed, and so does the length of a tuple.
    """
    return isinstance(attribute, int | float | tuple) and not isinstance(attribute, bool)


def looks(value: Value) -> Hashable:
    """What must be equal in a value: its dimensions, and which of them are 1, for what is
    stretched against something else has another derivative."""
    if value.literal is not None:
        return ("number", value.numbers)
    ones = tuple(size == 1 for size in value.shape)
    return (ones, value.numbers, value.role == "generator")


def classes(modules: Iterable[Module]) -> Hashable:
    """The calls in which something stands, without the paths."""
    return tuple(module.class_name for module in modules)


def without_numbers(attributes: Given) -> Hashable:
    """The attributes with each number replaced by the sort of number that it is."""
    return tuple((name, _sort(value)) for name, value in attributes)


def _sort(value: Attribute) -> Hashable:
    if isinstance(value, tuple):
        return ("tuple", len(value))
    return type(value).__name__ if is_number(value) else (type(value).__name__, value)


@dataclass
class Numbering:
    """Numbers values by their first appearance, and remembers what each looked like there."""

    describe: Callable[[Value], Hashable]
    numbers: dict[str, int] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)

    def slot(self, value: Value | None) -> Hashable:
        if value is None or value.literal is not None:
            return None if value is None else looks(value)
        if value.name in self.numbers:
            return self.numbers[value.name]
        self.numbers[value.name] = len(self.values)
        self.values.append(value)
        return self.describe(value)


def signature(
    kind: NestedKind, same: Mapping[str, int], outputs: Mapping[str, tuple[Value, ...]]
) -> tuple[Hashable, tuple[Value, ...]]:
    """What is equal for kinds that may be one, and the kind's values in the order it counts them.

    `same` says which of the kinds called are one, and `outputs` what each call makes in all.
    """
    paths = dict(zip((v.name for v in kind.parameters), kind.paths, strict=True))
    given = {value.name for value in kind.inputs}

    def describe(value: Value) -> Hashable:
        if value.name in given:
            return (looks(value), "given")
        return (looks(value), paths.get(value.name), value.facts)

    numbering = Numbering(describe)

    lines = []
    for part in kind.body:
        assert not isinstance(part, Loop), "loops are made after kinds"
        if isinstance(part, Step):
            does: Hashable = (part.function, without_numbers(part.attributes))
            made: tuple[Value | None, ...] = part.outputs
        else:
            does, made = same[part.kind], outputs[part.kind]
        where = tuple((module.path, module.class_name) for module in part.modules)
        read = tuple(map(numbering.slot, part.operands))
        lines.append((does, where, read, tuple(map(numbering.slot, made))))
    return (kind.class_name, tuple(lines)), tuple(numbering.values)
