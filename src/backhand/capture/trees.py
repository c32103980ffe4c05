"""How a module's own arguments and results, tuples in dicts in tuples, hang on to flat values.

`torch.export` calls such a structure a pytree. Here it is plain data, without PyTorch's classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Literal = float | int | bool | str | None


@dataclass(frozen=True)
class Leaf:
    """The end of a branch: one of the network's inputs or outputs by number, or else a literal."""

    number: int | None = None
    literal: Literal = None


@dataclass(frozen=True)
class Branch:
    """A `tuple`, `list`, `dict` or a class of the user's by its name; `keys` where it has any."""

    kind: str
    parts: tuple["Tree", ...]
    keys: tuple[str, ...] = ()


Tree = Leaf | Branch


def tree(spec: Any, leaves: Iterator[Leaf]) -> Tree:
    """PyTorch's `TreeSpec` as plain data; leaves are taken from left to right."""
    if spec.is_leaf():
        return next(leaves)
    context = spec.context
    keys = tuple(map(str, context)) if isinstance(context, list | tuple) else ()
    fields = getattr(context, "_fields", keys)
    parts = tuple(tree(child, leaves) for child in spec.children())
    return Branch(spec.type.__name__, parts, tuple(fields))


def numbers(of: Tree) -> tuple[int, ...]:
    """The inputs or outputs that a tree holds, from left to right."""
    if isinstance(of, Leaf):
        return () if of.number is None else (of.number,)
    return tuple(number for part in of.parts for number in numbers(part))


def paths(of: Tree, here: str = "") -> dict[int, str]:
    """Where each input or output hangs first: `both.0` for the first part of `both`."""
    if isinstance(of, Leaf):
        return {} if of.number is None else {of.number: here}
    keys = of.keys or map(str, range(len(of.parts)))
    found: dict[int, str] = {}
    for key, part in zip(keys, of.parts, strict=True):
        found = paths(part, f"{here}.{key}" if here else key) | found
    return found
