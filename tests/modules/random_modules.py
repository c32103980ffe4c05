"""Modules made at random: chains, residual blocks, loops over equal and unequal blocks, blocks that
are used several times, splits and concatenations, several outputs."""

from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

WIDTH = 4
"""Numbers in a row: even, so that it can be split in two."""


class Chain(nn.Sequential):
    def __init__(self, hidden: int = 3) -> None:
        super().__init__(nn.Linear(WIDTH, hidden), nn.Tanh(), nn.Linear(hidden, WIDTH))


class Residual(nn.Module):
    def __init__(self, hidden: int = 3) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.inner = Chain(hidden)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(self.norm(x))


class Gated(nn.Module):
    def __init__(self, hidden: int = 3) -> None:
        super().__init__()
        self.value, self.gate = nn.Linear(WIDTH, hidden), nn.Linear(WIDTH, hidden)
        self.out = nn.Linear(hidden, WIDTH, bias=hidden > 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.value(x) * torch.sigmoid(self.gate(x)))


class Pair(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self, hidden: int = 3) -> None:
        super().__init__()
        self.left, self.right = Chain(hidden), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        z = self.left(x) + y
        return torch.tanh(self.right(z)), z * x


BLOCKS: tuple[type[nn.Module], ...] = (Chain, Residual, Gated)
MOVES = ("block", "shared", "loop", "collect", "twice", "pairs", "invariant", "skips",
         "join", "split", "scale", "mean", "repeat")  # fmt: skip


@dataclass(frozen=True)
class Move:
    """Something that a module does with a value that it has, and another one."""

    name: str
    x: int
    y: int
    block: int
    sizes: tuple[int, ...] = field(default=(3,))


@st.composite
def moves(draw: st.DrawFn) -> Move:
    name, small = draw(st.sampled_from(MOVES)), st.integers(0, 3)
    is_equal = draw(st.booleans())
    count = draw(st.integers(2, 4))
    hidden = st.integers(2, 4)
    sizes = [3] * count if is_equal else draw(st.lists(hidden, min_size=count, max_size=count))
    return Move(name, draw(small), draw(small), draw(st.integers(0, 2)), tuple(sizes))


class Moves(nn.Module):
    """Does moves, one after the other, each with the values that those before have made."""

    def __init__(self, plan: list[Move], outputs: int) -> None:
        super().__init__()
        self.plan, self.outputs = plan, outputs
        self.shared = nn.ModuleList([block() for block in BLOCKS])
        self.own = nn.ModuleList([_modules(move) for move in plan])

    def forward(self, x: Tensor, y: Tensor) -> Any:
        known = [x, y]
        for move, own in zip(self.plan, self.own, strict=True):
            known.append(self.done(move, own, known))
        last = known[-self.outputs :]
        return last[0] if len(last) == 1 else {"last": last[-1], "more": tuple(last)}

    def done(self, move: Move, own: Any, known: list[Tensor]) -> Tensor:
        x, y = known[-1 - move.x % len(known)], known[-1 - move.y % len(known)]
        match move.name:
            case "block":
                return own[0](x)
            case "shared":
                return self.shared[move.block](x)
            case "loop":
                for block in own:
                    x = block(x)
                return x
            case "collect":
                every = []
                for block in own:
                    x = block(x)
                    every.append(x)
                return torch.stack(every).mean(0) * y
            case "twice":
                return own[0](own[0](x)) + own[0](y)
            case "repeat":
                for block in own:
                    x = self.shared[move.block](block(x))
                return x
            case "pairs":
                for block in own:
                    x, y = block(x, y)
                return x - y
            case "invariant":
                for block in own:
                    x = torch.tanh(block(x) + y)
                return x
            case "skips":
                skips = []
                for block in own:
                    skips.append(x)
                    x = block(x)
                for block, skip in zip(own, reversed(skips), strict=True):
                    x = block(x) * skip
                return x
            case "join":
                return own[0](torch.cat([x[:, :2], y[:, 2:]], -1))
            case "split":
                left, right = x.chunk(2, -1)
                return torch.cat([right * left, left + y[:, :2]], -1)
            case "scale":
                return x * y.mean(-1, keepdim=True)
            case _:
                return torch.tanh(x - x.mean(0))


def _modules(move: Move) -> nn.ModuleList:
    kind = Pair if move.name == "pairs" else BLOCKS[move.block]
    return nn.ModuleList([kind(size) for size in move.sizes])  # type: ignore[call-arg]


plans = st.lists(moves(), min_size=1, max_size=5)
