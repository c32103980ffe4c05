"""Modules of every shape that a program can have, and arguments to call them with."""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (as everybody calls it)

CASES: dict[str, Callable[[], Any]] = {}
"""Each makes a module, its arguments by position and by name and, if it has any, other arguments
by position that the program must take as well."""


def case(make: Callable[[], Any]) -> Callable[[], Any]:
    CASES[make.__name__] = make
    return make


class Mod(nn.Module):
    def __init__(self, f, **subs):
        super().__init__()
        self.f = f
        for k, v in subs.items():
            if isinstance(v, nn.Parameter):
                self.register_parameter(k, v)
            elif isinstance(v, Tensor):
                self.register_buffer(k, v)
            else:
                setattr(self, k, v)

    def forward(self, *a, **k):
        return self.f(self, *a, **k)


class Block(nn.Module):
    def __init__(self, i, o, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(i, o, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(o)
        self.conv2 = nn.Conv2d(o, o, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(o)
        self.relu = nn.ReLU(inplace=True)
        self.down = (
            nn.Sequential(nn.Conv2d(i, o, 1, stride=stride, bias=False), nn.BatchNorm2d(o))
            if stride != 1 or i != o
            else None
        )

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.down is not None:
            identity = self.down(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.layer1 = nn.Sequential(Block(4, 4), Block(4, 4))
        self.layer2 = nn.Sequential(Block(4, 8, 2), Block(8, 8))
        self.layer3 = nn.Sequential(Block(8, 16, 2), Block(16, 16))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = self.stem(x)
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(self.pool(x), 1))


class Double(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.a = nn.Conv2d(i, o, 3, padding=1)
        self.b = nn.Conv2d(o, o, 3, padding=1)

    def forward(self, x):
        return F.relu(self.b(F.relu(self.a(x))))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        c = [3, 4, 8, 16]
        self.downs = nn.ModuleList(Double(a, b) for a, b in itertools.pairwise(c))
        self.mid = Double(16, 32)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(2 * b, b, 2, stride=2) for b in c[:0:-1])
        self.decs = nn.ModuleList(Double(2 * b, b) for b in c[:0:-1])
        self.out = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        skips = []
        for d in self.downs:
            x = d(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.mid(x)
        for up, dec, skip in zip(self.ups, self.decs, reversed(skips), strict=False):
            x = up(x)
            x = dec(torch.cat([x, skip], 1))
        return self.out(x)


@case
def nested_io():
    def f(self, x, opts=None, *, pair):
        a, (b,) = pair["ab"]
        y = self.l(x)
        return {"y": y, "more": (a * y, [b, x]), "n": None, "k": 3}

    return (
        Mod(f, l=nn.Linear(3, 3)),
        (torch.randn(4, 3),),
        {"pair": {"ab": (torch.randn(4, 3), (torch.randn(4, 3),))}},
    )


@case
def none_arg():
    return (
        Mod(
            lambda self, x, m=None, z=None: self.l(x) if m is None else self.l(x) * m,
            l=nn.Linear(3, 3),
        ),
        (torch.randn(4, 3), None),
        {"z": torch.randn(4, 3)},
    )


@case
def out_is_in():
    return (
        Mod(lambda self, x, y: (x, self.l(y), y, y), l=nn.Linear(3, 3)),
        (torch.randn(4, 3), torch.randn(4, 3)),
        {},
    )


@case
def unused():
    m = Mod(
        lambda self, x, y: (self.l(x), self.m(x).detach()),
        l=nn.Linear(3, 3),
        m=nn.Linear(3, 2),
        u=nn.Linear(2, 2),
    )
    m.l.bias.requires_grad_(False)
    return m, (torch.randn(4, 3), torch.randn(4, 2)), {}


@case
def tied_in():
    m = Mod(lambda self, x: self.b(torch.tanh(self.a(x))), a=nn.Linear(3, 3), b=nn.Linear(3, 3))
    m.b.weight = m.a.weight
    return m, (torch.randn(4, 3),), {}


@case
def tied_loop():
    def f(self, x):
        for b in self.bs:
            x = torch.tanh(b(x))
        return self.h(x)

    m = Mod(
        f,
        bs=nn.ModuleList(
            nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)) for _ in range(3)
        ),
        h=nn.Linear(3, 3, bias=False),
    )
    m.h.weight = m.bs[1][0].weight
    return m, (torch.randn(4, 3),), {}


@case
def tied_across_loop():
    def f(self, x):
        for b in self.bs:
            x = torch.tanh(b(x))
        return x

    m = Mod(
        f,
        bs=nn.ModuleList(
            nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)) for _ in range(4)
        ),
    )
    for b in m.bs[1:]:
        b[0].weight = m.bs[0][0].weight
    return m, (torch.randn(4, 3),), {}


