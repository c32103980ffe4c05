"""What `python FILE check` holds a program against: PyTorch's own numbers for the example, and how
far rounding may lead from them."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.rounding import Bounded, CannotTell, Untracked, run
from backhand.rounding.at_random import reached

if TYPE_CHECKING:
    from backhand.modules.program import Program

MOST = 200_000
"""Numbers of a program beyond which no bound is computed: it would take minutes."""
SHOWS = 1e-2
"""A bound beyond this part of an array's largest number would not show a part that is missing."""


def evidence(program: "Program") -> dict[str, np.ndarray]:
    """The arrays that lie beside a program for its `check`.

    `given:X` is the example, `torch:X` what PyTorch made of it. `bound:X` is the largest distance
    at which two right implementations may lie from each other. Where that is too wide to show
    anything, `reach:X` is there in its place: how far the program gets when it is rounded at
    random (`rounding/at_random.py`).
    """
    own = program.interface
    given = program.example.given(own)
    theirs = program.example.by_torch(own, program.to_state_dict())
    names = (*own.inputs, *own.targets)
    found = {f"given:{name}": array for name, array in zip(names, given, strict=True)}
    bounds = _bounds(program)
    narrow = {name for name, array in theirs.items() if _shows(bounds.get(name), array)}
    reach = {} if narrow == set(theirs) else reached(lambda wrap: _results(program, wrap))
    for name, array in theirs.items():
        found[f"torch:{name}"] = array
        kind, far = ("bound", bounds[name]) if name in narrow else ("reach", reach[name])
        found[f"{kind}:{name}"] = np.asarray(far)
    return found


def _shows(bound: float | None, theirs: np.ndarray) -> bool:
    if bound is None or theirs.dtype.kind != "f":
        return bound is not None
    return bound <= SHOWS * float(np.max(np.abs(theirs), initial=0.0))


def _bounds(program: "Program") -> dict[str, float]:
    """By name the largest distance at which two right implementations may lie from each other."""
    if sum(array.size for array in program.parameters.values()) > MOST:
        return {}
    try:
        with np.errstate(all="ignore"):
            return {name: _twice(one) for name, one in _results(program, np.array, run).items()}
    except (Untracked, CannotTell):
        return {}


def _results(
    program: "Program",
    wrap: Callable[[np.ndarray], Any],
    how: Callable[..., Any] = lambda function, *arrays: function(*arrays),
) -> Mapping[str, Any]:
    """What the program makes of its example, by name: outputs, loss, derivatives.

    Args:
        wrap: makes of an array of floats the one that the program gets.
        how: calls a function of the program with its arguments.
    """
    own, space = program.interface, program.namespace

    def wrapped(array: np.ndarray) -> Any:
        return wrap(array) if array.dtype.kind == "f" else array

    def parameters() -> dict[str, Any]:
        return {name: wrapped(array.copy()) for name, array in program.parameters.items()}

    given = [wrapped(array) for array in program.example.given(own)]
    inputs = [*given[: len(own.inputs)], *[parameters()] * own.reads_parameters]
    if not own.evaluation:
        inputs += [np.random.RandomState(0)] * own.draws
    made = how(space[own.evaluation or own.function], *inputs)
    found = dict(_named(own.output_names, made))
    if own.has_loss:
        drawing = [np.random.RandomState(0)] * own.draws
        loss, derivatives = how(space["gradients"], *given, parameters(), *drawing)
        found |= {"loss": loss, **{f"d {key}": d for key, d in derivatives.items()}}
    return found


def _named(names: tuple[str, ...], made: Any) -> Iterator[tuple[str, Any]]:
    return zip(names, made if isinstance(made, tuple) else (made,), strict=False)


def _twice(found: Any) -> float:
    """Both sides round."""
    return float(2 * np.max(found.error, initial=0)) if isinstance(found, Bounded) else 0.0
