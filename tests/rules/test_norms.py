"""Norms beyond what every rule is checked for: by hand, at their edges, and as programs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rules.trial import Trial

from backhand.capture.spec import parse
from backhand.rules import all_rules
from backhand.run.program import run_numpy
from backhand.run.reference import run_torch
from backhand.writers.files import write_programs

NORMS = ("layer_norm", "batch_norm", "rms_norm")


def norm(name: str, x: Any, **options: Any) -> np.ndarray:
    """With g = 1 and b = 0: what is normalised, alone."""
    rule, x = all_rules()[name], np.asarray(x, dtype=np.float64)
    ones = [np.ones(x.shape[-1]), np.zeros(x.shape[-1])][: len(rule.wrt) - 1]
    return np.asarray(rule.forward.call(x, *ones, **options))


def test_by_hand() -> None:
    # mean 2, variance 1; mean square 5; over the batch: means 2 and 4, variances 1 and 4
    x = [[1.0, 2.0], [3.0, 6.0]]
    assert norm("layer_norm", [[1.0, 3.0]], eps=0).tolist() == [[-1, 1]]
    assert norm("layer_norm", [[1.0, 3.0]], eps=3).tolist() == [[-0.5, 0.5]]
    assert norm("batch_norm", x, eps=0).tolist() == [[-1, -1], [1, 1]]
    assert norm("batch_norm", x, eps=3)[0, 0] == -0.5
    assert norm("rms_norm", [[1.0, 7.0]], eps=0).tolist() == [[0.2, 1.4]]
    assert norm("rms_norm", [[1.0, 7.0]], eps=75).tolist() == [[0.1, 0.7]]


def test_a_derivative_by_hand() -> None:
    """s1 = a / sqrt(a a + eps), a = (x1 - x2) / 2, so d s1 / d x1 = eps / (2 (a a + eps)^1.5)."""
    rule, x, zero = all_rules()["layer_norm"], np.array([[2.0, 4.0]]), np.zeros(2)
    assert rule.backward is not None
    dx, dg, db = rule.backward.call(np.array([[1.0, 0.0]]), x, zero + 1, eps=3)
    np.testing.assert_allclose(dx, [[3 / 16, -3 / 16]], rtol=1e-14)
    assert dg.tolist() == [[-0.5, 0]]
    assert db.tolist() == [[1, 0]]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("value", [0.0, 1.0, -2.5])
def test_numbers_without_variance_are_pytorchs(name: str, value: float, dtype: str) -> None:
    """All equal: mu is exact for these, x - mu is 0, and eps alone stands below."""
    rule, x = all_rules()[name], np.full((4, 8), value, dtype)
    arrays = {"x": x, "g": np.linspace(0.5, 2, 8), "b": np.linspace(-1, 1, 8)}
    arrays = {k: v.astype(dtype) for k, v in arrays.items() if k in rule.forward.parameters}
    trial = Trial(rule, arrays)
    trial.dy = np.linspace(-1, 1, 32).reshape(4, 8).astype(dtype)
    y, gradients = trial.torch()
    # where x is x - mu = 0, PyTorch has x / r - mu / r, with r = sqrt(eps): a few roundings of that
    allowed = 8 * np.finfo(dtype).eps * (1 + abs(value) / 1e-5**0.5)
    np.testing.assert_allclose(trial.y, y, rtol=0, atol=allowed * 2)
    # dx has terms of (|x| + |mu|)^2 / r^3
    slopes = 64 * np.finfo(dtype).eps * (1 + abs(value) + value**2 / 1e-5) / 1e-6**0.5
    np.testing.assert_allclose(trial.parts()[0], gradients[0], rtol=0, atol=slopes)


SPEC = """
precision = "float64"
seed = 1
[inputs]
x = {{ init = "normal", shape = {shape} }}
[targets]
y = {{ init = "normal", shape = [6, 2] }}
[weights]
g = {{ init = "normal", shape = [4] }}
b = {{ init = "normal", shape = [4] }}
w = {{ init = "normal", shape = [4, 2] }}
[network]
steps = ["n = {norm}", "h = tanh(n + b)", "p = {pooled} @ w"]
loss = "mse(p, y)"
[training]
learning_rate = 0.05
epochs = 30
"""

LINES = {
    "layer_norm(x, g, b, eps=0.1)": (
        "n = g * standardised(x, -1, 0.1) + b",
        "dg = np.sum(dn * standardised(x, -1, 0.1), axis=0)",
        "n = F.layer_norm(x, x.shape[-1:], g, b, 0.1)",
    ),
    "batch_norm(x, g, b)": (
        "n = g * standardised(x, (0,), 1e-05) + b",
        "dg = np.sum(dn * standardised(x, (0,), 1e-05), axis=0)",
        "n = F.batch_norm(x, None, None, g, b, training=True, eps=1e-05)",
    ),
    "rms_norm(x, g)": (
        "n = g * x / root_mean_square(x, 1e-06)",
        "dg = np.sum(dn * x / root_mean_square(x, 1e-06), axis=0)",
        "n = F.rms_norm(x, x.shape[-1:], g, 1e-06)",
    ),
}
STACKED = {
    "batch_norm(x, g, b)": (
        "n = g * standardised(x, (0, 1), 1e-05) + b",
        "dg = np.sum(dn * standardised(x, (0, 1), 1e-05), axis=(0, 1))",
        "n = F.batch_norm(x.flatten(0, -2), None, None, g, b, training=True, eps=1e-05).view_as(x)",
    ),
}
CASES = [
    *((norm, lines, "[6, 4]", "h") for norm, lines in LINES.items()),
    *((norm, lines, "[6, 3, 4]", "mean(h, axis=1)") for norm, lines in STACKED.items()),
]


@pytest.mark.parametrize(("norm", "lines", "shape", "pooled"), CASES)
def test_a_norm_is_written_plainly_and_trains(
    norm: str, lines: tuple[str, ...], shape: str, pooled: str, tmp_path: Path
) -> None:
    experiment = parse(SPEC.format(norm=norm, shape=shape, pooled=pooled), "norm.toml", tmp_path)
    programs = write_programs(experiment)
    numpy_lines = programs["numpy"].text
    for line in lines[:2]:
        assert line in numpy_lines, numpy_lines
    assert lines[2] in programs["torch"].text
    assert "ndim" not in programs["torch"].text
    ours = run_numpy(programs["numpy"], experiment, "float64", tmp_path)
    theirs = run_torch(programs["torch"], experiment, "float64", tmp_path)
    # 30 steps of a few roundings on numbers of the order of 1
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-12)
    for name in ("dg", "db", "dw"):
        np.testing.assert_allclose(
            ours.evaluation[name], theirs.evaluation[name], rtol=1e-10, atol=1e-12
        )
