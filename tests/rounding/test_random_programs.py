"""The bound holds on random programs: for NumPy, for PyTorch, and for every adversary.

    BACKHAND_PROGRAMS=10000 python -m pytest tests/rounding/test_random_programs.py
"""

import os
import warnings

import numpy as np
import pytest
from tests.rounding.programs import by_torch, program
from tests.rounding.worlds import MODES, World, excess

from backhand.rounding import bounded

PROGRAMS = int(os.environ.get("BACKHAND_PROGRAMS", "2000"))
PARTS = 20
STRICT = 1 + 1e-12  # the shares are computed in float64


def check(seed: int, dtype: str) -> tuple[int, int, float]:
    """How many numbers there are, how many have a finite bound, and the largest share of one."""
    made = program(seed, dtype)
    draw = np.random.default_rng(seed)
    # of three programs one starts from numbers that are not exact; PyTorch only sees exact ones
    inexact = seed % 3 == 0
    errors = {
        k: np.abs(v) * np.asarray(10 ** draw.uniform(-9, -1, v.shape), dtype) if inexact else None
        for k, v in made.leaves.items()
    }
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        plain = made.run(np, made.leaves)
        mine = made.run(np, {k: bounded(v, errors[k]) for k, v in made.leaves.items()})
        theirs = {} if inexact else by_torch(made)
    truth = World(dtype)
    true = made.run(truth, {k: truth.array(v, errors[k]) for k, v in made.leaves.items()})
    total, finite, worst = 0, 0, 0.0
    for name in plain:
        assert np.array_equal(mine[name].value, plain[name], equal_nan=True), (seed, name)
        if name in made.leaves:
            continue
        share, counted = excess(plain[name], true[name], mine[name].error)
        total, finite, worst = total + plain[name].size, finite + counted, max(worst, share)
        if theirs:
            worst = max(worst, excess(theirs[name], true[name], mine[name].error)[0])
    for mode in MODES:
        world = World(dtype, mode, seed)
        values = made.run(world, {k: world.array(v, errors[k]) for k, v in made.leaves.items()})
        for name in values:
            if name not in made.leaves:
                worst = max(worst, excess(values[name], true[name], mine[name].error)[0])
    return total, finite, worst


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_violation(part: int, dtype: str) -> None:
    total, finite = 0, 0
    for seed in range(part, PROGRAMS // 2, PARTS):
        numbers, bounded_ones, worst = check(seed, dtype)
        assert worst <= STRICT, (seed, dtype, worst)
        total, finite = total + numbers, finite + bounded_ones
    assert finite > 0.5 * total  # infinite bounds are never wrong, and say nothing
