"""The bound holds on random programs: for NumPy, for PyTorch, and for an adversary.

BACKHAND_PROGRAMS=10000 python -m pytest -n auto tests/rounding/test_random_programs.py
"""

import os

import numpy as np
import pytest
from tests.rounding.checking import Errors, seen
from tests.rounding.programs import Made, program
from tests.rounding.worlds import MODES

PROGRAMS = int(os.environ.get("BACKHAND_PROGRAMS", "3000"))
PARTS = 20


def errors_of(made: Made, seed: int) -> Errors:
    """Of three programs one starts from numbers that are not exact; PyTorch sees exact ones."""
    draw = np.random.default_rng(seed)
    if seed % 3:
        return {}
    return {
        name: np.abs(v) * np.asarray(10 ** draw.uniform(-9, -1, v.shape), v.dtype)
        for name, v in made.leaves.items()
    }


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_violation(part: int, dtype: str) -> None:
    numbers, finite = 0, 0
    for seed in range(part, PROGRAMS // 2, PARTS):
        made = program(seed, dtype)
        found = seen(made, errors_of(made, seed), seed, [MODES[seed // 3 % 3]])
        assert found.ok, (seed, dtype, found.worst, found.where, made.lines)
        numbers, finite = numbers + found.numbers, finite + found.finite
    assert finite > 0.8 * numbers  # infinite bounds are never wrong, and say nothing
