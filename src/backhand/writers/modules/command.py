"""The small command that a module's program is: predict, train, check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backhand.writers.layout import indented
from backhand.writers.modules.paths import escaped
from backhand.writers.shared import function

LOAD = '''\
def load(file):
    """The arrays of an .npz file by their names."""
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
'''

REPORT = '''\
def compared(name, ours, theirs, arrays):
    """Say how far an array is from PyTorch's, beside the bound of what rounding can do, or where that
    is too wide 8 times what rounding at random did in 8 runs."""
    kind = "bound" if f"bound:{name}" in arrays else "reach"
    far, most = np.max(np.abs(ours - theirs), initial=0), arrays[f"{kind}:{name}"]
    print(f"{'agrees' if far <= most else 'DIFFERS':8} {far:.1e} of {kind} {most:.1e}  {name}")
    return far <= most
'''


@dataclass(frozen=True)
class Command:
    """What the command line must know of a program."""

    name: str
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    rows: tuple[str, ...]
    """Those of them that have a row for each example of a batch."""
    outputs: tuple[str, ...]
    call: str
    """The call of the network that predicts."""
    saves: bool
    """Whether it gives what it saved behind its outputs."""
    draws: bool
    trains: bool
    rate: str
    """The learning rate that `update` takes by default; empty if it has a schedule of its own."""
    tied: Mapping[str, str]
    """For each second key of an array its first."""
    has_loss: bool


def command_functions(command: Command) -> list[str]:
    """The functions of the command line, `main` last."""
    return [
        LOAD,
        _parameters(command),
        _predict(command),
        *([_train(command)] if command.trains else []),
        REPORT,
        _check(command),
        _main(command),
    ]


def _parameters(command: Command) -> str:
    about = "The arrays that lie beside this program, without what `check` reads."
    if not command.tied:
        lines = ['return {name: w for name, w in load(ARRAYS).items() if ":" not in name}']
        return function("parameters", [], about, lines)
    tied = [f'p["{escaped(k)}"] = p["{escaped(of)}"]' for k, of in command.tied.items()]
    lines = [
        'p = {name: w for name, w in load(ARRAYS).items() if ":" not in name}',
        "# two names of one array",
        *tied,
        "return p",
    ]
    return function("parameters", [], about, lines)


def _outputs(command: Command) -> str:
    names = [*command.outputs, *["_"] * command.saves]
    return ", ".join(names)


def _predict(command: Command) -> str:
    lines = [
        *unpacked(command.inputs),
        f"{_outputs(command)} = {command.call}",
        "return {" + ", ".join(f'"{name}": {name}' for name in command.outputs) + "}",
    ]
    arguments = ["arrays", "p", *["generator=None"] * command.draws]
    return function("predict", arguments, "The outputs by their names.", lines)


def unpacked(names: Sequence[str], rows: Sequence[str] = ()) -> list[str]:
    """`x, y = arrays["x"], arrays["y"]`, the rows of a batch alone where there are any."""
    items = [f'arrays["{name}"]{"[rows]" if name in rows else ""}' for name in names]
    flat = f"{', '.join(names)} = {', '.join(items)}"
    if len(flat) <= 90 or len(names) == 1:
        return [flat]
    return [f"{name} = {item}" for name, item in zip(names, items, strict=True)]


def _train(command: Command) -> str:
    names = (*command.inputs, *command.targets)
    first = command.rows[0] if command.rows else names[0]
    given = [*names, "p", *["generator"] * command.draws]
    batches = [
        "rows = order[first : first + batch]",
        *unpacked(names, command.rows),
        f"loss, dp = gradients({', '.join(given)})",
        "step += 1",
        f"update(p, dp, state, step{', learning_rate' * bool(command.rate)})",
        "losses.append(float(loss))",
        'print(f"\\repoch {epoch + 1}, step {step}: loss {loss:.6f}", end="", file=sys.stderr)',
    ]
    lines = [
        "generator = np.random.RandomState(seed)",
        "state, step, means = new_state(p), 0, []",
        "for epoch in range(epochs):",
        *indented(
            [
                f'order = generator.permutation(len(arrays["{first}"]))',
                "losses = []",
                "for first in range(0, len(order), batch):",
                *indented(batches),
                "means.append(float(np.mean(losses)))",
                'print(f"\\repoch {epoch + 1} of {epochs}: loss {means[-1]:.6f}".ljust(60))',
            ]
        ),
        "return means",
    ]
    about = "Change the weights in place; return the mean loss of each epoch."
    rate = ["learning_rate"] * bool(command.rate)
    return function("train", ["arrays", "p", "epochs", "batch", "seed", *rate], about, lines)


def _check(command: Command) -> str:
    drawing = ", np.random.RandomState(0)" * command.draws
    lines = [
        "arrays, p = load(ARRAYS), parameters()",
        'given = {name[6:]: a for name, a in arrays.items() if name.startswith("given:")}',
        f"found = predict(given, p{drawing})",
    ]
    if command.has_loss:
        names = [f'given["{name}"]' for name in (*command.inputs, *command.targets)]
        lines += [
            f'found["loss"], dp = gradients({", ".join([*names, "p"])}{drawing})',
            'found |= {"d " + name: dw for name, dw in dp.items()}',
        ]
    lines += [
        'theirs = {name[6:]: a for name, a in arrays.items() if name.startswith("torch:")}',
        "agree = [compared(name, found[name], theirs[name], arrays) for name in theirs]",
        'print(f"{sum(agree)} of {len(agree)} agree")',
        "return all(agree)",
    ]
    about = "Hold this program against what PyTorch computed when it was written."
    return function("check", [], about, lines)


def _main(command: Command) -> str:
    wanted = ", ".join(command.inputs)
    lines = [
        "parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])",
        'commands = parser.add_subparsers(dest="command", required=True)',
        f'one = commands.add_parser("predict", help="outputs for an .npz of {wanted}")',
        'one.add_argument("input")',
        'one.add_argument("--out", help="an .npz for the outputs, which are else printed")',
    ]
    if command.trains:
        both = ", ".join((*command.inputs, *command.targets))
        lines += [
            f'one = commands.add_parser("train", help="on an .npz of {both}")',
            'one.add_argument("data")',
            'one.add_argument("--epochs", type=int, default=1)',
            'one.add_argument("--batch", type=int, default=64)',
            'one.add_argument("--seed", type=int, default=0)',
            *[f'one.add_argument("--lr", type=float, default={command.rate})'] * bool(command.rate),
            'one.add_argument("--out", required=True, help="an .npz for the trained weights")',
        ]
    lines += [
        'commands.add_parser("check", help="hold this program against PyTorch\'s numbers")',
        "given = parser.parse_args()",
        'if given.command == "predict":',
        *indented(
            [
                "outputs = predict(load(given.input), parameters())",
                "if given.out:",
                *indented(["np.savez(given.out, **outputs)"]),
                "else:",
                *indented(["print(outputs)"]),
            ]
        ),
    ]
    if command.trains:
        lines += [
            'elif given.command == "train":',
            *indented(
                [
                    "p = parameters()",
                    "train(load(given.data), p, given.epochs, given.batch, given.seed"
                    f"{', given.lr' * bool(command.rate)})",
                    "np.savez(given.out, **p)",
                    'print(f"the trained weights are in {given.out}")',
                ]
            ),
        ]
    lines += ["else:", *indented(["sys.exit(0 if check() else 1)"])]
    return function("main", [], "", lines)
