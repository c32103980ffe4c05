"""An experiment as lines to run: what a mistake changes, and what is simulated."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from backhand.diagnose.figures.runs import together
from backhand.experiment import Experiment, Training
from backhand.graph import Attribute, Step, Value
from backhand.rules.operations import operation

Name = str | float
"""What a line reads: a value by its name, or a number."""


@dataclass(frozen=True)
class Line:
    """One step, ready to be called: `makes = call(*reads)`."""

    function: str
    reads: tuple[Name, ...]
    makes: tuple[str | None, ...]
    call: Callable[..., tuple[Any, ...]]
    attributes: tuple[tuple[str, Attribute], ...] = ()
    undoes: str = ""

    def having(self, **attributes: Attribute) -> "Line":
        """The same step with other attributes."""
        options = dict(self.attributes) | attributes
        return replace(
            self, attributes=tuple(options.items()), call=_called(self.function, options)
        )

    def then(self, change: Callable[[Any], Any]) -> "Line":
        """The same with each result changed."""
        call = self.call
        return replace(self, call=lambda *given: tuple(change(made) for made in call(*given)))

    def computing(self, call: Callable[..., Any], *reads: Name) -> "Line":
        """One result, computed otherwise."""
        return replace(self, reads=reads, call=lambda *given: (call(*given),), attributes=())


@dataclass(frozen=True)
class Habits:
    """How the training goes, beside what the network computes."""

    by_row: bool = False
    """One row of the batch after the other, an update after each."""
    at_once: bool = False
    """A weight is changed as soon as its derivative is there; later lines read the new one."""
    accumulated: bool = False
    """Derivatives add up over the epochs, as they do where nobody sets them to zero."""
    seeded_each_epoch: bool = False
    """The generator begins afresh each epoch, so that all masks are the first ones."""


@dataclass(frozen=True)
class Recipe:
    """A way to compute an experiment's weights after training.

    `gradients` has for each parameter the name of its derivative, or a number.
    """

    forward: tuple[Line, ...]
    backward: tuple[Line, ...]
    gradients: Mapping[str, Name]
    training: Training
    habits: Habits = Habits()

    def backward_by(self, change: Callable[[Line], Line]) -> "Recipe":
        """With each line of the backward pass changed, or left as it is."""
        return replace(self, backward=tuple(map(change, self.backward)))

    def forward_by(self, change: Callable[[Line], Line]) -> "Recipe":
        """With each line of the forward pass changed, or left as it is."""
        return replace(self, forward=tuple(map(change, self.forward)))

    def option(self, name: str) -> Attribute:
        """An option of the optimiser as it was set; None if it was not."""
        return dict(self.training.options).get(name)

    def with_option(self, name: str, value: Attribute) -> "Recipe":
        """With one option of the optimiser set."""
        options = dict(self.training.options) | {name: value}
        return replace(self, training=replace(self.training, options=tuple(options.items())))


def recipe(experiment: Experiment) -> Recipe:
    """The correct one. The experiment has training, and so a backward pass."""
    network, training = experiment.network, experiment.training
    assert network.backward is not None
    assert network.loss is not None
    assert training is not None
    names = [parameter.name for parameter in network.forward.parameters]
    return Recipe(
        _lines((*network.forward.body, *(network.loss.body if network.saved_by_loss else ()))),
        _lines(network.backward.body),
        dict(zip(names, map(_name, network.backward.outputs), strict=True)),
        training,
    )


def _lines(steps: Iterable[Step]) -> tuple[Line, ...]:
    return tuple(
        Line(
            step.function,
            tuple(map(_name, step.inputs)),
            tuple(value.name if value else None for value in step.outputs),
            _called(step.function, dict(step.attributes)),
            step.attributes,
            step.undoes,
        )
        for step in steps
    )


def _name(value: Value) -> Name:
    return value.name if value.literal is None else value.literal


def _called(function: str, attributes: dict[str, Attribute]) -> Callable[..., tuple[Any, ...]]:
    known = operation(function)
    return lambda *arrays: together(lambda *given: known.results(given, attributes), arrays)
