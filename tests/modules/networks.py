"""Networks as people write them, small: each makes a module, its arguments, and other arguments by
position that the program must take as well."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (as everybody calls it)

NETWORKS: dict[str, Callable[[], Any]] = {}


def network(make: Callable[[], Any]) -> Callable[[], Any]:
    NETWORKS[make.__name__] = make
    return make


class Made(nn.Module):
    """A module whose forward is a function of it."""

    def __init__(self, forward: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.by = forward
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, *args: Any) -> Any:
        return self.by(self, *args)


@network
def lstm_written_out() -> Any:
    """What is carried to the next step is read once more in its own."""

    def forward(self: Any, x: Tensor) -> Any:
        h, c, every = x.new_zeros(x.shape[0], 4), x.new_zeros(x.shape[0], 4), []
        for t in range(x.shape[1]):
            i, f, g, o = (x[:, t] @ self.w + h @ self.u + self.b).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            every.append(h.unsqueeze(0))
        return torch.cat(every, dim=0).transpose(0, 1).contiguous(), (h, c)

    w, u, b = (nn.Parameter(torch.randn(shape) * 0.5) for shape in ((3, 16), (4, 16), (16,)))
    x = torch.randn(2, 5, 3)
    return Made(forward, w=w, u=u, b=b), (x,), [(torch.randn(3, 5, 3),)]


@network
def list_of_parameters() -> Any:
    def forward(self: Any, x: Tensor) -> Tensor:
        for scale in self.scales:
            x = torch.tanh(x * scale)
        return x

    scales = nn.ParameterList([nn.Parameter(torch.randn(3)) for _ in range(4)])
    return Made(forward, scales=scales), (torch.randn(2, 3),), [(torch.randn(4, 3),)]


@network
def tables_of_several_sizes() -> Any:
    """The tables' sizes are said in the loop back over them."""

    def forward(self: Any, dense: Tensor, sparse: Tensor) -> Tensor:
        found = [table(sparse[:, i]) for i, table in enumerate(self.tables)]
        one, other = torch.tensor([1, 2, 2, 3]), torch.tensor([0, 0, 1, 2])
        z = torch.stack([dense, *found], 1)
        return self.top((z @ z.transpose(1, 2))[:, one, other])

    tables = nn.ModuleList(nn.Embedding(n, 4) for n in (5, 7, 3))
    args = torch.randn(4, 4), torch.randint(0, 3, (4, 3))
    return Made(forward, tables=tables, top=nn.Linear(4, 1)), args, [(args[0][:2], args[1][:2])]


@network
def spectral_norm() -> Any:
    """In training it writes into its buffers (one of which nobody reads), with `out=`."""
    normed = nn.utils.parametrizations.spectral_norm
    module = nn.Sequential(normed(nn.Conv2d(2, 3, 2)), nn.Flatten(), normed(nn.Linear(12, 2)))
    return module, (torch.randn(3, 2, 3, 3),), []


@network
def older_weight_norm() -> Any:
    """It keeps an array that it has computed, which PyTorch does not copy."""
    normed = nn.utils.weight_norm
    return (
        nn.Sequential(normed(nn.Linear(3, 4)), nn.Tanh(), nn.Linear(4, 2)),
        (torch.randn(2, 3),),
        [],
    )


@network
def encoder_with_masks() -> Any:
    def forward(self: Any, words: Tensor) -> Tensor:
        x = self.table(words) * math.sqrt(8)
        causal = nn.Transformer.generate_square_subsequent_mask(words.shape[1], dtype=x.dtype)
        return self.encoder(x, causal, words.eq(0).to(x.dtype) * -1e9)

    layer = nn.TransformerEncoderLayer(8, 2, 12, 0.1, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    words = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]])
    return Made(forward, table=nn.Embedding(9, 8), encoder=encoder), (words,), [(words[:1],)]


