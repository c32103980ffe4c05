"""Results that only a derivative reads: what a rule's backward asks for by name gets a value."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any

import numpy as np

from backhand.graph import (
    Attribute,
    NamedSize,
    Network,
    Numbers,
    Size,
    Step,
    Value,
    check,
    length,
)
from backhand.rules.operations import operation
from backhand.rules.register import rule

LENGTHS = (3, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59)
LATER_LENGTHS = (5, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79)
"""Of named sizes while a rule's function is tried, twice: what changes from one time to the other
is a named size, whatever number it is by chance."""

KINDS: dict[str, Numbers] = {"i": "int", "u": "int", "b": "bool"}
FILLED = {"float": 0.5, "int": 0, "bool": False}


def with_asked_results(network: Network) -> Network:
    """The flat network whose steps make all that their rules' derivatives read.

    PyTorch does not show such a result (a layer's saved statistics): its shape is found by trying
    the rule's function.
    """
    taken = {value.name for value in network.forward.values()}
    fresh = (name for n in count(1) if (name := f"%kept{n}") not in taken)
    body = tuple(_with_results(step, fresh) for step in network.forward.body)
    return check(replace(network, forward=replace(network.forward, body=body)), named=False)


def _with_results(step: Step, fresh: Iterator[str]) -> Step:
    known = rule(step.function)
    if known.backward is None or len(known.outputs) < 2:
        return step
    asked = {*known.backward.parameters, *known.backward.attributes}
    pairs = tuple(zip(known.outputs, step.outputs, strict=True))
    if all(value is not None or name not in asked for name, value in pairs):
        return step
    looks = zip(pairs, _shapes(step), _numbers(step), strict=True)
    outputs = tuple(
        Value(next(fresh), shape, numbers=numbers) if value is None and name in asked else value
        for (name, value), shape, numbers in looks
    )
    return replace(step, outputs=outputs)


def _shapes(step: Step) -> tuple[tuple[Size, ...], ...]:
    """The shapes of a step's results, in the words of its other shapes; none of them has a
    dimension if its function refuses the lengths that are tried."""
    shown = {size for value in (*step.inputs, *step.made()) for size in value.shape}
    names = dict.fromkeys(n for s in sorted(map(str, shown)) for n in re.findall(r"[A-Z]\w*", s))
    first, second = (dict(zip(names, tried, strict=False)) for tried in (LENGTHS, LATER_LENGTHS))
    both = ((s, length(s, first), length(s, second)) for s in shown if isinstance(s, str))
    words = {(here, there): size for size, here, there in both if here != there}
    given = tuple(replace(value, name="") for value in step.inputs)
    tried = (
        _tried(step.function, given, step.attributes, tuple(o.items())) for o in (first, second)
    )
    try:
        both_times = zip(*tried, strict=True)
        pairs = [tuple(zip(once, again, strict=True)) for (once, _), (again, _) in both_times]
    except (ValueError, IndexError, TypeError, OverflowError):
        return ((),) * len(step.outputs)
    return tuple(tuple(words.get(pair, pair[0]) for pair in shape) for shape in pairs)


def _numbers(step: Step) -> tuple[Numbers, ...]:
    """What each result of a step is made of: floats, if its function refuses what is tried."""
    given = tuple(replace(value, name="") for value in step.inputs)
    names = {n for value in given for s in value.shape for n in re.findall(r"[A-Z]\w*", str(s))}
    lengths = tuple(zip(sorted(names), LENGTHS, strict=False))
    unknown: Numbers = "float"
    try:
        return tuple(n for _, n in _tried(step.function, given, step.attributes, lengths))
    except (ValueError, IndexError, TypeError, OverflowError):
        return (unknown,) * len(step.outputs)


@cache
def _tried(
    function: str,
    inputs: tuple[Value, ...],
    attributes: tuple[tuple[str, Attribute], ...],
    names: tuple[tuple[str, int], ...],
) -> tuple[tuple[tuple[int, ...], Numbers], ...]:
    """The shapes of a function's results where named sizes have these lengths, and what they are
    made of."""
    lengths = dict(names)
    given = {name: _filled(value, lengths) for name, value in attributes}
    arrays = tuple(_stand_in(value, lengths) for value in inputs)
    with np.errstate(all="ignore"):
        results = operation(function).results(arrays, given)
    return tuple((np.shape(one), KINDS.get(np.asarray(one).dtype.kind, "float")) for one in results)


def _filled(given: Attribute, lengths: Mapping[str, int]) -> Any:
    if isinstance(given, NamedSize):
        return length(given, lengths)
    if isinstance(given, tuple):
        return tuple(length(p, lengths) if isinstance(p, NamedSize) else p for p in given)
    return given


def _stand_in(value: Value, lengths: Mapping[str, int]) -> Any:
    if value.literal is not None or value.role == "generator":
        return value.literal
    return np.full([length(size, lengths) for size in value.shape], FILLED[value.numbers])
