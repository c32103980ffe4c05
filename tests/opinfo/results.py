"""Where the counts of a sweep are kept, and what they add up to."""

import json
from collections.abc import Mapping
from typing import Any

from backhand.report.support import FILE, PRECISIONS, passes
from tests.opinfo.samples import modules, operators

Results = dict[str, dict[str, Any]]


def stored() -> Results:
    """The counts so far: for each name, for each precision, a record."""
    found: Results = {"operators": {}, "modules": {}}
    if FILE.exists():
        found |= json.loads(FILE.read_text(encoding="utf-8"))
    return found


def store(part: str, name: str, record: dict[str, Any]) -> None:
    """Write one record among the others, in the order of names: equal counts are equal bytes."""
    results = stored()
    results[part][name] = record
    ordered = {part: dict(sorted(records.items())) for part, records in results.items()}
    FILE.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def agrees(record: Mapping[str, Any]) -> bool:
    """Whether every sample agrees, with a bound or but for rounding."""
    return all(
        record.get(precision, {}).get("samples", 0) > 0
        and sum(record[precision].get(word, 0) for word in ("agrees", "unbounded", "outside"))
        == record[precision]["samples"]
        and not record[precision].get("unfinished")
        for precision in PRECISIONS
    )


def summary(results: Results) -> str:
    """The figures."""
    lines = []
    for part, every in (("operators", operators()), ("modules", modules())):
        records = [r for name, r in results[part].items() if name in every]
        has = {
            word: sum(any(r.get(p, {}).get(word) for p in PRECISIONS) for r in records)
            for word in ("refused", "wrong", "outside", "unbounded")
        }
        lines += [
            f"{part}: {len(records)} of {len(every)} tried;"
            f" {sum(map(passes, records))} pass every sample within bound,"
            f" {sum(map(agrees, records))} with those of which no bound is known or kept;",
            "  some samples " + ", ".join(f"{word} {n}" for word, n in has.items()),
        ]
    return "\n".join(lines)
