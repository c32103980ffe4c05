"""A program run in every way there is, and each result held against its bound."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tests.rounding.programs import Made, by_torch
from tests.rounding.worlds import MODES, World, excess

from backhand.rounding import bounded
from backhand.rounding.namespace import error_function
from backhand.rules.special import erf

STRICT = 1 + 1e-12  # the shares are computed in float64

Errors = Mapping[str, np.ndarray]
Corner = tuple[int, int]
CORNERS: tuple[Corner, ...] = ((1, 1), (-1, 1), (1, -1), (-1, -1))


class WithErf:
    """NumPy and an erf."""

    def __init__(self, function: Any) -> None:
        self.erf = function

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


@dataclass
class Seen:
    """How many numbers there were, how many had a finite bound, the largest share of one."""

    numbers: int = 0
    finite: int = 0
    worst: float = 0.0
    where: str = ""

    def note(self, share: float, where: str) -> None:
        if share > self.worst:
            self.worst, self.where = share, where

    @property
    def ok(self) -> bool:
        return self.worst <= STRICT


def seen(
    made: Made,
    errors: Errors,
    seed: int = 0,
    modes: Iterable[str] = MODES,
    torch: bool = True,
    corners: Iterable[Corner] = ((1, 1),),
) -> Seen:
    """NumPy, PyTorch (of exact leaves) and adversaries against the exact result, step by step.

    At each corner the exact leaves lie at those ends of their errors, x first. Also asserts that
    the values are, bit for bit, those of the plain run.
    """
    dtype = next(iter(made.leaves.values())).dtype.name
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        # copies: a program may write into its leaves
        plain = made.run(WithErf(erf), {k: v.copy() for k, v in made.leaves.items()})
        with_bounds = WithErf(error_function(erf))
        mine = made.run(with_bounds, {k: bounded(v, errors.get(k)) for k, v in made.leaves.items()})
        others: dict[str, dict[str, Any]] = {"numpy": plain}
        if torch and not errors:
            others["torch"] = by_torch(made)
    found = Seen()
    for corner in corners if errors else [(1, 1)]:
        true = in_world(made, errors, World(dtype), corner)
        for mode in modes:
            others[mode] = in_world(made, errors, World(dtype, mode, seed), corner)
        for name in plain:
            _compared(found, name, made, plain, mine, others, true)
    return found


def _compared(
    found: Seen, name: str, made: Made, plain: Any, mine: Any, others: Any, true: Any
) -> None:
    assert mine[name].dtype == np.asarray(plain[name]).dtype, name
    assert np.array_equal(mine[name].value, plain[name], equal_nan=True), name
    if name in made.leaves and np.array_equal(plain[name], made.leaves[name], equal_nan=True):
        return
    found.numbers += np.size(plain[name])
    found.finite += int(np.isfinite(mine[name].error).sum())
    for who, values in others.items():
        found.note(excess(values[name], true[name], mine[name].error)[0], f"{name} by {who}")


def in_world(made: Made, errors: Errors, world: World, corner: Corner) -> dict[str, Any]:
    """The program's values in a world."""
    sides = dict(zip(made.leaves, (*corner, *[1] * len(made.leaves)), strict=False))
    leaves = {k: world.array(v, errors.get(k), sides[k]) for k, v in made.leaves.items()}
    return made.run(world, leaves)
