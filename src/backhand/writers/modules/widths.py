"""Letters that are written for numbers: `[B, T, C]` where a shape is `[B, T, 48]`."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backhand.graph import Attribute, NamedSize, Size, Step, Value, Width, shape_text
from backhand.passes.widths import HEAD
from backhand.writers import expressions as ex
from backhand.writers.layout import WIDTH, wrapped
from backhand.writers.modules.numbers import number_text

SHAPE = "shape"
"""What the names of attributes end in that are shapes: in them a size is written by its letter."""


@dataclass(frozen=True)
class Widths:
    """The letters of numbers."""

    letters: Mapping[int, str]

    def text(self, shape: Iterable[Size]) -> str:
        """`[B, T, 4*C]`."""
        return shape_text(tuple(map(self.size, shape)))

    def size(self, size: Size) -> Size:
        """The letter of a number that has one, or the product that it is."""
        return NamedSize(self.letters[size]) if size in self.letters else size  # type: ignore[index]

    def step(self, step: Step) -> Step:
        """The step with letters in the shapes that it says."""
        attributes = tuple(
            (name, self._attribute(given) if name.endswith(SHAPE) else given)
            for name, given in step.attributes
        )
        return replace(step, attributes=attributes)

    def _attribute(self, given: Attribute) -> Attribute:
        if isinstance(given, tuple):
            return tuple(map(self.size, given))
        return self.size(given) if isinstance(given, int) else given

    def number(self, value: Value) -> ast.expr:
        """A literal as a person writes it: `D ** -0.5` for one by the root of a head's width."""
        root = next((of for of, letter in self.letters.items() if letter == HEAD), None)
        if root is not None and isinstance(value.literal, float) and value.literal == root**-0.5:
            return ex.parse(f"{HEAD} ** -0.5")
        return number_text(value)


def letters_for(widths: Sequence[Width]) -> Widths:
    """The letters of a network's widths."""
    letters = {width.length: width.letter for width in widths}
    letters |= {n: f"{n // w.length}*{w.letter}" for w in widths for n in w.multiples}
    return Widths(letters)


def assigned(widths: Sequence[Width], functions: Iterable[str]) -> Iterator[str]:
    """`C, H = 48, 4`: the letters that a program's functions read."""
    nodes = ast.walk(ast.parse("\n".join(functions)))
    read = {node.id for node in nodes if isinstance(node, ast.Name)}
    used = [width for width in widths if width.letter in read]
    if used:
        letters = ", ".join(width.letter for width in used)
        yield f"{letters} = {', '.join(str(width.length) for width in used)}"


def legend(sizes: Sequence[tuple[str, str]], widths: Sequence[Width]) -> list[str]:
    """The lines of a program's header that say what the letters in shapes are."""
    words = [f"{letter} {meaning}" for letter, meaning in sizes]
    words += [f"{width.letter} {width.meaning} ({width.length})" for width in widths]
    if not words:
        return []
    text = f"{', '.join(words)}; the other sizes are numbers"
    lines = wrapped(text, 0, WIDTH - len("sizes      "))
    return [f"{'sizes' if not number else '':11}{line}" for number, line in enumerate(lines)]