@network
def masked_by_a_buffer() -> Any:
    """What is covered is all but a triangle, of a length that stays free."""

    def forward(self: Any, x: Tensor) -> Tensor:
        t = x.shape[1]
        scores = self.q(x) @ x.transpose(1, 2) / math.sqrt(x.shape[2])
        return scores.masked_fill(self.seen[:, :t, :t] == 0, -math.inf).softmax(-1) @ x

    seen = torch.tril(torch.ones(8, 8)).view(1, 8, 8)
    return (
        Made(forward, q=nn.Linear(4, 4), seen=seen),
        (torch.randn(2, 5, 4),),
        [(torch.randn(3, 4, 4),)],
    )


@network
def rotated_in_complex_numbers() -> Any:
    def forward(self: Any, x: Tensor) -> Tensor:
        b, t, c = x.shape
        pairs = torch.view_as_complex(self.q(x).reshape(b, t, c // 2, 2))
        turned = pairs * self.turns[:t].view(1, t, c // 2) * self.gain(x).mean(-1, keepdim=True)
        return torch.view_as_real(turned + pairs).flatten(2)

    angles = torch.outer(torch.arange(9.0), torch.tensor([1.0, 0.1])).double()
    turns = torch.polar(torch.ones_like(angles), angles)
    module = Made(forward, q=nn.Linear(4, 4), gain=nn.Linear(4, 3), turns=turns)
    return module, (torch.randn(2, 5, 4),), [(torch.randn(3, 6, 4),)]


@network
def dropped_paths() -> Any:
    """As torchvision and timm draw them, and as `torch.rand` does."""

    def forward(self: Any, x: Tensor) -> Tensor:
        kept = x.new_empty(x.shape[0], 1).bernoulli_(0.7).div_(0.7)
        floor = (0.6 + torch.rand(x.shape[0], 1, dtype=x.dtype)).floor_()
        return x + self.a(x) * kept + self.b(x) * floor

    return (
        Made(forward, a=nn.Linear(3, 3), b=nn.Linear(3, 3)),
        (torch.randn(5, 3),),
        [(torch.randn(2, 3),)],
    )


@network
def noise_of_every_kind() -> Any:
    def forward(self: Any, x: Tensor) -> Tensor:
        mean, scale = self.l(x).chunk(2, dim=1)
        scale = F.softplus(scale)
        drawn = torch.distributions.Normal(mean, scale, validate_args=False).rsample()
        drawn = drawn + torch.normal(mean, scale) + torch.empty_like(mean).uniform_(-1, 2)
        drawn = drawn * torch.bernoulli(mean.detach().sigmoid()) + torch.randn(
            x.shape[0], 3, dtype=x.dtype
        )
        return drawn + torch.randint(1, 9, (x.shape[0], 1)) + F.gumbel_softmax(mean, 0.5)

    return Made(forward, l=nn.Linear(4, 6)), (torch.randn(6, 4),), [(torch.randn(3, 4),)]


@network
def bags_of_words() -> Any:
    def forward(self: Any, flat: Tensor, starts: Tensor, table: Tensor) -> Tensor:
        return self.mean(flat, starts) + self.total(table)

    mean, total = nn.EmbeddingBag(9, 3, mode="mean"), nn.EmbeddingBag(9, 3, mode="sum")
    args = torch.randint(9, (10,)), torch.tensor([0, 3, 3, 8]), torch.randint(9, (4, 2))
    return Made(forward, mean=mean, total=total), args, []


@network
def spatial_transformer() -> Any:
    def forward(self: Any, x: Tensor) -> Tensor:
        where = F.affine_grid(self.l(x.flatten(1)).view(-1, 2, 3), x.shape, align_corners=False)
        beyond = F.grid_sample(x, where * 1.5, padding_mode="border", align_corners=True)
        return F.grid_sample(x, where, align_corners=False) + beyond

    return (
        Made(forward, l=nn.Linear(32, 6)),
        (torch.randn(2, 2, 4, 4),),
        [(torch.randn(3, 2, 4, 4),)],
    )
