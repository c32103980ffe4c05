"""The exam: every question put to `backhand check`, and the confusion table.

`python -m tests.faults.exam` prints it; `--wrong` only what was not answered right.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from backhand.capture.spec import load
from backhand.diagnose.checking import check_one
from backhand.diagnose.machine import Machine
from backhand.diagnose.verdict import Verdict
from backhand.errors import BackhandError
from tests.faults.cases import Case, cases

UNNAMED = "fault without a name"
"""What the catalogue does not have: the right answer is "not known"."""


@dataclass(frozen=True)
class Result:
    """A question and its answer."""

    case: Case
    verdict: Verdict | None
    error: str
    seconds: float

    @property
    def names(self) -> tuple[str, ...]:
        return self.verdict.names if self.verdict else ()

    @property
    def planted(self) -> str:
        return " + ".join(edit.names[0] for edit in self.case.edits) or "none"

    @property
    def answer(self) -> str:
        """How it was answered: right, wrong, not known, missed, error."""
        if self.verdict is None:
            return "error"
        unnamed = any(UNNAMED in edit.names for edit in self.case.edits)
        if not self.case.edits:
            return {"no mistake found": "right", "mistake found": "wrong"}.get(
                self.verdict.outcome, "not known"
            )
        if self.verdict.outcome == "no mistake found":
            return "missed"
        if self.verdict.outcome != "mistake found":
            return "right" if unnamed else "not known"
        return "right" if self.case.is_named(self.names) else "wrong"


def results(questions: list[Case]) -> Iterator[Result]:
    """Put each question."""
    machines: dict[Path, Machine] = {}
    with TemporaryDirectory() as folder:
        for case in questions:
            if case.spec not in machines:
                machines[case.spec] = Machine(load(case.spec), case.spec.parent)
            file = Path(folder) / f"{case.program}.py"
            file.write_text(case.text, encoding="utf-8")
            began = monotonic()
            try:
                verdict, error = check_one(machines[case.spec], file, {}), ""
            except BackhandError as raised:
                verdict, error = None, str(raised)
            yield Result(case, verdict, error, monotonic() - began)


def report(found: list[Result]) -> str:
    """The figures."""
    lines = []
    groups = {"no mistake": 0, "one mistake": 1, "two mistakes": 2}
    header = ("right", "wrong", "not known", "missed", "error")
    lines.append(f"{'':14}{'asked':>7}" + "".join(f"{name:>11}" for name in header))
    for name, number in groups.items():
        group = [r for r in found if len(r.case.edits) == number]
        counted = Counter(r.answer for r in group)
        lines.append(f"{name:14}{len(group):7}" + "".join(f"{counted[h]:11}" for h in header))
    shares = {r.case.program: r.verdict.share for r in found if r.verdict and not r.case.edits}
    if shares:
        widest = max(shares, key=lambda program: shares[program])
        lines.append(
            f"right programs use at most {shares[widest]:.2g} of what rounding allows ({widest})"
        )
    seconds = [r.seconds for r in found]
    search = [r.verdict.seconds for r in found if r.verdict]
    lines.append(
        f"a diagnosis: {sum(seconds) / len(seconds):.1f} s on average, {max(seconds):.1f} s at most"
    )
    lines.append(
        f"our search: {sum(search) / len(search):.1f} s on average, {max(search):.1f} s at most"
    )
    return "\n".join(lines)


def main() -> None:
    """Print every answer, and the table."""
    only = [a for a in sys.argv[1:] if not a.startswith("-")]
    questions = [c for c in cases() if not only or c.program in only]
    found = []
    for result in results(questions):
        found.append(result)
        if "--wrong" not in sys.argv or result.answer != "right":
            said = " + ".join(result.names) or (
                result.error or result.verdict.outcome if result.verdict else result.error
            )
            extra = (
                f" [{result.verdict.parts_at}]"
                if result.verdict and result.answer == "not known"
                else ""
            )
            head = f"{result.answer:10}{result.seconds:5.1f}  {result.case.program:20}"
            print(f"{head} {result.planted} -> {said}{extra}", flush=True)
    print()
    print(report(found))


if __name__ == "__main__":
    main()
