"""A function's text with its options filled in: branches that are off vanish, names become numbers.

Works on the lines as they are written, so that comments stay.
"""

import ast
import io
import textwrap
import tokenize
from collections.abc import Mapping, Sequence

from backhand.graph import Attribute
from backhand.rules.register import Function
from backhand.writers.expressions import constant, fold, literal, substitute


def specialised(function: Function, options: Mapping[str, Attribute]) -> list[str]:
    """The lines of the body, unindented, for these values of the keyword-only parameters."""
    lines = function.source.splitlines()
    body = function.tree.body
    if ast.get_docstring(function.tree) is not None:
        body = body[1:]
    kept = _branches(body, lines, with_comment(lines, body[0]), len(lines), options)
    return _filled(textwrap.dedent("\n".join(kept)), options).splitlines()


def with_comment(lines: Sequence[str], statement: ast.stmt) -> int:
    """The number of the line where a statement begins, or the comment right above it."""
    first = statement.lineno
    while first > 1 and lines[first - 2].strip().startswith("#"):
        first -= 1
    return first


def _branches(
    body: list[ast.stmt],
    lines: list[str],
    first: int,
    last: int,
    options: Mapping[str, Attribute],
) -> list[str]:
    """Lines `first` to `last` without the branches that these options switch off."""
    kept: list[str] = []
    at = first
    for statement in body:
        if not isinstance(statement, ast.If):
            continue
        decided = constant(fold(substitute(statement.test, _literals(options))))
        if decided is None:
            continue
        kept += _without_comment(lines[at - 1 : statement.lineno - 1], taken=bool(decided[0]))
        branch = statement.body if decided[0] else statement.orelse
        if branch:
            stop = branch[-1].end_lineno or branch[-1].lineno
            inner = _branches(branch, lines, with_comment(lines, branch[0]), stop, options)
            kept += [line.removeprefix("    ") for line in inner]
        at = (statement.end_lineno or statement.lineno) + 1
    return kept + lines[at - 1 : last]


def _without_comment(before: list[str], *, taken: bool) -> list[str]:
    """Lines before a branch; a comment right above a branch that is off goes with it."""
    while not taken and before and before[-1].strip().startswith("#"):
        before = before[:-1]
    return before


def _literals(options: Mapping[str, Attribute]) -> dict[str, ast.expr]:
    return {name: literal(value) for name, value in options.items()}


def _filled(text: str, options: Mapping[str, Attribute]) -> str:
    """The text with each name of `options` replaced by its value."""
    lines = text.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    for token in reversed(tokens):
        if token.type == tokenize.NAME and token.string in options:
            row, column = token.start
            line = lines[row - 1]
            value = repr(options[token.string])
            lines[row - 1] = line[:column] + value + line[column + len(token.string) :]
    return "".join(lines)
