"""What may have happened: the correct program, one mistake, or two."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from backhand.diagnose.figures.mistakes import Mistake, mistakes
from backhand.diagnose.figures.recipe import Recipe, recipe
from backhand.experiment import Experiment


@dataclass(frozen=True)
class Hypothesis:
    """Mistakes, none of them for the correct program, and what then is computed."""

    made: tuple[Mistake, ...]
    recipe: Recipe

    @property
    def mistakes(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(mistake.name for mistake in self.made)

    @property
    def name(self) -> str:
        return " and ".join(self.mistakes) or "correct"


def hypotheses(experiment: Experiment) -> tuple[tuple[Hypothesis, ...], int]:
    """All of them, the simplest first, and how many single mistakes there are."""
    correct = recipe(experiment)
    singles = [(m, changed) for m in mistakes(experiment) if (changed := m.change(correct))]
    pairs = list(_pairs(experiment, correct))
    alone = (Hypothesis((mistake,), changed) for mistake, changed in singles)
    return (Hypothesis((), correct), *alone, *pairs), len(singles)


def _pairs(experiment: Experiment, correct: Recipe) -> Iterator[Hypothesis]:
    """Two mistakes of different groups, each of which can still be made beside the other."""
    for first, second in combinations(mistakes(experiment), 2):
        if first.group == second.group:
            continue
        changed = first.change(correct)
        both = second.change(changed) if changed else None
        if both:
            yield Hypothesis((first, second), both)
