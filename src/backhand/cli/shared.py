"""What the commands share: their common arguments, Ctrl-C, and the progress bar."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeGuard

import typer

if TYPE_CHECKING:
    from backhand.experiment import Experiment

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

SpecOrModule = Annotated[
    str | None,
    typer.Argument(
        metavar="[SPEC | MODEL.py:FUNCTION]",
        help="A spec, or a function of yours that returns a torch.nn.Module and example "
        "inputs; it is run.",
        show_default=False,
    ),
]

HOMEWORK = Path(__file__).parents[1] / "homework.toml"
INTERRUPTED = 130


def is_module(spec: str | None) -> TypeGuard[str]:
    """Whether a function in a Python file is meant, and not a spec."""
    return spec is not None and ".py:" in spec


def epochs_of(experiment: "Experiment") -> int:
    """How many epochs an experiment trains."""
    return experiment.training.epochs if experiment.training else 0


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends the command with a word, not with a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        print("backhand: interrupted, nothing was written", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def without_asides() -> Iterator[None]:
    """PyTorch's remarks on its own parts are left out: on weights that an LSTM keeps twice, and on
    how its transformer encoder packs what is padded."""
    with warnings.catch_warnings():
        for start in (r"The tensor attributes? self\..*_flat_weights", "The PyTorch API of nested"):
            warnings.filterwarnings("ignore", start, UserWarning)
        yield


@contextmanager
def progress_bar(total: int, what: str = "training") -> Iterator[Callable[[int], None] | None]:
    """A progress bar on standard error while it takes long, if that is a terminal."""
    if not total or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
