"""The command line: arguments and exit codes only, a module for each command."""

import sys

import typer

from backhand.cli.check import check
from backhand.cli.compare import compare
from backhand.cli.run import run
from backhand.cli.shared import HOMEWORK
from backhand.cli.texts import new, operators, schema, show
from backhand.cli.write import write
from backhand.errors import BackhandError

__all__ = ["HOMEWORK", "app", "main"]

ERROR = 2

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

for command in (run, compare, check, write, show, operators, new, schema):
    app.command()(command)


def main() -> None:
    """The `backhand` command: errors of ours are printed without a traceback, exit code 2."""
    try:
        app()
    except BackhandError as error:
        print(f"backhand: {error}", file=sys.stderr)
        sys.exit(ERROR)
    except BrokenPipeError:
        sys.exit(0)
