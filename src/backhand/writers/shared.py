"""What the two programs have in common: header, data, prints, names of arguments."""

from collections.abc import Iterable

import numpy as np

from backhand.experiment import LIBRARY_NAMES, Experiment, Library, Printing
from backhand.graph import Value
from backhand.writers.demand import Assign, Target, demanded, target_text
from backhand.writers.layout import (
    INDENT,
    WIDTH,
    Line,
    body,
    broken,
    indented,
    listed,
    quoted,
    wrapped,
)

INLINE = 200
"""Up to this many numbers in all stand in the program itself; more are read from a file."""

ARRAYS_FILE = "arrays.npz"


def names(values: tuple[Value, ...]) -> list[str]:
    return [value.name for value in values]


def outputs(experiment: Experiment) -> Target:
    """`p`, or the names `(p, q)` of several."""
    every = names(experiment.network.forward.outputs)
    return every[0] if len(every) == 1 else tuple(every)


def outputs_text(experiment: Experiment) -> str:
    """`p`, or `(p, q)` for several."""
    return target_text(outputs(experiment))


def data_names(experiment: Experiment) -> list[str]:
    """Inputs and targets, in order."""
    network = experiment.network
    return [v.name for v in (*network.forward.inputs, *network.targets) if v.role != "generator"]


def input_names(experiment: Experiment) -> list[str]:
    return [v.name for v in experiment.network.forward.inputs if v.role != "generator"]


def call_names(experiment: Experiment) -> list[str]:
    """What the network function is called with, beside what switches dropout on."""
    return input_names(experiment) + ["weights"] * bool(experiment.network.forward.parameters)


def loss_arguments(experiment: Experiment) -> list[str]:
    """What the loss function takes: outputs, targets, and the weights if it reads any."""
    loss = experiment.network.loss
    assert loss is not None
    return names(loss.inputs) + (["weights"] if loss.parameters else [])


def backward_arguments(experiment: Experiment) -> list[str]:
    """What the backward function takes."""
    by_loss = ["saved_by_loss"] if experiment.network.saved_by_loss else []
    return [*data_names(experiment), "weights", "saved", *by_loss]


TRAIN = "Change the weights in place; return the loss of each epoch."


def train_arguments(experiment: Experiment) -> list[str]:
    """What `train` takes: data, weights, and how long and from which seed by default."""
    assert experiment.training is not None
    seed = [f"seed={experiment.seed}"] * experiment.draws
    return [*data_names(experiment), "weights", f"epochs={experiment.training.epochs}", *seed]


def signature(name: str, arguments: list[str]) -> str:
    """`def name(a, b):`, an argument on a line where it is long."""
    flat = f"def {name}({', '.join(arguments)}):"
    if len(flat) <= WIDTH:
        return flat
    return "\n".join([f"def {name}(", *(f"{INDENT}{a}," for a in arguments), "):"])


def weights_named(experiment: Experiment, prefix: str = "", source: str = "weights") -> Assign:
    """`w1, w2 = weights`, or `dw1, dw2 = gradients`, of which only what is read is kept."""
    every = names(experiment.network.forward.parameters)
    return Assign(tuple(prefix + name for name in every), source)


def function(name: str, arguments: list[str], about: str, body: Iterable[str]) -> str:
    """A function with its docstring (if any) from the lines of its body, unindented."""
    docstring = [f'"""{about}"""'] if about else []
    return "\n".join([signature(name, arguments), *indented([*docstring, *body])])


def with_weights(experiment: Experiment, lines: list[Line], last: list[str]) -> list[str]:
    """A function's body: the weights it reads, its lines, what it returns."""
    code = [line.code for line in lines]
    named = demanded([weights_named(experiment), *code, "\n".join(last)])
    return [
        *named[: len(named) - len(code) - 1],
        *body(lines, depth=0),
        *(text for line in last for text in broken(line)),
    ]


def header(experiment: Experiment, library: Library, about: str) -> str:
    """The docstring at the top: what it is, how to run it, the legend."""
    sizes = ", ".join(f"{letter} {meaning}" for letter, meaning in experiment.network.sizes)
    lines = [
        f'"""{experiment.name}: {about} in {LIBRARY_NAMES[library]}.',
        "",
        f"run        python {library}_program.py",
        f"sizes      {sizes}; the other sizes are numbers",
    ]
    if library == "numpy" and experiment.network.backward:
        lines.append("names      dX is the derivative of the loss by X and has the shape of X")
    if experiment.draws:
        other = "PyTorch" if library == "numpy" else "NumPy"
        lines.append(f"dropout    the masks are those of the {other} program with the same seed")
    return "\n".join([*lines, '"""'])


