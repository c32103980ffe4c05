"""The answers of examples/diagnosis, each with the mistake that its page says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "diagnosis"
PAGE = (EXAMPLES / "README.md").read_text(encoding="utf-8")
FOUND = dict(re.findall(r"^\| \[(\S+)\]\(\1\) \|.*\| ([^|]+) \|$", PAGE, re.M))
OF_THE_HOMEWORK = ("mask_forgotten.py", "printed.txt")


def checked(name: str, *more: str) -> str:
    spec = [] if name in OF_THE_HOMEWORK else ["--against", str(EXAMPLES / "spirals.toml")]
    command = [sys.executable, "-m", "backhand", "check", str(EXAMPLES / name), *spec, *more]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_all_answers_are_on_the_page() -> None:
    files = {file.name for file in EXAMPLES.iterdir() if file.suffix in (".py", ".txt")}
    assert set(FOUND) == files


@pytest.mark.parametrize("name", sorted(FOUND))
def test_what_the_page_says_is_found(name: str) -> None:
    text = checked(name)
    first = text.splitlines()[0] if text.startswith("No") else text.splitlines()[1].strip()
    assert first.lower().startswith(FOUND[name].lower())


@pytest.mark.parametrize("block", re.findall(r"```\n(A known mistake:\n.*?)```", PAGE, re.S))
def test_what_the_page_prints_is_printed(block: str) -> None:
    assert block in checked("mask_forgotten.py") + checked("mask_forgotten.py", "--hint", "where")
