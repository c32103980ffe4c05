"""The PyTorch hand: the same network as plain, idiomatic PyTorch, differentiated by autograd."""

from backhand.experiment import Experiment
from backhand.graph import Attribute
from backhand.rules.updates import UPDATES, Update
from backhand.writers import shared
from backhand.writers.demand import Assign, demanded
from backhand.writers.layout import WIDTH, Line, indented, wrapped
from backhand.writers.lines import lines_of, torch_spelling, written
from backhand.writers.program import Program


def write(experiment: Experiment) -> Program:
    """The experiment as a PyTorch program."""
    network = experiment.network
    forward = written(network.forward.body, torch_spelling)
    loss = written(network.loss.body, torch_spelling) if network.loss else []
    lines = lines_of((*forward, *loss))
    parts = [
        _forward(experiment, [w.line for w in forward if w.line]),
        *([_loss(experiment, [w.line for w in loss if w.line])] if network.loss else []),
        *([_train(experiment)] if experiment.training else []),
        shared.data_function(experiment, "torch.tensor", ""),
        *shared.weights_function(experiment, "torch.tensor", _requires_grad(experiment)),
        _main(experiment),
    ]
    text = "\n\n\n".join(parts)
    about = "forward pass, and backward by autograd," if network.backward else "forward pass"
    top = shared.header(experiment, "torch", about) + "\n\n" + _imports(experiment, text)
    end = 'if __name__ == "__main__":\n    main()\n'
    return Program("torch", "\n\n\n".join([top, text, end]), lines)


def _imports(experiment: Experiment, text: str) -> str:
    lines = [] if shared.is_inline(experiment) else ["import numpy as np"]
    lines += ["import torch"]
    if " F." in text or "(F." in text:
        lines += ["import torch.nn.functional as F"]
    return "\n".join([*lines, "", shared.constants(experiment, "torch")])


def _requires_grad(experiment: Experiment) -> str:
    return ", requires_grad=True" if experiment.network.backward else ""


def _forward(experiment: Experiment, lines: list[Line]) -> str:
    arguments = shared.call_names(experiment) + ["training=False"] * experiment.draws
    last = f"return {shared.outputs_text(experiment)}"
    text = shared.with_weights(experiment, lines, [last])
    return shared.function("network", arguments, "", text)


def _loss(experiment: Experiment, lines: list[Line]) -> str:
    last = f"return {lines[-1].code.removeprefix('loss = ')}"
    text = shared.with_weights(experiment, lines[:-1], [last])
    return shared.function("network_loss", shared.loss_arguments(experiment), "", text)


def _train(experiment: Experiment) -> str:
    before, after = _optimizer(experiment)
    call = shared.call_names(experiment) + ["training=True"] * experiment.draws
    loop: list[str | Assign] = [
        Assign(shared.outputs(experiment), f"network({', '.join(call)})"),
        Assign("loss", f"network_loss({', '.join(shared.loss_arguments(experiment))})"),
        "loss",
    ]
    lines = [
        *(["torch.manual_seed(seed)"] if experiment.draws else []),
        *before,
        "losses = []",
        "for epoch in range(epochs):",
        *indented([*demanded(loop)[:-1], *after, "losses.append(loss.item())"]),
        "return losses",
    ]
    return shared.function("train", shared.train_arguments(experiment), shared.TRAIN, lines)


def _optimizer(experiment: Experiment) -> tuple[list[str], list[str]]:
    """Lines before the loop, and lines in it from the loss to the changed weights.

    Plain gradient descent is one line and is written as that line; everything else is torch.optim.
    """
    training = experiment.training
    assert training is not None
    options = dict(training.options)
    rate = options.pop("learning_rate")
    if training.optimizer == "sgd" and not any(options.values()):
        return [], [
            "for w in weights:",
            "    w.grad = None",
            "loss.backward()",
            "with torch.no_grad():",
            "    for w in weights:",
            f"        w -= {rate!r} * w.grad",
        ]
    given = [f"lr={rate!r}", *_torch_options(UPDATES[training.optimizer], options)]
    steps = ["optimizer.zero_grad()", "loss.backward()", "optimizer.step()"]
    return _made(UPDATES[training.optimizer].torch, ", ".join(["weights", *given])), steps


def _made(optimizer: str, arguments: str) -> list[str]:
    """The line that makes an optimizer, its arguments on lines of their own if it is long."""
    start = f"optimizer = torch.optim.{optimizer}("
    if len(start + arguments) < WIDTH:
        return [f"{start}{arguments})"]
    return [start, *wrapped(arguments, depth=1), ")"]


def _torch_options(update: Update, options: dict[str, Attribute]) -> list[str]:
    """Keyword arguments of PyTorch's optimizer, for the options that are not its defaults."""
    changed = {update.torch_names[k] for k, v in options.items() if update.defaults.get(k) != v}
    given: dict[str, list[Attribute]] = {}
    for option, value in options.items():
        given.setdefault(update.torch_names[option], []).append(value)
    return [f"{name}={_value(given[name])}" for name in given if name in changed]


def _value(values: list[Attribute]) -> str:
    """One number as it is; a pair as floats, which PyTorch insists on."""
    (first, *others) = values
    return repr(tuple(float(v) for v in values)) if others else repr(first)  # type: ignore[arg-type]


def _main(experiment: Experiment) -> str:
    network, data = experiment.network, shared.data_names(experiment)
    prints = shared.prints(experiment, "torch", trained=False)
    wants_gradient = any(printing.show == "gradient" for printing in experiment.printing)
    lines: list[str | Assign] = [
        Assign(tuple(data), "data()"),
        Assign("weights", "initial_weights()"),
        Assign(
            shared.outputs(experiment),
            f"network({', '.join(shared.call_names(experiment))})",
        ),
    ]
    if network.loss:
        loss = f"network_loss({', '.join(shared.loss_arguments(experiment))})"
        lines += [Assign("loss", loss), *["loss.backward()"] * wants_gradient]
    lines += [shared.weights_named(experiment), *prints]
    if experiment.training:
        lines += [f"train({', '.join([*data, 'weights'])})"]
        lines += shared.prints(experiment, "torch", trained=True)
    return shared.function("main", [], "", demanded(lines) or ["pass"])
