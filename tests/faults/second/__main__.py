"""`python -m tests.faults.second [PROGRAM [FOLDER]]`: ask all, print the confusion table.

With a folder, each answer is written there as JSON, as the tool gave it.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.faults.second.questions import PROGRAMS, Submission, questions
from tests.faults.unseen.__main__ import failure, table
from tests.faults.unseen.answers import Answer, ask, verdict
from tests.faults.unseen.questions import Question


def main(programs: Path = PROGRAMS) -> None:
    """Ask, print what was not answered rightly, then the table."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    kept = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    asked: list[tuple[Question, Answer]] = []
    with tempfile.TemporaryDirectory() as folder:
        for question in questions(only, programs):
            answer = ask(question, Path(folder))
            asked.append((question, answer))
            if kept:
                keep(question, answer, kept)
            if (worth := verdict(question, answer)) != "right":
                print(failure(question, answer, worth), flush=True)
    print(table(asked))


def keep(question: Submission, answer: Answer, folder: Path) -> None:
    """Write one answer into `folder`, with the seconds that it took."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"seconds": answer.seconds, "report": answer.report}, indent=1)
    (folder / f"{question.program}__{question.label}.json").write_text(text)


if __name__ == "__main__":
    main()
