"""Losses, activations and draws of modules, on PyTorch's own samples for them."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from tests.rules.swept import Outcome, outcome, samples
from torch import Tensor, nn

from backhand.capture.exported import capture

LOSSES = (
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy",
    "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss", "margin_ranking_loss", "mse_loss",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss",
    "poisson_nll_loss", "smooth_l1_loss",
)  # fmt: skip
ACTIVATIONS = (
    "celu", "elu", "gelu", "glu", "hardshrink", "hardswish", "hardtanh", "leaky_relu",
    "logsigmoid", "mish", "relu", "relu6", "selu", "silu", "softplus", "softshrink", "softsign",
    "tanhshrink", "threshold",
)  # fmt: skip
REFUSED = {"multi_margin_loss": 2, "multilabel_margin_loss": 1}
"""Samples that stay refused: a number without an axis, a row that stands for a batch of one."""


def counted(name: str, dtype: torch.dtype, limit: int) -> tuple[Counter[str], list[Outcome]]:
    found = [
        outcome(module, module.inputs)
        for module, _ in zip(
            samples(f"nn.functional.{name}", "", dtype), range(limit), strict=False
        )
    ]
    words = Counter(one.word for one in found)
    return words, [one for one in found if one.word != "agrees"]


@pytest.mark.parametrize("name", [*LOSSES, *ACTIVATIONS])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_pytorchs_own_samples(name: str, dtype: torch.dtype) -> None:
    words, others = counted(name, dtype, 12)
    assert words["agrees"] > 0
    assert words["refused"] <= REFUSED.get(name, 0), others
    assert words["differs"] == 0, others


class Labelled(nn.Module):
    """A loss whose targets are an input."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options

    def forward(self, z: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(z, targets, **self.options)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_takes_whole_numbers_of_classes(
    reduction: str, smoothing: float, weighted: bool
) -> None:
    weight = torch.tensor([0.5, 2.0, 1.0]).double() if weighted else None
    options = {"reduction": reduction, "label_smoothing": smoothing, "weight": weight}
    model = Labelled(ignore_index=1, **options)
    z, targets = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 2])
    captured = capture(model, [z, targets])
    functions = {step.function for step in captured.network.forward.body}
    plain = (reduction, smoothing, weighted) == ("mean", 0.0, False)
    assert ("cross_entropy_labels" in functions) is plain


MODULES = [
    (nn.Dropout(0.3), (4, 6)),
    (nn.Dropout1d(0.3), (4, 6, 3)),
    (nn.Dropout2d(0.3), (4, 6, 3, 3)),
    (nn.Dropout3d(0.3), (4, 6, 3, 3, 2)),
    (nn.AlphaDropout(0.3), (4, 6)),
    (nn.FeatureAlphaDropout(0.3), (4, 6, 3)),
    (nn.RReLU(), (4, 6)),
]


@pytest.mark.parametrize(("module", "shape"), MODULES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_draws_are_pytorchs_own(
    module: nn.Module, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    x = torch.tensor(np.random.default_rng(3).normal(size=shape), dtype=dtype)
    assert outcome(module, [x], training=True) == Outcome("agrees")
    assert outcome(module, [x]) == Outcome("agrees")


class Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x * torch.rand_like(x)) + x * torch.randn_like(x)


def test_noise_as_large_as_an_array() -> None:
    x = torch.tensor(np.random.default_rng(3).normal(size=(4, 6)))
    assert outcome(Noisy(), [x]) == Outcome("agrees")