class Blk(nn.Module):
    def __init__(self, c=3, h=5):
        super().__init__()
        self.n = nn.LayerNorm(c)
        self.a = nn.Linear(c, h)
        self.b = nn.Linear(h, c)

    def forward(self, x):
        return x + self.b(F.gelu(self.a(self.n(x))))


@case
def albert():
    def f(self, x):
        for _ in range(4):
            x = self.b(x)
        return self.h(x)

    return Mod(f, b=Blk(), h=nn.Linear(3, 2)), (torch.randn(4, 3),), {}


@case
def albert_groups():
    def f(self, x):
        for i in range(4):
            x = self.bs[i // 2](x)
        return x

    return Mod(f, bs=nn.ModuleList(Blk() for _ in range(2))), (torch.randn(4, 3),), {}


class Two(nn.Module):
    def __init__(self, c=3):
        super().__init__()
        self.a = nn.Linear(c, c)
        self.b = nn.Linear(c, c)

    def forward(self, x, y):
        return torch.tanh(self.a(x)) * self.b(y)


@case
def twice_sizes():
    m = Two()
    return (
        Mod(lambda self, x, y: self.m(x, x).sum() + self.m(x, y), m=m),
        (torch.randn(4, 3), torch.randn(1, 3)),
        {},
    )


@case
def twice_sizes2():
    m = Two()
    return (
        Mod(lambda self, x, y, z: self.m(x, y).sum(0) + self.m(x, z).sum(0), m=m),
        (torch.randn(4, 3), torch.randn(1, 3), torch.randn(4, 1, 3).squeeze(1)),
        {},
    )


@case
def outside():
    blk = Blk()

    def f(self, x):
        return self.l(blk2(self, x))

    def blk2(self, x):
        return self.store[0](x)

    m = Mod(f, l=nn.Linear(3, 3))
    m.reg = nn.ModuleDict({"deep": nn.ModuleDict({"x": blk})})
    m.store = [blk]
    return m, (torch.randn(4, 3),), {}


class Ref(nn.Module):
    def __init__(self, other):
        super().__init__()
        self.__dict__["other"] = other
        self.l = nn.Linear(3, 3)

    def forward(self, x):
        return self.other(self.l(x))


@case
def ref_outside():
    o = Blk()
    return (
        Mod(lambda self, x: self.r(x) + self.r(self.o(x)), o=o, r=Ref(o)),
        (torch.randn(4, 3),),
        {},
    )


@case
def bufs():
    return (
        Mod(
            lambda self, x: self.l(x) * self.g + self.t[:2].sum(),
            l=nn.Linear(3, 3),
            g=torch.randn(3),
            t=torch.randn(5),
        ),
        (torch.randn(4, 3),),
        {},
    )


@case
def bn_train():
    m = nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(36, 2),
    ).train()
    return m, (torch.randn(4, 2, 7, 7),), {}


@case
def dyn_seq():
    m = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    return m, (torch.randn(4, 5, 8),), {}, [(torch.randn(2, 5, 8),)]


@case
def enc():
    m = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0),
        3,
        enable_nested_tensor=False,
    ).train()
    return m, (torch.randn(4, 5, 8),), {}


@case
def transformer():
    m = nn.Transformer(8, 2, 2, 2, 16, dropout=0.0, batch_first=True).train()
    return m, (torch.randn(4, 5, 8), torch.randn(4, 3, 8)), {}


@case
def lstm():
    return (
        Mod(
            lambda self, x: self.h(self.r(x)[0]),
            r=nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True),
            h=nn.Linear(8, 2),
        ),
        (torch.randn(4, 5, 3),),
        {},
    )


@case
def lstm_states():
    return (
        Mod(lambda self, x, h, c: self.r(x, (h, c)), r=nn.LSTM(3, 4, 2)),
        (torch.randn(5, 4, 3), torch.randn(2, 4, 4), torch.randn(2, 4, 4)),
        {},
    )


@case
def gru():
    return (
        Mod(lambda self, x: self.r(x), r=nn.GRU(3, 4, 2, bidirectional=True)),
        (torch.randn(5, 4, 3),),
        {},
    )


@case
def rnn():
    return Mod(lambda self, x: self.r(x)[1], r=nn.RNN(3, 4, 3)), (torch.randn(5, 4, 3),), {}


@case
def cell_loop():
    def f(self, x):
        h = torch.zeros(x.shape[1], 4, dtype=x.dtype)
        outs = []
        for t in range(5):
            h = self.c(x[t], h)
            outs.append(h)
        return torch.stack(outs), h

    return Mod(f, c=nn.GRUCell(3, 4)), (torch.randn(5, 4, 3),), {}


