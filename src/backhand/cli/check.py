"""`backhand check`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from backhand.cli.shared import HOMEWORK, Seed, interruptible, progress_bar


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
    with interruptible(), progress_bar(len(files) if len(files) > 1 else 0) as told:
        found = checking.check_all(
            experiment, files, folder=spec.parent, given=given, time_limit=time_limit, progress=told
        )
    print(
        telling.printed(found, level, as_json=as_json, gradescope=gradescope, otter=otter), end=""
    )
    raise typer.Exit(telling.exit_code(found))
