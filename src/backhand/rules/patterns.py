"""Which operators of `torch.export`'s graphs a rule stands for, said in the graph's own words.

    "softmax.int(x, axis, None)"        the rule's x and axis; no dtype may be asked for
    "mean.dim(x, [axis], keepdims)"     a list of one; what is left out must be at its default
    "layer_norm.default(x, [_], g, b, eps, _)"     `_` is looked at and makes no difference

Arguments stand in the order of the operator's schema, or by its names. A name is a parameter or an
attribute of the rule; anything else is a literal, which the graph must have too. So nothing that
the graph asks for can go unnoticed.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from backhand.errors import BackhandError, shown

ANYTHING = "_"


@dataclass(frozen=True)
class Slot:
    """A place in a pattern that takes what the graph has there, under the rule's name for it."""

    name: str


Part = Slot | float | int | bool | str | None | tuple["Part", ...]


@dataclass(frozen=True)
class Pattern:
    """One call of an operator: `operator` with its namespace, e.g. `aten.softmax.int`."""

    text: str
    operator: str
    positional: tuple[Part, ...]
    by_name: tuple[tuple[str, Part], ...]

    @property
    def slots(self) -> tuple[str, ...]:
        """The rule's names that it fills."""
        parts = (*self.positional, *(part for _, part in self.by_name))
        return tuple(name for part in parts for name in _slots(part) if name != ANYTHING)


def pattern(text: str) -> Pattern:
    """A pattern from its text.

    Raises:
        BackhandError: if it is no call of `operator.overload` on names, literals and lists.
    """
    try:
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call)
        names = ast.unparse(call.func).split(".")
        assert 2 <= len(names) <= 3
        operator = ".".join(names if len(names) == 3 else ["aten", *names])
        positional = tuple(_part(node) for node in call.args)
        by_name = tuple((str(given.arg), _part(given.value)) for given in call.keywords)
    except (SyntaxError, ValueError, AssertionError):
        raise BackhandError(
            "this is not a pattern of an operator",
            wanted="a call such as `softmax.int(x, axis, None)`",
            got=shown(text),
            repair="write the operator with its overload, and literals or names of the rule",
        ) from None
    return Pattern(text, operator, positional, by_name)


def _part(node: ast.expr) -> Part:
    match node:
        case ast.Name(id=name):
            return Slot(name)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return tuple(map(_part, parts))
    literal = ast.literal_eval(node)
    assert literal is None or isinstance(literal, float | int | bool | str)
    return literal


def _slots(part: Part) -> Iterator[str]:
    if isinstance(part, Slot):
        yield part.name
    elif isinstance(part, tuple):
        for inner in part:
            yield from _slots(inner)
