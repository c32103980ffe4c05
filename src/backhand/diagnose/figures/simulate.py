"""Run a recipe many times at once: the weights after training, one row for each run."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from backhand.diagnose.figures.recipe import Line, Name, Recipe
from backhand.diagnose.figures.runs import Generator, Runs, repeated
from backhand.experiment import Experiment
from backhand.rules.updates import UPDATES

Values = dict[str, Any]


def final_weights(
    recipe: Recipe, experiment: Experiment, runs: int, seed: int
) -> dict[str, np.ndarray]:
    """Each weight after training, [runs, *shape]; what overflows is not a finite number there.

    Args:
        recipe: how to compute it.
        experiment: what it was made from; its arrays are the data and the first weights.
        runs: how many, each with masks of its own.
        seed: of the masks.
    """
    with np.errstate(all="ignore"):
        weights = _Simulation(recipe, experiment, runs, seed).trained()
    return {name: np.moveaxis(w.data, -1, 0) for name, w in weights.items()}


class _Simulation:
    """One recipe in the course of its training."""

    def __init__(self, recipe: Recipe, experiment: Experiment, runs: int, seed: int) -> None:
        self.recipe, self.runs, self.seed = recipe, runs, seed
        network, arrays = experiment.network, experiment.arrays
        parameters = [value.name for value in network.forward.parameters]
        self.weights = {name: repeated(arrays[name], runs) for name in parameters}
        self.data = {name: array for name, array in arrays.items() if name not in parameters}
        # a network without dropout has no generator among its inputs
        named = [value.name for value in network.forward.inputs if value.role == "generator"]
        self.generators = tuple(named) or ("generator",)
        self.update = UPDATES[recipe.training.optimizer]
        self.options = dict(self.update.defaults) | dict(recipe.training.options)
        self.state = {name: self._state(weight) for name, weight in self.weights.items()}
        self.sums: dict[str, Any] = {}
        self.steps = dict.fromkeys(parameters, 0)

    def trained(self) -> Mapping[str, Runs]:
        generator = Generator(self.seed, self.runs)
        for _ in range(self.recipe.training.epochs):
            if self.recipe.habits.seeded_each_epoch:
                generator = Generator(self.seed, self.runs)
            for batch in self._batches():
                self._step(batch | dict.fromkeys(self.generators, generator))
        return self.weights

    def _state(self, weight: Runs) -> list[Any]:
        begun = []
        for name in self.update.state:
            function = self.update.beginning(name)
            begun.append(function.call(weight, **{n: self.options[n] for n in function.attributes}))
        return begun

    def _batches(self) -> Iterable[Values]:
        if not self.recipe.habits.by_row:
            return [dict(self.data)]
        rows = min(len(array) for array in self.data.values())
        return [
            {name: array[row : row + 1] for name, array in self.data.items()} for row in range(rows)
        ]

    def _step(self, values: Values) -> None:
        values |= self.weights
        for line in self.recipe.forward:
            _compute(line, values)
        makers: dict[Name | None, str] = {n: p for p, n in self.recipe.gradients.items()}
        for line in self.recipe.backward:
            _compute(line, values)
            if self.recipe.habits.at_once:
                for name in line.makes:
                    if name is not None and name in makers:
                        self._change(makers.pop(name), values[name])
        for parameter in makers.values():
            self._change(parameter, _read(self.recipe.gradients[parameter], values))

    def _change(self, parameter: str, gradient: Any) -> None:
        weight = self.weights[parameter]
        if self.recipe.habits.accumulated:
            gradient = self.sums[parameter] = self.sums.get(parameter, 0) + gradient
        self.steps[parameter] += 1
        given = {"w": weight, "dw": gradient, "step": self.steps[parameter]}
        given |= dict(zip(self.update.state, self.state[parameter], strict=True))
        function = self.update.function
        function.call(*(given[name] for name in function.parameters), **self.options)


def _compute(line: Line, values: Values) -> None:
    made = line.call(*(_read(name, values) for name in line.reads))
    for name, value in zip(line.makes, made, strict=True):
        if name is not None:
            values[name] = value


def _read(name: Name, values: Values) -> Any:
    return values[name] if isinstance(name, str) else name
