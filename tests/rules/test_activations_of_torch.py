"""The activations of torch.nn: PyTorch's own samples, kinks, and the names it gives them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from tests.rules.samples import Spelling, samples
from tests.rules.trial import Trial

from backhand.rules import Function, all_rules

N = "nn.functional."
SPELLINGS = [
    Spelling(N + "hardtanh", "hardtanh", ("x", "low", "high"),
             {"min_val": "low", "max_val": "high"}),
    Spelling(N + "relu6", "relu6", ("x",)),
    Spelling(N + "hardswish", "hardswish", ("x",)),
    Spelling(N + "hardshrink", "hardshrink", ("x", "lambd")),
    Spelling(N + "softshrink", "softshrink", ("x", "lambd")),
    Spelling(N + "threshold", "threshold", ("x", "threshold", "value")),
    Spelling(N + "prelu", "prelu", ("x", "slope"), {"weight": "slope"}),
    Spelling(N + "celu", "celu", ("x", "alpha")),
    Spelling(N + "selu", "selu", ("x",)),
    Spelling(N + "mish", "mish", ("x",)),
    Spelling(N + "softsign", "softsign", ("x",)),
    Spelling(N + "tanhshrink", "tanhshrink", ("x",)),
    Spelling(N + "logsigmoid", "logsigmoid", ("x",)),
    Spelling(N + "softmin", "softmin", ("x", "axis"), {"dim": "axis"}),
    Spelling(N + "glu", "glu", ("x", "axis"), {"dim": "axis"}),
    Spelling(N + "softplus", "softplus", ("x", "beta", "threshold")),
]  # fmt: skip
both_dtypes = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda s: s.rule)
@both_dtypes
def test_samples_of_pytorch(spelling: Spelling, dtype: torch.dtype) -> None:
    every = list(samples(spelling, dtype))
    tried = [sample for sample in every if sample is not None]
    if spelling.rule == "prelu":  # of more axes PyTorch's slopes belong to the second
        tried = [s for s in tried if s.arrays["x"].ndim in (1, 2)]
    print(f"{spelling.operator} {dtype}: {len(tried)} of {len(every)} samples")
    assert tried
    assert [found for sample in tried if (found := sample.too_far())] == []


def test_a_wrong_side_is_seen_by_the_samples() -> None:
    def shrunk(dy, x, *, lambd=0.5):
        return dy * (np.abs(x) > 1.5 * lambd)

    spelling = Spelling(N + "hardshrink", "hardshrink", ("x", "lambd"))
    tried = [sample for sample in samples(spelling, torch.float64) if sample is not None]
    for sample in tried:
        sample.rule = replace(sample.rule, backward=Function("shrunk", shrunk))
    assert any(sample.too_far().startswith("x: ") for sample in tried)


KINKS: list[tuple[str, list[float], dict[str, Any]]] = [
    ("hardtanh", [-1, 1, 0, -2, 3], {}),
    ("hardtanh", [-0.5, 2, 0], {"low": -0.5, "high": 2.0}),
    ("relu6", [0, -0.0, 6, 3, 7], {}),
    ("hardsigmoid", [-3, 3, 0, 4, -4], {}),
    ("hardswish", [-3, 3, 0, 4, -4], {}),
    ("hardshrink", [-0.5, 0.5, 0, 0.6], {}),
    ("softshrink", [-0.5, 0.5, 0, 0.6], {}),
    ("threshold", [0.25, 0.5, -1], {"threshold": 0.25, "value": 7.0}),
    ("celu", [0, -0.0, 50, -800], {"alpha": 0.5}),
    ("selu", [0, -0.0, 50, -800], {}),
    ("mish", [0, -0.0, 50, -50, 800], {}),
    ("softsign", [0, -0.0, 1e6, -1e6], {}),
    ("tanhshrink", [0, -0.0, 50, -50], {}),
    ("logsigmoid", [0, -0.0, 80, -800], {}),
    ("softplus", [2, 2.5, 0, -80], {"beta": 4, "threshold": 8}),
]


@pytest.mark.parametrize(("name", "x", "options"), KINKS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_at_a_kink_pytorchs_side(
    name: str, x: list[float], options: dict[str, Any], dtype: str
) -> None:
    """Equal but for the roundings of single numbers, and of a term of about 1 that cancels."""
    trial = Trial(all_rules()[name], {"x": np.array(x, dtype)}, **options)
    y, (dx,) = trial.torch()
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(trial.y, y, rtol=8 * eps, atol=4 * eps)
    np.testing.assert_allclose(trial.parts()[0], dx, rtol=8 * eps, atol=4 * eps)


@pytest.mark.parametrize("side", [-1.0, 0.0, 1.0])
def test_prelu_at_0(side: float) -> None:
    arrays = {"x": np.array([[side, 0.0]]), "slope": np.array([0.3])}
    trial = Trial(all_rules()["prelu"], arrays)
    y, (dx, dslope) = trial.torch()
    assert np.array_equal(trial.y, y)
    assert np.array_equal(trial.parts()[0], dx)
    assert trial.parts()[1].sum() == dslope.sum()


def test_hardsigmoid_is_pytorchs_but_for_its_sixth() -> None:
    """F.hardsigmoid has 1/6 in float32, so its derivative is off by 2**-25 of itself at most."""
    values = np.linspace(-4, 4, 41)
    x = torch.tensor(values, requires_grad=True)
    F.hardsigmoid(x).sum().backward()
    trial = Trial(all_rules()["hardsigmoid"], {"x": values})
    np.testing.assert_array_equal(trial.y, F.hardsigmoid(x).detach().numpy())
    np.testing.assert_allclose(trial.parts()[0], x.grad.numpy(), rtol=2.0**-25, atol=0)
    assert not np.array_equal(trial.parts()[0], x.grad.numpy())
