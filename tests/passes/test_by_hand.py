"""Steps as a person writes them, and the names of what has none in the source."""

import math

import pytest
import torch
from tests.modules.agreeing import assert_writes
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (as everybody calls it)

from backhand.capture.exported import capture
from backhand.modules import write
from backhand.passes.by_hand import by_hand


def functions(module: nn.Module, *args: Tensor) -> list[str]:
    found = capture(module.double(), args)
    return [step.function for step in by_hand(found.network, found.arrays).forward.body]


class Masked(nn.Module):
    """Attention as nanoGPT has it, with another mask."""

    def __init__(self, mask: Tensor, covers: bool) -> None:
        super().__init__()
        self.register_buffer("bias", mask)
        self.covers = covers

    def forward(self, x: Tensor) -> Tensor:
        scores = x @ x.transpose(-2, -1)
        if self.covers:
            scores = scores.masked_fill(self.bias == 0, -math.inf)
        else:
            scores = torch.where(self.bias == 1, scores, -math.inf)
        return torch.softmax(scores, -1) @ x


SEQUENCE = torch.linspace(-1, 1, 2 * 4 * 3, dtype=torch.float64).reshape(2, 4, 3)
TRIANGLE = torch.tril(torch.ones(4, 4))


@pytest.mark.parametrize("covers", [True, False])
def test_a_stored_triangle_is_causal(covers: bool) -> None:
    module = Masked(TRIANGLE, covers)
    assert "causal" in functions(module, SEQUENCE)
    assert_writes(module, (SEQUENCE,))


@pytest.mark.parametrize("covers", [True, False])
def test_another_mask_is_none(covers: bool) -> None:
    band = TRIANGLE - torch.tril(torch.ones(4, 4), -2)
    for mask in (band, TRIANGLE.T.contiguous()):
        module = Masked(mask, covers)
        assert "causal" not in functions(module, SEQUENCE)
        assert_writes(module, (SEQUENCE,))


class Formula(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sin(x)
        match self.kind:
            case "tanh":
                inner = math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))
                return 0.5 * x * (1.0 + torch.tanh(inner))
            case "another tanh":
                inner = x * 0.7978845608028654 * (1 + 0.044715 * x * x)
                return x * (0.5 + 0.5 * torch.tanh(inner))
            case "erf":
                return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))
        inner = math.sqrt(2 / math.pi) * (x + 0.0447 * torch.pow(x, 3.0))
        return 0.5 * x * (1.0 + torch.tanh(inner))


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("tanh", ["sin", "gelu_tanh_kept"]),
        ("another tanh", ["sin", "gelu_tanh_kept"]),
        ("erf", ["sin", "gelu"]),
    ],
)
def test_gelu_written_out(kind: str, wanted: list[str]) -> None:
    assert functions(Formula(kind), SEQUENCE) == wanted
    assert_writes(Formula(kind).double(), (SEQUENCE,))


def test_what_is_not_quite_gelu_stays() -> None:
    assert "gelu_tanh_kept" not in functions(Formula("0.0447"), SEQUENCE)
    assert_writes(Formula("0.0447").double(), (SEQUENCE,))


class Every8th(nn.Module):
    """A sequence whose length is a part of another's."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Conv1d(3, 16, 8, stride=8)
        self.norm = nn.LayerNorm(16)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.embedding(x.transpose(1, 2)).transpose(1, 2))  # type: ignore[no-any-return]


def test_what_is_kept_has_one_number_for_each_row() -> None:
    assert_writes(Every8th().double(), (torch.randn(2, 32, 3, dtype=torch.float64),))


class Unnamed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(4, 12)

    def forward(self, x: Tensor) -> Tensor:
        packed = self.qkv(x).reshape(*x.shape[:2], 3, 4).permute(2, 0, 1, 3)
        return F.softmax(packed[0] @ packed[1].transpose(1, 2) / 2, -1) @ packed[2]


def test_attention_s_arrays_have_their_names() -> None:
    source = write(Unnamed(), (torch.randn(2, 5, 4),)).source
    for line in ("q = packed[0]", "kt = packed[1].swapaxes(1, 2)", "v = packed[2]", "q @ kt"):
        assert line in source
