"""Known mistakes that leave their mark in trained weights, as changes to a recipe.

Their names and sentences are the catalogue's: an entry there changes the text of a program that is
run once, one here the steps that are simulated thousands of times at once.

A person writes every dropout, every activation and every loss alike, so a mistake is made at all
of its places at once. `change` gives None where there is no such place. `group` holds mistakes of
one kind: of them nobody makes two.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from operator import mul
from typing import Any

import numpy as np

from backhand.diagnose import mistake
from backhand.diagnose.catalogue import (
    activations,
    averages,
    drawing,
    dropout,
    momentum,
    output,
    training,
    update,
)
from backhand.diagnose.figures.recipe import Line, Name, Recipe
from backhand.experiment import Experiment
from backhand.rules.operations import operation
from backhand.rules.register import all_rules


@dataclass(frozen=True)
class Mistake:
    """One thing that people get wrong: an entry of the catalogue, with a change to a recipe.

    `detail` says which of several changes of that entry it is.
    """

    entry: mistake.Mistake
    group: str
    change: Callable[[Recipe], Recipe | None]
    detail: str = ""

    @property
    def name(self) -> str:
        """Completes the sentence "the mistake is: ..."."""
        return f"{self.entry.name} ({self.detail})" if self.detail else self.entry.name


def mistakes(experiment: Experiment) -> tuple[Mistake, ...]:
    """Those of the catalogue that can be made in an experiment."""
    rows = len(experiment.arrays[experiment.network.forward.inputs[0].name])
    return (
        *_of_dropout(),
        *_of_the_loss(rows),
        *_of_the_backward_pass(),
        *_of_training(experiment),
    )


# --- dropout -----------------------------------------------------------------------------------


def _of_dropout() -> Iterator[Mistake]:
    yield Mistake(dropout.not_scaled, "scale", partial(_scaled, power=1))
    yield Mistake(dropout.scaled_twice, "scale", partial(_scaled, power=-1))
    yield Mistake(drawing.keep_swapped, "scale", partial(_rated, rate=lambda r: 1 - r))
    yield Mistake(drawing.no_dropout, "scale", partial(_rated, rate=lambda rate: 0.0))
    yield Mistake(drawing.shared_mask, "draw", _one_for_all_rows)
    yield Mistake(drawing.constant_mask, "draw", _same_mask)
    yield Mistake(dropout.mask_ignored, "backward mask", _mask_ignored)
    yield Mistake(dropout.mask_not_backward, "backward mask", _mask_missing)
    yield Mistake(dropout.pre_dropout, "backward mask", _undropped)
    yield Mistake(dropout.new_mask_backward, "backward mask", _new_mask)


def _draws(recipe: Recipe) -> list[Line]:
    """The lines that draw a mask of a rate above 0."""
    drawn = [line for line in recipe.forward if line.function == "dropout_mask"]
    return [line for line in drawn if _rate(line)]


def _rate(line: Line) -> float:
    return float(dict(line.attributes)["rate"])  # type: ignore[arg-type]


def _scaled(recipe: Recipe, power: int) -> Recipe | None:
    """Masks times (1 - rate) ** power."""
    drawn = _draws(recipe)

    def change(line: Line) -> Line:
        return line.then(lambda mask: mask * (1 - _rate(line)) ** power) if line in drawn else line

    return recipe.forward_by(change) if drawn else None


def _rated(recipe: Recipe, rate: Callable[[float], float]) -> Recipe | None:
    """Masks of another rate."""
    drawn = [line for line in _draws(recipe) if rate(_rate(line)) != _rate(line)]

    def change(line: Line) -> Line:
        return line.having(rate=rate(_rate(line))) if line in drawn else line

    return recipe.forward_by(change) if drawn else None


def _one_for_all_rows(recipe: Recipe) -> Recipe | None:
    drawn = _draws(recipe)

    def change(line: Line) -> Line:
        return line.then(lambda mask: mask[:1] * np.ones(mask.shape)) if line in drawn else line

    return recipe.forward_by(change) if drawn else None


def _same_mask(recipe: Recipe) -> Recipe | None:
    return _with_habits(recipe, seeded_each_epoch=True) if _draws(recipe) else None


def _mask_missing(recipe: Recipe) -> Recipe | None:
    """The derivative passes through dropout as if nothing had been dropped."""
    passed = [line for line in recipe.backward if line.function == "dropout.dx"]

    def change(line: Line) -> Line:
        return line.computing(lambda dy: dy, line.reads[0]) if line in passed else line

    return recipe.backward_by(change) if passed and _draws(recipe) else None


def _undropped(recipe: Recipe) -> Recipe | None:
    """What reads the kept activations on the way back reads those from before dropout."""
    kept = [line for line in recipe.forward if line.function == "dropout"]
    before: dict[Name | None, Name] = {line.makes[0]: line.reads[0] for line in kept}
    is_read = any(name in before for line in recipe.backward for name in line.reads)

    def change(line: Line) -> Line:
        return replace(line, reads=tuple(before.get(name, name) for name in line.reads))

    return recipe.backward_by(change) if is_read and _draws(recipe) else None


def _mask_ignored(recipe: Recipe) -> Recipe | None:
    """Both at once: the backward pass knows of no dropout."""
    missing = _mask_missing(recipe)
    return _undropped(missing) if missing else None


def _new_mask(recipe: Recipe) -> Recipe | None:
    """The mask is drawn again for the derivative of dropout."""
    drawn: dict[Name | None, Line] = {line.makes[0]: line for line in _draws(recipe)}
    passed = [line for line in recipe.backward if line.function == "dropout.dx"]
    again: list[Line] = []
    for line in recipe.backward:
        if line in passed and line.reads[1] in drawn:
            name = f"new {line.reads[1]}"
            again.append(replace(drawn[line.reads[1]], makes=(name,)))
            again.append(replace(line, reads=(line.reads[0], name)))
        else:
            again.append(line)
    return replace(recipe, backward=tuple(again)) if drawn and passed else None


# --- the loss ----------------------------------------------------------------------------------


def _of_the_loss(rows: int) -> Iterator[Mistake]:
    yield Mistake(averages.mean_for_sum, "mean", partial(_reduced, to="mean"))
    yield Mistake(averages.sum_for_mean, "mean", partial(_reduced, to="sum"))
    yield Mistake(averages.gradient_twice, "mean", partial(_divided, rows=rows))
    yield Mistake(output.derivative_twice, "jacobian", _jacobian_again)
    yield Mistake(output.softmax_diagonal, "jacobian", _diagonal)
    yield Mistake(update.ascent, "sign", _ascending)


def _loss_lines(recipe: Recipe) -> list[Line]:
    return [line for line in recipe.backward if "reduction" in dict(line.attributes)]


def _reduced(recipe: Recipe, to: str) -> Recipe | None:
    """The loss as a mean or as a sum, forward and backward."""
    found = [line for line in _loss_lines(recipe) if dict(line.attributes)["reduction"] != to]

    def change(line: Line) -> Line:
        return line.having(reduction=to) if "reduction" in dict(line.attributes) else line

    return recipe.forward_by(change).backward_by(change) if found else None


def _divided(recipe: Recipe, rows: int) -> Recipe | None:
    """Twice in all: of a sum by N squared, of a mean by one more N."""
    found = _loss_lines(recipe)

    def change(line: Line) -> Line:
        if line not in found:
            return line
        by = rows if dict(line.attributes)["reduction"] == "mean" else rows**2
        return line.then(lambda derivative: derivative / by)

    return recipe.backward_by(change) if found and rows > 1 else None


def _jacobian_again(recipe: Recipe) -> Recipe | None:
    found = [line for line in recipe.backward if line.function == "softmax+cross_entropy.dx"]

    def change(line: Line) -> Line:
        if line not in found:
            return line
        at, call = operation(line.function).parameters.index("p"), line.call
        return line.computing(
            lambda *given: call(*given)[0] * given[at] * (1 - given[at]), *line.reads
        )

    return recipe.backward_by(change) if found else None


def _diagonal(recipe: Recipe) -> Recipe | None:
    """-y / p times p (1 - p)."""
    found = [line for line in recipe.backward if line.function == "softmax+cross_entropy.dx"]

    def change(line: Line) -> Line:
        if line not in found:
            return line
        names = operation(line.function).parameters
        mean = dict(line.attributes)["reduction"] == "mean"

        def derivative(*given: Any) -> Any:
            dloss, p, y = (given[names.index(name)] for name in ("dloss", "p", "y"))
            return dloss * y * (p - 1) / (len(p) if mean else 1)

        return line.computing(derivative, *line.reads)

    return recipe.backward_by(change) if found else None


def _ascending(recipe: Recipe) -> Recipe | None:
    rate = recipe.option("learning_rate")
    return recipe.with_option("learning_rate", -rate) if isinstance(rate, float) else None


# --- the backward pass -------------------------------------------------------------------------


def _of_the_backward_pass() -> Iterator[Mistake]:
    yield Mistake(activations.derivative_missing, "activation", _no_activation)
    yield Mistake(training.updated_too_soon, "order", _at_once)


def _no_activation(recipe: Recipe) -> Recipe | None:
    activations = {f"{name}.dx" for name, rule in all_rules().items() if rule.noun == "a"}
    found = [line for line in recipe.backward if line.function in activations]

    def change(line: Line) -> Line:
        return line.computing(lambda dy: dy, line.reads[0]) if line in found else line

    return recipe.backward_by(change) if found else None


def _at_once(recipe: Recipe) -> Recipe | None:
    """Where a line behind the one that makes a weight's derivative still reads the weight."""
    done: set[Any] = set()
    makers = {gradient: weight for weight, gradient in recipe.gradients.items()}
    for line in recipe.backward:
        if done & set(line.reads):
            return _with_habits(recipe, at_once=True)
        done |= {makers[name] for name in line.makes if name in makers}
    return None


