"""The examples, run; and the published figures they carry, to the digits that were printed."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from backhand.capture.spec import load
from backhand.experiment import Experiment
from backhand.study import Study, study
from backhand.writers.files import save_programs

EXAMPLES = Path(__file__).parent.parent / "examples"
SPECS = sorted(EXAMPLES.glob("*.toml"))

CS231N_SCORES = [
    [11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434, 15.33206765, 16.09215096],
    [12.05769098, 12.74614105, 13.43459113, 14.1230412, 14.81149128, 15.49994135, 16.18839143],
    [12.58373087, 13.20054771, 13.81736455, 14.43418138, 15.05099822, 15.66781506, 16.2846319],
]


@cache
def ran(name: str, folder: Path) -> Study:
    experiment: Experiment = load(EXAMPLES / f"{name}.toml")
    return study(experiment, save_programs(experiment, folder), folder)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


@pytest.mark.parametrize("name", [file.stem for file in SPECS])
def test_both_programs_make_the_same(name: str, tmp_path: Path) -> None:
    """In float64; the largest network has 50 hidden units and training lasts at most 50 epochs,
    so a few hundred units in the last place of the largest number are rounding, 1e6 are not."""
    found = ran(name, tmp_path)
    assert found.comparison.precision == "float64"
    assert found.comparison.evaluation
    assert found.comparison.training
    for difference in (*found.comparison.evaluation, *found.comparison.training):
        assert difference.ulps < 1e6, difference


def rounded(values: np.ndarray, places: int) -> list[float]:
    return [round(float(number), places) for number in np.ravel(values)]


def test_mazur(folder: Path) -> None:
    found = ran("mazur", folder)
    for trace in found.traces:
        before, after = trace.evaluation, trace.training
        assert rounded(before["o"], 8)[0] == 0.75136507
        assert rounded(before["o"], 9)[1] == 0.772928465
        assert round(float(before["loss"]), 9) == 0.298371109
        w1, w2 = after["w1"][-1], after["w2"][-1]
        assert rounded(w2.T, 8)[0] == 0.35891648
        assert rounded(w2.T, 9)[1:] == [0.408666186, 0.511301270, 0.561370121]
        assert rounded(w1.T, 9)[0] == 0.149780716
        assert rounded(w1.T, 8)[1:] == [0.19956143, 0.24975114, 0.29950229]


def mazur_error(w1: np.ndarray, w2: np.ndarray) -> float:
    h = 1 / (1 + np.exp(-(np.array([[0.05, 0.10]]) @ w1 + 0.35)))
    o = 1 / (1 + np.exp(-(h @ w2 + 0.60)))
    return float(0.5 * ((o - [0.01, 0.99]) ** 2).sum())


def test_the_error_that_mazur_prints_after_a_step_comes_from_a_mistake(folder: Path) -> None:
    """He prints 0.291027924. Right is 0.291027774; his comes from taking the hidden layer's
    derivative through output weights that have been changed already."""
    trace = ran("mazur", folder).traces[0]
    assert round(mazur_error(trace.training["w1"][-1], trace.training["w2"][-1]), 9) == 0.291027774

    x, w1 = np.array([[0.05, 0.10]]), np.array([[0.15, 0.25], [0.20, 0.30]])
    w2, t = np.array([[0.40, 0.50], [0.45, 0.55]]), np.array([[0.01, 0.99]])
    h = 1 / (1 + np.exp(-(x @ w1 + 0.35)))
    o = 1 / (1 + np.exp(-(h @ w2 + 0.60)))
    delta = (o - t) * o * (1 - o)
    w2 = w2 - 0.5 * h.T @ delta  # too early: the next line needs the old one
    w1 = w1 - 0.5 * x.T @ (delta @ w2.T * h * (1 - h))
    assert round(mazur_error(w1, w2), 9) == 0.291027924


@pytest.mark.parametrize(
    ("name", "loss"), [("cs231n", 3.4702243556), ("cs231n_regularised", 26.5948426952)]
)
def test_cs231n(name: str, loss: float, folder: Path) -> None:
    for trace in ran(name, folder).traces:
        assert round(float(trace.evaluation["loss"]), 10) == loss
        assert np.array_equal(np.round(trace.evaluation["scores"], 8), CS231N_SCORES)


def test_scikit_learn(folder: Path) -> None:
    """As in their test: |difference| < 1.5 * 10 ** -3; the hidden units to all fifteen places."""
    trace = ran("sklearn_mlp", folder).traces[0]
    assert rounded(trace.evaluation["h"], 15) == [0.679178699175393, 0.574442516811659]
    after = {name: trace.training[name][-1] for name in ("w1", "b1", "w2", "b2")}
    published = {
        "w1": [[0.098, 0.195756], [0.2956664, 0.096008], [0.4939998, -0.002244]],
        "b1": [0.098333, 0.09626],
        "w2": [[0.04706], [0.154089]],
        "b2": [0.9235],
    }
    for name, figures in published.items():
        np.testing.assert_almost_equal(after[name], figures, decimal=3)
    h = 1 / (1 + np.exp(-(np.array([[0.6, 0.8, 0.7]]) @ after["w1"] + after["b1"])))
    z = (h @ after["w2"] + after["b2"]).item()
    assert round(z, 3) == 1.043
    assert round(1 / (1 + np.exp(-z)), 3) == 0.739


def test_keras_sgd(folder: Path) -> None:
    after = ran("keras_sgd", folder).traces[0].training["x"][-1]
    assert rounded(after, 4) == [
        0.9959, 0.9919, 0.9879, 0.9839, 0.9799, 0.9759, 0.9719, 0.9679, 0.9639, 0.9599,
    ]  # fmt: skip


def test_xor_is_learnt(folder: Path) -> None:
    for trace in ran("xor", folder).traces:
        assert np.round(trace.training["p"][-1]).ravel().tolist() == [0, 1, 1, 0]
        assert trace.losses[-1] < 0.05 < 0.5 < trace.losses[0]


def test_the_residual_connection_adds_its_derivatives(folder: Path) -> None:
    text = ran("residual", folder).programs["numpy"].text
    assert "h1 is used twice: its derivatives add" in text


def test_own_rule_runs() -> None:
    """In a process of its own, as a rule is registered for good."""
    command = [sys.executable, str(EXAMPLES / "own_rule.py")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "dz = dh * (z / (2 * np.sqrt(z * z + 1)) + 1)" in said
    assert "after 200 epochs" in said


def test_own_operator_runs() -> None:
    """Written out, and PyTorch's own derivative beside it."""
    command = [sys.executable, str(EXAMPLES / "own_operator.py")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "dp2 = -dh * (np.log(p2) + 1)" in said
    assert said.endswith("each operator and the whole beside PyTorch: agrees\n")
