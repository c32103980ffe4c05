"""Networks of PyTorch against the NumPy programs written from them; and writing against exporting.

What a network does is one forward and one backward pass in float32. Both sides have the same number
of threads, and take turns.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

import backhand.modules
from benchmarks.timing import Paired, paired, per_call


class Block(nn.Module):
    """A transformer's layer, shaped as one of GPT-2."""

    def __init__(self, width: int = 768, heads: int = 12) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.c_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attended(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        shape = (batch, length, self.heads, width // self.heads)
        q, k, v = (part.view(shape).transpose(1, 2) for part in self.c_attn(x).chunk(3, dim=-1))
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(heads.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attended(self.ln_1(x))
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


def lenet() -> nn.Module:
    """Two convolutions and three linear layers on images [B, 1, 28, 28]."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def mlp() -> nn.Module:
    """784-512-512-10."""
    return nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )


class LSTM(nn.Module):
    """The outputs of one layer, 128 to 128."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(128, 128)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.lstm(x)
        return y


@dataclass(frozen=True)
class Case:
    """A network to time."""

    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    """Of its input."""
    times: int
    """How many passes make a round."""
    promised: float
    """The largest ratio of times, ours by PyTorch's."""


CASES = (
    Case("GPT-2 block, C = 768, T = 128, B = 4", Block, (4, 128, 768), 2, 1.3),
    Case("LeNet, B = 64", lenet, (64, 1, 28, 28), 5, 2.0),
    Case("LSTM 128 to 128, T = 50, B = 32", LSTM, (50, 32, 128), 3, 1.0),
    Case("MLP 784-512-512-10, B = 128", mlp, (128, 784), 10, 1.1),
)


def against_torch(case: Case) -> Paired:
    """Forward and backward pass of one network: derivatives by its parameters and its input."""
    torch.manual_seed(0)
    module, x = case.make(), torch.randn(case.shape)
    cotangent = torch.randn_like(module(x))
    program = backhand.modules.write(module, (x,))
    given, carried = x.numpy().copy(), cotangent.numpy()
    x.requires_grad_(True)  # the program gives that derivative too

    def theirs() -> None:
        module.zero_grad()
        x.grad = None
        module(x).backward(cotangent)

    return paired(
        per_call(lambda n: [program.vjp((given,), {}, carried) for _ in range(n)], case.times),
        per_call(lambda n: [theirs() for _ in range(n)], case.times),
        repeats=9,
    )


class Tokens(nn.Module):
    """GPT-2 as large as it was published, 124 million parameters, without a loss."""

    def __init__(self, layers: int = 12, width: int = 768, count: int = 50257) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(count, width), nn.Embedding(1024, width)
        self.h = nn.ModuleList(Block(width) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.h:
            x = block(x)
        return self.ln_f(x) @ self.wte.weight.T


def writing_against_export() -> Paired:
    """From the exported graph of GPT-2 to its program, against `torch.export` itself."""
    module, tokens = Tokens().eval(), torch.zeros((2, 16), dtype=torch.int64)
    real, spent = torch.export.export, [0.0]

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return real(*args, **kwargs)
        finally:
            spent[0] += time.perf_counter() - start

    def once() -> tuple[float, float]:
        spent[0] = 0.0
        start = time.perf_counter()
        backhand.modules.write(module, (tokens,))
        return time.perf_counter() - start - spent[0], spent[0]

    torch.export.export = timed
    try:
        once()
        rounds = [once() for _ in range(3)]
    finally:
        torch.export.export = real
    ours, theirs = (float(np.median(column)) for column in zip(*rounds, strict=True))
    return Paired(ours, theirs, float(np.median([a / b for a, b in rounds])))
