"""The commands that print or write one text: `show`, `operators`, `new`, `schema`."""

from pathlib import Path
from typing import Annotated

import typer

from backhand.cli.shared import HOMEWORK, Spec


def show(spec: Spec = None) -> None:
    """Print the network, forward and backward, as typed text."""
    from backhand.capture.spec import load

    print(load(spec or HOMEWORK).network)


def operators(
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown page.")] = False,
) -> None:
    """Print the table of operators: what a spec can call, and its derivative."""
    from backhand.report.operators import markdown_page, show_table

    if markdown:
        print(markdown_page(), end="")
    else:
        show_table()


def new(
    name: Annotated[str, typer.Argument(help="What to call it; writes NAME.toml here.")],
) -> None:
    """Write a commented spec to start from."""
    from backhand.capture.starter import write_starter

    file = write_starter(name, Path())
    print(f"Written: {file}. Next: backhand run {file}")


def schema() -> None:
    """Print the JSON Schema of specs, for editors."""
    from backhand.capture.spec import SCHEMA

    print(SCHEMA.read_text(encoding="utf-8"), end="")
