"""`make census`: which of the architectures are written out right, forward and backward, and which
operators stop the others."""

import argparse
import json
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RENEWED = 40
"""Architectures after which the process is started anew, for its memory grows."""


class Worker:
    """A process that looks at architectures, started again after it was stopped."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.process: subprocess.Popen[str] | None = None
        self.done = 0

    def ask(self, name: str) -> dict[str, Any]:
        """The finding for one architecture; one that takes too long or dies stops the process."""
        if self.process is None:
            command = [sys.executable, "-m", "benchmarks.census.worker"]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True,
            )  # fmt: skip
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], self.seconds)
        line = self.process.stdout.readline() if ready else ""
        self.done += 1
        if not line or self.done % RENEWED == 0:
            self.stop()
        verdict = "crashed" if ready else "out of time"
        found: dict[str, Any] = json.loads(line) if line else {"name": name, "verdict": verdict}
        return found

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def main() -> None:
    """Look at each architecture asked for, print a line for each, and the summary."""
    options = _options()
    names = options.only or _named(options)[:: options.every][: options.limit]
    options.results.parent.mkdir(parents=True, exist_ok=True)
    known = _kept(options.results) if options.resume else {}
    findings: list[dict[str, Any]] = []
    worker = Worker(options.seconds)
    try:
        with options.results.open("a" if options.resume else "w", encoding="utf-8") as kept:
            for number, name in enumerate(names, 1):
                found = known.get(name) or worker.ask(name)
                findings.append(found)
                print(f"{number:3}/{len(names)}  {line(found)}", flush=True)
                if name not in known:
                    print(json.dumps(found), file=kept, flush=True)
    finally:
        worker.stop()
    print("\n".join(summary(findings)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.census", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these architectures")
    parser.add_argument(
        "--unseen", action="store_true", help="all that transformers has beside the 400 of the list"
    )
    parser.add_argument("--limit", type=int, help="so many at most")
    parser.add_argument("--every", type=int, default=1, help="every n-th of the list")
    parser.add_argument("--seconds", type=float, default=90, help="the most for one")
    parser.add_argument(
        "--results", type=Path, default=Path("build/census.jsonl"), help="kept here"
    )
    parser.add_argument("--resume", action="store_true", help="leave out what is kept already")
    return parser.parse_args()


def _named(options: argparse.Namespace) -> list[str]:
    lines = (HERE / "architectures.txt").read_text(encoding="utf-8").splitlines()
    listed = [line.split("\t")[0] for line in lines if not line.startswith("#")]
    if not options.unseen:
        return listed
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    return sorted(set(MODEL_MAPPING_NAMES) - set(listed))


def _kept(results: Path) -> dict[str, dict[str, Any]]:
    if not results.exists():
        return {}
    lines = results.read_text(encoding="utf-8").splitlines()
    return {found["name"]: found for found in map(json.loads, lines)}


def line(found: dict[str, Any]) -> str:
    """One architecture in one line."""
    start = f"{found['name']:32} {found['verdict']:12}"
    if found["verdict"] in ("agrees", "differs"):
        rest = (
            f"{found['lines']:5} lines, {found['loops']} loops, outputs {found['difference']:.1e}"
        )
        return f"{start}{rest}, derivatives {found['gradients']:.1e}, {found['seconds']:.1f} s"
    if found.get("operators"):
        return start + ", ".join(f"{name} {n}" for name, n in found["operators"].items())
    return start + " ".join(found.get("because", "").split())[:160]


def summary(findings: list[dict[str, Any]]) -> Iterator[str]:
    """Counts, and what stops most, most frequent first."""
    verdicts = Counter(found["verdict"] for found in findings)
    total = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    yield f"\n{len(findings)} architectures: {total}"
    agreeing = [found for found in findings if found["verdict"] == "agrees"]
    looped = sum(found["loops"] > 0 for found in agreeing)
    yield f"of those that agree {looped} fold their repeated layers into loops"
    stopped = [found["operators"] for found in findings if found.get("operators")]
    architectures = Counter(name for operators in stopped for name in operators)
    alone = Counter(next(iter(operators)) for operators in stopped if len(operators) == 1)
    nodes: Counter[str] = Counter()
    for operators in stopped:
        nodes.update(operators)
    if architectures:
        yield "\noperators that stop the others: architectures, those it alone stops, nodes"
    for name, count in architectures.most_common():
        yield f"{count:5} {alone[name]:5} {nodes[name]:6}  {name}"


if __name__ == "__main__":
    main()
