"""16-bit arithmetic to hold a bound against: PyTorch's own, and an adversary's."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from tests.rounding.checking import Seen, WithErf
from tests.rounding.programs import Made, by_torch
from tests.rounding.worlds import MP, Num, Objects, World, each, excess

from backhand.rounding import arithmetic, bounded
from backhand.rounding.namespace import error_function
from backhand.rules.special import erf

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def rounded(array: Any, name: str) -> np.ndarray:
    """float64 numbers that the format has, by PyTorch's own rounding."""
    return torch.tensor(np.array(array, np.float64, order="C")).to(DTYPES[name]).double().numpy()


class NarrowWorld(World):
    """An adversary that stores 16 bits: each result is as wrong as one rounding to the format
    allows, elementary functions also as float32's are stated to be; sums and matrix products are
    added in float32, as badly as that can be, and rounded once."""

    def __init__(self, name: str, mode: str, seed: int = 0) -> None:
        super().__init__("float32", mode, seed)
        self.inner, self.name = World("float32", mode, seed), name
        about = torch.finfo(DTYPES[name])
        self.unit = MP.mpf(about.eps) / 2
        self.tiny = MP.mpf(about.smallest_normal)
        self.smallest = self.tiny * MP.mpf(about.eps)
        self.largest = MP.mpf(about.max) * (1 + self.unit / 2)

    def number(self, x: Any) -> Objects:
        if self.mode == "random" and isinstance(x, (int, float)):
            return np.asarray(MP.mpf(float(rounded(x, self.name))), object)
        return super().number(x)

    def stated(self, name: str, numbers: Objects) -> Num:
        off = MP.mpf(2.5e-7) if name == "erf" else 0  # Abramowitz and Stegun's 7.1.26 in float32
        moved = each(lambda x: x + self.lean() * off if x else x, numbers)
        return self.rounded(self.inner.stated(name, moved).numbers)

    def product(self, numbers: Objects) -> Objects:
        return self.inner.rounded(numbers).numbers

    def plus(self, total: Objects, row: Objects) -> Objects:
        return self.inner.plus(total, row)

    def sum(self, rows: Objects) -> Objects:
        total = super().sum(rows)
        added = np.sum(rows != 0, axis=0)  # one number beside zeros is of the format already
        return np.asarray(np.where(added > 1, self.added(total).numbers, total), object)

    def held(self, rows: Objects) -> Objects:
        return super().sum(rows)

    def cumsum(self, x: Num, axis: int) -> Num:
        return self.added(super().cumsum(x, axis).numbers)


def seen(made: Made, name: str, modes: tuple[str, ...], seed: int = 0) -> Seen:
    """PyTorch in 16 bits, and adversaries, against the exact result. Also asserts that the values
    are, bit for bit, those of the plain float64 run."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        plain = made.run(WithErf(erf), {k: v.copy() for k, v in made.leaves.items()})
        with arithmetic(name):
            leaves = {k: bounded(v) for k, v in made.leaves.items()}
            mine = made.run(WithErf(error_function(erf)), leaves)
        others: dict[str, Any] = {"torch": by_torch(made, DTYPES[name])}
    for mode in modes:
        others[mode] = in_world(made, NarrowWorld(name, mode, seed))
    true, found = in_world(made, World("float64")), Seen()
    for value in plain:
        assert np.array_equal(mine[value].value, plain[value], equal_nan=True), value
        if value in made.leaves:
            continue
        found.numbers += np.size(plain[value])
        found.finite += int(np.isfinite(mine[value].error).sum())
        for who, values in others.items():
            share, _ = excess(values[value], true[value], mine[value].error)
            found.note(share, f"{value} by {who}")
    return found


def in_world(made: Made, world: World) -> dict[str, Any]:
    """The program's values in a world."""
    return made.run(world, {k: world.array(v) for k, v in made.leaves.items()})


def leaf_of(name: str) -> Callable[[np.random.Generator, tuple[int, ...], str], np.ndarray]:
    """Draws numbers that the format has: some harmless, some tiny, some that make many of one."""
    tiny = torch.finfo(DTYPES[name]).smallest_normal

    def leaf(draw: np.random.Generator, shape: tuple[int, ...], _: str) -> np.ndarray:
        kinds = (
            lambda: draw.normal(size=shape),
            lambda: draw.normal(size=shape) * 10 ** draw.uniform(-2, 1.5, shape),
            lambda: 1 + draw.normal(size=shape) * 0.01,
            lambda: np.full(shape, draw.choice([0.1, 0.7, 1 / 3])),
            lambda: draw.integers(-3, 4, shape).astype(float),
            lambda: draw.normal(size=shape) * draw.choice([tiny, tiny / 20, 1.0], shape),
            lambda: np.where(draw.uniform(size=shape) < 0.3, 0, draw.uniform(0, 2, shape)),
        )
        return rounded(kinds[int(draw.integers(len(kinds)))](), name)

    return leaf


# fmt: off
def directed(name: str) -> Iterator[tuple[str, Made]]:
    """Programs that need one part of some rule each."""
    tiny = torch.finfo(DTYPES[name]).smallest_normal
    normal = np.random.default_rng(0).normal(size=60)
    positive, other = np.abs(normal), normal[::-1]

    def made(*lines: str, **leaves: Any) -> Made:
        return Made({k: rounded(v, name) for k, v in leaves.items()}, lines)

    yield "one rounding", made("v = x * y", "w = x / y", "u = x - y", "t = x + y",
                               x=normal, y=other)
    yield "tiny", made("v = x * 0.3", "w = x / 3", "u = x * y", "t = x * x", "s = x ** 2",
                       "r = x * 0.5", "q = x.mean()", "p = x.reshape(-1, 1) @ y.reshape(1, -1)",
                       "o = xp.exp(x - 17)", "n = x ** 1.5", x=tiny * positive, y=other)
    yield "constants", made("v = x * 0.1", "w = x + 0.7", "u = 0.3 / x", "t = 0.1 - x",
                            "s = x ** 2.1", "r = xp.maximum(x * 0, 0.1)", "q = x ** 0.3",
                            x=0.01 + positive)
    yield "long sums", made("v = x.sum(axis=-1)", "w = x.mean(axis=-1)", "u = x @ x.T",
                            x=[[0.1] * 3000])
    yield "sums that cancel", made("v = x.sum()", "w = x.reshape(1, -1) @ y.reshape(-1, 1)",
                                   "u = xp.cumsum(x, axis=0)", x=normal - normal.mean(), y=other)
    yield "powers", made("v = x ** 3", "w = x ** -2", "u = x ** -0.5", "t = x ** 4",
                         "s = x ** -1.5", "r = x ** 0.5", x=np.exp(normal))
    yield "squares beyond the range", made("v = x ** -2", x=[300, 500.0, 200, 1e-3, 1e-2])
    yield "erf", made("v = xp.erf(x)", x=[1e-7, 1e-4, 3e-3, 0.04, 0.3, 1.7, -1e-5, 0])
    yield "functions", made(*(f"{f}_of_x = xp.{f}(x)" for f in FUNCTIONS), x=0.02 + positive)
    yield "products", made("v = x.prod()", x=1 + normal[:30] / 20)
    yield "overflow", made("v = x * x", "w = x + x", "u = xp.exp(y)", "t = v - v",
                           x=[250.0, 60000, 1e4], y=[11.0, 12, 5])

# fmt: on

FUNCTIONS = ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "sin", "cos", "sqrt",
             "reciprocal", "square")  # fmt: skip
