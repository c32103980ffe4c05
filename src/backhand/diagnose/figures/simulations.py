"""Clouds of all hypotheses of an experiment, each simulated once, whatever is asked of it.

Hypotheses whose first runs end at the same weights, masks being the same, are one: no figures can
tell them apart. Where every unit is active, a forgotten derivative of the ReLU is the correct
program.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backhand.diagnose.figures.cloud import Cloud
from backhand.diagnose.figures.hypotheses import Hypothesis, hypotheses
from backhand.diagnose.figures.published import Figures
from backhand.diagnose.figures.simulate import final_weights
from backhand.experiment import Experiment

RUNS = 4000
"""Of a hypothesis that is looked into."""

FIRST_LOOK = 320
"""Runs of every hypothesis. Half of them are fitted, which must be more than there are numbers."""

SAME = 1e-9
"""Relative difference of weights that only rounding has set apart."""

Progress = Callable[[int, int], None]
"""Told how many hypotheses are simulated, of how many."""


@dataclass(frozen=True)
class Candidate:
    """A hypothesis, and those that always lead to the same weights."""

    hypothesis: Hypothesis
    same: tuple[Hypothesis, ...] = ()


class Simulations:
    """What every hypothesis leads to."""

    def __init__(
        self, experiment: Experiment, runs: int = RUNS, seed: int = 0, told: Progress | None = None
    ) -> None:
        """Give every hypothesis its first look.

        Args:
            experiment: with training.
            runs: of each hypothesis that is looked into later.
            seed: of all masks.
            told: how far it is.
        """
        self.experiment, self.runs, self.seed = experiment, runs, seed
        self._weights: dict[tuple[str, int], dict[str, np.ndarray]] = {}
        self._clouds: dict[tuple[str, int, tuple[str, ...]], Cloud | None] = {}
        self.hypotheses, singles = hypotheses(experiment)
        self.price = float(np.log(max(singles, 1)))
        """What a mistake costs of belief: before the figures are seen, each of them is as likely
        as any other, and one mistake as likely as none."""
        for number, hypothesis in enumerate(self.hypotheses, 1):
            self.weights(hypothesis, FIRST_LOOK)
            if told:
                told(number, len(self.hypotheses))
        self.candidates = self._alike()

    def weights(self, hypothesis: Hypothesis, runs: int) -> dict[str, np.ndarray]:
        """Final weights by name, [runs, *shape]."""
        key = (hypothesis.name, runs)
        if key not in self._weights:
            self._weights[key] = final_weights(hypothesis.recipe, self.experiment, runs, self.seed)
        return self._weights[key]

    def cloud(self, hypothesis: Hypothesis, runs: int, figures: Figures) -> Cloud | None:
        """The cloud around some figures; None if most runs did not stay finite."""
        key = (hypothesis.name, runs, figures.names)
        if key not in self._clouds:
            points = figures.of_runs(self.weights(hypothesis, runs))
            kept = points[np.isfinite(points).all(axis=1)]
            is_there = 2 * len(kept) > len(points)
            self._clouds[key] = Cloud(kept, len(kept) / len(points)) if is_there else None
        return self._clouds[key]

    def _alike(self) -> tuple[Candidate, ...]:
        """Hypotheses in classes, each by its simplest."""
        looks = []
        for hypothesis in self.hypotheses:
            weights = self.weights(hypothesis, FIRST_LOOK)
            looks.append(np.hstack([w.reshape(FIRST_LOOK, -1) for w in weights.values()]))
        firsts = np.array([points[0] for points in looks])
        classes: dict[int, list[Hypothesis]] = {}
        for number, (hypothesis, points) in enumerate(zip(self.hypotheses, looks, strict=True)):
            leaders = np.array(list(classes), int)
            near = leaders[_are_same(firsts[number], firsts[leaders])]
            leader = next((k for k in near if _is_same(points, looks[k])), number)
            classes.setdefault(leader, []).append(hypothesis)
        return tuple(Candidate(first, tuple(rest)) for first, *rest in classes.values())


def _are_same(run: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """Of which of several runs the weights are those of one."""
    scale = np.max(np.abs(runs), axis=1, initial=0, where=np.isfinite(runs))
    close = np.isclose(run, runs, rtol=0, atol=SAME * scale[:, None], equal_nan=True)
    same: np.ndarray = close.all(axis=1)
    return same


def _is_same(a: np.ndarray, b: np.ndarray) -> bool:
    scale = float(np.max(np.abs(b), initial=0, where=np.isfinite(b)))
    return np.allclose(a, b, rtol=0, atol=SAME * scale, equal_nan=True)
