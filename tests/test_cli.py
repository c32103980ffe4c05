"""The command as a user types it: what it prints, what it writes, how it fails."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backhand import cli
from backhand.diagnose.figures import simulations
from backhand.diagnose.figures.hypotheses import Hypothesis
from backhand.experiment import Experiment

PUBLISHED = json.loads((Path(__file__).parent / "data" / "homework_published.json").read_text())
FILES = {"numpy_program.py", "torch_program.py", "weights.npz", "trace.npz", "report.html",
         "published.html"}  # fmt: skip

Command = Callable[..., int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Call `backhand` in an empty folder; returns the exit code."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["backhand", *arguments])
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return call


@pytest.fixture
def few_hypotheses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what the published weights may come from only some: ranking them is tested elsewhere."""
    every = simulations.hypotheses

    def some(experiment: Experiment) -> tuple[tuple[Hypothesis, ...], int]:
        found, singles = every(experiment)
        return tuple(found[:8]), singles

    monkeypatch.setattr(simulations, "hypotheses", some)


def test_the_homework_prints_the_published_characters(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("run") == 0
    printed = capsys.readouterr().out
    torch_lines, numpy_lines = PUBLISHED["task1"]["torch"], PUBLISHED["task1"]["numpy"]
    assert (
        "PyTorch Neural Network Output:\n"
        f"output for x1: {torch_lines[0]}\noutput for x2: {torch_lines[1]}\n"
    ) in printed
    assert (
        "NumPy Neural Network Output:\n"
        f"output for x1: {numpy_lines[0]}\noutput for x2: {numpy_lines[1]}\n"
    ) in printed
    assert PUBLISHED["task2"]["torch"] + "\n" in printed
    assert PUBLISHED["task2"]["numpy"] + "\n" in printed


@pytest.mark.usefixtures("few_hypotheses")
def test_seed_0_ends_at_the_known_weights(command: Command) -> None:
    """Figures from an independent run in PyTorch, as the project's issue states them."""
    assert command("run", "--out", "out") == 0
    with np.load("out/weights.npz", allow_pickle=False) as weights:
        assert np.array2string(weights["w1"][0]) == "[0.0205346  0.08849702 0.17247215 0.3055128 ]"
        assert np.array2string(weights["w2"][0]) == "[0.28182601 0.21817399]"


@pytest.mark.usefixtures("few_hypotheses")
@pytest.mark.parametrize("seed", [1, 2, 12345])
def test_other_seeds_give_the_same_weights_in_both(command: Command, seed: int) -> None:
    """100 epochs; each step rounds a few hundred times at most, so 1e-12 is far above rounding."""
    from backhand.run.trace import load

    assert command("run", "--seed", str(seed)) == 0
    ours, single, theirs = load(Path("backhand-out/homework/trace.npz"))
    assert (ours.name, single.name, theirs.name) == (
        "numpy-float64", "torch-float32", "torch-float64",
    )  # fmt: skip
    for name in ("w1", "w2"):
        assert np.abs(ours.training[name] - theirs.training[name]).max() < 1e-12
        assert np.abs(ours.training[name] - single.training[name]).max() < 1e-4
    assert np.array_equal(ours.training["mask"], theirs.training["mask"])
    assert 0 < np.mean(ours.training["mask"] == 0) < 1


@pytest.mark.usefixtures("few_hypotheses")
def test_everything_is_written_and_the_programs_run_alone(command: Command) -> None:
    assert command("run") == 0
    folder = Path("backhand-out/homework")
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["homework"]
    blocked = (
        "import runpy, sys; sys.modules['torch'] = None;"
        "runpy.run_path(sys.argv[1], run_name='__main__')"
    )
    alone = subprocess.run(
        [sys.executable, "-I", "-c", blocked, str(folder / "numpy_program.py")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert alone.stdout.startswith("NumPy Neural Network Output:\n")
    assert PUBLISHED["task2"]["numpy"] in alone.stdout
    with_torch = subprocess.run(
        [sys.executable, str(folder / "torch_program.py")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert PUBLISHED["task2"]["torch"] in with_torch.stdout


def test_the_same_input_gives_the_same_bytes(command: Command) -> None:
    assert command("run", "--out", "first") == 0
    assert command("run", "--out", "second") == 0
    for name in FILES:
        assert Path("first", name).read_bytes() == Path("second", name).read_bytes(), name


def test_a_mistake_gives_exit_code_2_and_leaves_nothing(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.toml").write_text(
        '[inputs]\nx = [[1, 2]]\n[network]\nsteps = [\n  "z = rleu(x)",\n]\n', encoding="utf-8"
    )
    for name in ("run", "write", "show"):
        assert command(name, "bad.toml") == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith(
            "backhand: bad.toml:5: network.steps[0]: unknown operator `rleu`"
        )
        assert "did you mean `relu`?" in said.err
        assert "Traceback" not in said.err
    assert os.listdir() == ["bad.toml"]


def test_an_interruption_leaves_what_was_there(
    command: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("write", "--out", "out") == 0
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backhand.study.study", interrupted)
    assert command("run", "--out", "out") == 130
    assert "interrupted" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before
    assert os.listdir() == ["out"]


def test_a_changed_program_is_not_overwritten(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("write", "--out", "out") == 0
    assert command("write", "--out", "out") == 0
    program = Path("out/numpy_program.py")
    program.write_text(program.read_text() + "# mine\n")
    torch_before = Path("out/torch_program.py").read_bytes()
    assert command("write", "--out", "out", "--seed", "7") == 2
    assert "not as backhand wrote it" in capsys.readouterr().err
    assert program.read_text().endswith("# mine\n")
    assert Path("out/torch_program.py").read_bytes() == torch_before


def test_new_writes_a_starter_that_runs_and_never_overwrites(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("new", "mine") == 0
    text = Path("mine.toml").read_text()
    assert command("new", "mine") == 2
    assert Path("mine.toml").read_text() == text
    assert command("new", "../evil") == 2
    assert command("run", "mine.toml") == 0
    assert "output for row 4:" in capsys.readouterr().out


def test_help_and_usage(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--help") == 0
    text = capsys.readouterr().out
    for name in ("run", "write", "show", "operators", "new", "schema"):
        assert f" {name} " in text
    assert command("run", "--no-such-option") == 2
    assert command("rnu") == 2


def test_a_seed_that_is_none_is_laid_to_the_command_line(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("run", "--seed", "-1") == 2
    assert capsys.readouterr().err.startswith("backhand: --seed: a seed is a whole number\n")
    assert os.listdir() == []
