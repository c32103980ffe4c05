"""Two traces side by side: for every value the largest difference, and how many roundings that is.

Nothing is judged here yet: a difference is stated in units in the last place, and whether it is
small enough is for a computed bound to say, not for a number that somebody liked.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from backhand.experiment import Precision
from backhand.run.trace import Trace


@dataclass(frozen=True)
class Difference:
    """The largest difference of one value between two traces.

    `ulps` counts units in the last place, in the coarser precision of the two, of the largest
    number in the array: elements that cancel to nearly nothing are measured by what cancelled.
    `index` is the element, its epoch first where the value was traced through training.
    """

    name: str
    largest: float
    ulps: float
    index: tuple[int, ...]
    ours: float
    theirs: float


@dataclass(frozen=True)
class Comparison:
    """All values that both traces hold, in the order in which the first made them."""

    first: str
    second: str
    precision: Precision
    evaluation: tuple[Difference, ...]
    training: tuple[Difference, ...]
    trained: tuple[Difference, ...]
    """The weights after the last epoch."""

    def difference(self, name: str) -> Difference | None:
        """The difference of a value at the initial weights, without dropout."""
        return next((d for d in self.evaluation if d.name == name), None)

    @property
    def largest(self) -> Difference | None:
        """The difference that is most units in the last place."""
        every = (*self.evaluation, *self.training)
        return max(every, key=lambda d: d.ulps, default=None)


def compare(first: Trace, second: Trace, weights: Iterable[str]) -> Comparison:
    """Compare two traces of the same experiment, value by value; `weights` names its weights."""
    is_single = "float32" in (first.precision, second.precision)
    coarser: Precision = "float32" if is_single else "float64"
    return Comparison(
        first.name,
        second.name,
        coarser,
        tuple(
            difference(name, values, second.evaluation[name], coarser)
            for name, values in first.evaluation.items()
            if name in second.evaluation
        ),
        tuple(
            difference(name, values, second.training[name], coarser, stacked=True)
            for name, values in first.training.items()
            if name in second.training
        ),
        tuple(
            difference(name, first.training[name][-1], second.training[name][-1], coarser)
            for name in weights
            if first.epochs
        ),
    )


def difference(
    name: str, ours: np.ndarray, theirs: np.ndarray, precision: Precision, stacked: bool = False
) -> Difference:
    """The largest difference between two arrays; `stacked` ones are measured epoch by epoch."""
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    limits = np.finfo(precision)
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        scale = np.nan_to_num(np.maximum(np.abs(a), np.abs(b)))
    gap = np.where(np.isnan(gap), np.inf, gap)  # a number on one side only
    inner = tuple(range(1 if stacked else 0, scale.ndim))
    largest = scale.max(axis=inner, keepdims=True)
    unit = np.spacing(np.clip(largest, limits.tiny, limits.max / 2).astype(precision))
    ulps = gap / unit.astype(np.float64)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(ulps)), ulps.shape))
    return Difference(
        name, float(gap.max()), float(ulps.max()), index, float(a[index]), float(b[index])
    )


def first_not_finite(trace: Trace) -> tuple[str, int] | None:
    """The value that first is nan or inf in training, and the epoch; None if all are finite."""
    epochs = {
        name: trace.epochs[int(np.argmax(bad))]
        for name, values in trace.training.items()
        if (bad := ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)).any()
    }
    return min(epochs.items(), key=lambda item: item[1]) if epochs else None
