"""What size rounding alone reaches over training: the program again, each time rounded at random.

Every member is the same written NumPy program on arrays that are rounded at random
(`rounding/at_random.py`). How far the members end up from the plain run is how far an equally good
implementation may. That is an estimate from a few runs and proves nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from backhand.agreement.carried import WORK, Watcher, work_of_an_epoch
from backhand.experiment import Experiment, Precision
from backhand.rounding.at_random import MEMBERS, farthest, rounded_at_random
from backhand.run.probes import Progress
from backhand.run.program import namespace_of
from backhand.run.trace import kept_epochs
from backhand.writers.program import Program

Weights = tuple[np.ndarray, ...]

FEWEST = 2
"""Where even so many are too much work, they are followed for fewer epochs."""


@dataclass(frozen=True)
class Plan:
    """How many members are run, and for how many epochs: by their work, so always the same."""

    members: int
    epochs: int


@dataclass(frozen=True)
class Ensemble:
    """How far runs that were rounded at random are from the plain run.

    `spread[i]` is the largest |member - plain run| over all weights and members after `epochs[i]`
    updates, infinite where only one of the two is a number.
    """

    members: int
    epochs: tuple[int, ...]
    spread: tuple[float, ...]

    @property
    def by_epoch(self) -> dict[int, float]:
        """The spread after each epoch that was looked at."""
        return dict(zip(self.epochs, self.spread, strict=True))


def plan(experiment: Experiment) -> Plan:
    """What `ensemble` is going to run.

    A large network gets fewer members, a very large one also fewer epochs.
    """
    epochs = experiment.training.epochs if experiment.training else 0
    affordable = WORK // work_of_an_epoch(experiment)  # epochs, of all members together
    members = min(MEMBERS, max(FEWEST, affordable // max(epochs, 1)))
    return Plan(members, min(epochs, max(1, affordable // members)))


def ensemble(
    program: Program,
    experiment: Experiment,
    precision: Precision,
    folder: Path,
    progress: Progress | None = None,
) -> Ensemble:
    """Train a written NumPy program several times, rounded at random, beside a plain run of it.

    Args:
        program: what `write.numpy_program.write` gave; it must have a `train`.
        experiment: what it was written from.
        precision: takes the place of the program's own.
        folder: where the program lies, with its arrays beside it.
        progress: told after each epoch of each member how many of theirs are done in all.
    """
    planned = plan(experiment)
    kept = [e for e in kept_epochs(experiment) if e <= planned.epochs]
    unmoved: dict[int, Weights] = {}
    spread = dict.fromkeys(kept, 0.0)

    def keep(epoch: int, weights: Weights) -> None:
        if epoch in spread:
            unmoved[epoch] = tuple(np.array(w) for w in weights)

    def measure(epoch: int, weights: Weights) -> None:
        if epoch in spread:
            gap = max(farthest(w, p) for w, p in zip(weights, unmoved[epoch], strict=True))
            spread[epoch] = max(spread[epoch], gap)
        if progress:
            progress(next(done))

    done = count(1)
    train = partial(_train, program, precision, folder, planned.epochs)
    train(np.array, keep)
    for seed in range(planned.members):
        train(rounded_at_random(seed), measure)
    return Ensemble(planned.members, tuple(kept), tuple(spread.values()))


def _train(
    program: Program,
    precision: Precision,
    folder: Path,
    epochs: int,
    array: Callable[[np.ndarray], np.ndarray],
    seen: Callable[[int, Weights], None],
) -> None:
    """The program's own `train`, from its initial weights as arrays of some kind."""
    done = count(1)
    watcher = Watcher(lambda: seen(next(done), weights))
    namespace = namespace_of(program, watcher, getattr(np, precision), folder)
    weights = tuple(array(w) for w in namespace["initial_weights"]())
    with np.errstate(all="ignore"):
        namespace["train"](*namespace["data"](), weights, epochs=epochs)
