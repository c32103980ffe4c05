"""Letters for sizes: told by what is done with a number, none where that is not one thing."""

import pytest
import torch
from tests.modules.agreeing import assert_writes
from torch import Tensor, nn

from backhand.modules import write


class Attention(nn.Module):
    """Tokens through one attention; `rows` of positions."""

    def __init__(self, words: int, width: int, heads: int, rows: int = 32) -> None:
        super().__init__()
        self.heads = heads
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(rows, width)
        self.all, self.out = nn.Linear(width, 3 * width), nn.Linear(width, words)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1]))
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.all(x).chunk(3, dim=-1)
        )
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
        y = (torch.softmax(scores, -1) @ v).transpose(1, 2).flatten(2)
        return self.out(y)  # type: ignore[no-any-return]


TOKENS = torch.arange(14).reshape(2, 7) % 11


@pytest.mark.parametrize(
    ("words", "width", "heads", "rows", "letters"),
    [
        (11, 40, 5, 32, "V vocabulary (11), C width (40), H heads (5), D width of a head (8)"),
        # as many words as heads are wide, as many positions as the width, 8 heads of 8
        (13, 52, 4, 32, "C width (52), H heads (4)"),
        (11, 40, 5, 40, "V vocabulary (11), H heads (5), D width of a head (8)"),
        (11, 64, 8, 32, "V vocabulary (11), C width (64)"),
        # three and fewer are in too many shapes
        (11, 36, 3, 32, "V vocabulary (11), C width (36), D width of a head (12)"),
    ],
)
def test_letters(words: int, width: int, heads: int, rows: int, letters: str) -> None:
    source = write(Attention(words, width, heads, rows), (TOKENS % words,)).source
    legend = " ".join(source[source.index("sizes ") : source.index("names ")].split())
    assert letters in legend
    assert legend.count("(") == letters.count("(")


def test_what_is_written_with_letters_runs() -> None:
    module = Attention(11, 40, 5).double()
    source = write(module, (TOKENS,)).source
    assert "V, C, H, D = 11, 40, 5, 8" in source
    assert "[B, T, 3*C]" in source
    assert "* D ** -0.5" in source
    assert "# [B, H, T, D]" in source
    assert_writes(module, (TOKENS,))


class Named(Attention):
    """Calls things as the letters are called."""

    def forward(self, tokens: Tensor) -> Tensor:
        V = super().forward(tokens)
        C = torch.tanh(V)
        return C * V + C


def test_a_name_of_the_source_does_not_hide_a_letter() -> None:
    module = Named(11, 40, 5).double()
    assert "V, C, H, D = 11, 40, 5, 8" in write(module, (TOKENS,)).source
    assert_writes(module, (TOKENS,))


def test_a_network_without_such_sizes_has_numbers() -> None:
    source = write(nn.Linear(40, 3), (torch.ones(2, 40),)).source
    assert "sizes      B batch; the other sizes are numbers" in source
