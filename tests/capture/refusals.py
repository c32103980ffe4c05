"""Modules that lie outside, for one reason or several."""

import torch
from torch import Tensor, nn


class Several(nn.Module):
    """Operators without a rule, arguments that no rule takes, state that changes."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.norm = nn.BatchNorm2d(4)
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.lin(x).lgamma()
        self.seen += 1
        for _ in range(5):
            y = y.lgamma()
        part = y[:, :2]
        part += 1
        z = torch.softmax(y, -1, dtype=torch.float32)
        return y.digamma() + z.to(x.dtype)


class Branches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return x
        return -x


class TakesOut(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.sum().item()


class Fails(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.ones(7, dtype=x.dtype)


class Draws(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.poisson(x)


class Closest(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.renorm(x, 2, 0, 1.0)
