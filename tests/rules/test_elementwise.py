"""Functions of numbers and along axes: PyTorch's own samples, kinks, ties, zeros."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.rules.samples import Spelling, samples
from tests.rules.trial import Trial

from backhand.rules import Function, all_rules

ALONG = {"dim": "axis", "keepdim": "keepdims"}
SPELLINGS = [
    *(Spelling(name, name, ("x",)) for name in (
        "abs", "square", "reciprocal", "rsqrt", "sin", "cos", "tan", "expm1", "log1p", "erf")),
    Spelling("clamp", "clip", ("x", "low", "high"), {"min": "low", "max": "high"}),
    Spelling("maximum", "maximum", ("a", "b")),
    Spelling("minimum", "minimum", ("a", "b")),
    Spelling("logsumexp", "logsumexp", ("x", "axis", "keepdims"), ALONG),
    Spelling("prod", "prod", ("x", "axis", "keepdims"), ALONG),
    Spelling("var", "var", ("x", "unbiased"), ALONG),
    Spelling("std", "std", ("x", "unbiased"), ALONG),
    Spelling("linalg.vector_norm", "norm", ("x", "ord", "axis", "keepdims"), ALONG),
    Spelling("cumsum", "cumsum", ("x", "axis"), ALONG),
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda s: s.rule)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_samples_of_pytorch(spelling: Spelling, dtype: torch.dtype) -> None:
    every = list(samples(spelling, dtype))
    tried = [sample for sample in every if sample is not None]
    print(f"{spelling.operator} {dtype}: {len(tried)} of {len(every)} samples")
    assert tried or spelling.rule == "clip"  # whose samples have arrays for limits
    assert [found for sample in tried if (found := sample.too_far())] == []


def test_a_wrong_tie_is_seen() -> None:
    def to_the_first(dy, a, b):
        return dy * (a >= b), dy * (b > a)

    rule = replace(all_rules()["maximum"], backward=Function("to_the_first", to_the_first))
    arrays = {"a": np.array([1.0, 2.0]), "b": np.array([1.0, 1.0])}
    assert dict(Trial(rule, arrays).excess())["da"] > 1
    assert dict(Trial(all_rules()["maximum"], arrays).excess())["da"] <= 1


POINTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("abs", {"x": [0.0, -0.0, 2, -3]}, {}),
    ("clip", {"x": [-1.0, 1, 0, 5, -5]}, {"low": -1, "high": 1}),
    ("maximum", {"a": [1.0, 2, 3], "b": [1.0, 3, 2]}, {}),
    ("minimum", {"a": [1.0, 2, 3], "b": [1.0, 3, 2]}, {}),
    ("rsqrt", {"x": [4.0, 1e-30, 1e30]}, {}),
    ("reciprocal", {"x": [4.0, -1e-15, 1e30]}, {}),
    ("log1p", {"x": [0.0, 1e-20, 1e20]}, {}),
    ("expm1", {"x": [0.0, 1e-20, -50]}, {}),
    ("erf", {"x": [0.0, 1e-20, 7, -7]}, {}),
    ("prod", {"x": [[0.0, 2, 3], [0, 0, 5], [1, 2, 3]]}, {"axis": -1}),
    ("prod", {"x": [[2.0, 0, 3]]}, {}),
    ("prod", {"x": [[2.0, 0, 3]]}, {"keepdims": True}),
    ("std", {"x": [[2.0, 2, 2], [1, 2, 3]]}, {"axis": 1}),
    ("var", {"x": [[2.0, 2, 2], [1, 2, 3]]}, {"axis": -1, "correction": 0}),
    ("norm", {"x": [[0.0, 0], [3, 4]]}, {"axis": -1}),
    ("norm", {"x": [[0.0, 0], [3, 4]]}, {"axis": 1, "keepdims": True}),
    ("norm", {"x": [[0.0, 0], [3, 4]]}, {}),
    ("logsumexp", {"x": [[500.0, 500], [-500, 0]]}, {}),
    ("logsumexp", {"x": [[500.0, 500], [-500, 0]]}, {"axis": 0, "keepdims": True}),
    ("cumsum", {"x": [[1.0, 2, 3], [4, 5, 6]]}, {}),
]


@pytest.mark.parametrize(("name", "arrays", "options"), POINTS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_where_pytorch_decides(
    name: str, arrays: dict[str, Any], options: dict[str, Any], dtype: str
) -> None:
    """Equal but for the roundings of few numbers, relative to the numbers themselves."""
    trial = Trial(all_rules()[name], {k: np.array(v, dtype) for k, v in arrays.items()}, **options)
    y, gradients = trial.torch()
    eps = float(np.finfo(dtype).eps)
    tiny = float(np.finfo(dtype).tiny)
    np.testing.assert_allclose(trial.y, y, rtol=16 * eps, atol=tiny)
    for mine, theirs in zip(trial.parts(), gradients, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=16 * eps, atol=tiny)
