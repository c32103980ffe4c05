"""What can be called of a program of theirs, and what its functions return."""

import ast
from collections.abc import Iterator
from typing import Any

from backhand.diagnose.theirs.names import gradient_of, plain, role
from backhand.diagnose.theirs.words import CALLED

LOSS = ("loss", "cost", "mse", "entropy")
"""Parts of a loss function's name."""


class CannotCallError(Exception):
    """An argument of theirs that cannot be guessed, or a result that does not fit."""


class Program:
    """What can be called: the functions of a file, or the methods of an object of its class."""

    def __init__(
        self, tree: ast.AST, functions: dict[str, Any], root: Any, given: dict[str, str]
    ) -> None:
        self.tree, self.functions, self.root, self.given = tree, functions, root, given

    def find(self, kind: str, *, training: bool = False) -> tuple[str, Any] | None:
        """The function of a kind; for training one that says so, if there is one."""
        names = CALLED[kind]
        for name, function in self.functions.items():
            if self.given.get(name) == kind:
                return name, function
        if kind in ("loss", "step", "update", "both"):
            together = [n for n in self.functions if self._gives_gradients(n)]
            if kind == "both" and together:
                return together[0], self.functions[together[0]]
            names = tuple(n for n in names if n not in map(plain, together))
        matched = [(n, f) for n, f in self.functions.items() if plain(n) in map(plain, names)]
        loose = [
            (n, f) for n, f in self.functions.items()
            if any(plain(n).startswith(known) for known in names if len(known) > 4)
            or (kind == "loss" and any(word in plain(n) for word in LOSS))
        ]  # fmt: skip
        every = matched + [pair for pair in loose if pair not in matched]
        marked = [p for p in every if "train" in plain(p[0]) or "dropout" in plain(p[0])]
        if kind in ("forward", "backward") and training and marked:
            return marked[0]
        if kind in ("forward", "backward"):
            every = [p for p in every if p not in marked] or every
            every.sort(key=lambda p: plain(p[0]).startswith("predict"))
        return every[0] if every else None

    def _gives_gradients(self, name: str) -> bool:
        """Whether a function returns a loss and gradients, by the names in its return."""
        given = self.returned(name)
        if not isinstance(given, list) or not given or role(str(given[0])) != "loss":
            return False
        rest = [n for part in given[1:] for n in (part if isinstance(part, list) else [part])]
        return any(role(str(n)) == "grads" or gradient_of(str(n)) for n in rest)

    def returned(self, name: str) -> Any:
        """The names in the last return statement of a function: nested as there."""
        body = self.body(name)
        given = [
            (inner.lineno, inner.value)
            for inner in ast.walk(body or ast.Pass())
            if isinstance(inner, ast.Return) and inner.value is not None
        ]
        return _names_of(max(given, key=lambda pair: pair[0])[1]) if given else None

    def body(self, name: str) -> ast.FunctionDef | None:
        """The definition of a function."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return node
        return None


def _names_of(node: ast.expr) -> Any:
    if isinstance(node, ast.Tuple | ast.List):
        return [_names_of(e) for e in node.elts]
    if isinstance(node, ast.Name):
        return node.id
    return ast.unparse(node) if isinstance(node, ast.Attribute) else ""


def flat(made: Any, names: Any) -> Iterator[tuple[str, Any]]:
    """What a function returned, flat, with the names of its return statement or its keys."""
    if isinstance(made, dict):
        for key, value in made.items():
            yield from (
                flat(value, str(key))
                if not isinstance(value, dict | tuple | list)
                else flat(value, None)
            )
    elif isinstance(made, list) and isinstance(names, str) and not _is_numbers(made):
        for i, value in enumerate(made, 1):
            yield from flat(value, f"{names}{i}")
    elif isinstance(made, tuple | list) and not _is_numbers(made):
        given = names if isinstance(names, list) and len(names) == len(made) else [None] * len(made)
        for value, name in zip(made, given, strict=True):
            yield from flat(value, name)
    else:
        yield (names if isinstance(names, str) else ""), made


def _is_numbers(made: Any) -> bool:
    return bool(made) and all(isinstance(v, int | float) for v in made)
