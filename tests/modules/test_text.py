"""The text of written programs: numbers, names and comments as a person writes them."""

import math
import re

import pytest
import torch
from torch import Tensor, nn

from backhand.modules import write
from tests.modules.agreeing import assert_writes

X = torch.linspace(-1, 1, 24, dtype=torch.float64).reshape(2, 3, 4)


class Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh((x + 1.0) * self.factor) ** 3.0  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("factor", "written"),
    [
        (12**-0.5, "12 ** -0.5"),
        (48**0.5, "48 ** 0.5"),
        (math.sqrt(2 / math.pi), "(2 / np.pi) ** 0.5"),
        (0.125, "0.125"),
        (1 / math.sqrt(12) + 1e-12, repr(1 / math.sqrt(12) + 1e-12)),
    ],
)
def test_numbers(factor: float, written: str) -> None:
    source = write(Scaled(factor), (X,)).source
    assert f"np.tanh((x + 1) * {written})" in source
    assert re.search(r"\w+ \*\* 3\n|\w+ \*\* 3 ", source)
    assert_writes(Scaled(factor), (X,))


class Blocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(3), nn.Linear(4, 4)) for _ in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sin(x)
        for block in self.blocks:
            x = x + torch.tanh(block(x))
        return x * x


def test_a_derivative_has_the_name_of_what_is_written() -> None:
    """Whatever a loop is left with and is read below it is undone under its name."""
    source = write(Blocks().double(), (X,)).source
    backward = source[source.index("def network_backward") :]
    carried = re.search(r"# output = (\w+) \* \1", backward)
    assert carried is not None
    assert re.search(rf"^    d{carried[1]} = ", backward, re.MULTILINE)
    assert f"# {carried[1]} is used twice: its derivatives add" in backward
    assert_writes(Blocks().double(), (X,))


def test_what_is_stored_is_called_after_its_place() -> None:
    source = write(Blocks().double().train(), (X,)).source
    assert re.search(r'store\(p\[f?"[\w.{}]*running_mean"\], new_running_mean\)', source)
    assert not re.search(r"new_blocks", source)


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(torch.sigmoid(self.first(x))))


def test_what_has_no_name_is_called_after_what_made_it() -> None:
    source = write(Normed(), (X.float(),)).source
    assert '    a = sigmoid(x @ p["first.weight"].T' in source
    assert "    norm, xhat, sigma = layer_norm(a, " in source
