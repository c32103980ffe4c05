"""A program with somebody's changes: read from its file, and blamed by line for its own errors."""

import ast
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from backhand.errors import BackhandError
from backhand.experiment import Experiment
from backhand.writers.program import Program

WANTED = "the NumPy program that `backhand write` makes of the spec, with your changes"


def edited(program: Program, file: Path, experiment: Experiment) -> Program:
    """The program with a file's text in place of its own.

    Raises:
        BackhandError: if it cannot be read, is not Python, or lacks a function that is compared.
    """
    try:
        text = file.read_text(encoding="utf-8")
        functions = {n.name for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)}
    except SyntaxError as error:
        where = f"{file}:{error.lineno}" if error.lineno else str(file)
        raise BackhandError(
            "this is not Python", where=where, wanted=WANTED, got=error.msg
        ) from None
    except (OSError, ValueError) as error:
        raise BackhandError(
            "this program cannot be read", where=str(file), wanted="a Python file", got=str(error)
        ) from None
    missing = [name for name in _needed(experiment) if name not in functions]
    if missing:
        raise BackhandError(
            f"this program has no function `{missing[0]}`", where=str(file), wanted=WANTED
        )
    return replace(program, text=text)


def _needed(experiment: Experiment) -> list[str]:
    network = experiment.network
    parts = {
        "data": True,
        "initial_weights": bool(network.forward.parameters),
        "network": True,
        "network_loss": network.loss is not None,
        "network_backward": network.backward is not None,
        "update": experiment.training is not None,
    }
    return [name for name, is_needed in parts.items() if is_needed]


@contextmanager
def blaming(file: Path | None, program: Program) -> Iterator[None]:
    """Turn what a program raises into an error that names its line; nothing if it is ours.

    Raises:
        BackhandError: for anything that the program, or a call of one of its functions, raises.
    """
    try:
        yield
    except BackhandError:
        raise
    except Exception as error:
        if file is None:
            raise
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == program.file]
        line = lines[-1] if lines else None
        code = program.text.splitlines()[line - 1].strip() if line else ""
        raise BackhandError(
            f"this program stops at `{code}`" if code else "the program's functions do not fit",
            where=f"{file}:{line}" if line else str(file),
            wanted=WANTED,
            got=f"{type(error).__name__}: {error}",
        ) from error
