"""How good the ranking is: figures made by each hypothesis in turn, with masks of their own.

`python -m tests.diagnose_figures.exam [FIGURES] [DECIMALS]` prints it for the homework.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import backhand
from backhand.capture.spec import load
from backhand.diagnose.figures import Simulations, figures, rank
from backhand.diagnose.figures.ranking import LEVEL, Ranking
from backhand.diagnose.figures.simulate import final_weights
from backhand.diagnose.figures.simulations import Candidate
from backhand.experiment import Experiment

ANOTHER_SEED = 12345
"""Of the figures' masks: the simulations' own begin elsewhere."""


@dataclass(frozen=True)
class Mark:
    """What became of the figures of one hypothesis, in shares of them."""

    name: str
    mistakes: int
    first: float
    """The true one was first."""
    tied: float
    """It was among those told together as nearly as likely as the first."""
    rejected: float
    p: tuple[float, ...]
    """Its p-value, of those figures for which it was looked into."""


def homework() -> Experiment:
    return load(Path(backhand.__file__).with_name("homework.toml"))


def mark(simulations: Simulations, candidate: Candidate, count: int, decimals: int) -> Mark:
    """Rank `count` sets of figures that a hypothesis made."""
    recipe = candidate.hypothesis.recipe
    made = final_weights(recipe, simulations.experiment, count, ANOTHER_SEED)
    found = []
    for run in range(count):
        weights = {name: np.round(array[run], decimals) for name, array in made.items()}
        if all(np.isfinite(array).all() for array in weights.values()):
            given = figures(weights, simulations.experiment, "float64")
            found.append(_place(rank(simulations, given), candidate.hypothesis.name))
    first, tied, p = (tuple(column) for column in zip(*found, strict=True))
    looked = tuple(value for value in p if value is not None)
    rejected = np.mean([value is not None and value < LEVEL for value in p])
    return Mark(candidate.hypothesis.name, len(candidate.hypothesis.mistakes),
                float(np.mean(first)), float(np.mean(tied)), float(rejected), looked)  # fmt: skip


def _place(ranking: Ranking, name: str) -> tuple[bool, bool, float | None]:
    standing = next((s for s in ranking.standings if s.hypothesis.name == name), None)
    p = standing.fit.p if standing else None
    return ranking.first is standing, standing in ranking.tied, p


def main(arguments: Sequence[str]) -> None:
    count, decimals = (
        (int(word) for word in (*arguments, "20", "4")[:2]) if len(arguments) == 2 else (20, 4)
    )
    begin = time.perf_counter()
    simulations = Simulations(homework())
    marks = []
    for candidate in simulations.candidates:
        marks.append(mark(simulations, candidate, count, decimals))
        m = marks[-1]
        print(
            f"{m.first:5.0%} {m.tied:5.0%} {m.rejected:5.0%} {np.mean(m.p):5.2f}  {m.name}",
            flush=True,
        )
    for mistakes in sorted({m.mistakes for m in marks}):
        these = [m for m in marks if m.mistakes == mistakes]
        p = np.concatenate([m.p for m in these])
        print(
            f"{mistakes} mistakes, {len(these)} hypotheses: first {np.mean([m.first for m in these]):.1%}, "
            f"first or tied {np.mean([m.tied for m in these]):.1%}, rejected {np.mean([m.rejected for m in these]):.2%}, "
            f"deciles of p {np.round(np.histogram(p, 10, (0, 1))[0] / len(p), 3)}"
        )
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
