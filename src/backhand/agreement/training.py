"""Two programs over training: how far apart their weights get, and what can be said about it.

The certain bound comes first and does not last; then come the size that rounding alone reaches, and
the flips that it causes. A difference that goes far beyond that size with no flip before it is left
unexplained here: evidence of a difference in what is computed, which the bounds of single steps
then decide on.
"""

from dataclasses import dataclass
from pathlib import Path

from backhand.agreement.carried import Carried, carried
from backhand.agreement.ensemble import Ensemble, ensemble
from backhand.agreement.signs import Signs, signs
from backhand.experiment import Experiment, Precision
from backhand.rounding.at_random import BEYOND, farthest
from backhand.run.probes import Progress
from backhand.run.trace import Trace
from backhand.writers.program import Program


@dataclass(frozen=True)
class OverTraining:
    """Everything there is to say of two runs of many updates.

    `differences[i]` is the largest |first - second| over all weights after epoch `epochs[i]`,
    infinite where only one of them is a number.
    """

    first: str
    second: str
    epochs: tuple[int, ...]
    differences: tuple[float, ...]
    carried: Carried
    ensemble: Ensemble
    signs: Signs

    @property
    def unexplained(self) -> int | None:
        """The first epoch in which the weights differ by more than `BEYOND` times the spread with
        no flip in it or before; None if there is none. Evidence, no proof."""
        flip, spread = self.signs.first, self.ensemble.by_epoch
        for epoch, difference in zip(self.epochs, self.differences, strict=True):
            if flip and flip.epoch <= epoch:
                return None
            if epoch in spread and difference > BEYOND * spread[epoch]:
                return epoch
        return None


def over_training(
    program: Program,
    experiment: Experiment,
    precision: Precision,
    folder: Path,
    first: Trace,
    second: Trace,
    progress: Progress | None = None,
) -> OverTraining:
    """Follow two programs through training.

    Args:
        program: the NumPy program, with a `train`; bounds and ensemble are its own.
        experiment: what it was written from; it must have training.
        precision: what both traces were made in.
        folder: where the program lies, with its arrays beside it.
        first: one program's trace.
        second: the other's, of the same epochs.
        progress: told how many epochs of the ensemble are done, which is most of the work;
            `ensemble.plan` says how many there are in all.
    """
    weights = [value.name for value in experiment.network.forward.parameters]
    return OverTraining(
        first.name,
        second.name,
        first.epochs,
        tuple(_apart(first, second, weights, at) for at in range(len(first.epochs))),
        carried(program, experiment, precision, folder),
        ensemble(program, experiment, precision, folder, progress),
        signs(experiment, first, second),
    )


def _apart(first: Trace, second: Trace, weights: list[str], at: int) -> float:
    return max(farthest(first.training[w][at], second.training[w][at]) for w in weights)
