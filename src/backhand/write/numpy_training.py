"""The NumPy hand's training loop: the optimiser's step with its options filled in, and epochs."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backhand.experiment import Experiment, Training
from backhand.graph import Attribute
from backhand.rules.register import Function
from backhand.rules.updates import UPDATES
from backhand.write import shared
from backhand.write.demand import Assign, demanded
from backhand.write.expressions import fold, literal, substitute, text
from backhand.write.layout import indented, tuple_of
from backhand.write.specialise import specialised, with_comment


@dataclass(frozen=True)
class _Update:
    """An optimiser's body for given options, and what that still reads.

    `once` are the lines that are the same for all weights. `state` has the text that begins each
    array that it keeps.
    """

    torch: str
    once: tuple[str, ...]
    lines: tuple[str, ...]
    state: Mapping[str, str]
    counts_steps: bool

    @property
    def arguments(self) -> list[str]:
        """What `update` takes."""
        state, step = ["state"] * bool(self.state), ["step"] * self.counts_steps
        return ["weights", "gradients", *state, *step]


def _chosen(training: Training) -> _Update:
    chosen, options = UPDATES[training.optimizer], dict(training.options)
    lines = specialised(chosen.function, options)
    body = ast.parse("\n".join(lines)).body
    read = set().union(*map(_names, body))
    arrays = {"w", "dw", *chosen.state}
    # what depends on the step alone stands first
    of_arrays = next(statement for statement in body if arrays & _names(statement))
    once = with_comment(lines, of_arrays) - 1
    state = {n: _beginning(chosen.beginning(n), options) for n in chosen.state if n in read}
    return _Update(chosen.torch, tuple(lines[:once]), tuple(lines[once:]), state, "step" in read)


def _names(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _beginning(function: Function, options: Mapping[str, Attribute]) -> str:
    (made,) = function.expressions
    return text(fold(substitute(made, {name: literal(v) for name, v in options.items()})))


def kept_state(training: Training) -> tuple[str, ...]:
    """Names of the arrays that the written `update` keeps for each weight, in order."""
    return tuple(_chosen(training).state)


def initial_state(training: Training, name: str, w: np.ndarray) -> np.ndarray:
    """One of those arrays as it is before the first step, of a weight."""
    function, options = UPDATES[training.optimizer].beginning(name), dict(training.options)
    begun: np.ndarray = function.call(w, **{n: options[n] for n in function.attributes})
    return begun


def training_functions(experiment: Experiment) -> list[str]:
    """`update` and `train`, if there is training."""
    if experiment.training is None:
        return []
    chosen = _chosen(experiment.training)
    return [_update(chosen), _train(experiment, chosen)]


def _update(chosen: _Update) -> str:
    """The function that changes all weights by their derivatives."""
    target = "w, dw" + (f", {tuple_of(tuple(chosen.state))}" if chosen.state else "")
    source = "weights, gradients" + (", state" if chosen.state else "")
    lines = [*chosen.once, f"for {target} in zip({source}):", *indented(chosen.lines)]
    return shared.function(
        "update", chosen.arguments, f"One step of {chosen.torch}, in place.", lines
    )


def _train(experiment: Experiment, chosen: _Update) -> str:
    """The function that trains for some epochs."""
    network = experiment.network
    begun = tuple_of(tuple(chosen.state.values()))
    call = shared.call_names(experiment) + ["generator"] * experiment.draws
    loss = f"network_loss({', '.join(shared.loss_arguments(experiment))})"
    back = f"network_backward({', '.join(shared.backward_arguments(experiment))})"
    loop: list[str | Assign] = [
        Assign((shared.outputs(experiment), "saved"), f"network({', '.join(call)})"),
        *([Assign(("loss", "saved_by_loss"), loss)] if network.saved_by_loss else []),
        f"losses.append(float({'loss' if network.saved_by_loss else loss}))",
        Assign("gradients", back),
        f"update({', '.join(chosen.arguments)})",
    ]
    count = "step in range(1, epochs + 1)" if chosen.counts_steps else "epoch in range(epochs)"
    lines = [
        *(["generator = np.random.RandomState(seed)"] if experiment.draws else []),
        *([f"state = [{begun} for w in weights]"] if chosen.state else []),
        "losses = []",
        f"for {count}:",
        *indented(demanded(loop)),
        "return losses",
    ]
    return shared.function("train", shared.train_arguments(experiment), shared.TRAIN, lines)
