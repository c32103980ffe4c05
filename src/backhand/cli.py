"""The command line: arguments and exit codes only."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from backhand.errors import BackhandError

if TYPE_CHECKING:
    from backhand.agreement.result import Agreement
    from backhand.experiment import Experiment

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""
    Backpropagation by hand: write a neural network out as plain NumPy and plain PyTorch,
    run both from one seed, and see how far apart they are.

    Start with [bold]backhand run[/bold]: it does a whole homework and writes a report.
    Then [bold]backhand new mine[/bold] for a network of your own.
    """,
)

Spec = Annotated[
    Path | None,
    typer.Argument(metavar="[SPEC]", help="A spec, a .toml file. Without one: the homework.",
                   show_default=False),
]  # fmt: skip
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Where to write; else backhand-out/NAME.",
                 show_default=False),
]  # fmt: skip
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Take this seed instead of the spec's.",
                 show_default=False),
]  # fmt: skip

HOMEWORK = Path(__file__).with_name("homework.toml")
ERROR, INTERRUPTED = 2, 130


@app.command()
def run(spec: Spec = None, out: Out = None, seed: Seed = None) -> None:
    """Write both programs, run them, print their tasks, and write a report."""
    from rich.console import Console

    from backhand.capture.spec import load
    from backhand.folder import results
    from backhand.report import figures, page, terminal
    from backhand.run import trace
    from backhand.study import formats_run, study
    from backhand.writers.files import save_programs, save_weights

    experiment = load(spec or HOMEWORK, seed)
    folder = out or Path("backhand-out") / experiment.name
    epochs = _epochs(experiment)
    with (
        _interruptible(),
        results(folder) as scratch,
        _progress((1 + len(formats_run(experiment))) * epochs) as told,
    ):
        programs = save_programs(experiment, scratch)
        found = study(experiment, programs, scratch, told)
        save_weights(experiment, found.traces[0].training, scratch / "weights.npz")
        trace.save(scratch / "trace.npz", found.traces)
        with _progress(100, "simulating") as heard:
            simulated = figures.remembered(experiment, folder, scratch, heard)
        page.write_page(found, scratch / "report.html", simulated)
        written = sorted(path.name for path in scratch.iterdir())
    terminal.show(found, Console(highlight=False))
    print(f"\nWritten into {folder}: {', '.join(written)}")


@app.command("compare")
def compare_command(
    spec: Annotated[
        str | None,
        typer.Argument(
            metavar="[SPEC | MODEL.py:FUNCTION]",
            help="A spec, or a function of yours that returns a torch.nn.Module and example "
            "inputs; it is run.",
            show_default=False,
        ),
    ] = None,
    program: Annotated[
        Path | None,
        typer.Option(
            "--program",
            metavar="FILE",
            show_default=False,
            help="A NumPy program in place of ours: ours with your changes. It is run.",
        ),
    ] = None,
    traces: Annotated[
        list[Path] | None,
        typer.Option(
            "--trace",
            metavar="FILE",
            show_default=False,
            help="An .npz of what somebody computed, by the names of the values; may be "
            "given twice. PyTorch is not run then.",
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            metavar="FORMAT",
            show_default=False,
            help="What PyTorch computes in, beside float64: float32, float16, bfloat16.",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs", metavar="N", help="Of training, in place of the spec's.", show_default=False
        ),
    ] = None,
    seed: Seed = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Say whether both programs agree, step by step, within computed rounding bounds.

    Exit code 0: they agree. 1: they differ. 3: it cannot be told. 2: an error.
    """
    from rich.console import Console

    from backhand.agreement.telling import show as show_agreement
    from backhand.capture.spec import load

    if spec is not None and ".py:" in spec:
        unfit = {"--program": program, "--trace": traces, "--epochs": epochs}
        _compare_module(spec, precision, seed, unfit, as_json)
    experiment = load(Path(spec) if spec else HOMEWORK, seed)
    if traces:
        others = {"--program": program, "--precision": precision, "--epochs": epochs}
        found = _traces_compared(experiment, traces, others)
    else:
        found = _compared(experiment, program, precision, epochs)
    if as_json:
        print(found.to_json(), end="")
    else:
        show_agreement(found, Console(highlight=False))
    raise typer.Exit(found.exit_code)


def _compare_module(
    target: str,
    precision: str | None,
    seed: int | None,
    others: Mapping[str, object],
    as_json: bool,
) -> NoReturn:
    """A module's program beside PyTorch, and the exit code."""
    from backhand.agreement.modules import compare_module
    from backhand.modules import loading

    given = [name for name, value in others.items() if value]
    if given:
        raise BackhandError(f"{given[0]} is of no use with a module", where="command line")
    print(f"This runs your code: {target.rpartition(':')[0]}", file=sys.stderr)
    with _interruptible():
        loaded = loading.load(target)
        loss = {name: loaded.extras[name] for name in ("loss", "targets") if name in loaded.extras}
        found = compare_module(
            loaded.module, loaded.args, loaded.kwargs, precision=precision, seed=seed or 0, **loss
        )
    print(found.to_json() if as_json else f"{found}\n", end="")
    raise typer.Exit(found.exit_code)


@app.command()
def check(
    theirs: Annotated[
        list[Path],
        typer.Argument(
            metavar="THEIRS...",
            help="A .py, a notebook, an .npz, printed numbers as .txt, published weights as .json; "
            "several, or a folder. "
            "Programs are run, in a process of their own.",
            show_default=False,
        ),
    ],
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", metavar="SPEC", help="The spec; else the homework.", show_default=False
        ),
    ] = None,
    hint: Annotated[
        str, typer.Option("--hint", metavar="LEVEL", help="How much to say: where, what, why, fix.")
    ] = "fix",
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="THEIRS=OURS",
            help="What one of their names is, e.g. --map kernel=w1; may be given often. "
            "Or a .toml file with such lines.",
            show_default=False,
        ),
    ] = None,
    time_limit: Annotated[
        float, typer.Option("--time-limit", metavar="SECONDS", help="For each program.")
    ] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    gradescope: Annotated[
        bool, typer.Option("--gradescope", help="Print Gradescope's results.json.")
    ] = False,
    otter: Annotated[bool, typer.Option("--otter", help="Print Otter's results.")] = False,
    seed: Seed = None,
) -> None:
    """Name the mistake in a hand-written network.

    Exit code 0: no mistake found. 1: a known mistake. 3: not known. 2: an error.
    """
    from backhand.capture.spec import load
    from backhand.diagnose import checking, telling

    level = telling.hint_of(hint)
    given = checking.names_given(names or [])
    files = checking.submissions(theirs)
    spec = against or HOMEWORK
    experiment = load(spec, seed)
    if checking.runs_code(files):
        print(
            "backhand: these programs are run here, each in a process of its own", file=sys.stderr
        )
    with _interruptible(), _progress(len(files) if len(files) > 1 else 0) as told:
        found = checking.check_all(
            experiment, files, folder=spec.parent, given=given, time_limit=time_limit, progress=told
        )
    print(
        telling.printed(found, level, as_json=as_json, gradescope=gradescope, otter=otter), end=""
    )
    raise typer.Exit(telling.exit_code(found))


