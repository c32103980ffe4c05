"""The NumPy hand: a network as a program that a careful person could have written."""

import ast
import copy

from backhand.experiment import Experiment
from backhand.graph import Network, Step, Value
from backhand.rules.operations import operation
from backhand.rules.register import Function
from backhand.write import shared
from backhand.write.expressions import double_quoted, names_in
from backhand.write.layout import Line, body, comment, comment_column, listed, tuple_of
from backhand.write.lines import Written, lines_of, numpy_spelling, written
from backhand.write.numpy_training import train, update
from backhand.write.program import Program


def write(experiment: Experiment) -> Program:
    """The experiment as a NumPy program that imports only NumPy."""
    network = experiment.network
    forward = written(network.forward.body, numpy_spelling)
    loss = written(network.loss.body, numpy_spelling) if network.loss else []
    backward = written(network.backward.body, numpy_spelling) if network.backward else []
    lines = {**lines_of((*forward, *loss)), **lines_of(backward)}
    parts = [
        *(_source(function) for function in _called(network)),
        _forward(experiment, forward),
        *([_loss(experiment, loss)] if network.loss else []),
        *([_backward(experiment, backward, lines)] if network.backward else []),
        *([update(experiment), train(experiment)] if experiment.training else []),
        shared.data_function(experiment, "np.array", ""),
        *shared.weights_function(experiment, "np.array", ""),
        _main(experiment),
    ]
    about = "forward and backward pass" if network.backward else "forward pass"
    top = shared.header(experiment, "numpy", about)
    top += "\n\nimport numpy as np\n\n" + shared.constants(experiment, "numpy")
    end = 'if __name__ == "__main__":\n    main()\n'
    return Program("numpy", "\n\n\n".join([top, *parts, end]), lines)


def _called(network: Network) -> list[Function]:
    """The functions that the program's lines call, helpers before those that call them."""
    found: dict[str, Function] = {}

    def add(function: Function) -> None:
        for helper in function.helpers:
            add(helper)
        found.setdefault(function.name, function)

    for kind in network.kinds:
        for step in kind.body:
            op = operation(step.function)
            if op.expressions:
                for helper in _helpers_of_expression(step):
                    add(helper)
            else:
                add(op.function)
    return list(found.values())


def _helpers_of_expression(step: Step) -> list[Function]:
    """Functions called within an inlined expression, e.g. softmax in a loss's derivative."""
    op = operation(step.function)
    called = {name for expression in op.expressions for name in names_in(expression)}
    return [helper for helper in op.function.helpers if helper.name in called]


def _source(function: Function) -> str:
    """A function as it stands in its module, less the annotations of its signature."""
    lines = function.source.splitlines()
    first = function.tree.body[0].lineno - 1
    while lines[first - 1].strip().startswith("#"):
        first -= 1
    arguments = copy.deepcopy(function.tree.args)
    for argument in (*arguments.args, *arguments.kwonlyargs):
        argument.annotation = None
    signature = double_quoted(ast.unparse(arguments))
    return "\n".join([f"def {function.name}({signature}):", *lines[first:]])


def _forward(experiment: Experiment, lines: list[Written]) -> str:
    network = experiment.network
    arguments = shared.input_names(experiment)
    if network.forward.parameters:
        arguments.append("weights")
    if experiment.draws:
        arguments.append("generator=None")
    text = [shared.signature("network", arguments)]
    if experiment.draws:
        text += ['    """Without a generator there is no dropout."""']
    used = _read(network.forward.body)
    text += shared.unpacked_weights(experiment, used)
    text += body([w.line for w in lines if w.line])
    outputs = shared.outputs_text(experiment)
    if network.backward:
        outputs += f", {tuple_of(shared.names(network.saved))}"
    return "\n".join([*text, f"    return {outputs}"])


def _read(steps: tuple[Step, ...]) -> tuple[Value, ...]:
    return tuple(value for step in steps for value in step.inputs)


def _loss(experiment: Experiment, lines: list[Written]) -> str:
    loss, saved = experiment.network.loss, experiment.network.saved_by_loss
    assert loss is not None
    text = [shared.signature("network_loss", shared.loss_arguments(experiment))]
    if loss.parameters:
        text += shared.unpacked_weights(experiment, _read(loss.body))
    code = [w.line for w in lines if w.line]
    if saved:
        return "\n".join([*text, *body(code), f"    return loss, {tuple_of(shared.names(saved))}"])
    last = code[-1].code.removeprefix("loss = ")
    return "\n".join([*text, *body(code[:-1]), f"    return {last}"])


def _backward(experiment: Experiment, lines: list[Written], quoted: dict[str, str]) -> str:
    network = experiment.network
    assert network.backward is not None
    text = [shared.signature("network_backward", shared.backward_arguments(experiment))]
    used = _read(network.backward.body)
    text += shared.unpacked_weights(experiment, used)
    for name, values in (("saved", network.saved), ("saved_by_loss", network.saved_by_loss)):
        if values:
            text += body([Line(listed(shared.names(values), before="", after=f" = {name}"))])
    text += _backward_body(lines, quoted)
    gradients = [v.name if v.literal is None else str(v) for v in network.backward.outputs]
    return "\n".join([*text, "    " + listed(gradients, before="return ")])


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
    return [text for heading, group in groups for text in (*heading, *body(group, column=column))]


def _quotation(step: Step, quoted: dict[str, str]) -> list[str]:
    """The forward line that a backward step undoes, and why, where that is not plain."""
    line = quoted[step.undoes]
    if "+" in step.function:
        skips = not step.function.startswith("+")
        predictions = [quoted[v.name] for v in step.inputs if v.name in quoted]
        before = f",  {predictions[0]}" if skips else ""
        return comment(f"{line}{before}:  {step.because}")
    return comment(line)


def _main(experiment: Experiment) -> str:
    network = experiment.network
    data = shared.data_names(experiment)
    has_weights = bool(network.forward.parameters)
    weights = ["weights"] * has_weights
    text = ["def main():", f"    {listed(data, before='', after=' = data()')}"]
    if has_weights:
        text += ["    weights = initial_weights()"]
    call = ", ".join([*shared.input_names(experiment), *weights])
    outputs = shared.outputs_text(experiment)
    text += [f"    {outputs}{', saved' if network.backward else ''} = network({call})"]
    lines = [*_main_gradients(experiment), *shared.prints(experiment, "numpy", trained=False)]
    if experiment.training:
        trained = shared.printed_weights(experiment, "trained")
        lines += [f"train({', '.join([*data, 'weights'])})"]
        lines += shared.unpack(experiment, trained, "weights")
        lines += shared.prints(experiment, "numpy", trained=True)
    return "\n".join([*text, *(f"    {line}" for line in lines)])


def _main_gradients(experiment: Experiment) -> list[str]:
    """The loss and the gradients before training, where something is to be printed of them."""
    network = experiment.network
    if not network.backward:
        return []
    lines = []
    call = f"network_loss({', '.join(shared.loss_arguments(experiment))})"
    if network.saved_by_loss:
        lines += [f"loss, saved_by_loss = {call}"]
    elif shared.prints_loss(experiment):
        lines += [f"loss = {call}"]
    back = ", ".join(shared.backward_arguments(experiment))
    lines += [f"gradients = network_backward({back})"]
    shown = shared.printed_weights(experiment, "gradient")
    return [*lines, *shared.unpack(experiment, shown, "gradients", "d")]
