"""The NumPy hand: a network as a program that a careful person could have written."""

from backhand.experiment import Experiment
from backhand.graph import Step
from backhand.writers import shared
from backhand.writers.demand import Assign, demanded
from backhand.writers.functions import called, source
from backhand.writers.layout import WIDTH, Line, body, comment, comment_column, listed, tuple_of
from backhand.writers.lines import Written, lines_of, numpy_spelling, written
from backhand.writers.numpy_training import training_functions
from backhand.writers.program import Program


def write(experiment: Experiment) -> Program:
    """The experiment as a NumPy program that imports only NumPy."""
    network = experiment.network
    forward = written(network.forward.body, numpy_spelling)
    loss = written(network.loss.body, numpy_spelling) if network.loss else []
    backward = written(network.backward.body, numpy_spelling) if network.backward else []
    undone = lines_of((*forward, *loss))
    lines = {**undone, **lines_of(backward)}
    parts = [
        *(
            source(function)
            for function in called(step for kind in network.kinds for step in kind.body)
        ),
        _forward(experiment, [w.line for w in forward if w.line]),
        *([_loss(experiment, [w.line for w in loss if w.line])] if network.loss else []),
        *([_backward(experiment, backward, undone)] if network.backward else []),
        *training_functions(experiment),
        shared.data_function(experiment, "np.array", ""),
        *shared.weights_function(experiment, "np.array", ""),
        _main(experiment),
    ]
    about = "forward and backward pass" if network.backward else "forward pass"
    top = shared.header(experiment, "numpy", about)
    top += "\n\nimport numpy as np\n\n" + shared.constants(experiment, "numpy")
    end = 'if __name__ == "__main__":\n    main()\n'
    return Program("numpy", "\n\n\n".join([top, *parts, end]), lines)


def _forward(experiment: Experiment, lines: list[Line]) -> str:
    arguments = shared.call_names(experiment) + ["generator=None"] * experiment.draws
    about = "Without a generator there is no dropout." if experiment.draws else ""
    text = shared.with_weights(experiment, lines, _returned(experiment))
    return shared.function("network", arguments, about, text)


def _returned(experiment: Experiment) -> list[str]:
    """`return p, (z1, h)`; what is saved stands on lines of its own where there is much of it."""
    network, outputs = experiment.network, shared.outputs_text(experiment)
    if network.backward is None:
        return [f"return {outputs}"]
    flat = f"return {outputs}, {tuple_of(shared.names(network.saved))}"
    if len(flat) <= WIDTH:
        return [flat]
    return [*listed(shared.names(network.saved), before="saved = "), f"return {outputs}, saved"]


def _loss(experiment: Experiment, lines: list[Line]) -> str:
    saved = experiment.network.saved_by_loss
    if saved:
        last = f"return loss, {tuple_of(shared.names(saved))}"
    else:
        last = f"return {lines[-1].code.removeprefix('loss = ')}"
        lines = lines[:-1]
    arguments = shared.loss_arguments(experiment)
    return shared.function(
        "network_loss", arguments, "", shared.with_weights(experiment, lines, [last])
    )


def _backward(experiment: Experiment, lines: list[Written], quoted: dict[str, str]) -> str:
    network = experiment.network
    assert network.backward is not None
    gradients = [v.name if v.literal is None else str(v) for v in network.backward.outputs]
    last = listed(gradients, before="return ")
    unpacked = [
        shared.weights_named(experiment),
        Assign(tuple(shared.names(network.saved)), "saved"),
        Assign(tuple(shared.names(network.saved_by_loss)), "saved_by_loss"),
    ]
    code = [w.line.code for w in lines if w.line]
    named = demanded([*unpacked, *code])
    text = [*named[: len(named) - len(code)], *_backward_body(lines, quoted), *last]
    arguments = shared.backward_arguments(experiment)
    return shared.function("network_backward", arguments, "", text)


def _backward_body(lines: list[Written], quoted: dict[str, str]) -> list[str]:
    """Derivative lines, grouped under the forward line that they undo."""
    groups: list[tuple[list[str], list[Line]]] = []
    undone = ""
    for w in lines:
        if w.step.undoes and quoted[w.step.undoes] != undone:
            undone = quoted[w.step.undoes]
            groups.append((_quotation(w.step, quoted), []))
        if w.line:
            groups[-1][1].append(w.line)
    column = comment_column([line for _, group in groups for line in group])
    return [text for heading, group in groups for text in (*heading, *body(group, 0, column))]


def _quotation(step: Step, quoted: dict[str, str]) -> list[str]:
    """The forward line that a backward step undoes, and why, where that is not plain."""
    line = quoted[step.undoes]
    if "+" in step.function:
        skips = not step.function.startswith("+")
        predictions = [quoted[v.name] for v in step.inputs if v.name in quoted]
        before = f",  {predictions[0]}" if skips else ""
        return comment(f"{line}{before}:  {step.because}", 0)
    return comment(line, 0)


def _main(experiment: Experiment) -> str:
    network, data = experiment.network, shared.data_names(experiment)
    call = f"network({', '.join(shared.call_names(experiment))})"
    lines: list[str | Assign] = [
        Assign(tuple(data), "data()"),
        Assign("weights", "initial_weights()"),
        Assign((shared.outputs(experiment), "saved") if network.backward
               else shared.outputs(experiment), call),
    ]  # fmt: skip
    if network.backward:
        loss = f"network_loss({', '.join(shared.loss_arguments(experiment))})"
        back = f"network_backward({', '.join(shared.backward_arguments(experiment))})"
        lines += [
            Assign(("loss", "saved_by_loss") if network.saved_by_loss else "loss", loss),
            Assign("gradients", back),
            shared.weights_named(experiment, "d", "gradients"),
        ]
    lines += shared.prints(experiment, "numpy", trained=False)
    if experiment.training:
        lines += [
            f"train({', '.join([*data, 'weights'])})",
            shared.weights_named(experiment),
            *shared.prints(experiment, "numpy", trained=True),
        ]
    return shared.function("main", [], "", demanded(lines) or ["pass"])
