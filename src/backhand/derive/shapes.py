"""Shapes of derivatives: what broadcasting repeated, found by trying the rule's own function.

Sizes with names stand for numbers while a function is tried; the numbers are those of one call
of the kind, so that they fit each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from backhand.errors import BackhandError
from backhand.graph import (
    Argument,
    Attribute,
    Counted,
    NamedSize,
    Numbers,
    Size,
    Step,
    Value,
    length,
)
from backhand.rules.operations import operation

FILLED = {"float": 0.5, "int": 0, "bool": False}


@dataclass(frozen=True)
class Instance:
    """One call of a kind: what its letters and its attributes are there."""

    sizes: Mapping[str, int]
    attributes: Mapping[str, Attribute]

    def length(self, size: Size) -> int:
        """A size as a number: `B`, `2*B*T` or 3."""
        return length(size, self.sizes)

    def shape(self, shape: tuple[Size, ...]) -> tuple[int, ...]:
        return tuple(map(self.length, shape))

    def attribute(self, given: Attribute) -> Attribute:
        """What an attribute is here."""
        if isinstance(given, Argument):
            return self.attributes[given]
        if isinstance(given, Counted):
            return given.start
        if isinstance(given, NamedSize):
            return self.length(given)
        if isinstance(given, tuple):
            return tuple(self.length(p) if isinstance(p, NamedSize) else p for p in given)
        return given


def part_shapes(
    step: Step, values: tuple[Value, ...], like: Value, instance: Instance
) -> tuple[tuple[Size, ...], ...]:
    """The shape of each result of a backward step before broadcasting is undone.

    Args:
        step: the backward step; its outputs are not looked at.
        values: what each result is the derivative by.
        like: the forward's output, whose shape broadcasting may have given to a derivative.
        instance: numbers to try it with.

    Raises:
        BackhandError: if the rule's function refuses these arrays.
    """
    if all(value.shape == like.shape for value in values):
        return tuple(value.shape for value in values)
    arrays = tuple(
        (None if v.role == "generator" else instance.shape(v.shape), v.literal, v.numbers)
        for v in step.inputs
    )
    given = tuple((name, instance.attribute(value)) for name, value in step.attributes)
    found = _tried(step.function, arrays, given)
    return tuple(
        _named(shape, value, like, instance) for shape, value in zip(found, values, strict=True)
    )


@lru_cache(maxsize=4096)
def _tried(
    function: str,
    arrays: tuple[tuple[tuple[int, ...] | None, float | None, Numbers], ...],
    attributes: tuple[tuple[str, Attribute], ...],
) -> tuple[tuple[int, ...], ...]:
    op = operation(function)
    try:
        with np.errstate(all="ignore"):
            results = op.results(tuple(_stand_in(*array) for array in arrays), dict(attributes))
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        raise BackhandError(
            f"the derivative of `{function.partition('.')[0]}` cannot be tried on its arrays",
            got=f"{', '.join(str(shape) for shape, _, _ in arrays)}: {error}",
            repair="this is a mistake in a rule; please report it with the module",
        ) from error
    return tuple(np.shape(result) for result in results)


def _stand_in(shape: tuple[int, ...] | None, literal: float | None, numbers: Numbers) -> Any:
    if literal is not None or shape is None:
        return literal
    return np.full(shape, FILLED[numbers])


def _named(
    shape: tuple[int, ...], value: Value, like: Value, instance: Instance
) -> tuple[Size, ...]:
    """A shape of numbers in the words of the value, or else of the output."""
    if instance.shape(value.shape) == shape:
        return value.shape
    words = []
    for axis in range(-len(shape), 0):
        known = [v.shape[axis] for v in (like, value) if -axis <= len(v.shape)]
        fitting = (size for size in known if instance.length(size) == shape[axis])
        words.append(next(fitting, shape[axis]))
    return tuple(words)


def sums(shape: tuple[Size, ...], wanted: tuple[Size, ...]) -> list[tuple[tuple[int, ...], bool]]:
    """The sums that lead from a broadcast shape back to the shape wanted: axes, keepdims."""
    extra = len(shape) - len(wanted)
    pairs = enumerate(zip(shape[extra:], wanted, strict=True))
    # two names of one length are not stretched
    stretched = tuple(i for i, (a, b) in pairs if a != b and b == 1)
    found = [(tuple(range(extra)), False)] if extra else []
    return [*found, (stretched, True)] if stretched else found
