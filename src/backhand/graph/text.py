"""The words of the typed text: what a network's parts print themselves with."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backhand.graph.data import Size, Value


def shape_text(shape: "tuple[Size, ...]") -> str:
    """`[B, 4]`; a scalar is `[]`."""
    return "[" + ", ".join(str(size) for size in shape) + "]"


def typed(value: "Value | None") -> str:
    """`x: [B, 4]`, a literal as its number, and `_` for a value that nobody needs."""
    if value is None:
        return "_"
    return f"{value.name}: {shape_text(value.shape)}" if value.literal is None else str(value)


def comma(parts: Iterable[object], between: str = ", ") -> str:
    """The parts one after the other."""
    return between.join(map(str, parts))


def block(header: str, parts: Iterable[str]) -> str:
    """A line and, below it and indented, the parts, each of one line or more."""
    lines = (line for part in parts for line in part.split("\n"))
    return "\n".join([header, *(f"    {line}" for line in lines)])
