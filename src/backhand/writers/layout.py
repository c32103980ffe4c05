"""Lines of a program: comments in a column, long signatures and tuples broken."""

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

WIDTH = 96
"""Of a line within a function, which is then indented to a hundred at most."""
ROOM = 20
"""Columns kept for a comment beside code."""
INDENT = "    "


@dataclass(frozen=True)
class Line:
    """A line of code, the comment that stands beside it, and a reason if it needs one."""

    code: str
    comment: str = ""
    reason: str = ""


def comment_column(lines: Iterable[Line], depth: int = 1) -> int:
    """Where comments begin: beyond the longest code that leaves room for one beside it."""
    room = WIDTH - len(INDENT * depth) - ROOM
    lengths = [len(line.code) for line in lines if line.comment]
    return max((length for length in lengths if length <= room), default=0) + 2


def body(lines: Sequence[Line], depth: int = 1, column: int | None = None) -> list[str]:
    """Indented lines with their comments in one column, or beside the first line of broken code;
    what does not fit beside stands above."""
    indent = INDENT * depth
    column = comment_column(lines, depth) if column is None else column
    text: list[str] = []
    for line in lines:
        words = ", ".join(part for part in (line.comment, line.reason) if part)
        fitting = [
            (above, indent + code)
            for above, beside in (("", words), (line.reason, line.comment), (words, ""))
            if len(indent + (code := _commented(line.code, beside, column))) <= WIDTH or not beside
        ]
        above, code = fitting[0]
        parts = broken(code, depth)
        if above and above == words and len(parts) > 1 and len(f"{parts[0]}  # {words}") <= WIDTH:
            above, parts[0] = "", f"{parts[0]}  # {words}"
        text += [*(comment(above, depth) if above else []), *parts]
    return text


def broken(code: str, depth: int = 0) -> list[str]:
    """A line of code, over several lines if it is too long for one: the arguments of a call below
    its name, anything else in parentheses."""
    indent = INDENT * depth
    start = re.match(r"\s*(return |[^=(]+ = )", code)
    if len(code) <= WIDTH or start is None:
        return [code]
    call = _call(code[start.end() :])
    if call is not None:
        return [f"{start[0]}{call[0]}(", *_packed(call[1], depth + 1), f"{indent})"]
    return [f"{start[0]}(", *_spread(code[start.end() :], depth + 1), f"{indent})"]


def _spread(code: str, depth: int) -> list[str]:
    """An expression over several lines, broken within as few parentheses as can be and never
    within a string."""
    blanks = list(_blanks(code))
    lines: list[str] = []
    for deepest in sorted({within for _, within in blanks}):
        ends = [at for at, within in blanks if within <= deepest]
        pairs = zip([0, *ends], [*ends, len(code)], strict=True)
        lines = _packed_texts([code[start:end].strip() for start, end in pairs], depth)
        if max(map(len, lines)) <= WIDTH:
            break
    return lines or [INDENT * depth + code]


def _blanks(code: str) -> Iterator[tuple[int, int]]:
    """Where the blanks are that stand in no string, and within how many parentheses each."""
    within, string, is_escaped = 0, "", False
    for at, letter in enumerate(code):
        if string:
            string = "" if letter == string and not is_escaped else string
            is_escaped = letter == "\\" and not is_escaped
        elif letter in "\"'":
            string = letter
        elif letter == " ":
            yield at, within
        else:
            within += (letter in "([{") - (letter in ")]}")


def _call(code: str) -> tuple[str, list[str]] | None:
    """The name and the arguments of a single call; None for anything else."""
    node = ast.parse(code, mode="eval").body
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    values = [*node.args, *(keyword.value for keyword in node.keywords)]
    names = ["" for _ in node.args] + [f"{keyword.arg}=" for keyword in node.keywords]
    texts = [ast.get_source_segment(code, value) or "" for value in values]
    return node.func.id, [name + text for name, text in zip(names, texts, strict=True)]


def _packed(arguments: Sequence[str], depth: int) -> list[str]:
    """Arguments on as few lines as they need, each whole."""
    last = len(arguments) - 1
    return _packed_texts([a + "," * (number < last) for number, a in enumerate(arguments)], depth)


def _packed_texts(texts: Iterable[str], depth: int) -> list[str]:
    indent = INDENT * depth
    lines = [indent]
    for text in texts:
        if lines[-1] != indent and len(lines[-1]) + 1 + len(text) > WIDTH:
            lines.append(indent)
        lines[-1] += text if lines[-1] == indent else f" {text}"
    return lines


def _commented(code: str, words: str, column: int) -> str:
    return f"{code.ljust(column - 2)}  # {words}" if words else code


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


def listed(names: Sequence[str], before: str = "", after: str = "") -> list[str]:
    """`before` + `a, b, c` + `after`, unindented, in parentheses over several lines if long."""
    flat = f"{before}{tuple_of(names) if len(names) == 1 else ', '.join(names)}{after}"
    if len(flat) <= WIDTH - 2 * len(INDENT):
        return [flat]
    return [f"{before}(", *wrapped(", ".join(names) + ",", 1, WIDTH - 2 * len(INDENT)), f"){after}"]


def indented(lines: Iterable[str], depth: int = 1) -> list[str]:
    """The lines moved to the right."""
    return [INDENT * depth + line if line else "" for line in lines]


def wrapped(text: str, depth: int, width: int = WIDTH) -> list[str]:
    """Text broken at blanks and indented, no line longer than the width if that can be."""
    indent = INDENT * depth
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


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
