"""An optimiser's body as programs hold it: its options filled in, and what that still reads."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from backhand.graph import Attribute
from backhand.rules.register import Function
from backhand.rules.updates import UPDATES
from backhand.writers.expressions import fold, literal, substitute, text
from backhand.writers.specialise import specialised, with_comment


@dataclass(frozen=True)
class Chosen:
    """An optimiser's body for given options, and what that still reads.

    `once` are the lines that are the same for all weights. `state` has the text that begins each
    array that it keeps.
    """

    torch: str
    once: tuple[str, ...]
    lines: tuple[str, ...]
    state: Mapping[str, str]
    counts_steps: bool


def chosen(optimizer: str, options: Mapping[str, Attribute]) -> Chosen:
    """The body of an optimiser; an option that is not given stays in it as a name."""
    update = UPDATES[optimizer]
    lines = specialised(update.function, options)
    body = ast.parse("\n".join(lines)).body
    read = set().union(*map(_names, body))
    arrays = {"w", "dw", *update.state}
    # what depends on the step alone stands first
    of_arrays = next(statement for statement in body if arrays & _names(statement))
    once = with_comment(lines, of_arrays) - 1
    state = {n: _beginning(update.beginning(n), options) for n in update.state if n in read}
    return Chosen(update.torch, tuple(lines[:once]), tuple(lines[once:]), state, "step" in read)


def _names(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _beginning(function: Function, options: Mapping[str, Attribute]) -> str:
    (made,) = function.expressions
    return text(fold(substitute(made, {name: literal(v) for name, v in options.items()})))
