"""How far a certain bound can be carried through training, until it says nothing any more.

The written program's own `train` runs on bounded numbers, so that each update starts from the bound
that the one before left behind. Every step takes the worst of all earlier errors at once, as if
none ever cancelled, so that the bound grows by a factor of 5 to 40 with every update of a small
network, while the true error hardly does. It ends when it is as large as a hundredth of the
weights; what there is to say from then on is evidence: `ensemble.py` and `signs.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from backhand.experiment import Experiment, Precision
from backhand.graph import Value
from backhand.rounding import Bounded, CannotTell, Exit, Untracked, bounded, run
from backhand.run.program import namespace_of
from backhand.writers.program import Program

USEFUL = 1e-2
"""The largest part of the weights' size that a bound may be and still say something."""

Ending = Literal["trained", "large", "infinite", "undecided", "untracked", "work"]

WORK = 500_000_000
"""How many numbers may be computed, rounded at random; that takes 2 to 4 seconds."""
CALL = 2_000
"""Calling NumPy once takes as long as so many numbers more."""
BOUNDED = 8
"""How many times as long a number with its bound takes."""


@dataclass(frozen=True)
class Carried:
    """The certain bound of the weights, for as long as it says something.

    `bounds[i]` is the largest over all weights after update i + 1, `shares[i]` the same as a part
    of the largest weight. `ending` says why there are no more:

    - `trained`: training ends there;
    - `large`, `infinite`: the next bound, `exceeding`, is beyond `USEFUL` of the weights' size;
    - `undecided`, `untracked`: the next update branches on a number that rounding decides, or calls
      a function without a bound; `message` is what bounded numbers said to that;
    - `work`: there are more updates than may be followed.
    """

    bounds: tuple[float, ...]
    shares: tuple[float, ...]
    ending: Ending
    exceeding: float | None = None
    message: str = ""

    @property
    def updates(self) -> int:
        """For how many updates the bound says something."""
        return len(self.bounds)

    @property
    def ends_in(self) -> int | None:
        """The epoch from which on it says nothing; None if that never came."""
        return None if self.ending in ("trained", "work") else self.updates + 1


class Watcher:
    """What a program's probes call: the hook after each epoch; values pass through."""

    def __init__(self, epoch_done: Callable[[], None]) -> None:
        self.epoch_done = epoch_done

    def value(self, name: str, value: Any) -> Any:
        return value


class Enough(Exception):  # noqa: N818  (no error: it ends a training loop from within)
    """Raised by a hook to leave a program's `train`."""


def carried(
    program: Program, experiment: Experiment, precision: Precision, folder: Path
) -> Carried:
    """Train a written NumPy program on bounded numbers for as long as their bounds say something.

    Data and initial weights count as exact, in the precision they are rounded to, and so do the
    draws of a generator: they are the same on both sides.

    Args:
        program: what `write.numpy_program.write` gave; it must have a `train`.
        experiment: what it was written from.
        precision: takes the place of the program's own.
        folder: where the program lies, with its arrays beside it.
    """
    bounds: list[float] = []
    shares: list[float] = []
    exceeding: list[float] = []
    most = max(1, WORK // (BOUNDED * work_of_an_epoch(experiment)))

    def epoch_done() -> None:
        bound, size = largest(weights)
        if len(bounds) == most:
            raise Enough
        if not (np.isfinite(bound) and bound <= USEFUL * size):
            exceeding.append(bound)
            raise Enough
        bounds.append(bound)
        shares.append(bound / size if size else 0.0)

    namespace = namespace_of(program, Watcher(epoch_done), getattr(np, precision), folder)
    weights = tuple(bounded(w) for w in namespace["initial_weights"]())
    ending, message = _trained(namespace["train"], *namespace["data"](), weights)
    if exceeding:
        ending = "large" if np.isfinite(exceeding[0]) else "infinite"
    last = exceeding[0] if exceeding else None
    return Carried(tuple(bounds), tuple(shares), ending, last, message)


def _trained(train: Callable[..., Any], *arguments: Any) -> tuple[Ending, str]:
    """Run `train` as far as it goes: why it ends, and the message of what stopped it."""
    exits: list[Exit] = []  # the losses leave through float(); nobody asks for their bounds
    with np.errstate(all="ignore"):
        try:
            run(train, *arguments, exits=exits)
        except Enough:
            return "work", ""
        except CannotTell as error:
            return "undecided", error.what
        except Untracked as error:
            return "untracked", error.what
    return "trained", ""


def largest(weights: tuple[Bounded, ...]) -> tuple[float, float]:
    """The largest bound and the largest weight, of any of them; nan where any is nan."""
    bounds = [np.max(w.error, initial=0.0) for w in weights]
    sizes = [np.max(np.abs(w.value), initial=0.0) for w in weights]
    return float(np.max(bounds, initial=0.0)), float(np.max(sizes, initial=0.0))


def work_of_an_epoch(experiment: Experiment) -> int:
    """What one epoch costs, in plain numbers computed: it depends on the network alone."""
    batch = batch_of(experiment)
    values = [value for kind in experiment.network.kinds for value in kind.values()]
    return sum(prod(shape_of(value, batch)) + CALL for value in values)


def batch_of(experiment: Experiment) -> int:
    """How many rows the data have."""
    return len(experiment.arrays[experiment.network.forward.inputs[0].name])


def shape_of(value: Value, batch: int) -> tuple[int, ...]:
    """A value's shape in numbers."""
    return tuple(batch if isinstance(size, str) else size for size in value.shape)
