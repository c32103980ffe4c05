"""A written program: its text, and which line came from which step."""

from collections.abc import Mapping
from dataclasses import dataclass

from backhand.experiment import Library


@dataclass(frozen=True)
class Program:
    """The text of a program, complete and ready to run.

    `lines` gives, by the name of a value, the line of code that makes it.
    """

    library: Library
    text: str
    lines: Mapping[str, str]

    @property
    def file(self) -> str:
        """The name it is saved under."""
        return f"{self.library}_program.py"
