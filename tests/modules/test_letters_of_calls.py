"""What a call does not give back has a derivative of zeros, in the sizes of its place."""

import torch
from torch import Tensor, nn

from tests.modules.agreeing import assert_writes


class Attention(nn.Module):
    """Gives its weights back too, [B, T, T]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        weights = torch.softmax(torch.tanh(self.first(x)) @ x.transpose(1, 2), -1)
        return weights, weights @ x


class Layer(nn.Module):
    """Leaves the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()

    def forward(self, x: Tensor) -> Tensor:
        _, y = self.attention(x)
        return torch.tanh(y) + x


class Several(nn.Module):
    """One attention over all of the sequence, and one over three of it: their size is a letter."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.whole, self.part = Layer(), Attention(), Attention()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = self.layer(x)
        weights, z = self.whole(y)
        some, u = self.part(y[:, :3] * 1)
        return weights, some, z.mean(1) + u.mean(1)


def test_zeros_of_the_size_at_hand() -> None:
    x = torch.linspace(-1, 1, 2 * 5 * 4, dtype=torch.float64).reshape(2, 5, 4)
    assert_writes(Several(), (x,), others=[(x[:1, :4],)])