# --- training ----------------------------------------------------------------------------------


def _of_training(experiment: Experiment) -> Iterator[Mistake]:
    for detail, factor in (("10 times it", 10.0), ("a tenth of it", 0.1), ("twice it", 2.0)):
        change = partial(_learning, rate=partial(mul, factor))
        yield Mistake(update.rate_other, "rate", change, detail)
    yield Mistake(update.rate_twice, "rate", partial(_learning, rate=lambda rate: rate * rate))
    yield Mistake(training.example_by_example, "rows", _by_row)
    yield Mistake(training.accumulated, "sum", _accumulated)
    for entry, option in (
        (momentum.momentum_missing, "momentum"),
        (momentum.decay_missing, "weight_decay"),
        (momentum.nesterov_missing, "nesterov"),
    ):
        yield Mistake(entry, option, partial(_left_out, option=option))
    for parameter in experiment.network.forward.parameters:
        change = partial(_frozen, parameter=parameter.name)
        yield Mistake(update.one_left, "frozen", change, parameter.name)


def _learning(recipe: Recipe, rate: Callable[[float], float]) -> Recipe | None:
    given = recipe.option("learning_rate")
    if not isinstance(given, float | int) or rate(given) == given:
        return None
    return recipe.with_option("learning_rate", rate(given))


def _left_out(recipe: Recipe, option: str) -> Recipe | None:
    return recipe.with_option(option, 0.0) if recipe.option(option) else None


def _frozen(recipe: Recipe, parameter: str) -> Recipe | None:
    if len(recipe.gradients) == 1:
        return None
    return replace(recipe, gradients={**recipe.gradients, parameter: 0.0})


def _by_row(recipe: Recipe) -> Recipe | None:
    return _with_habits(recipe, by_row=True)


def _accumulated(recipe: Recipe) -> Recipe | None:
    return _with_habits(recipe, accumulated=True) if recipe.training.epochs > 1 else None


def _with_habits(recipe: Recipe, **habits: bool) -> Recipe:
    return replace(recipe, habits=replace(recipe.habits, **habits))
