"""Hypotheses in order of belief: which mistake, if any, leads to the published figures?

Every hypothesis gets a first look of a few hundred runs, and those that the figures speak for most
get thousands. Each is judged as `cloud.py` says. Those that the figures fit come first, by their
evidence less what their mistakes cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from backhand.diagnose.figures.cloud import Cloud, Fit
from backhand.diagnose.figures.hypotheses import Hypothesis
from backhand.diagnose.figures.published import Figures, figures
from backhand.diagnose.figures.simulations import FIRST_LOOK, Candidate, Simulations
from backhand.errors import BackhandError
from backhand.experiment import Experiment, Precision

LOOKED_INTO = 12
"""Hypotheses that get thousands of runs, beside the correct one."""

LEVEL = 0.01
"""A hypothesis with a p-value below this is rejected: so is one in a hundred true ones."""

TIED = float(np.log(10))
"""Two hypotheses of which neither is ten times as likely as the other are told together."""


@dataclass(frozen=True)
class Standing:
    """One hypothesis and how it stands.

    `same` are those that always lead to the same weights. `belief` is the logarithm of how likely
    it is beside the others: only differences count.
    """

    hypothesis: Hypothesis
    same: tuple[Hypothesis, ...]
    fit: Fit
    belief: float
    cloud: Cloud = field(repr=False)

    @property
    def is_consistent(self) -> bool:
        return self.fit.p >= LEVEL


@dataclass(frozen=True)
class Ranking:
    """The hypotheses that were looked into, the most believed first, those that are rejected last.

    `others` is the number of those that the first look left far behind.
    """

    figures: Figures
    standings: tuple[Standing, ...]
    others: int

    @property
    def first(self) -> Standing:
        return self.standings[0]

    @property
    def correct(self) -> Standing | None:
        """Where the correct program stands; None if its training diverges."""
        return next((s for s in self.standings if not s.hypothesis.mistakes), None)

    @property
    def consistent(self) -> tuple[Standing, ...]:
        return tuple(s for s in self.standings if s.is_consistent)

    @property
    def tied(self) -> tuple[Standing, ...]:
        """The first, if it is consistent, and those that are nearly as likely."""
        return tuple(s for s in self.consistent if self.first.belief - s.belief < TIED)


def rank(simulations: Simulations, found: Figures) -> Ranking:
    """The hypotheses of an experiment as some figures order them."""
    candidates = simulations.candidates
    looks = sorted(candidates, key=lambda c: -_first_belief(simulations, c, found))
    chosen = [c for i, c in enumerate(looks) if i < LOOKED_INTO or not c.hypothesis.mistakes]
    standings = [s for c in chosen if (s := _standing(simulations, c, found))]
    if not standings:
        raise BackhandError(
            "no hypothesis leads to finite weights",
            where=found.title,
            wanted="an experiment whose training does not diverge",
            repair="a smaller learning_rate in the spec",
        )
    standings.sort(key=lambda s: (not s.is_consistent, -s.belief))
    return Ranking(found, tuple(standings), len(candidates) - len(standings))


def _first_belief(simulations: Simulations, candidate: Candidate, found: Figures) -> float:
    """By the few runs of a first look; what did not stay finite, as the figures are, comes last."""
    cloud = simulations.cloud(candidate.hypothesis, FIRST_LOOK, found)
    if cloud is None:
        return -np.inf
    return cloud.evidence(found) - simulations.price * len(candidate.hypothesis.mistakes)


def _standing(simulations: Simulations, candidate: Candidate, found: Figures) -> Standing | None:
    """By thousands of runs; None if they did not stay finite."""
    hypothesis = candidate.hypothesis
    cloud = simulations.cloud(hypothesis, simulations.runs, found)
    if cloud is None:
        return None
    fit = cloud.fit(found)
    belief = fit.evidence - simulations.price * len(hypothesis.mistakes)
    return Standing(hypothesis, candidate.same, fit, belief, cloud)


def explain(
    experiment: Experiment, weights: Mapping[str, np.ndarray], precision: Precision = "float32"
) -> Ranking:
    """Rank the hypotheses by weights that somebody published.

    Args:
        experiment: what they are said to come from: its network, data, first weights, training.
        weights: by the experiment's names, all or some of them.
        precision: what was computed in; float32 also covers float64.

    Raises:
        BackhandError: for weights that are not the experiment's, or no training.
    """
    return rank(Simulations(experiment), figures(weights, experiment, precision))
