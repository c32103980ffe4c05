"""A module's program as a file: what it is, its functions, its training, its command line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backhand.derive.pairs import Derived, Pair
from backhand.graph import Value, Width
from backhand.writers.demand import names_read
from backhand.writers.layout import wrapped
from backhand.writers.modules.command import Command, command_functions, shapes_table
from backhand.writers.modules.program import add_functions, write_functions
from backhand.writers.modules.signatures import signatures
from backhand.writers.modules.widths import assigned, legend, letters_for
from backhand.writers.shared import function

IMPORTS = """\
import argparse
import sys
from zipfile import BadZipFile

import numpy as np

ARRAYS = __file__.removesuffix(".py") + ".npz"
"""

END = """

if __name__ == "__main__":
    main()
"""


@dataclass(frozen=True)
class Plan:
    """What a program is to hold."""

    name: str
    """The class of the module."""
    module: Derived
    evaluation: Derived | None
    """The module in evaluation, where that is more than the module without dropout."""
    loss: Derived | None
    """The loss, if it is not one of the module's own outputs."""
    own_loss: int | None
    """The output of the module that is its loss."""
    carried: tuple[int | None, ...]
    """For each input of the loss the output of the module that it is; None for a target."""
    training: tuple[str, ...]
    """The functions of the optimiser, which begin with `update`; none without one."""
    tied: Mapping[str, str]
    """For each second key of an array its first."""
    sizes: tuple[tuple[str, str], ...]
    widths: tuple[Width, ...]
    notes: tuple[str, ...]
    versions: str
    """What captured it: PyTorch's version."""

    @property
    def has_loss(self) -> bool:
        return self.loss is not None or self.own_loss is not None


def write_source(plan: Plan) -> str:
    """The whole text."""
    widths = letters_for(plan.widths)
    written = write_functions(plan.module, widths)
    for other in (plan.evaluation, plan.loss):
        if other is not None:
            written = add_functions(written, write_functions(other, widths))
    command = command_of(plan)
    training = [*([_gradients(plan)] if plan.has_loss else []), *plan.training]
    sections = [
        ("operators, each followed by its derivative", written.operators),
        ("where parameters are found", written.paths),
        ("modules, each followed by its derivative", written.kinds),
        ("training", training),
        ("the command line", command_functions(command)),
    ]
    body = "\n\n\n".join(part.rstrip() for section in sections for part in _section(*section))
    constants = "\n".join([shapes_table(command), *assigned(plan.widths, written.kinds)])
    return f"{_header(plan)}\n\n{IMPORTS}{constants}\n\n\n{body}\n{END}"


def _section(title: str, parts: Sequence[str]) -> list[str]:
    """The parts, a line above the first that says what they are."""
    if not parts:
        return []
    first = f"# ---- {title} ".ljust(100, "-") + "\n\n\n" + parts[0]
    return [first, *parts[1:]]


def _header(plan: Plan) -> str:
    """The docstring: what was captured, how to run it, the legend."""
    does = "forward and backward pass" if plan.module.pairs[-1].has_backward else "forward pass"
    name = _in_docstring(plan.name)
    lines = [
        f'"""{name}: {does} in NumPy, written by backhand.',
        "",
        f"captured   torch.export of {name} by PyTorch {plan.versions}",
        "run        python FILE predict input.npz --out output.npz",
    ]
    if plan.training:
        lines.append("           python FILE train data.npz --epochs 3 --out trained.npz")
    lines.append("           python FILE check")
    lines += legend(plan.sizes, plan.widths)
    lines.append("names      dX is the derivative of the loss by X and has the shape of X")
    lines.append(
        "weights    p holds arrays by their keys in the state_dict, dp derivatives by them"
    )
    for note in plan.notes:
        lines += ["", *wrapped(_in_docstring(note), 0)]
    return "\n".join([*lines, '"""'])


def _in_docstring(text: str) -> str:
    """Text that neither ends the docstring nor escapes anything in it."""
    return text.replace("\\", "/").replace('"', "'")