@case
def unet():
    return UNet(), (torch.randn(2, 3, 16, 16),), {}


@case
def resnet():
    return ResNet().train(), (torch.randn(3, 3, 16, 16),), {}, [(torch.randn(5, 3, 16, 16),)]


@case
def resnet_eval():
    return ResNet().eval(), (torch.randn(3, 3, 16, 16),), {}


@case
def encdec():
    def f(self, x, y):
        m = self.e(x)
        for layer in self.ls:
            y = layer(y, m)
        return y

    return (
        Mod(f, e=nn.Linear(3, 3), ls=nn.ModuleList(Two() for _ in range(3))),
        (torch.randn(4, 3), torch.randn(4, 3)),
        {},
    )


@case
def collect_all():
    def f(self, x):
        hs = []
        for b in self.bs:
            x = b(x)
            hs.append(x)
        return torch.cat(hs, -1), x

    return Mod(f, bs=nn.ModuleList(Blk() for _ in range(4))), (torch.randn(4, 3),), {}


@case
def collect_tuple():
    def f(self, x):
        hs = (x,)
        for b in self.bs:
            x = b(x)
            hs += (x,)
        return {"last": x, "hidden": hs}

    return Mod(f, bs=nn.ModuleList(Blk() for _ in range(4))), (torch.randn(4, 3),), {}


@case
def dense():
    def f(self, x):
        hs = [x]
        for b in self.bs:
            hs.append(torch.tanh(b(torch.cat(hs, 1))))
        return torch.cat(hs, 1)

    return (
        Mod(f, bs=nn.ModuleList(nn.Linear(3 + 2 * i, 2) for i in range(4))),
        (torch.randn(4, 3),),
        {},
    )


@case
def two_carried():
    def f(self, x, y):
        for a in self.bs:
            x, y = y, a(x, y)
        return x, y

    return (
        Mod(f, bs=nn.ModuleList(Two() for _ in range(4))),
        (torch.randn(4, 3), torch.randn(4, 3)),
        {},
    )


@case
def two_carried2():
    def f(self, x, y):
        for a, b in zip(self.a, self.b, strict=False):
            x = x + a(y)
            y = y * b(x)
        return x + y

    return (
        Mod(f, a=nn.ModuleList(Blk() for _ in range(4)), b=nn.ModuleList(Blk() for _ in range(4))),
        (torch.randn(4, 3), torch.randn(4, 3)),
        {},
    )


@case
def taken():
    def f(self, xs):
        y = 0
        for b, x in zip(self.bs, xs, strict=False):
            y = b(x) + y
        return y

    return (
        Mod(f, bs=nn.ModuleList(Blk() for _ in range(4))),
        ([torch.randn(4, 3) for _ in range(4)],),
        {},
    )


@case
def shared_then_more():
    b = Blk()

    def f(self, x):
        x = self.b(x)
        for layer in self.ls:
            x = self.b(torch.tanh(layer(x)))
        return x

    return Mod(f, b=b, ls=nn.ModuleList(Blk() for _ in range(3))), (torch.randn(4, 3),), {}


@case
def no_params():
    return Mod(lambda self, x, y: torch.tanh(x) @ y.T), (torch.randn(4, 3), torch.randn(5, 3)), {}


@case
def scalar_out():
    return (
        Mod(lambda self, x: ((self.l(x) - 1) ** 2).mean(), l=nn.Linear(3, 3)),
        (torch.randn(4, 3),),
        {},
    )


@case
def scalar_param():
    return (
        Mod(
            lambda self, x: x * self.g + self.h,
            g=nn.Parameter(torch.tensor(2.0)),
            h=nn.Parameter(torch.tensor([1.0])),
        ),
        (torch.randn(4, 3),),
        {},
    )


@case
def ints():
    return (
        Mod(lambda self, i, m: (self.e(i) * m[..., None]).sum(1), e=nn.Embedding(7, 3)),
        (torch.randint(7, (4, 5)), torch.rand(4, 5) > 0.5),
        {},
    )


@case
def same_in_out_twice():
    return Mod(lambda self, x: (self.l(x),) * 2, l=nn.Linear(3, 3)), (torch.randn(4, 3),), {}


@case
def nothing():
    return Mod(lambda self, x: x), (torch.randn(4, 3),), {}


@case
def param_out():
    return (
        Mod(lambda self, x: (self.l(x), self.l.weight, self.l.weight.sum()), l=nn.Linear(3, 3)),
        (torch.randn(4, 3),),
        {},
    )


