"""Random programs: a few leaves, then line after line of NumPy that PyTorch reads as well."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

UNARY = (
    "-{a}", "abs({a})", "0.1 * {a}", "2 * {a}", "{a} / 3", "1 - {a}", "{a} - 0.7", "{a} / 4",
    "{a} * {a}", "xp.exp(xp.minimum({a}, 20.0))", "xp.exp(-abs({a}))", "xp.log(abs({a}) + 0.01)",
    "xp.log(abs({a}))", "xp.sqrt(abs({a}))", "xp.sqrt({a} * {a} + 1e-5)", "xp.sqrt({a})",
    "{a} ** 2", "{a} ** 3", "abs({a}) ** -1.5", "abs({a}) ** 0.3", "({a} * {a}) ** 0.5",
    "xp.tanh({a})", "xp.log1p(abs({a}))", "xp.expm1(xp.minimum({a}, 5.0))", "xp.sin({a})",
    "xp.cos({a})", "xp.square({a})", "1 / {a}", "xp.reciprocal({a})", "xp.log2(abs({a}) + 1)",
    "xp.exp2(xp.minimum({a}, 8.0))", "xp.log10(abs({a}) + 1)", "xp.maximum({a}, 0.0)",
    "{a} * ({a} > 0)", "xp.where({a} > 0, {a}, 0.01 * {a})", "xp.clip({a}, -0.5, 0.8)",
)  # fmt: skip
BINARY = (
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / {b}", "{a} / (abs({b}) + 0.5)",
    "xp.maximum({a}, {b})", "xp.minimum({a}, {b})", "xp.where({a} > {b}, {a}, {b})",
    "({a} > {b}) * {a}", "xp.logaddexp({a}, {b})", "{a} - 0.3 * {b}", "(abs({a}) + 0.1) ** {b}",
)  # fmt: skip
REDUCING = (
    "{a}.sum(axis={d}, keepdims=True)", "{a}.mean(axis={d}, keepdims=True)", "{a}.sum()",
    "{a}.sum(axis={d})", "xp.exp({a} - xp.amax({a}, {d}, keepdims=True))",
    "{a} - {a}.mean(axis={d}, keepdims=True)", "xp.cumsum({a}, axis={d})",
    "{a} / abs({a}).sum(axis={d}, keepdims=True)", "xp.amax({a}, {d}, keepdims=True)",
)  # fmt: skip
Leaf = Callable[[np.random.Generator, tuple[int, ...], str], np.ndarray]
SHAPES = ((3, 4), (4,), (3, 1), (4, 3), (5, 7), (7, 2), ())


@dataclass(frozen=True)
class Made:
    """A program's text, one assignment a line, and the plain leaves it starts from."""

    leaves: dict[str, np.ndarray]
    lines: tuple[str, ...]

    def run(self, xp: Any, leaves: dict[str, Any]) -> dict[str, Any]:
        """Every value by name, computed with whatever `xp` and the leaves are."""
        values = {"xp": xp, **leaves}
        for line in self.lines:
            exec(line, values)
        return {k: v for k, v in values.items() if k != "xp" and k[0] != "_"}


def leaf(draw: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers of one of several kinds: some harmless, most not."""
    tiny = 1e-40 if dtype == "float32" else 1e-310
    kinds = (
        lambda: draw.normal(size=shape),
        lambda: draw.normal(size=shape) * 10 ** draw.uniform(-6, 6, shape),
        lambda: 1 + draw.normal(size=shape) * 1e-4,
        lambda: np.full(shape, draw.choice([0.1, 0.7, 1 / 3])),
        lambda: draw.integers(-3, 4, shape).astype(float),
        lambda: draw.normal(size=shape) * draw.choice([tiny, 1e-30, 1e30, 1.0], shape),
        lambda: np.where(draw.uniform(size=shape) < 0.3, 0, draw.uniform(0, 2, shape)),
    )
    return np.asarray(kinds[int(draw.integers(len(kinds)))]()).astype(dtype)


def program(seed: int, dtype: str, length: int = 7, leaf: Leaf = leaf) -> Made:
    """A random program that plain NumPy can run in this dtype, from numbers that `leaf` draws."""
    choose, draw = random.Random(seed), np.random.default_rng(seed)
    shapes = [choose.choice(SHAPES[:-1]) for _ in range(3)]
    leaves = {f"x{i}": leaf(draw, shape, dtype) for i, shape in enumerate(shapes)}
    lines: list[str] = []
    values: dict[str, Any] = dict(leaves)
    while len(lines) < length:
        line = _line(choose, values, f"v{len(lines)}")
        space = {"xp": np, **values}
        try:
            with np.errstate(all="ignore"):
                exec(line, space)
        except ValueError:
            continue
        name = line.partition(" ")[0]
        if 0 < np.size(space[name]) <= 60:
            values[name] = np.asarray(space[name])
            lines.append(line)
    return Made(leaves, tuple(lines))


def _line(choose: random.Random, values: dict[str, Any], name: str) -> str:
    # mostly of what was made last, so that errors travel
    names = list(values)
    a = choose.choice(names[-3:] if choose.random() < 0.6 else names)
    b = choose.choice(names)
    kind, d = choose.random(), choose.choice([0, -1])
    if kind < 0.4:
        text = choose.choice(UNARY)
    elif kind < 0.75:
        text = choose.choice(BINARY)
    elif kind < 0.85 and values[a].ndim == values[b].ndim == 2:
        text = "{a} @ {b}" if values[a].shape[1] == values[b].shape[0] else "{a} @ {b}.T"
    elif values[a].ndim:
        text = choose.choice(REDUCING) if kind < 0.95 else choose.choice(("{a}.T", "{a}[1:]"))
    else:
        text = choose.choice(UNARY)
    return f"{name} = {text.format(a=a, b=b, d=d)}"


class Torch:
    """`xp` for PyTorch: numbers become tensors where it insists on them."""

    def __getattr__(self, name: str) -> Any:
        function = getattr(torch, name)
        if name not in ("maximum", "minimum", "logaddexp"):
            return function

        def call(a: Any, b: Any) -> Any:
            return function(a, b if isinstance(b, torch.Tensor) else torch.tensor(b, dtype=a.dtype))

        return call


def by_torch(made: Made, dtype: torch.dtype | None = None) -> dict[str, np.ndarray]:
    """What PyTorch makes of the program, on the CPU; in 16 bits if a dtype says so."""
    # reversed axes are all that `.T` may mean for it
    values = made.run(Torch(), {k: torch.tensor(v, dtype=dtype) for k, v in made.leaves.items()})
    return {k: (v.double() if dtype else v).numpy() for k, v in values.items()}
