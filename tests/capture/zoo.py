"""Small modules of every shape that a capture must follow, and arguments to call them with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

Made = Callable[[int], tuple[tuple[Any, ...], dict[str, Any]]]


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(3, 5)
        self.fc2 = nn.Linear(5, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.fc1(x))
        return self.fc2(hidden).softmax(-1)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class Blocks(nn.Module):
    """A list of modules in a loop; two layers are tied, one parameter is frozen, one unused."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Residual() for _ in range(3)])
        self.head = nn.Linear(4, 8)
        self.head.weight = self.blocks[0].inner[1].weight
        self.blocks[1].inner[1].bias.requires_grad_(False)
        self.left_over = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Cell(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.register_buffer("gain", torch.linspace(0.5, 2, 4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.lin(x)) * self.gain


class Twice(nn.Module):
    """One module called twice, and a method that is not `forward`."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = Cell()

    def encode(self, x: Tensor) -> Tensor:
        return self.cell(x) - x.mean(dim=-1, keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(self.encode(x))


class Nested(nn.Module):
    """Nested arguments, one by name, one that is None, one that is a number; nested results."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(3, 3)

    def forward(
        self,
        pair: tuple[Tensor, Tensor],
        more: dict[str, Tensor],
        scale: float = 1.0,
        *,
        mask: Tensor | None = None,
        shift: Tensor,
    ) -> dict[str, Any]:
        a, b = pair
        y = self.lin(a) * scale + b + more["k"]
        return {"sum": y, "both": (y.exp(), [shift + 1, None]), "same": y}


class Constants(nn.Module):
    """What depends on no input is worked out; neutral arithmetic and copies go."""

    def forward(self, x: Tensor) -> Tensor:
        table = torch.arange(4, dtype=x.dtype).sin()
        zero = torch.zeros(4, dtype=x.dtype)
        half = torch.tensor(0.5, dtype=x.dtype)
        y = (x + zero).contiguous().clone() * 1
        y = y.view(y.shape).to(x.dtype) + 0
        return (y * table).expand(y.shape[0], 4) * half + 2 * table


class InPlace(nn.Module):
    """In-place steps that are plain renaming."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)
        self.lin = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.lin(x))
        y += x
        z = y * 2
        y.mul_(z)
        return y / (1 + z)


class Dropped(nn.Module):
    """Two dropouts, the second of whose results is not used, but drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.3)
        self.lin = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.drop(self.lin(x))
        self.drop(y)
        return y + self.drop(x)


class Picture(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, stride=(2, 1), padding=1)
        self.lin = nn.Linear(3 * 3 * 6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.lin(torch.relu(self.conv(x)).flatten(1))


class Sequence(nn.Module):
    """Attention by hand over a sequence of any length."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.q, self.k = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        scores = self.q(x) @ self.k(x).transpose(-2, -1) * 0.5
        return torch.softmax(scores, dim=-1) @ x


def rows(*shape: int) -> Made:
    return lambda batch: ((torch.randn(batch, *shape, dtype=torch.float64),), {})


def nested(batch: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    a, b, k, shift = torch.randn(4, batch, 3, dtype=torch.float64)
    return ((a, b), {"k": k}, 1.5), {"mask": None, "shift": shift}


@dataclass(frozen=True)
class Animal:
    """A module, and arguments for it by the length of the batch."""

    kind: type[nn.Module]
    arguments: Made
    training: bool = False
    sizes: Mapping[str, str] = field(default_factory=lambda: {"B": "batch"})

    def module(self) -> nn.Module:
        torch.manual_seed(0)
        return self.kind().double()


ZOO = {
    "mlp": Animal(Mlp, rows(3)),
    "residual": Animal(Residual, rows(4)),
    "blocks": Animal(Blocks, rows(4)),
    "twice": Animal(Twice, rows(4)),
    "nested": Animal(Nested, nested),
    "constants": Animal(Constants, rows(4)),
    "in place": Animal(InPlace, rows(4)),
    "dropout, evaluation": Animal(Dropped, rows(4)),
    "dropout, training": Animal(Dropped, rows(4), training=True),
    "picture": Animal(Picture, rows(2, 6, 6)),
    "sequence": Animal(Sequence, rows(5, 4), sizes={"B": "batch", "T": "sequence"}),
}
