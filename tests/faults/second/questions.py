"""The questions of the second exam: as those of the first, in other styles.

A program that begins with `# saves NAME.npz` is run, and the file that it saves is what is checked;
of one that begins with `# prints` it is what it prints.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.faults.unseen.questions import Question, of_program

PROGRAMS = Path(__file__).parent / "programs"
SAVES, PRINTS = "# saves ", "# prints"


@dataclass(frozen=True)
class Submission(Question):
    """A question of which a student hands in the program, its saved numbers or its print-out."""

    def write(self, folder: Path) -> Path:
        """Write what is handed in into `folder`. Raises CalledProcessError if it cannot run."""
        program = super().write(folder)
        first = self.text.splitlines()[0]
        if first.startswith(SAVES):
            _run(program)
            return (folder / first.removeprefix(SAVES)).rename(program.with_suffix(".npz"))
        if first.startswith(PRINTS):
            printed = program.with_suffix(".txt")
            printed.write_text(_run(program))
            return printed
        return program


def questions(only: str = "", programs: Path = PROGRAMS) -> list[Submission]:
    """All questions of `programs`, or those of the programs whose name contains `only`."""
    folders = sorted(one for one in programs.iterdir() if one.is_dir() and only in one.name)
    return [
        Submission(one.program, one.label, one.spec, one.text, one.faults)
        for folder in folders
        for one in of_program(folder)
    ]


def _run(program: Path) -> str:
    command = [sys.executable, program.name]
    done = subprocess.run(command, cwd=program.parent, capture_output=True, text=True, check=True)
    return done.stdout
