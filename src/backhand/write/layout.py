"""Lines of a program: comments in a column, long signatures and tuples broken."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH = 100
ROOM = 20
"""Columns kept for a comment beside code."""
INDENT = "    "


@dataclass(frozen=True)
class Line:
    """A line of code and the comment that stands beside it."""

    code: str
    comment: str = ""


def comment_column(lines: Iterable[Line], depth: int = 1) -> int:
    """Where comments begin: beyond the longest code that leaves room for one beside it."""
    room = WIDTH - len(INDENT * depth) - ROOM
    lengths = [len(line.code) for line in lines if line.comment]
    return max((length for length in lengths if length <= room), default=0) + 2


def body(lines: Sequence[Line], depth: int = 1, column: int | None = None) -> list[str]:
    """Indented lines with their comments in one column; too long a line has its comment above."""
    indent = INDENT * depth
    column = comment_column(lines, depth) if column is None else column
    text: list[str] = []
    for line in lines:
        beside = f"{indent}{line.code.ljust(column - 2)}  # {line.comment}"
        if not line.comment:
            text.append(indent + line.code)
        elif len(beside) <= WIDTH:
            text.append(beside)
        else:
            text += [*comment(line.comment, depth), indent + line.code]
    return text


def comment(words: str, depth: int = 1) -> list[str]:
    """A comment of its own, broken at the width."""
    start = INDENT * depth + "# "
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent=start,
        subsequent_indent=start,
        break_long_words=False,
        break_on_hyphens=False,
    )


def listed(names: Sequence[str], depth: int = 1, before: str = "", after: str = "") -> str:
    """`before` + `a, b, c` + `after`, in parentheses over several lines where it is too long."""
    flat = f"{before}{tuple_of(names) if len(names) == 1 else ', '.join(names)}{after}"
    if len(flat) + len(INDENT * depth) <= WIDTH:
        return flat
    lines = wrapped(", ".join(names) + ",", depth + 1)
    return f"{before}(\n" + "\n".join(lines) + f"\n{INDENT * depth}){after}"


def wrapped(text: str, depth: int) -> list[str]:
    """Text broken at blanks and indented, no line longer than the width if that can be."""
    indent = INDENT * depth
    lines = textwrap.wrap(text, WIDTH - len(indent), break_long_words=False, break_on_hyphens=False)
    return [indent + line for line in lines]


def tuple_of(names: Sequence[str]) -> str:
    """`(a, b)`, `(a,)` or `()`."""
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def quoted(text: str) -> str:
    """A string literal in double quotes: nothing in it can end the string."""
    text = repr(text)
    if text.startswith('"'):
        return text
    mended = {"\\'": "'", '"': '\\"'}
    return '"' + re.sub(r'\\.|"', lambda m: mended.get(m[0], m[0]), text[1:-1]) + '"'
