"""The text of a module's written program, run on arrays of any kind beside PyTorch's call."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.agreement.judging import Part
from backhand.agreement.modules.calls import Call
from backhand.agreement.modules.eager import Eager
from backhand.capture.trees import paths
from backhand.modules import Program, write
from backhand.modules.arguments import arrays_of

Wrap = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class Made:
    """What the program makes of a call."""

    outputs: list[Any]
    loss: Any
    derivatives: Mapping[str, Any]
    parameters: Mapping[str, Any]
    """Those that it was given, with the buffers as the call leaves them."""


@dataclass(frozen=True)
class Result:
    """One result of the program, ours and PyTorch's."""

    name: str
    part: Part
    ours: Any
    theirs: np.ndarray


def written(call: Call) -> Program:
    """The program of a call's module.

    Raises:
        BackhandError: if it cannot be written.
    """
    if call.loss is None:
        return write(call.module, call.args, call.kwargs)
    return write(call.module, call.args, call.kwargs, loss=call.loss, targets=call.targets)


def inputs_of(program: Program, call: Call) -> list[np.ndarray]:
    """The arrays of a call, in the order of the program's function."""
    own = program.interface
    return arrays_of(own.given, call.args, call.kwargs, own.inputs)


def plainly(function: Callable[..., Any], *arrays: Any) -> Any:
    """Run a function as it is."""
    return function(*arrays)


@dataclass(frozen=True)
class Text:
    """A program's text, with what it is given."""

    program: Program
    call: Call
    seed: int
    cotangents: Mapping[int, np.ndarray]
    """The derivative by each output, where there is no loss; empty for the forward pass alone."""

    def run(self, wrap: Wrap, how: Callable[..., Any] = plainly) -> Made:
        """Forward, and the derivatives where cotangents or a loss are given.

        Args:
            wrap: makes of an array the one that the program gets.
            how: calls a function of the program with its arguments.
        """
        own, space = self.program.interface, self.program.namespace
        arrays = [wrap(array) for array in inputs_of(self.program, self.call)]
        parameters = self._parameters(wrap)
        made = how(
            space[own.function], *arrays, *[parameters] * own.reads_parameters, *self._generator()
        )
        results = made if len(own.output_names) + own.saves > 1 else (made,)
        outputs, saved = list(results[: len(own.output_names)]), results[len(own.output_names) :]
        if own.has_loss:
            targets = [wrap(np.asarray(target)) for target in self.call.targets]
            given = [*arrays, *targets, self._parameters(wrap), *self._generator()]
            loss, derivatives = how(space["gradients"], *given)
            return Made(outputs, loss, derivatives, parameters)
        if not self.cotangents or not (own.differentiated or own.gives_parameters):
            return Made(outputs, None, {}, parameters)
        carried = [wrap(self.cotangents[number]) for number in own.cotangents]
        reads = [parameters] * own.reads_parameters_back
        back = how(space[f"{own.function}_backward"], *carried, *reads, *saved)
        parts = back if len(own.differentiated) + own.gives_parameters > 1 else (back,)
        found = dict(zip(own.differentiated, parts, strict=False))
        trained = parts[-1] if own.gives_parameters else {}
        return Made(outputs, None, {**found, **trained}, parameters)

    def _generator(self) -> list[np.random.RandomState]:
        return [np.random.RandomState(self.seed)] * self.program.interface.draws

    def _parameters(self, wrap: Wrap) -> dict[str, Any]:
        """Copies, for the program writes into its buffers; tied ones stay one array."""
        copied: dict[int, Any] = {}
        for array in self.program.parameters.values():
            copied.setdefault(id(array), wrap(array.copy()))
        return {name: copied[id(array)] for name, array in self.program.parameters.items()}


def results_of(program: Program, ours: Made, theirs: Eager) -> Iterator[Result]:
    """Everything that both sides have."""
    names = paths(program.interface.results)
    for number, array in theirs.outputs.items():
        yield Result(names[number] or "output", "forward", ours.outputs[number], array)
    if theirs.loss is not None:
        yield Result("loss", "loss", ours.loss, theirs.loss)
    for name, array in theirs.derivatives.items():
        derivative = ours.derivatives.get(name, np.zeros_like(array))
        yield Result(f"d {name}", "backward", derivative, array)
    for name, array in theirs.buffers.items():
        if name in ours.parameters:
            yield Result(name, "update", ours.parameters[name], array)
