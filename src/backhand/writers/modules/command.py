"""The small command that a module's program is: predict, train, check."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backhand.graph import Size
from backhand.writers.layout import INDENT, WIDTH, broken, indented, tuple_of
from backhand.writers.modules.paths import escaped
from backhand.writers.shared import function

STOP = """\
def stop(words):
    print(words, file=sys.stderr)
    sys.exit(2)
"""

LOAD = '''\
def load(file):
    """The arrays of an .npz file by their names."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, TypeError, ValueError, EOFError, BadZipFile) as error:
        stop(f"no .npz file can be read from {file}: {error}")
'''

LOAD_DATA = '''\
def load_data(file, *names):
    """The arrays of these names, whose shapes must be those that the network takes."""
    arrays, sizes = load(file), {}
    for name in names:
        if name not in arrays:
            stop(f"{file} has no array `{name}`, but {', '.join(arrays)}")
        shape, found = SHAPES[name], arrays[name].shape
        if len(shape) == len(found):  # each letter stands for one number, wherever it is
            sizes = dict(zip(shape, found, strict=True)) | sizes
        wanted = tuple(s if isinstance(s, int) else sizes.get(s, s) for s in shape)
        if found != wanted:
            stop(f"{file}: the shape of `{name}` is {found}, and not {wanted}")
    return arrays
