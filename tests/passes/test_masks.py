"""Masks that are added: a triangle is causal, zeros are nothing, and any other mask stays."""

import math

import pytest
import torch
from tests.modules.agreeing import assert_writes
from torch import Tensor, nn

from backhand.capture.exported import capture
from backhand.modules import write
from backhand.passes.by_hand import by_hand

SEQUENCE = torch.linspace(-1, 1, 2 * 4 * 3, dtype=torch.float64).reshape(2, 4, 3)
LOWEST = torch.finfo(torch.float32).min


def functions(module: nn.Module, *args: Tensor) -> list[str]:
    found = capture(module.double(), args)
    return [step.function for step in by_hand(found.network, found.arrays).forward.body]


class Added(nn.Module):
    """Scores with a mask added to them, made of how far a position may look."""

    def __init__(self, offset: int, covered: float, seen: float, *, axis: int = -1) -> None:
        super().__init__()
        self.offset, self.covered, self.seen, self.axis = offset, covered, seen, axis

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        is_seen = torch.ones(length, length, dtype=torch.bool).tril(self.offset)
        mask = torch.where(is_seen, self.seen, self.covered)
        scores = x @ x.transpose(-2, -1) + mask[None].expand(len(x), -1, -1)
        return torch.softmax(scores, self.axis) @ x


@pytest.mark.parametrize("covered", [LOWEST, -math.inf])
def test_a_triangle_that_is_added_is_causal(covered: float) -> None:
    module = Added(0, covered, 0.0)
    found = functions(module, SEQUENCE)
    assert "causal" in found
    assert not {"where", "tril", "add"} & set(found)
    assert_writes(module, (SEQUENCE,), others=[(SEQUENCE[:1, :3],)])


@pytest.mark.parametrize(
    "module",
    [
        Added(-1, LOWEST, 0.0),  # a position does not see itself; the first sees nothing
        Added(1, LOWEST, 0.0),
        Added(0, -5.0, 0.0),  # what comes after has a part all the same
        Added(0, LOWEST, 1.0),
        Added(0, LOWEST, 0.0, axis=1),  # over the queries, of which the last is seen by itself
    ],
)
def test_another_mask_is_added(module: Added) -> None:
    assert "causal" not in functions(module, SEQUENCE)
    assert_writes(module, (SEQUENCE,))


class Zeros(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        nothing = torch.zeros(1, 1, dtype=x.dtype).expand(x.shape[0], 4)
        return torch.sin(x @ x.transpose(-2, -1) + nothing[:, None]) + torch.zeros(4, 4)


def test_zeros_are_not_added() -> None:
    assert "add" not in functions(Zeros(), SEQUENCE)
    assert_writes(Zeros(), (SEQUENCE,))


class Stretching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[0, 0] + torch.zeros(2, 4, 3, dtype=x.dtype)


def test_zeros_that_stretch_are_added() -> None:
    """What is added to them is smaller than the sum."""
    assert "add" in functions(Stretching(), SEQUENCE)
    assert_writes(Stretching(), (SEQUENCE,))


class Root(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sin(x)
        match self.kind:
            case "llama":
                return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
            case "t5":
                return torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * x
            case "by division":
                return x / torch.sqrt(1e-6 + x.square().mean(2, keepdim=True))
            case "cube":
                return x * torch.rsqrt(x.pow(4).mean(-1, keepdim=True) + 1e-6)
            case "columns":
                return x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-6)
            case "another":
                return torch.cos(x) * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return x * scale + scale


@pytest.mark.parametrize(
    ("kind", "is_one"),
    [("llama", True), ("t5", True), ("by division", True), ("cube", False), ("columns", False),
     ("another", False), ("scale read twice", False)],
)  # fmt: skip
def test_the_root_of_the_mean_of_squares(kind: str, is_one: bool) -> None:
    assert ("divided_by_rms" in functions(Root(kind), SEQUENCE)) == is_one
    assert_writes(Root(kind), (SEQUENCE,))


class Rotated(nn.Module):
    """Positions as Llama turns them."""

    def forward(self, x: Tensor) -> Tensor:
        angles = torch.arange(x.shape[1])[:, None] * torch.tensor([1.0, 0.1], dtype=x.dtype)
        cos, sin = angles.cos(), angles.sin()
        half = x.shape[-1] // 2
        return torch.cat([x[..., :half] * cos, x[..., half:] * sin], -1)


def test_values_have_their_names_though_functions_have_them_too() -> None:
    source = write(Rotated(), (torch.ones(2, 5, 4),)).source
    assert "cos = np.cos(" in source
    assert "[..., :2]" in source
    assert_writes(Rotated(), (SEQUENCE.new_ones(2, 5, 4),))


class Between(nn.Module):
    """A new axis before the last one, of an array that has as many axes as the index has parts."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.sin(x)
        return y[:, :, None] - y[:, :, :, None] + y[:, :, 1:2, None]


def test_a_new_axis_stays_where_it_is() -> None:
    assert_writes(Between(), (SEQUENCE,))
