"""Assignments that are written only where something below reads them.

A target that nobody reads becomes `_`; an assignment none of whose targets is read is left out.
"""

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backhand.writers.layout import listed, tuple_of

Target = str | tuple["Target", ...]
"""A name, or names to be unpacked, nested as in `(p, q), saved`."""


@dataclass(frozen=True)
class Assign:
    """`target = value`, if a line below reads what it gives."""

    target: Target
    value: str


def demanded(lines: Sequence[str | Assign]) -> list[str]:
    """The lines in order, with the assignments that are needed, unindented."""
    kept: list[str] = []
    needed: set[str] = set()
    for line in reversed(lines):
        if isinstance(line, Assign):
            target = _pruned(line.target, needed)
            if target == "_":
                continue
            needed -= set(_names(target))
            code = _rendered(target, line.value)
            needed |= names_read([line.value])
        else:
            code = [line]
            needed |= names_read([line])
        kept = code + kept
    return kept


def names_read(lines: Iterable[str]) -> set[str]:
    """Every name in these lines, broken or whole, that could be read by them."""
    names: set[str] = set()
    for line in lines:
        code = line.strip()
        code += " pass" if code.endswith(":") else ""
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Name):
                names.add(node.id)
    return names


def _pruned(target: Target, needed: set[str]) -> Target:
    if isinstance(target, str):
        return target if target in needed else "_"
    parts = tuple(_pruned(part, needed) for part in target)
    return "_" if all(part == "_" for part in parts) else parts


def _names(target: Target) -> list[str]:
    return [target] if isinstance(target, str) else [n for part in target for n in _names(part)]


def _rendered(target: Target, value: str) -> list[str]:
    if isinstance(target, str):
        return [f"{target} = {value}"]
    return listed([target_text(part) for part in target], after=f" = {value}")


def target_text(target: Target) -> str:
    """`p`, or `(p, q)`."""
    return target if isinstance(target, str) else tuple_of([target_text(part) for part in target])
