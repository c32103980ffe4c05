"""`backhand compare`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from backhand.cli.shared import (
    HOMEWORK,
    Seed,
    SpecOrModule,
    epochs_of,
    interruptible,
    is_module,
    progress_bar,
    without_asides,
)
from backhand.errors import BackhandError

if TYPE_CHECKING:
    from backhand.agreement.result import Agreement
    from backhand.experiment import Experiment


def compare(
    spec: SpecOrModule = None,
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

    if is_module(spec):
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
    with interruptible(), without_asides():
        loaded = loading.load(target)
        loss = {name: loaded.extras[name] for name in ("loss", "targets") if name in loaded.extras}
        found = compare_module(
            loaded.module, loaded.args, loaded.kwargs, precision=precision, seed=seed or 0, **loss
        )
    print(found.to_json() if as_json else f"{found}\n", end="")
    raise typer.Exit(found.exit_code)


def _compared(
    experiment: "Experiment", program: Path | None, precision: str | None, epochs: int | None
) -> "Agreement":
    """Both programs, PyTorch's in its own precision and in float64."""
    from backhand.agreement.comparing import as_format, compare, formats, shortened

    experiment = shortened(experiment, epochs)
    chosen = None if precision is None else as_format(precision)
    total = len(formats(experiment, chosen)) * epochs_of(experiment)
    with interruptible(), progress_bar(total) as told:
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
    with interruptible():
        return compare_arrays(experiment, {called(f, files): read_trace(f) for f in files})
