"""The answers of examples/diagnosis, each with the mistake that its page says."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "diagnosis"
PAGE = (EXAMPLES / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \[(\S+)\]\(\1\) \|.*\| ([^|]+) \| ([^|]+) \|$", PAGE, re.M)
FOUND = {name: found for name, _, found in ROWS}
SPECS = {name: re.findall(r"\((\S+\.toml)\)", spec) for name, spec, _ in ROWS}


def checked(name: str, *more: str) -> str:
    spec = [part for file in SPECS[name] for part in ("--against", str(EXAMPLES / file))]
    command = [sys.executable, "-m", "backhand", "check", str(EXAMPLES / name), *spec, *more]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_all_answers_are_on_the_page() -> None:
    files = {file.name for file in EXAMPLES.iterdir() if file.suffix in (".py", ".txt")}
    assert set(FOUND) == files


@pytest.mark.parametrize("name", sorted(FOUND))
def test_what_the_page_says_is_found(name: str) -> None:
    text = checked(name)
    lines = text.splitlines()
    if text.startswith("No"):
        assert lines[0].startswith(FOUND[name].capitalize())
    else:
        names = [above.strip() for above, line in pairwise(lines) if line.startswith("  where:")]
        assert names == FOUND[name].split(" + ")


@pytest.mark.parametrize("block", re.findall(r"```\n(A known mistake:\n.*?)```", PAGE, re.S))
def test_what_the_page_prints_is_printed(block: str) -> None:
    assert block in checked("mask_forgotten.py") + checked("mask_forgotten.py", "--hint", "where")
