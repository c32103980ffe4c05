"""What `backhand check` answers to a question, and what that is worth."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.unseen.questions import Question

# right: named first, or not accused; half: one of two named; missed: no mistake seen
VERDICTS = ("right", "in a tie", "half", "wrong name", "not known", "missed", "error")


@dataclass(frozen=True)
class Answer:
    """The tool's JSON for one question, and the seconds that the command took."""

    report: dict[str, Any]
    seconds: float

    @property
    def names(self) -> list[str]:
        """The names of the mistakes that it found."""
        return [finding["name"] for finding in self.report["findings"]]

    @property
    def ties(self) -> list[frozenset[str]]:
        """The names of each answer that it holds to be as good."""
        return [_names([tie]) for tie in self.report.get("ties", [])]


def ask(question: Question, folder: Path) -> Answer:
    """Run the command on one question, as a person would."""
    path = question.write(folder)
    command = [sys.executable, "-m", "backhand", "check", str(path), "--json"]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--against", str(question.spec)], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    return Answer(_report(done), seconds)


def _names(names: list[str]) -> frozenset[str]:
    """The single mistakes; a pair is written with a plus between."""
    return frozenset(part for name in names for part in name.split(" + "))


def _report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    try:
        read = json.loads(done.stdout)
    except ValueError:
        return {"outcome": "error", "error": done.stderr.strip(), "findings": []}
    report: dict[str, Any] = read[0] if isinstance(read, list) else read
    return report


def verdict(question: Question, answer: Answer) -> str:
    """What an answer is worth, as a column of the table."""
    outcome = answer.report["outcome"]
    if outcome == "error":
        return "error"
    if not question.faults:
        return {"no mistake found": "right", "mistake found": "wrong name"}.get(
            outcome, "not known"
        )
    if outcome != "mistake found":
        return "missed" if outcome == "no mistake found" else "not known"
    named = _names(answer.names)
    if named in question.accepted:
        return "right"
    if any(tie in question.accepted for tie in answer.ties):
        return "in a tie"
    if len(question.faults) == 2 and any(named in fault.accepted for fault in question.faults):
        return "half"
    return "wrong name"