@case
def inplace():
    def f(self, x):
        y = self.l(x)
        y[:, 0] = y[:, 1] * 2
        y += 1
        y.mul_(x)
        return F.relu_(y)

    return Mod(f, l=nn.Linear(3, 3)), (torch.randn(4, 3),), {}


@case
def buffer_counter():
    def f(self, x):
        self.n.add_(1)
        self.avg.mul_(0.9).add_(x.detach().mean(0), alpha=0.1)
        return self.l(x) * self.avg

    return (
        Mod(f, l=nn.Linear(3, 3), n=torch.tensor(0), avg=torch.randn(3)).train(),
        (torch.randn(4, 3),),
        {},
    )


@case
def mha():
    return (
        Mod(
            lambda self, x, m: self.a(x, x, x, attn_mask=m),
            a=nn.MultiheadAttention(8, 2, batch_first=True),
        ),
        (torch.randn(4, 5, 8), torch.rand(5, 5) > 0.7),
        {},
    )


@case
def sdpa():
    return (
        Mod(lambda self, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)),
        (torch.randn(2, 2, 5, 4), torch.randn(2, 2, 5, 4), torch.randn(2, 2, 5, 4)),
        {},
    )


@case
def moe():
    def f(self, x):
        g = self.g(x).softmax(-1)
        return sum(g[:, i : i + 1] * e(x) for i, e in enumerate(self.es))

    return (
        Mod(f, g=nn.Linear(3, 3), es=nn.ModuleList(Blk() for _ in range(3))),
        (torch.randn(4, 3),),
        {},
    )


@case
def loop_stride():
    class C(nn.Module):
        def __init__(self, st):
            super().__init__()
            self.c = nn.Conv1d(2, 2, 3, stride=st, padding=1)
            self.d = nn.Conv1d(2, 2, 1, stride=st)

        def forward(self, x):
            return torch.relu(self.c(x)) + self.d(x)

    def f(self, x):
        for b in self.bs:
            x = b(x)
        return x

    return Mod(f, bs=nn.ModuleList(C(i) for i in (1, 2, 1, 2, 1, 1))), (torch.randn(4, 2, 16),), {}


@case
def positions_of_a_computed_length():
    """The length is an expression of the sequence's, and the positions have its number."""

    def f(self, x):
        h = self.conv(x.transpose(1, 2)).transpose(1, 2)
        return h + self.positions

    positions = nn.Parameter(torch.randn(1, 4, 6))
    return (
        Mod(f, conv=nn.Conv1d(3, 6, 3, stride=2), positions=positions),
        (torch.randn(2, 9, 3),),
        {},
    )


@case
def padded_otherwise_in_each():
    """Equal layers but for their padding, which the kind is given."""

    class Padded(nn.Module):
        def __init__(self, padding):
            super().__init__()
            self.padding, self.conv = padding, nn.Conv2d(2, 2, 3)

        def forward(self, x):
            return torch.relu(self.conv(F.pad(x, self.padding)))

    def f(self, x):
        return self.b(self.a(x))

    return Mod(f, a=Padded((0, 2, 1, 1)), b=Padded((1, 1, 2, 0))), (torch.randn(2, 2, 5, 5),), {}


@case
def shapes_that_are_given():
    """A function whose shapes are its caller's: the caller says the sequence's length."""

    class Heads(nn.Module):
        def __init__(self, heads):
            super().__init__()
            self.heads, self.q = heads, nn.Linear(8, 8)

        def forward(self, x):
            b, t, _ = x.shape
            q = self.q(x).view(b, t, self.heads, -1).transpose(1, 2)
            return (q @ q.transpose(2, 3) @ q).transpose(1, 2).reshape(b, t, -1)

    class Layer(nn.Module):
        def __init__(self, heads):
            super().__init__()
            self.norm, self.heads = nn.LayerNorm(8), Heads(heads)

        def forward(self, x):
            return x + self.heads(self.norm(x))

    def f(self, x):
        x = self.conv(x.transpose(1, 2)).transpose(1, 2)
        for layer in self.layers:
            x = layer(x)
        return x

    layers = nn.ModuleList(Layer(heads) for heads in (2, 4, 2))
    return Mod(f, conv=nn.Conv1d(3, 8, 3, stride=2), layers=layers), (torch.randn(2, 9, 3),), {}


@case
def pooled_by_max():
    """Of a maximum with its places only the numbers are read, and the places by its derivative."""

    def f(self, x):
        return self.a(x).view(x.shape[0], 3, 4).max(dim=1).values

    return Mod(f, a=nn.Linear(5, 12)), (torch.randn(3, 5),), {}
