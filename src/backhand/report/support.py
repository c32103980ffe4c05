"""What of PyTorch's own tests our rules pass, operator by operator: the counts of `make opinfo`.

`support.json` lies beside this file. Its `operators` and `modules` hold, by PyTorch's name and by
precision, how many samples there are and how many went how: `agrees` within the computed bound,
`unbounded` and `outside` but for rounding, where no bound is known or the bound is exceeded,
`refused`, or `wrong`; which rules they used; and why some do not agree.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from backhand.rules.register import all_rules

FILE = Path(__file__).with_name("support.json")
PRECISIONS = ("float64", "float32")
TITLES = {"operators": "Operators of PyTorch", "modules": "Modules of PyTorch"}
HEADINGS = ("PyTorch", "rules", "forward", "backward", "bound", *PRECISIONS)
REASONS = {
    "refused": "refused",
    "unbounded": "agrees, but without a bound",
    "outside": "agrees, but beyond the bound",
    "wrong": "does not agree",
}

Record = Mapping[str, Any]


@cache
def support() -> Mapping[str, Mapping[str, Record]]:
    """The counts, by `operators` and `modules`, and then by PyTorch's names."""
    found: Mapping[str, Mapping[str, Record]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def support_lines() -> Iterator[str]:
    """The counts as Markdown: what is passed, then what is not and why."""
    for part, title in TITLES.items():
        records = support()[part]
        passed = [name for name, record in records.items() if passes(record)]
        yield from ("", f"## {title}", "")
        yield f"{len(passed)} of {len(records)} pass every sample in both precisions, forward and"
        yield "backward, within the computed bound."
        if part == "modules":
            yield "So do the programs that are written of them, in evaluation and in training."
        yield ""
        yield f"| {' | '.join(HEADINGS)} |"
        yield f"|{' --- |' * len(HEADINGS)}"
        for name, record in records.items():
            if _rules(record):
                yield f"| {' | '.join(_cells(name, record))} |"
    yield from _refusals()


def passes(record: Record) -> bool:
    """Whether every sample agrees within its bound, in both precisions."""
    return all(
        0 < counts["samples"] == counts.get("agrees") and not counts.get("unfinished")
        for counts in map(record.__getitem__, PRECISIONS)
    )


def support_rows() -> Iterator[tuple[str, ...]]:
    """The same for the terminal: a row for each that some sample of agrees."""
    for part in TITLES:
        for name, record in support()[part].items():
            if _rules(record):
                yield tuple(cell.replace("`", "") for cell in _cells(name, record))


def _cells(name: str, record: Record) -> tuple[str, ...]:
    rules = [f"`{rule}`" for rule in _rules(record)]
    known = all_rules()
    has_derivative = any(known[rule].wrt for rule in _rules(record) if rule in known)
    forward = "yes" if _passed(record, "float64") else "no"
    bounds = {word for p in PRECISIONS for word in ("unbounded", "outside") if record[p].get(word)}
    return (
        f"`{name}`",
        ", ".join(rules),
        forward,
        "yes" if has_derivative else "zero",
        "not always" if bounds else "yes",
        *(_share(record, p) for p in PRECISIONS),
    )


def _share(record: Record, precision: str) -> str:
    more = " tried, not all" if record[precision].get("unfinished") else ""
    return f"{_passed(record, precision)} of {record[precision]['samples']}{more}"


def _passed(record: Record, precision: str) -> int:
    return int(record[precision].get("agrees", 0))


def _rules(record: Record) -> list[str]:
    return sorted({rule for precision in PRECISIONS for rule in record[precision]["rules"]})


def _refusals() -> Iterator[str]:
    """For each reason, the operators and modules that have samples which it keeps from passing."""
    yield from ("", "## What is refused, and why", "")
    yield "Behind each name, how many of its samples in float64."
    for word, title in REASONS.items():
        found: dict[str, list[str]] = {}
        for part in TITLES:
            for name, record in support()[part].items():
                for reason, count in record["float64"].get("why", {}).get(word, {}).items():
                    found.setdefault(reason, []).append(f"`{name}` {count}")
        if not found:
            continue
        yield from ("", f"### {title[0].upper()}{title[1:]}", "")
        yield "| why | of |"
        yield "| --- | --- |"
        for reason, names in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
            yield f"| {_escaped(reason)} | {', '.join(names)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")
