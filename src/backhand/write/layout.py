"""Lines of a program: comments in a column, long signatures and tuples broken."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH = 100
INDENT = "    "


@dataclass(frozen=True)
class Line:
    """A line of code and the comment that stands beside it."""

    code: str
    comment: str = ""


def body(lines: Iterable[Line], depth: int = 1) -> list[str]:
    """Indented lines with their comments in one column, as far right as the code needs.

    A line too long to carry its comment has it above.
    """
    lines = list(lines)
    indent = INDENT * depth
    lengths = [len(line.code) for line in lines if line.comment]
    fitting = [n for n in lengths if n <= WIDTH - len(indent) - 24]
    column = max(fitting, default=0) + 2
    text: list[str] = []
    for line in lines:
        if not line.comment:
            text.append((indent + line.code) if line.code else "")
            continue
        beside = f"{indent}{line.code.ljust(column)}# {line.comment}"
        if len(beside) <= WIDTH:
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
    lines = textwrap.wrap(
        text, WIDTH - len(indent), break_long_words=False, break_on_hyphens=False
    )
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
