"""The NumPy hand's training loop: the optimiser's step with its options filled in, and epochs."""

import ast
from dataclasses import dataclass

from backhand.experiment import Experiment, Training
from backhand.rules.updates import UPDATES
from backhand.write import shared
from backhand.write.demand import Assign, demanded
from backhand.write.layout import indented, tuple_of
from backhand.write.specialise import specialised


@dataclass(frozen=True)
class _Update:
    """An optimiser's body for given options, and what that still reads."""

    torch: str
    lines: tuple[str, ...]
    state: tuple[str, ...]
    counts_steps: bool

    @property
    def arguments(self) -> list[str]:
        """What `update` takes."""
        state, step = ["state"] * bool(self.state), ["step"] * self.counts_steps
        return ["weights", "gradients", *state, *step]


def _chosen(training: Training) -> _Update:
    chosen = UPDATES[training.optimizer]
    lines = specialised(chosen.function, dict(training.options))
    read = {n.id for n in ast.walk(ast.parse("\n".join(lines))) if isinstance(n, ast.Name)}
    state = tuple(name for name in chosen.state if name in read)
    return _Update(chosen.torch, tuple(lines), state, "step" in read)


def kept_state(training: Training) -> tuple[str, ...]:
    """Names of the arrays that the written `update` keeps for each weight, in order."""
    return _chosen(training).state


def training_functions(experiment: Experiment) -> list[str]:
    """`update` and `train`, if there is training."""
    if experiment.training is None:
        return []
    chosen = _chosen(experiment.training)
    return [_update(chosen), _train(experiment, chosen)]


def _update(chosen: _Update) -> str:
    """The function that changes all weights by their derivatives."""
    target = "w, dw" + (f", {tuple_of(chosen.state)}" if chosen.state else "")
    source = "weights, gradients" + (", state" if chosen.state else "")
    lines = [f"for {target} in zip({source}):", *indented(chosen.lines)]
    return shared.function(
        "update", chosen.arguments, f"One step of {chosen.torch}, in place.", lines
    )


def _train(experiment: Experiment, chosen: _Update) -> str:
    """The function that trains for some epochs."""
    network = experiment.network
    zeros = tuple_of(["np.zeros_like(w)"] * len(chosen.state))
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
        *([f"state = [{zeros} for w in weights]"] if chosen.state else []),
        "losses = []",
        f"for {count}:",
        *indented(demanded(loop)),
        "return losses",
    ]
    return shared.function("train", shared.train_arguments(experiment), shared.TRAIN, lines)
