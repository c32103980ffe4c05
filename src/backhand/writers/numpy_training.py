"""The NumPy hand's training loop: the optimiser's step with its options filled in, and epochs."""

import numpy as np

from backhand.experiment import Experiment, Training
from backhand.rules.updates import UPDATES
from backhand.writers import shared
from backhand.writers.demand import Assign, demanded
from backhand.writers.layout import indented, tuple_of
from backhand.writers.updates import Chosen, chosen


def _chosen(training: Training) -> Chosen:
    return chosen(training.optimizer, dict(training.options))


def _arguments(update: Chosen) -> list[str]:
    """What `update` takes."""
    state, step = ["state"] * bool(update.state), ["step"] * update.counts_steps
    return ["weights", "gradients", *state, *step]


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
    update = _chosen(experiment.training)
    return [_update(update), _train(experiment, update)]


def _update(update: Chosen) -> str:
    """The function that changes all weights by their derivatives."""
    target = "w, dw" + (f", {tuple_of(tuple(update.state))}" if update.state else "")
    source = "weights, gradients" + (", state" if update.state else "")
    lines = [*update.once, f"for {target} in zip({source}):", *indented(update.lines)]
    return shared.function(
        "update", _arguments(update), f"One step of {update.torch}, in place.", lines
    )


def _train(experiment: Experiment, update: Chosen) -> str:
    """The function that trains for some epochs."""
    network = experiment.network
    begun = tuple_of(tuple(update.state.values()))
    call = shared.call_names(experiment) + ["generator"] * experiment.draws
    loss = f"network_loss({', '.join(shared.loss_arguments(experiment))})"
    back = f"network_backward({', '.join(shared.backward_arguments(experiment))})"
    loop: list[str | Assign] = [
        Assign((shared.outputs(experiment), "saved"), f"network({', '.join(call)})"),
        *([Assign(("loss", "saved_by_loss"), loss)] if network.saved_by_loss else []),
        f"losses.append(float({'loss' if network.saved_by_loss else loss}))",
        Assign("gradients", back),
        f"update({', '.join(_arguments(update))})",
    ]
    count = "step in range(1, epochs + 1)" if update.counts_steps else "epoch in range(epochs)"
    lines = [
        *(["generator = np.random.RandomState(seed)"] if experiment.draws else []),
        *([f"state = [{begun} for w in weights]"] if update.state else []),
        "losses = []",
        f"for {count}:",
        *indented(demanded(loop)),
        "return losses",
    ]
    return shared.function("train", shared.train_arguments(experiment), shared.TRAIN, lines)
