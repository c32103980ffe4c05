"""`backhand write`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from backhand.cli.shared import (
    HOMEWORK,
    Seed,
    SpecOrModule,
    interruptible,
    is_module,
    without_asides,
)


def write(
    spec: SpecOrModule = None,
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

    if is_module(spec):
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
    with interruptible(), without_asides():
        loaded = loading.load(target)
        program = write_module(loaded.module, loaded.args, loaded.kwargs, **loaded.extras)
        file, beside = program.save(out or Path(f"{Path(target.rpartition(':')[0]).stem}_numpy.py"))
    for note in program.notes:
        print(note)
    print(f"Written: {file} ({len(program.source.splitlines())} lines) and {beside}.")
    print(f"Next: python {file} check")
