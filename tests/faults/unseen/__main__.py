"""`python -m tests.faults.unseen [PROGRAM]`: ask all questions, print the confusion table."""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.unseen.answers import VERDICTS, Answer, ask, verdict
from tests.faults.unseen.questions import Question, questions

KINDS = ("correct", "one mistake", "two mistakes")


def main() -> None:
    """Ask, print what was not answered rightly, then the table."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    asked: list[tuple[Question, Answer]] = []
    with tempfile.TemporaryDirectory() as folder:
        for question in questions(only):
            answer = ask(question, Path(folder))
            asked.append((question, answer))
            if (worth := verdict(question, answer)) != "right":
                print(failure(question, answer, worth), flush=True)
    print(table(asked))


def failure(question: Question, answer: Answer, worth: str) -> str:
    """One line: the program, what was planted, what was said."""
    planted = " AND ".join(fault.mistake for fault in question.faults) or "nothing"
    said = " + ".join(answer.names) or answer.report.get("parts_at") or answer.report["outcome"]
    return f"{question.program} {question.label}: {worth}: planted {planted!r}; said {said!r}"


def table(asked: list[tuple[Question, Answer]]) -> str:
    """Rows: what was planted; columns: what the answers were worth; then the seconds."""
    counts = Counter((len(question.faults), verdict(question, one)) for question, one in asked)
    lines = ["".join(f"{head:>13}" for head in ("", *VERDICTS, "all"))]
    for planted, kind in enumerate(KINDS):
        row = [counts[planted, one] for one in VERDICTS]
        lines.append(f"{kind:>13}" + "".join(f"{count:13}" for count in [*row, sum(row)]))
    seconds = sorted(answer.seconds for _, answer in asked)
    lines.append(
        f"seconds each, the interpreter's start included: median {seconds[len(seconds) // 2]:.1f}, "
        f"longest {seconds[-1]:.1f}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
