"""How a module's own arguments and results, tuples in dicts in tuples, hang on to flat values.

`torch.export` calls such a structure a pytree. Here it is plain data, without PyTorch's classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Literal = float | int | bool | str | None


@dataclass(frozen=True)
class Leaf:
    """The end of a branch: an array of the network by `name`, or else a `literal`."""

    name: str = ""
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


def names(of: Tree) -> tuple[str, ...]:
    """The arrays of a tree from left to right, each once."""
    if isinstance(of, Leaf):
        return (of.name,) if of.name else ()
    return tuple(dict.fromkeys(name for part in of.parts for name in names(part)))
