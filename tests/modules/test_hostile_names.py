"""Names that a module may have and a program may not: what Python, NumPy, the operators and the
program's own functions are called, and text that would be code if it came in unescaped."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  (as everybody calls it)

from tests.modules.agreeing import assert_writes
from tests.modules.cases import Blk as Block
from tests.modules.cases import Mod as Module

CASES: dict[str, Callable[[], Any]] = {}


def case(make: Callable[[], Any]) -> Callable[[], Any]:
    CASES[make.__name__] = make
    return make


def named(name, base=nn.Linear, **kw):
    C = type("C", (base,), {})
    C.__name__ = C.__qualname__ = name
    return C


EVIL = 'a b"; import os; __import__("os") #'


def seq(names, mk=lambda: nn.Linear(3, 3)):
    class Seq(nn.Module):
        def __init__(self):
            super().__init__()
            for n in names:
                self.add_module(n, mk())

        def forward(self, x):
            for m in self._modules.values():
                x = torch.tanh(m(x))
            return x

    return Seq(), (torch.randn(4, 3),), {}


@case
def mods():
    return seq(
        [
            EVIL,
            "import",
            "p",
            "np",
            "network",
            "saved",
            "ünï cöde",
            "a\nb",
            '"""',
            "{i}",
            "'",
            "\\",
            "dp",
            "0x",
            "inside",
            "x",
        ]
    )


@case
def mod_blocks():
    return seq(
        [
            EVIL,
            "import",
            "p",
            "np",
            "network",
            "saved",
            "ünï",
            "a\nb",
            '"""',
            "{i}",
            "'",
            "\\",
            "blk",
            "store",
        ],
        Block,
    )


@case
def params():
    class M(nn.Module):
        def __init__(self):
            super().__init__()
            for n in [
                EVIL,
                "def",
                "p",
                "np",
                "network",
                "saved",
                "ünï cöde",
                "a\nb",
                '"""',
                "{x}",
                "x",
            ]:
                self.register_parameter(n, nn.Parameter(torch.randn(3)))
            self.register_buffer('weird name"', torch.randn(3))

        def forward(self, x):
            for v in self._parameters.values():
                x = torch.tanh(x * v)
            return x + self._buffers['weird name"']

    return M(), (torch.randn(4, 3),), {}


@case
def classes():
    names = [
        "def",
        "__import__",
        "np",
        "network",
        "saved",
        "p",
        "Ünï",
        "a b\nimport os",
        "",
        "0",
        "tanh",
        "standardised",
        "main",
        "load",
        "inside",
        "gradients",
        "update",
        "Softmax",
        "x",
        "self",
        "print",
        "None",
        "softmax",
        "linear",
    ]
    ms = nn.ModuleList(named(n, Block)() for n in names)

    def f(self, x):
        for m in self.ms:
            x = m(x)
        return x.softmax(-1)

    m = Module(f)
    m.ms = ms
    return m, (torch.randn(4, 3),), {}


@case
def top_class():
    C = named('Evil"""\nimport os', Block)
    return C(), (torch.randn(4, 3),), {}


@case
def keys():
    return (
        Module(
            lambda self, x: {EVIL: self.l(x), "def": x + 1, "": x * 2, '"""': {"a\nb": x * 3}},
            l=nn.Linear(3, 3),
        ),
        (torch.randn(4, 3),),
        {},
    )


class WArg(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))

    def forward(self, weight, p, np, network, saved, generator, x):
        return weight * self.weight + p + np * network - saved * generator * x


@case
def args():
    return WArg(), tuple(torch.randn(4, 3) for _ in range(7)), {}


class LArg(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(3, 3)

    def forward(self, arrays, load, main, predict, dp, B, T):
        return self.l(arrays) + load * main + torch.softmax(predict, -1) + dp * B * T


@case
def args2():
    return LArg(), tuple(torch.randn(4, 3) for _ in range(7)), {}


class SArg(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = Block()
        self.m = Block()

    def forward(self, softmax, standardised, erf, inside, under, add_to, gelu_backward):
        tanh = self.l(softmax)
        sigmoid = F.gelu(self.m(tanh))
        range = sigmoid + standardised * erf
        list = range.softmax(-1)
        blk = list * inside + under * add_to
        return self.l(blk) * gelu_backward


@case
def args3():
    return SArg(), tuple(torch.randn(4, 3) for _ in range(7)), {}


@case
def dotted():
    m = nn.ModuleDict({"a_b": Block(), "a": nn.ModuleDict({"b": Block()})})

    def f(self, x):
        return self.d["a_b"](x) + self.d["a"]["b"](x)

    return Module(f, d=m), (torch.randn(4, 3),), {}


@pytest.mark.parametrize("name", CASES)
def test_hostile_names(name: str, tmp_path: Path) -> None:
    """The program computes the same, is clean for ruff's default rules, and its file runs."""
    torch.manual_seed(0)
    module, args, kwargs = CASES[name]()
    program = assert_writes(module, args, kwargs)
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "-q", "-"]
    checked = subprocess.run(ruff, input=program.source, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    file, _ = program.save(tmp_path / "net.py")
    command = [sys.executable, str(file), "check"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.npz", "net.py"]