@app.command()
def write(
    spec: Annotated[
        str | None,
        typer.Argument(
            metavar="[SPEC | MODEL.py:FUNCTION]",
            help="A spec, or a function of yours that returns a torch.nn.Module and example "
            "inputs; it is run.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR | FILE.py",
            help="Where to write: a folder for a spec, a file for a module.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = None,
) -> None:
    """Write the two programs of a spec, or a module's NumPy program, without running them."""
    from backhand.capture.spec import load

    if spec is not None and ".py:" in spec:
        _write_module(spec, out)
        return
    from backhand.folder import results
    from backhand.writers.files import save_programs

    experiment = load(Path(spec) if spec else HOMEWORK, seed)
    folder = out or Path("backhand-out") / experiment.name
    with results(folder) as scratch:
        save_programs(experiment, scratch)
        written = sorted(path.name for path in scratch.iterdir())
    print(f"Written into {folder}: {', '.join(written)}")


def _write_module(target: str, out: Path | None) -> None:
    """A module's program and its arrays, beside each other."""
    from backhand.modules import loading
    from backhand.modules import write as write_module

    print(f"This runs your code: {target.rpartition(':')[0]}", file=sys.stderr)
    with _interruptible():
        loaded = loading.load(target)
        program = write_module(loaded.module, loaded.args, loaded.kwargs, **loaded.extras)
    file, beside = program.save(out or Path(f"{Path(target.rpartition(':')[0]).stem}_numpy.py"))
    for note in program.notes:
        print(note)
    print(f"Written: {file} ({len(program.source.splitlines())} lines) and {beside}.")
    print(f"Next: python {file} check")


@app.command()
def show(spec: Spec = None) -> None:
    """Print the network, forward and backward, as typed text."""
    from backhand.capture.spec import load

    print(load(spec or HOMEWORK).network)


@app.command()
def operators(
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown page.")] = False,
) -> None:
    """Print the table of operators: what a spec can call, and its derivative."""
    from backhand.report.operators import markdown_page, show_table

    if markdown:
        print(markdown_page(), end="")
    else:
        show_table()


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What to call it; writes NAME.toml here.")],
) -> None:
    """Write a commented spec to start from."""
    from backhand.capture.starter import write_starter

    file = write_starter(name, Path())
    print(f"Written: {file}. Next: backhand run {file}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of specs, for editors."""
    from backhand.capture.spec import SCHEMA

    print(SCHEMA.read_text(encoding="utf-8"), end="")


def _compared(
    experiment: "Experiment", program: Path | None, precision: str | None, epochs: int | None
) -> "Agreement":
    """Both programs, PyTorch's in its own precision and in float64."""
    from backhand.agreement.comparing import as_format, compare, formats, shortened

    experiment = shortened(experiment, epochs)
    chosen = None if precision is None else as_format(precision)
    total = len(formats(experiment, chosen)) * _epochs(experiment)
    with _interruptible(), _progress(total) as told:
        return compare(experiment, precision=chosen, program=program, progress=told)


def _traces_compared(
    experiment: "Experiment", files: list[Path], others: Mapping[str, object]
) -> "Agreement":
    """What others computed, each held against our program's lines."""
    from backhand.agreement.traces import called, compare_arrays, read_trace

    given = [name for name, value in others.items() if value is not None]
    if given:
        raise BackhandError(
            f"{given[0]} is of no use with --trace",
            where="command line",
            wanted="traces, which are compared as they are, or two programs, which are run",
        )
    with _interruptible():
        return compare_arrays(experiment, {called(f, files): read_trace(f) for f in files})


def _epochs(experiment: "Experiment") -> int:
    return experiment.training.epochs if experiment.training else 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends the command with a word, not with a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        print("backhand: interrupted, nothing was written", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _progress(total: int, what: str = "training") -> Iterator[Callable[[int], None] | None]:
    """A progress bar on standard error while it takes long, if that is a terminal."""
    if not total or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def main() -> None:
    """The `backhand` command: errors of ours are printed without a traceback, exit code 2."""
    try:
        app()
    except BackhandError as error:
        print(f"backhand: {error}", file=sys.stderr)
        sys.exit(ERROR)
    except BrokenPipeError:
        sys.exit(0)
