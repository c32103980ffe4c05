"""What `python FILE check` holds a program against: PyTorch's own numbers for the example, and how
far rounding may lead from them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from backhand.modules.program import Program
from backhand.rounding import Bounded, Untracked, run

MOST = 200_000
"""Numbers of a program beyond which no bound is computed: it would take minutes."""


def evidence(program: Program) -> dict[str, np.ndarray]:
    """The arrays that lie beside a program for its `check`: its example, PyTorch's numbers, and how
    far rounding may lead from them."""
    given, theirs = program.example.given, program.example.theirs
    own = program.interface
    names = (*own.inputs, *own.targets)
    found = {f"given:{name}": array for name, array in zip(names, given, strict=True)}
    bounds = dict(_bounds(program, given))
    for name, array in theirs.items():
        found[f"torch:{name}"] = array
        found[f"bound:{name}"] = np.asarray(bounds.get(name, np.inf))
    return found


def _bounds(program: Program, given: Sequence[np.ndarray]) -> Iterator[tuple[str, float]]:
    """By name the largest distance at which two right implementations may lie from each other."""
    own = program.interface
    if sum(array.size for array in program.parameters.values()) > MOST:
        return
    inputs: list[Any] = list(given[: len(own.inputs)])
    inputs += [program.parameters] * own.reads_parameters
    if not own.evaluation:
        inputs += [np.random.RandomState(0)] * own.draws
    yield from _named(program, own.evaluation or own.function, inputs, own.output_names)
    if own.has_loss:
        everything: list[Any] = [*given, program.parameters]
        everything += [np.random.RandomState(0)] * own.draws
        yield from _named(program, "gradients", everything, ("loss",))


def _named(
    program: Program, function: str, given: Sequence[Any], names: Sequence[str]
) -> Iterator[tuple[str, float]]:
    call: Callable[..., Any] = program.namespace[function]
    try:
        with np.errstate(all="ignore"):
            made = run(call, *given)
    except Untracked:
        return
    results = made if isinstance(made, tuple) else (made,)
    yield from zip(names, map(_twice, results), strict=False)
    if isinstance(results[-1], dict):
        yield from ((f"d {key}", _twice(value)) for key, value in results[-1].items())


def _twice(found: Any) -> float:
    """Both sides round."""
    return float(2 * np.max(found.error, initial=0)) if isinstance(found, Bounded) else 0.0
