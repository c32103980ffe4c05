"""How good the ranking is: figures made by each hypothesis in turn, with masks of their own.

`python -m tests.diagnose_figures.exam [FIGURES] [DECIMALS]` prints it for the homework.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

import backhand
from backhand.capture.spec import load
from backhand.diagnose.figures import Simulations, figures, rank
from backhand.diagnose.figures.ranking import LEVEL, Ranking
from backhand.diagnose.figures.simulate import final_weights
from backhand.diagnose.figures.simulations import Candidate
from backhand.experiment import Experiment

MOST_PAIRS = 12
"""Of the pairs, evenly spread over them."""


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
    """Rank `count` sets of figures that a hypothesis made, with a seed of its own."""
    recipe, name = candidate.hypothesis.recipe, candidate.hypothesis.name
    made = final_weights(recipe, simulations.experiment, count, crc32(name.encode()))
    found = []
    for run in range(count):
        weights = {name: np.round(array[run], decimals) for name, array in made.items()}
        if all(np.isfinite(array).all() for array in weights.values()):
            given = figures(weights, simulations.experiment, "float64")
            found.append(_place(rank(simulations, given), name))
    first, tied, p = (tuple(column) for column in zip(*found, strict=True))
    looked = tuple(value for value in p if value is not None)
    rejected = np.mean([value is not None and value < LEVEL for value in p])
    return Mark(name, len(candidate.hypothesis.mistakes),
                float(np.mean(first)), float(np.mean(tied)), float(rejected), looked)  # fmt: skip


def _place(ranking: Ranking, name: str) -> tuple[bool, bool, float | None]:
    standing = next((s for s in ranking.standings if s.hypothesis.name == name), None)
    p = standing.fit.p if standing else None
    return ranking.first is standing, standing in ranking.tied, p


def main(count: int = 20, decimals: int = 4) -> None:
    begin = time.perf_counter()
    simulations = Simulations(homework())
    simple = [c for c in simulations.candidates if len(c.hypothesis.mistakes) < 2]
    pairs = [c for c in simulations.candidates if len(c.hypothesis.mistakes) == 2]
    marks = []
    print("first  tied  rejected  mean p")
    for candidate in [*simple, *pairs[:: len(pairs) // MOST_PAIRS]]:
        m = mark(simulations, candidate, count, decimals)
        marks.append(m)
        numbers = f"{m.first:5.0%} {m.tied:5.0%} {m.rejected:9.0%} {np.mean(m.p):7.2f}"
        print(f"{numbers}  {m.name}", flush=True)
    for mistakes in sorted({m.mistakes for m in marks}):
        _print_summary(mistakes, [m for m in marks if m.mistakes == mistakes])
    print(f"{count} figures of {decimals} decimals each, {time.perf_counter() - begin:.0f} s")


def _print_summary(mistakes: int, marks: Sequence[Mark]) -> None:
    p = np.concatenate([m.p for m in marks])
    tenths = np.histogram(p, 10, (0, 1))[0] / len(p)
    print(f"{mistakes} mistakes, {len(marks)} hypotheses:")
    print(f"  first {np.mean([m.first for m in marks]):.1%}", end=", ")
    print(f"first or tied {np.mean([m.tied for m in marks]):.1%}", end=", ")
    print(f"true one rejected {np.mean([m.rejected for m in marks]):.2%}")
    print("  its p-value by tenths:", *(f"{share:.2f}" for share in tenths))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
