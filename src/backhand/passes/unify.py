"""One shape for values that stand in the same place of several equal bodies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from string import ascii_uppercase

from backhand.graph import Loop, Nested, NestedKind, Size, Value


@dataclass(frozen=True)
class Letters:
    """Gives a letter to what is not everywhere the same size: one for each way to differ.

    So two dimensions that are equal in every body are written with the same letter, and a letter
    never stands where a number would be true.
    """

    taken: frozenset[str]
    made: dict[tuple[Size, ...], str] = field(default_factory=dict)

    def size(self, column: tuple[Size, ...]) -> Size:
        """The size that is `column[i]` in body i."""
        if all(size == column[0] for size in column):
            return column[0]
        if column not in self.made:
            self.made[column] = self._free()
        return self.made[column]

    def value(self, values: Sequence[Value]) -> Value:
        """The first of the values, which have equally many dimensions, with the shape of all."""
        shapes = [value.shape for value in values]
        if all(shape == shapes[0] for shape in shapes):
            return values[0]
        return replace(values[0], shape=tuple(map(self.size, zip(*shapes, strict=True))))

    def bindings(self, body: int) -> tuple[tuple[str, Size], ...]:
        """What each letter is in one of the bodies."""
        return tuple((letter, column[body]) for column, letter in self.made.items())

    def _free(self) -> str:
        """C, D, ...: never B, which is the batch, nor O and I, which look like 0 and 1."""
        letters = [letter for letter in ascii_uppercase[2:] if letter not in "IO"]
        more = (f"{letter}{number}" for number in count(1) for letter in letters)
        taken = self.taken | set(self.made.values())
        return next(name for names in (letters, more) for name in names if name not in taken)


def letters_of(network: Nested) -> frozenset[str]:
    """Every named size of the network, be it its own or one of a kind's or a loop's."""
    found = {name for name, _ in network.sizes} | {width.letter for width in network.widths}
    for kind in network.kinds:
        found |= {size for v in kind.values() for size in v.shape if isinstance(size, str)}
        found |= _own_letters(kind)
    return frozenset(found)


def _own_letters(kind: NestedKind) -> set[str]:
    loops = [part for part in kind.body if isinstance(part, Loop)]
    return {*kind.sizes, *(letter for loop in loops for letter, _ in loop.sizes)}


def with_sizes(value: Value, sizes: Mapping[str, Size]) -> Value:
    """The value with its letters replaced by what they stand for."""
    if not sizes or not any(size in sizes for size in value.shape):
        return value
    return replace(value, shape=resolved(value.shape, sizes))


def resolved(shape: Iterable[Size], sizes: Mapping[str, Size]) -> tuple[Size, ...]:
    """The shape with its letters replaced by what they stand for."""
    return tuple(sizes.get(size, size) if isinstance(size, str) else size for size in shape)
