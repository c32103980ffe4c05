"""Modules of PyTorch, captured and folded."""

import pytest
import torch
from tests.passes.flat import canonical
from torch import nn

from backhand.capture.exported import capture
from backhand.graph import Loop, Nested
from backhand.passes.kinds import shared_kinds
from backhand.passes.loops import looped
from backhand.passes.tree import tree
from backhand.passes.unrolled import unrolled


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.o = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.q(x) @ self.k(x).transpose(-1, -2) * 0.35
        return self.o(torch.softmax(scores, -1) @ self.v(x))  # type: ignore[no-any-return]


class EncoderBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn, self.drop = Attention(width), nn.Dropout(0.1)
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.drop(self.attn(self.n1(x)))
        return x + self.mlp(self.n2(x))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.h = nn.ModuleList(EncoderBlock(width) for _ in range(layers))
        self.ln = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.h:
            x = block(x)
        return self.ln(x)  # type: ignore[no-any-return]


class Residual(nn.Module):
    def __init__(self, width: int, wider: int, stride: int = 1) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(width, wider, 3, stride, 1)
        self.c2 = nn.Conv2d(wider, wider, 3, 1, 1)
        is_same = width == wider and stride == 1
        self.short = nn.Identity() if is_same else nn.Conv2d(width, wider, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.c2(torch.relu(self.c1(x))) + self.short(x))


class ResidualNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, 1, 1)
        sizes = [(4, 4), (4, 4), (4, 8, 2), (8, 8), (8, 16, 2), (16, 16)]
        self.layers = nn.Sequential(*(Residual(*size) for size in sizes))
        self.fc = nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layers(torch.relu(self.stem(x)))
        return self.fc(torch.flatten(x, 1))  # type: ignore[no-any-return]


def folded(module: nn.Module, x: torch.Tensor, *, training: bool = False) -> Nested:
    """The module folded, each pass undone on the way."""
    captured = capture(module, (x,), training=training)
    nested = tree(captured.network, captured.keys)
    shared = shared_kinds(nested)
    found = looped(shared)
    for result in (nested, shared, found):
        assert canonical(unrolled(result)) == canonical(captured.network)
    return found


@pytest.mark.parametrize("training", [False, True])
def test_an_encoder_is_a_loop_over_one_block(training: bool) -> None:
    nested = folded(Encoder(8, 4), torch.ones(3, 5, 8), training=training)
    assert [kind.name for kind in nested.functions] == ["attention", "encoder_block"]
    loop, last = nested.forward.body
    assert isinstance(loop, Loop)
    assert [str(one) for one in loop.slices] == ["h[0:4]"]
    (call,) = loop.body
    assert [value.role for value in call.inputs] == ["step", *["generator"] * training]
    assert str(last).startswith("output: [B, T, 8] = layer_norm(")


def test_a_residual_network_has_two_kinds_of_block() -> None:
    """With and without a layer on the way round; strides and widths are no kinds of their own."""
    nested = folded(ResidualNet(), torch.ones(2, 1, 8, 8))
    assert [kind.name for kind in nested.functions] == ["residual_1", "residual_2"]
    plain, wider = nested.functions
    assert not plain.attributes
    assert [str(value.shape[1]) for value in plain.inputs] == ["C"]
    assert [value.shape[1] == plain.sizes[0] for value in plain.outputs] == [True]
    assert len(wider.sizes) > len(plain.sizes)
    loops = [part for part in nested.forward.body if isinstance(part, Loop)]
    assert [str(one) for one in loops[0].slices] == ["layers[0:2]"]
    assert [str(one) for one in loops[1].slices] == ["layers[2:5:2]", "layers[3:6:2]"]
