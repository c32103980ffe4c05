"""The losses of torch.nn: PyTorch's own samples, kinks, and what only some targets show."""

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
    Spelling(N + "l1_loss", "l1", ("p", "y")),
    Spelling(N + "mse_loss", "mse", ("p", "y")),
    Spelling(N + "smooth_l1_loss", "smooth_l1", ("p", "y")),
    Spelling(N + "huber_loss", "huber", ("p", "y")),
    Spelling(N + "kl_div", "kl_div", ("logp", "y")),
    Spelling(N + "poisson_nll_loss", "poisson_nll", ("p", "y")),
    Spelling(N + "gaussian_nll_loss", "gaussian_nll", ("p", "y", "var")),
    Spelling(N + "hinge_embedding_loss", "hinge_embedding", ("z", "y")),
    Spelling(N + "soft_margin_loss", "soft_margin", ("z", "y")),
    Spelling(N + "margin_ranking_loss", "margin_ranking", ("a", "b", "y")),
    Spelling(N + "cosine_embedding_loss", "cosine_embedding", ("a", "b", "y")),
    Spelling(N + "triplet_margin_loss", "triplet_margin", ("a", "p", "n")),
    Spelling(N + "multilabel_soft_margin_loss", "multilabel_soft_margin", ("z", "y")),
    Spelling(N + "binary_cross_entropy", "bce", ("p", "y")),
    Spelling(N + "binary_cross_entropy_with_logits", "bce_logits", ("z", "y")),
    Spelling(N + "binary_cross_entropy", "weighted_bce", ("p", "y"), {"weight": "weights"}),
    Spelling(N + "binary_cross_entropy_with_logits", "weighted_bce_logits", ("z", "y")),
    Spelling(N + "cross_entropy", "smoothed_cross_entropy", ("z", "y")),
    Spelling(N + "cross_entropy", "weighted_cross_entropy", ("z", "y"), {"weight": "weights"}),
]
both_dtypes = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])


def is_meant(rule: str, arrays: dict[str, np.ndarray]) -> bool:
    """PyTorch also takes a variance without its last axis, and classes on the second axis."""
    if rule == "gaussian_nll":
        return arrays["var"].ndim == arrays["p"].ndim
    return not rule.endswith("cross_entropy") or arrays["z"].ndim == 2


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda s: s.rule)
@both_dtypes
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides", "ignore:Using a target size")
def test_samples_of_pytorch(spelling: Spelling, dtype: torch.dtype) -> None:
    every = list(samples(spelling, dtype))
    tried = [s for s in every if s is not None and is_meant(spelling.rule, s.arrays)]
    print(f"{spelling.operator} {dtype}: {len(tried)} of {len(every)} samples")
    assert [found for sample in tried if (found := sample.too_far())] == []


def test_a_wrong_count_is_seen_by_the_samples() -> None:
    def by_rows(dloss, z, y, *, reduction="mean"):
        return dloss * y * 1.001

    spelling = Spelling(N + "soft_margin_loss", "soft_margin", ("z", "y"))
    tried = [sample for sample in samples(spelling, torch.float64) if sample is not None]
    for sample in tried:
        sample.rule = replace(sample.rule, backward=Function("by_rows", by_rows))
    assert all(sample.too_far().startswith("z: ") for sample in tried)


BOTH = [[1.0, -1.0, 1.0, -1.0]]
KINKS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("l1", {"p": [[0.0, 2, 3]], "y": [[0.0, 2, 1]]}, {}),
    ("smooth_l1", {"p": [[1.0, -1, 0, 0.5]], "y": [[0.0, 0, 0, 0]]}, {}),
    ("huber", {"p": [[0.5, -0.5, 0, 2]], "y": [[0.0, 0, 0, 0]]}, {"delta": 0.5}),
    ("kl_div", {"logp": [[-1.0, -2, -3]], "y": [[0.0, 1, 0.5]]}, {}),
    ("poisson_nll", {"p": [[0.0, 1, 2]], "y": [[0.0, 1, 1.5]]}, {"full": True}),
    ("poisson_nll", {"p": [[0.0, 1, 2]], "y": [[0.0, 1, 3]]}, {"log_input": False}),
    ("gaussian_nll", {"p": [[1.0, 2]], "y": [[0.0, 2]], "var": [[0.0, 1e-9]]}, {"eps": 0.01}),
    ("hinge_embedding", {"z": [[1.0, 1, 0, 3]], "y": BOTH}, {}),
    ("soft_margin", {"z": [[0.0, -0.0, 60, 60]], "y": BOTH}, {}),
    ("margin_ranking", {"a": [[1.0, 1, 2, 2]], "b": [[1.0, 1, 1, 1]], "y": BOTH}, {}),
    ("margin_ranking", {"a": [[1.0, 1, 2, 2]], "b": [[0.5, 1.5, 1, 1]], "y": BOTH},
     {"margin": 0.5}),
    ("cosine_embedding", {"a": [[1.0, 0], [0, 0]], "b": [[0.0, 2], [1, 1]], "y": [-1.0, 1]}, {}),
    ("triplet_margin", {"a": [[0.0, 0]], "p": [[0.0, 0]], "n": [[3.0, 4]]},
     {"eps": 0.0, "margin": 5}),
    ("triplet_margin", {"a": [[1.0, 0]], "p": [[1.0, 0]], "n": [[1.0, 0]]}, {}),
    ("multilabel_soft_margin", {"z": [[0.0, 80, -80]], "y": [[1.0, 1, 1]]}, {}),
    ("weighted_bce", {"p": [[0.0, 1, 0]], "y": [[0.0, 1, 1]], "weights": [2.0, 3, 4]}, {}),
    ("weighted_bce_logits",
     {"z": [[0.0, 80, -80]], "y": [[0.0, 1, 1]], "pos_weight": [2.0, 3, 4]}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arrays", "options"), KINKS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_at_a_kink_pytorchs_side(
    name: str, arrays: dict[str, Any], options: dict[str, Any], dtype: str
) -> None:
    """Equal but for the roundings of few numbers, none of which is above 100."""
    trial = Trial(all_rules()[name], {k: np.array(v, dtype) for k, v in arrays.items()}, **options)
    y, gradients = trial.torch()
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(trial.y, y, rtol=16 * eps, atol=16 * eps)
    for mine, theirs in zip(trial.parts(), gradients, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=16 * eps, atol=16 * eps)


def test_soft_margin_stays_finite_where_pytorch_overflows() -> None:
    z, y = np.array([[1000.0]]), np.array([[-1.0]])
    assert all_rules()["soft_margin"].forward.call(z, y) == 1000
    assert F.soft_margin_loss(torch.tensor(z), torch.tensor(y)) == torch.inf


def test_class_weights_are_those_of_pytorch() -> None:
    """F.cross_entropy takes a weight for each class; the rule's spelling is for any shape."""
    draw = np.random.default_rng(0)
    z, y, weights = draw.normal(size=(5, 3)), draw.uniform(size=(5, 3)), draw.uniform(size=3)
    tensor = torch.tensor(z, requires_grad=True)
    loss = F.cross_entropy(tensor, torch.tensor(y), torch.tensor(weights))
    loss.backward()
    trial = Trial(all_rules()["weighted_cross_entropy"], {"z": z, "y": y, "weights": weights})
    # some 20 roundings of terms of the order of 1
    np.testing.assert_allclose(trial.y, loss.item(), rtol=1e-14)
    np.testing.assert_allclose(trial.parts()[0], tensor.grad.numpy(), rtol=0, atol=1e-14)
