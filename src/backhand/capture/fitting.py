"""Whether a rule fits a step of PyTorch's graph: its own function tells the shape it would make."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from backhand.graph import Attribute, NamedSize, Numbers, Size, Step, Value
from backhand.rules.register import AMBIENT, Rule

Shapes = Mapping[str, tuple[Size, ...]]


@dataclass(frozen=True)
class Matched:
    """The inputs and attributes of a rule that a step of the graph turns out to be."""

    rule: Rule
    arrays: Mapping[str, tuple[Value, ...]]
    """One array for each parameter, any number for one that takes the rest."""
    attributes: Mapping[str, Attribute]


def is_shaped(step: Step, found: Matched, shapes: Shapes) -> bool:
    """Whether the rule's own function gives the shape that PyTorch's operator gave.

    A pattern cannot say how many axes an array has, and operators of one name may treat them
    differently.
    """
    names = [p for p in found.rule.forward.parameters if p not in AMBIENT]
    values = [value for name in names for value in found.arrays.get(name, ())]
    if {*found.rule.forward.parameters} & {*AMBIENT}:
        return True  # what it draws is not known here
    known = {v.name: shapes.get(v.name, v.shape) for v in (*values, *step.made())}
    if len(found.arrays) < len(names) or any(isinstance(n, str) for s in known.values() for n in s):
        return True  # what is drawn, or a size that was not known
    lengths = {
        size: n
        for value in (*values, *step.made())
        for size, n in zip(value.shape, known[value.name], strict=True)
        if isinstance(size, str)
    }
    kinds = tuple((value.literal, value.numbers) for value in values)
    given = tuple((name, _measured(of, lengths)) for name, of in found.attributes.items())
    if any(_has_names(of) for _, of in given):
        return True
    whole = tuple(tuple(int(n) for n in known[value.name]) for value in values)
    made = _shapes(found.rule.forward.call, whole, kinds, given)
    wanted = [None if v is None else known[v.name] for v in step.outputs]
    wanted += [None] * (len(made) - len(wanted) if len(found.rule.outputs) > 1 else 0)
    return len(made) == len(wanted) and all(
        a is None or a == b for a, b in zip(wanted, made, strict=True)
    )


def _measured(given: Attribute, lengths: Mapping[str, Size]) -> Attribute:
    """An attribute with numbers for the sizes with names that are known."""
    if isinstance(given, tuple):
        return tuple(lengths.get(n, n) if isinstance(n, NamedSize) else n for n in given)
    return lengths.get(given, given) if isinstance(given, NamedSize) else given


def _has_names(given: Attribute) -> bool:
    parts = given if isinstance(given, tuple) else (given,)
    return any(isinstance(part, NamedSize) for part in parts)


@lru_cache(maxsize=4096)
def _shapes(
    function: Callable[..., Any],
    shapes: tuple[tuple[int, ...], ...],
    kinds: tuple[tuple[float | None, Numbers], ...],
    attributes: tuple[tuple[str, Attribute], ...],
) -> tuple[tuple[int, ...], ...]:
    """The shapes of a rule's results, found by calling it; none where it cannot be called so."""
    filled = {"float": 0.5, "int": 0, "bool": False}
    arrays = [
        np.full(shape, filled[numbers]) if literal is None else literal
        for shape, (literal, numbers) in zip(shapes, kinds, strict=True)
    ]
    try:
        with np.errstate(all="ignore"):
            made = function(*arrays, **dict(attributes))
            return _of_sense(arrays, made if isinstance(made, tuple) else (made,))
    except (ValueError, IndexError, TypeError, AttributeError, ZeroDivisionError, MemoryError):
        return ()


def _of_sense(arrays: Sequence[Any], made: tuple[Any, ...]) -> tuple[tuple[int, ...], ...]:
    """The shapes of several results; none where of no numbers at all comes one that is none."""
    is_empty = any(np.size(array) == 0 for array in arrays)
    if len(made) > 1 and is_empty and any(np.isnan(result).any() for result in made):
        return ()
    return tuple(map(np.shape, made))
