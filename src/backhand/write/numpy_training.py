"""The NumPy hand's training loop: the optimiser's step with its options filled in, and epochs."""

import ast
from dataclasses import dataclass

from backhand.experiment import Experiment
from backhand.rules.updates import UPDATES
from backhand.write import shared
from backhand.write.layout import tuple_of
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


def _chosen(experiment: Experiment) -> _Update:
    training = experiment.training
    assert training is not None
    chosen = UPDATES[training.optimizer]
    lines = specialised(chosen.function, dict(training.options))
    read = {n.id for n in ast.walk(ast.parse("\n".join(lines))) if isinstance(n, ast.Name)}
    state = tuple(name for name in chosen.state if name in read)
    return _Update(chosen.torch, tuple(lines), state, "step" in read)


def update(experiment: Experiment) -> str:
    """The function that changes all weights by their derivatives."""
    chosen = _chosen(experiment)
    target = "w, dw" + (f", {tuple_of(chosen.state)}" if chosen.state else "")
    source = "weights, gradients" + (", state" if chosen.state else "")
    return "\n".join(
        [
            f"def update({', '.join(chosen.arguments)}):",
            f'    """One step of {chosen.torch}, in place."""',
            f"    for {target} in zip({source}):",
            *(f"        {line}" if line else "" for line in chosen.lines),
        ]
    )


def train(experiment: Experiment) -> str:
    """The function that trains for some epochs."""
    training, network = experiment.training, experiment.network
    assert training is not None
    chosen = _chosen(experiment)
    data = shared.data_names(experiment)
    seed = [f"seed={experiment.seed}"] * experiment.draws
    text = [shared.signature("train", [*data, "weights", f"epochs={training.epochs}", *seed])]
    text += ['    """Change the weights in place; return the loss of each epoch."""']
    if experiment.draws:
        text += ["    generator = np.random.RandomState(seed)"]
    if chosen.state:
        zeros = tuple_of(["np.zeros_like(w)"] * len(chosen.state))
        text += [f"    state = [{zeros} for w in weights]"]
    count = "step in range(1, epochs + 1)" if chosen.counts_steps else "epoch in range(epochs)"
    call = [*shared.input_names(experiment), "weights", *(["generator"] * experiment.draws)]
    loss = f"network_loss({', '.join(shared.loss_arguments(experiment))})"
    back = shared.backward_arguments(experiment)
    text += [
        "    losses = []",
        f"    for {count}:",
        f"        {shared.outputs_text(experiment)}, saved = network({', '.join(call)})",
    ]
    if network.saved_by_loss:
        text += [f"        loss, saved_by_loss = {loss}", "        losses.append(float(loss))"]
    else:
        text += [f"        losses.append(float({loss}))"]
    text += [
        f"        gradients = network_backward({', '.join(back)})",
        f"        update({', '.join(chosen.arguments)})",
        "    return losses",
    ]
    return "\n".join(text)