'''


@dataclass(frozen=True)
class Command:
    """What the command line must know of a program."""

    name: str
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    shapes: Mapping[str, tuple[Size, ...]]
    """Theirs, by their names."""
    outputs: tuple[str, ...]
    function: str
    """The function that predicts, and what it is given behind the inputs."""
    given: tuple[str, ...]
    saves: bool
    """Whether it gives what it saved behind its outputs."""
    draws: bool
    trains: bool
    rate: str
    """The learning rate that `update` takes by default; empty if it has a schedule of its own."""
    tied: Mapping[str, str]
    """For each second key of an array its first."""
    has_loss: bool

    @property
    def rows(self) -> tuple[str, ...]:
        """Inputs and targets that have a row for each example of a batch; none unless an input has:
        the loss alone may take any number."""
        found = tuple(name for name, shape in self.shapes.items() if shape[:1] == ("B",))
        return found if {*found} & {*self.inputs} else ()


def shapes_table(command: Command) -> str:
    """`SHAPES = {"x": ("B", 24)}`: what the arrays of a data file are like."""
    items = [f'"{name}": {_shape(shape)}' for name, shape in command.shapes.items()]
    flat = f"SHAPES = {{{', '.join(items)}}}"
    if len(flat) <= WIDTH:
        return flat
    return "\n".join(["SHAPES = {", *(f"{INDENT}{item}," for item in items), "}"])


def _shape(shape: tuple[Size, ...]) -> str:
    return tuple_of([_quoted(size) if isinstance(size, str) else str(size) for size in shape])


def command_functions(command: Command) -> list[str]:
    """The functions of the command line, `main` last."""
    return [
        STOP,
        LOAD,
        LOAD_DATA,
        _parameters(command),
        _predict(command),
        *([_train(command)] if command.trains else []),
        _check(command),
        _main(command),
    ]


def _parameters(command: Command) -> str:
    about = "The weights in a file, without what `check` reads in it."
    found = '{name: w for name, w in load(file).items() if ":" not in name}'
    if not command.tied:
        return function("parameters", ["file=ARRAYS"], about, [f"return {found}"])
    tied = [f'p["{escaped(k)}"] = p["{escaped(of)}"]' for k, of in command.tied.items()]
    tied[0] += "  # two names of one array"
    lines = [f"p = {found}", *tied, "return p"]
    return function("parameters", ["file=ARRAYS"], about, lines)


def _of_arrays(names: Iterable[str], rows: Sequence[str] = (), of: str = "arrays") -> list[str]:
    """`arrays["x"]`, or `arrays["x"][some]` where some rows of it are meant."""
    return [f'{of}["{name}"]{"[some]" if name in rows else ""}' for name in names]


def _fitted(code: str, depth: int = 0) -> list[str]:
    """A line that stands so deep in a function, over several lines if it is too long for one."""
    return [line[len(INDENT) * depth :] for line in broken(INDENT * depth + code, depth)]


def _predict(command: Command) -> str:
    made = ", ".join([*command.outputs, *["_"] * command.saves])
    given = ", ".join([*_of_arrays(command.inputs), *command.given])
    outputs = ", ".join(f'"{name}": {name}' for name in command.outputs)
    lines = [*_fitted(f"{made} = {command.function}({given})"), f"return {{{outputs}}}"]
    arguments = ["arrays", "p", *["generator=None"] * command.draws]
    return function("predict", arguments, "The outputs by their names.", lines)


def _train(command: Command) -> str:
    """The function that trains: in shuffled batches, where the data have rows."""
    names = (*command.inputs, *command.targets)
    given = [*_of_arrays(names, command.rows), "p", *["generator"] * command.draws]
    rate = ", learning_rate" * bool(command.rate)
    lines = _batches(command.rows[0], given, rate) if command.rows else _whole(given, rate)
    if command.rows or command.draws:
        lines.insert(0, "generator = np.random.RandomState(seed)")
    about = "Change the weights in place, and say the mean loss of each epoch."
    options = ["learning_rate" if name == "lr" else name for name in _numbers(command)]
    return function("train", ["arrays", "p", *options], about, lines)


def _batches(first: str, given: Sequence[str], rate: str) -> list[str]:
    """A step for each batch of the shuffled rows."""
    batches = [
        "some = order[first : first + batch]",
        *_fitted(f"loss, dp = gradients({', '.join(given)})", 2),
        "step, total = step + 1, total + loss",
        f"update(p, dp, state, step{rate})",
        'print(f"\\repoch {epoch}, step {step}: loss {total / count:.6f}", end="", flush=True)',
    ]
    return [
        "state, step = new_state(p), 0",
        "for epoch in range(1, epochs + 1):",
        *indented(
            [
                f'order, total = generator.permutation(len(arrays["{first}"])), 0.0',
                "for count, first in enumerate(range(0, len(order), batch), 1):",
                *indented(batches),
                "print()",
            ]
        ),
        "return p",
    ]


def _whole(given: Sequence[str], rate: str) -> list[str]:
    """A step for all of the data, which have no rows to choose from."""
    steps = [
        *_fitted(f"loss, dp = gradients({', '.join(given)})", 1),
        f"update(p, dp, state, epoch{rate})",
        'print(f"epoch {epoch}: loss {loss:.6f}", flush=True)',
    ]
    return ["state = new_state(p)", "for epoch in range(1, epochs + 1):", *indented(steps),
            "return p"]  # fmt: skip


def _check(command: Command) -> str:
    drawing = ["np.random.RandomState(0)"] * command.draws
    lines = [
        "arrays, p = load(ARRAYS), parameters()",
        'given = {name[6:]: a for name, a in arrays.items() if name.startswith("given:")}',
        f"found = predict({', '.join(['given', 'p', *drawing])})",
    ]
    if command.has_loss:
        inputs = _of_arrays((*command.inputs, *command.targets), of="given")
        call = f"gradients({', '.join([*inputs, 'p', *drawing])})"
        lines += [
            *_fitted(f'found["loss"], dp = {call}'),
            'found |= {"d " + name: dw for name, dw in dp.items()}',
        ]
    judged = [
        'far = np.max(np.abs(found[name] - arrays["torch:" + name]), initial=0)',
        "agree.append(far <= most)",
        'word = "agrees" if agree[-1] else "DIFFERS"',
        'print(f"{word:8} {far:.1e} of {kind} {most:.1e}  {name}")',
    ]
    lines += [
        "agree = []",
        "# a bound is how far rounding can lead, a reach 8 times how far it led at random",
        "for key, most in arrays.items():",
        *indented(
            [
                'kind, _, name = key.partition(":")',
                'if kind in ("bound", "reach"):',
                *indented(judged),
            ]
        ),
        'print(f"{sum(agree)} of {len(agree)} agree")',
        "return all(agree)",
    ]
    about = "Hold this program against what PyTorch computed when it was written."
    return function("check", [], about, lines)


def _main(command: Command) -> str:
    names = ", ".join((*command.inputs, *command.targets))
    commands = ["predict", *["train"] * command.trains, "check"]
    out = "for the outputs" + " or the trained weights" * command.trains
    lines = [
        "parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])",
        f'parser.add_argument("command", choices=[{", ".join(map(_quoted, commands))}])',
        f'parser.add_argument("data", nargs="?", default="data.npz", help="an .npz of {names}")',
        'parser.add_argument("--weights", default=ARRAYS, help="an .npz of trained weights")',
        f'parser.add_argument("--out", default="out.npz", help="{out}")',
        *_options(command),
        "given = parser.parse_args()",
        'if given.command == "check":',
        *indented(["sys.exit(0 if check() else 1)"]),
        "p = parameters(given.weights)",
    ]
    inputs, targets = ([_quoted(name) for name in of] for of in (command.inputs, command.targets))
    predicted = f"made = predict(load_data({', '.join(['given.data', *inputs])}), p)"
    if command.trains:
        given = ", ".join(["arrays", "p", *(f"given.{name}" for name in _numbers(command))])
        loaded = f"arrays = load_data({', '.join(['given.data', *inputs, *targets])})"
        lines += [
            'if given.command == "train":',
            *indented([*_fitted(loaded, 2), *_fitted(f"made = train({given})", 2)]),
            "else:",
            *indented(_fitted(predicted, 2)),
        ]
    else:
        lines.append(predicted)
    lines += ["np.savez(given.out, **made)", 'print(f"written: {given.out}")']
    return function("main", [], "", [part for line in lines for part in _fitted(line)])


def _numbers(command: Command) -> dict[str, str]:
    """The options of training, with what they are by default."""
    batch = {"batch": "64"} if command.rows else {}
    seed = {"seed": "0"} if command.rows or command.draws else {}
    rate = {"lr": command.rate} if command.rate else {}
    return {"epochs": "1", **batch, **seed, **rate}


def _options(command: Command) -> list[str]:
    if not command.trains:
        return []
    pairs = ", ".join(f"({_quoted(f'--{name}')}, {n})" for name, n in _numbers(command).items())
    return [
        f"for option, number in [{pairs}]:",
        *indented(["parser.add_argument(option, type=type(number), default=number)"]),
    ]


def _quoted(text: str) -> str:
    return f'"{text}"'
