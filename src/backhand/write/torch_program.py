"""The PyTorch hand: the same network as plain, idiomatic PyTorch, differentiated by autograd."""

from backhand.experiment import Experiment
from backhand.graph import Attribute
from backhand.rules.updates import UPDATES
from backhand.write import shared
from backhand.write.layout import Line, body, listed
from backhand.write.lines import Written, lines_of, torch_spelling, written
from backhand.write.program import Program


def write(experiment: Experiment) -> Program:
    """The experiment as a PyTorch program."""
    network = experiment.network
    forward = written(network.forward.body, torch_spelling)
    loss = written(network.loss.body, torch_spelling) if network.loss else []
    lines = lines_of((*forward, *loss))
    parts = [
        _forward(experiment, [w.line for w in forward if w.line]),
        *([_loss(experiment, loss)] if network.loss else []),
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
    forward = experiment.network.forward
    arguments = shared.input_names(experiment)
    arguments += ["weights"] * bool(forward.parameters)
    arguments += ["training=False"] * experiment.draws
    read = tuple(value for step in forward.body for value in step.inputs)
    text = [shared.signature("network", arguments), *shared.unpacked_weights(experiment, read)]
    return "\n".join([*text, *body(lines), f"    return {shared.outputs_text(experiment)}"])


def _loss(experiment: Experiment, lines: list[Written]) -> str:
    loss = experiment.network.loss
    assert loss is not None
    code = [w.line for w in lines if w.line]
    read = tuple(value for step in loss.body for value in step.inputs)
    text = [shared.signature("network_loss", shared.loss_arguments(experiment))]
    if loss.parameters:
        text += shared.unpacked_weights(experiment, read)
    last = code[-1].code.removeprefix("loss = ")
    return "\n".join([*text, *body(code[:-1]), f"    return {last}"])


def _train(experiment: Experiment) -> str:
    training = experiment.training
    assert training is not None
    data = shared.data_names(experiment)
    seed = [f"seed={experiment.seed}"] * experiment.draws
    text = [
        shared.signature("train", [*data, "weights", f"epochs={training.epochs}", *seed]),
        '    """Change the weights in place; return the loss of each epoch."""',
        *(["    torch.manual_seed(seed)"] if experiment.draws else []),
    ]
    before, after = _optimizer(experiment)
    call = [*shared.input_names(experiment), "weights", *(["training=True"] * experiment.draws)]
    text += [
        *before,
        "    losses = []",
        "    for epoch in range(epochs):",
        f"        {shared.outputs_text(experiment)} = network({', '.join(call)})",
        f"        loss = network_loss({', '.join(shared.loss_arguments(experiment))})",
        *after,
        "        losses.append(loss.item())",
        "    return losses",
    ]
    return "\n".join(text)


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
            "        for w in weights:",
            "            w.grad = None",
            "        loss.backward()",
            "        with torch.no_grad():",
            "            for w in weights:",
            f"                w -= {rate!r} * w.grad",
        ]
    chosen = UPDATES[training.optimizer]
    given = ", ".join(f"{k}={v!r}" for k, v in _torch_options(training.optimizer, options).items())
    made = f"torch.optim.{chosen.torch}(weights, lr={rate!r}, {given})"
    return [f"    optimizer = {made}"], [
        "        optimizer.zero_grad()",
        "        loss.backward()",
        "        optimizer.step()",
    ]


def _torch_options(optimizer: str, options: dict[str, Attribute]) -> dict[str, Attribute | str]:
    """PyTorch's names for our options."""
    chosen = UPDATES[optimizer]
    given: dict[str, object] = {}
    if "beta1" in options:
        given["betas"] = (options["beta1"], options["beta2"])
    given |= {chosen.torch_names[k]: v for k, v in options.items() if k in chosen.torch_names}
    return given  # type: ignore[return-value]


def _main(experiment: Experiment) -> str:
    network, data = experiment.network, shared.data_names(experiment)
    weights = ["weights"] * bool(network.forward.parameters)
    call = ", ".join([*shared.input_names(experiment), *weights])
    lines = [listed(data, after=" = data()"), *["weights = initial_weights()"] * len(weights)]
    lines += [f"{shared.outputs_text(experiment)} = network({call})"]
    if network.backward:
        lines += [f"loss = network_loss({', '.join(shared.loss_arguments(experiment))})"]
        lines += ["loss.backward()"]
    printed = (shared.printed_weights(experiment, show) for show in ("gradient", "trained"))
    lines += shared.unpack(experiment, (name for names in printed for name in names), "weights")
    lines += shared.prints(experiment, "torch", trained=False)
    if experiment.training:
        lines += [f"train({', '.join([*data, 'weights'])})"]
        lines += shared.prints(experiment, "torch", trained=True)
    return "\n".join(["def main():", *(f"    {line}" for line in lines)])
