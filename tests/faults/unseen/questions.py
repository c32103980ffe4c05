"""The questions: each program as it should be, and with one or two mistakes planted in its text.

A folder of `programs/` has `program.py`, the `spec.toml` of its network, and `faults.toml`: a
`[[fault]]` for each mistake with its description, the changes of the text that make it, and the
answers that are right for it (`names`; two entries of the catalogue together are written with a
plus). `pairs` are numbers of faults planted together.
"""

import json
import tomllib
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parent / "programs"
CELL = "# %% cell\n"


@dataclass(frozen=True)
class Fault:
    """One planted mistake."""

    mistake: str
    changes: tuple[tuple[str, str], ...]
    accepted: frozenset[frozenset[str]]

    def plant(self, text: str) -> str:
        """The program with this mistake. Raises ValueError if a place is not there once."""
        for old, new in self.changes:
            if text.count(old) != 1:
                raise ValueError(f"{self.mistake!r}: {text.count(old)} places read {old!r}")
            text = text.replace(old, new)
        return text


@dataclass(frozen=True)
class Question:
    """A program to be checked against its spec, and what was planted in it."""

    program: str
    label: str
    spec: Path
    text: str
    faults: tuple[Fault, ...]

    @property
    def accepted(self) -> frozenset[frozenset[str]]:
        """The sets of names that answer it: for two faults, one answer of each together."""
        choices = product(*(fault.accepted for fault in self.faults))
        return frozenset(frozenset[str]().union(*choice) for choice in choices)

    def write(self, folder: Path) -> Path:
        """Write the program into `folder`; one with cells becomes a notebook."""
        if not self.text.startswith(CELL):
            path = folder / f"{self.program}_{self.label}.py"
            path.write_text(self.text)
            return path
        path = folder / f"{self.program}_{self.label}.ipynb"
        path.write_text(json.dumps(_notebook(self.text.split(CELL)[1:])))
        return path


def questions(only: str = "") -> list[Question]:
    """All questions, or those of the programs whose name contains `only`."""
    folders = sorted(one for one in PROGRAMS.iterdir() if one.is_dir() and only in one.name)
    return [question for folder in folders for question in of_program(folder)]


def of_program(folder: Path) -> list[Question]:
    """The questions of one program's folder: without a mistake, with each alone, with each pair."""
    text = (folder / "program.py").read_text()
    table = tomllib.loads((folder / "faults.toml").read_text())
    faults = [_fault(entry) for entry in table["fault"]]
    chosen: list[tuple[str, tuple[Fault, ...]]] = [("correct", ())]
    chosen += [(str(number), (fault,)) for number, fault in enumerate(faults)]
    chosen += [(f"{a}_and_{b}", (faults[a], faults[b])) for a, b in table.get("pairs", [])]
    return [
        Question(folder.name, label, folder / "spec.toml", _planted(text, planted), planted)
        for label, planted in chosen
    ]


def _fault(entry: dict[str, Any]) -> Fault:
    changes = tuple((old, new) for old, new in entry["change"])
    accepted = frozenset(frozenset(name.split(" + ")) for name in entry["names"])
    return Fault(entry["mistake"], changes, accepted)


def _planted(text: str, faults: tuple[Fault, ...]) -> str:
    for fault in faults:
        text = fault.plant(text)
    return text


def _notebook(cells: list[str]) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {
                "cell_type": "code",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": cell.splitlines(keepends=True),
            }
            for cell in cells
        ],
    }