def is_inline(experiment: Experiment) -> bool:
    """Whether the program holds its numbers itself."""
    return sum(a.size for a in experiment.arrays.values()) <= INLINE


def constants(experiment: Experiment, library: Library) -> str:
    """What stands at the top: the precision, and where the numbers are, if not in the program."""
    module = "np" if library == "numpy" else "torch"
    text = f"PRECISION = {module}.{experiment.precision[library]}"
    if not is_inline(experiment):
        text += '\nBESIDE = __file__.replace("\\\\", "/").rpartition("/")[0] or "."'
        text += f'\nARRAYS = BESIDE + "/{ARRAYS_FILE}"'
    return text


def data_function(experiment: Experiment, call: str, after: str) -> str:
    """`data()`, which returns inputs and targets."""
    about = "The inputs and targets." if experiment.network.targets else "The inputs."
    return _arrays_function(experiment, "data", about, data_names(experiment), call, after)


def weights_function(experiment: Experiment, call: str, after: str) -> list[str]:
    """`initial_weights()`, if there are any."""
    weights = names(experiment.network.forward.parameters)
    about = "The weights to begin with."
    function = _arrays_function(experiment, "initial_weights", about, weights, call, after)
    return [function] if weights else []


def _arrays_function(
    experiment: Experiment, name: str, about: str, arrays: list[str], call: str, after: str
) -> str:
    """A function that returns arrays: `call(numbers, dtype=PRECISION)`, or from a file."""
    if not is_inline(experiment):
        items = [f'{call}(arrays["{array}"], dtype=PRECISION{after})' for array in arrays]
        lines = ["with np.load(ARRAYS) as arrays:", *indented(listed(items, before="return "))]
        return function(name, [], about, lines)
    options = f"dtype=PRECISION{after}".split(", ")
    lines = [
        line
        for array in arrays
        for line in _array_lines(array, experiment.arrays[array], call, options)
    ]
    return function(name, [], about, [*lines, *listed(arrays, before="return ")])


def _array_lines(name: str, values: np.ndarray, call: str, options: list[str]) -> list[str]:
    """`x = np.array([[1.0, 2.0], [3.0, 4.0]], ...)`, a row on a line where it is long."""
    numbers = values.tolist()
    flat = f"{name} = {call}({numbers!r}, {', '.join(options)})"
    if len(flat) <= WIDTH - len(INDENT) or values.ndim == 0:
        return [flat]
    rows = [line for number in numbers for line in wrapped(f"{number!r},", 2, WIDTH - len(INDENT))]
    last = [f"{INDENT}{option}," for option in options]
    return [f"{name} = {call}(", f"{INDENT}[", *rows, f"{INDENT}],", *last, ")"]


def prints(experiment: Experiment, library: Library, *, trained: bool) -> list[str]:
    """The print statements for what is known before or after training."""
    lines: list[str] = []
    for printing in experiment.printing:
        if (printing.show == "trained") == trained:
            lines += _print_lines(printing, library)
    return lines


def _print_lines(printing: Printing, library: Library) -> list[str]:
    heading = printing.heading_for(library)
    lines = [f"print({quoted(heading)})"] if heading else []
    label = printing.label_for(library)
    for name in printing.names:
        if printing.show == "rows":
            lines += [
                f"for number in range(len({name})):",
                f"{INDENT}print({_numbered(label)}{name}[number])",
            ]
        else:
            shown = _gradient(name, library) if printing.show == "gradient" else name
            lines.append(f"print({quoted(label) + ', ' if label else ''}{shown})")
    return lines


def _gradient(name: str, library: Library) -> str:
    return f"d{name}" if library == "numpy" else f"{name}.grad"


def _numbered(label: str) -> str:
    """The label of a row as an argument, its `{number}` counted from 1."""
    if not label:
        return ""
    if "{number}" not in label:
        return quoted(label) + ", "
    parts = [part.replace("{", "{{").replace("}", "}}") for part in label.split("{number}")]
    return "f" + quoted("{number + 1}".join(parts)) + ", "
