"""A written program's statements: which makes what, where, from what."""

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from backhand.run.probes import PROBED, assigned, with_loss


@dataclass(frozen=True)
class Statement:
    """One statement of a program: the values it makes, the names it reads, its function."""

    function: str
    line: int
    code: str
    makes: tuple[str, ...]
    reads: tuple[str, ...]


def statements(text: str) -> Mapping[str, Statement]:
    """By the name of a value, the statement that makes it, in the order of the program.

    The loss that is only returned counts as `loss`.
    """
    found: dict[str, Statement] = {}
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef) or node.name not in PROBED:
            continue
        body = with_loss(node.body) if node.name == "network_loss" else node.body
        for statement in body:
            made = assigned(statement)
            if made and isinstance(statement, ast.Assign):
                read = [n.id for n in ast.walk(statement.value) if isinstance(n, ast.Name)]
                code = _code(lines, statement)
                new = Statement(node.name, statement.lineno, code, tuple(made), tuple(read))
                for name in made:
                    found.setdefault(name, new)
    return found


def unsettled(text: str) -> frozenset[str]:
    """Names of values that a program changes after it has made them: `z += b`, `z[i] = ...`."""
    changed: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name in PROBED:
            stored = [p for p in ast.walk(node) if isinstance(getattr(p, "ctx", None), ast.Store)]
            bound = Counter(part.id for part in stored if isinstance(part, ast.Name))
            changed |= {name for name, times in bound.items() if times > 1}
            items = [part.value for part in stored if isinstance(part, ast.Subscript)]
            changed |= {part.id for part in items if isinstance(part, ast.Name)}
    return frozenset(changed)


def update_statements(text: str) -> Mapping[str, str]:
    """By the name of what `update` changes for each weight (`w`, `m`), the last line that does."""
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == "update":
            for part in ast.walk(node):
                if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name):
                    found[part.target.id] = ast.unparse(part)
    return found


def _code(lines: list[str], statement: ast.stmt) -> str:
    """The statement on one line, without its comments."""
    last = statement.end_lineno or statement.lineno
    text = "\n".join(lines[statement.lineno - 1 : last]).strip()
    if text.startswith("return "):
        return "loss = " + ast.unparse(ast.parse(text.removeprefix("return ")))
    is_one_line = last == statement.lineno
    return text.partition("  #")[0].rstrip() if is_one_line else ast.unparse(statement)


def upstream(name: str, made_by: Mapping[str, Statement], known: frozenset[str]) -> list[Statement]:
    """The statements in order that lead from `known` values to one: its own line, and those of
    values that the reference does not have."""
    found: dict[int, Statement] = {}

    def add(name: str) -> None:
        statement = made_by.get(name)
        if statement is None or statement.line in found:
            return
        for read in statement.reads:
            if read not in known:
                add(read)
        found[statement.line] = statement

    add(name)
    return list(found.values())
