"""`backhand check`: what it takes, what it prints, how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backhand.capture.spec import load
from backhand.cli import HOMEWORK
from backhand.diagnose.checking import check_one
from backhand.diagnose.machine import Machine
from backhand.diagnose.theirs.printed import arrays_of
from backhand.errors import BackhandError
from backhand.writers.files import write_programs

# the homework's published gradient (a task of the course), in both libraries' print
NUMPY = """Gradient of Loss with respect to w1:
 [[0.38096682 0.38096682 0.38096682 0.38096682]
 [0.46627936 0.46627936 0.46627936 0.46627936]
 [0.5515919  0.5515919  0.5515919  0.5515919 ]]
"""
TORCH = """dw1: tensor([[0.3810, 0.3810, 0.3810, 0.3810],
        [0.4663, 0.4663, 0.4663, 0.4663],
        [0.5516, 0.5516, 0.5516, 0.5516]])
"""


def machine() -> Machine:
    return Machine(load(HOMEWORK), HOMEWORK.parent)


def checked(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "backhand", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(write_programs(load(HOMEWORK))["numpy"].text, encoding="utf-8")
    return file


@pytest.mark.parametrize("text", [NUMPY, TORCH])
def test_printed_numbers(text: str, tmp_path: Path) -> None:
    file = tmp_path / "printed.txt"
    file.write_text(text, encoding="utf-8")
    assert check_one(machine(), file, {}).outcome == "no mistake found"
    file.write_text(text.replace("0.38", "0.39"), encoding="utf-8")
    assert check_one(machine(), file, {}).outcome != "no mistake found"


def test_the_rounding_of_the_print() -> None:
    ((name, seen),) = arrays_of(TORCH)
    assert (name, seen.values.shape) == ("dw1", (3, 4))
    assert seen.half == pytest.approx(0.00005)


def test_arrays_that_were_saved(tmp_path: Path) -> None:
    file = tmp_path / "mine.npz"
    right = np.array([[0.13238887, 0.86761113], [0.01448572, 0.98551428]])  # published
    np.savez(file, p=right[::-1])
    verdict = check_one(machine(), file, {})
    assert verdict.outcome != "no mistake found"


def test_a_notebook(ours: Path, tmp_path: Path) -> None:
    text = ours.read_text(encoding="utf-8").replace("da1 = dh * mask ", "da1 = dh ")
    cells = [{"cell_type": "code", "source": ["%matplotlib inline\n", text]}]
    file = tmp_path / "mine.ipynb"
    file.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert check_one(machine(), file, {}).names == ("mask not applied in the backward pass",)


def test_the_command(ours: Path) -> None:
    assert checked(ours).returncode == 0
    ours.write_text(ours.read_text().replace("w -= 0.01", "w += 0.01"), encoding="utf-8")
    done = checked(ours)
    assert done.returncode == 1
    assert "gradient ascent" in done.stdout
    assert "are run here" in done.stderr
    assert "gradient ascent" not in checked(ours, "--hint", "where").stdout
    (told,) = json.loads(checked(ours, "--json").stdout)
    assert told["findings"][0]["name"] == "gradient ascent"
    assert json.loads(checked(ours, "--gradescope").stdout)["tests"][0]["score"] == 0
    (tested,) = json.loads(checked(ours, "--otter").stdout)["test_file_results"]
    (result,) = tested["test_case_results"]
    assert not result["passed"]
    assert "gradient ascent" in result["error"]


def test_a_bad_submission_does_not_stop_the_rest(ours: Path) -> None:
    (ours.parent / "bad.py").write_text("this is not Python", encoding="utf-8")
    done = checked(ours.parent)
    assert "error" in done.stdout
    assert "no mistake found" in done.stdout


def test_a_program_that_does_not_end(tmp_path: Path) -> None:
    file = tmp_path / "endless.py"
    file.write_text("while True:\n    pass\n", encoding="utf-8")
    with pytest.raises(BackhandError, match="longer than 2 seconds"):
        check_one(machine(), file, {}, time_limit=2)