def _gradients(plan: Plan) -> str:
    """`gradients(x, targets, p)`: the loss and its derivatives by the parameters."""
    known = signatures(plan.module)
    top = plan.module.pairs[-1]
    arguments = gradient_arguments(plan)
    lines: list[str] = []
    outputs = [value.name for value in top.kind.outputs]
    if plan.loss is None:
        assert plan.own_loss is not None
        cotangents = ["1.0"]
        loss = outputs[plan.own_loss]
    else:
        pair, loss = plan.loss.pairs[-1], "loss"
        lines += _loss_lines(plan, pair, outputs)
        cotangents = _cotangents(plan, pair, outputs)
    own = known[top.kind.name]
    given = [*cotangents, *["p"] * own.reads_parameters_back, *["saved"] * bool(top.saved)]
    inputs = ["_" for value in top.inputs if value is not None]
    back = f"{top.kind.name}_backward({', '.join(given)})"
    if inputs:
        lines += [f"{', '.join([*inputs, 'dp'])} = {back}", f"return {loss}, dp"]
    else:
        lines.append(f"return {loss}, {back}")
    read = names_read(lines)
    made = [*outputs, *["saved"] * bool(top.saved)]
    names = [name if name in read else "_" for name in made]
    arrays = [v.name for v in top.kind.inputs if v.role != "generator"]
    arguments_here = ", ".join([*arrays, *_behind_inputs(top, own.reads_parameters)])
    lines.insert(0, f"{', '.join(names)} = {top.kind.name}({arguments_here})")
    about = "The loss, and its derivatives by the parameters."
    return function("gradients", arguments, about, lines)


def gradient_arguments(plan: Plan) -> list[str]:
    """What `gradients` takes: inputs, targets, parameters and, if it draws, a generator."""
    top = plan.module.pairs[-1]
    draws = [v for v in top.kind.inputs if v.role == "generator"]
    inputs = [v.name for v in top.kind.inputs if v.role != "generator"]
    return [*inputs, *targets_of(plan), "p", *["generator=None"] * bool(draws)]


def targets_of(plan: Plan) -> list[str]:
    """The names of what the loss is given beside the network's outputs."""
    return [value.name for value in _targets(plan)]


def _targets(plan: Plan) -> list[Value]:
    if plan.loss is None:
        return []
    inputs = plan.loss.pairs[-1].kind.inputs
    return [v for v, of in zip(inputs, plan.carried, strict=True) if of is None]


def _behind_inputs(top: Pair, reads_parameters: bool) -> list[str]:
    """What a network's function is given behind its inputs."""
    drawing = ["generator" for v in top.kind.inputs if v.role == "generator"]
    return [*["p"] * reads_parameters, *drawing]


def _loss_lines(plan: Plan, pair: Pair, outputs: list[str]) -> list[str]:
    names = [
        value.name if of is None else outputs[of]
        for value, of in zip(pair.kind.inputs, plan.carried, strict=True)
    ]
    assert plan.loss is not None
    own = signatures(plan.loss)[pair.kind.name]
    names += ["p"] * own.reads_parameters
    made = ["loss"] + ["saved_by_loss"] * bool(pair.saved)
    given = ["1.0", *["p"] * own.reads_parameters_back, *made[1:]]
    back = f"{pair.kind.name}_backward({', '.join(given)})"
    results = [
        f"d{outputs[of]}" if of is not None else "_"
        for of, derivative in zip(plan.carried, pair.inputs, strict=True)
        if derivative is not None
    ]
    return [
        f"{', '.join(made)} = {pair.kind.name}({', '.join(names)})",
        f"{', '.join(results)} = {back}",
    ]


def _cotangents(plan: Plan, pair: Pair, outputs: list[str]) -> list[str]:
    """The derivative by each output of the network; zeros for one that the loss does not read."""
    reached = {
        of
        for of, derivative in zip(plan.carried, pair.inputs, strict=True)
        if of is not None and derivative is not None
    }
    top = plan.module.pairs[-1]
    return [
        f"d{outputs[n]}" if n in reached else f"np.zeros_like({outputs[n]})" for n in top.outputs
    ]


def _rate(plan: Plan) -> str:
    """The learning rate that the written `update` takes where it is not told another."""
    found = re.search(r"^def update\([^)]*learning_rate=([^,)]+)", "\n".join(plan.training), re.M)
    rate = found[1] if found else ""
    return f"{rate}.0" if rate.isdecimal() else rate


def command_of(plan: Plan) -> Command:
    """What the command line says of a program."""
    top = plan.module.pairs[-1]
    used = plan.evaluation or plan.module
    reads = signatures(used)[used.pairs[-1].kind.name].reads_parameters
    inputs = tuple(v for v in top.kind.inputs if v.role != "generator")
    targets = _targets(plan)
    return Command(
        plan.name,
        tuple(v.name for v in inputs),
        tuple(v.name for v in targets),
        {v.name: v.shape for v in (*inputs, *targets)},
        tuple(v.name for v in top.kind.outputs),
        used.pairs[-1].kind.name,
        tuple(_behind_inputs(used.pairs[-1], reads)),
        bool(used.pairs[-1].saved),
        any(v.role == "generator" for v in top.kind.inputs),
        bool(plan.training),
        _rate(plan),
        plan.tied,
        plan.has_loss,
    )
