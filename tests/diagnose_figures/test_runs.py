"""Many runs at once compute what each run computes by itself; NumPy is the judge."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from backhand.diagnose.figures.runs import Runs, repeated, together
from backhand.rules.register import all_rules

RUNS = 3
A = np.random.default_rng(0).normal(size=(RUNS, 4, 5))
B = np.random.default_rng(1).normal(size=(RUNS, 5, 2))
V = np.random.default_rng(2).normal(size=(RUNS, 5))
P = np.random.default_rng(3).normal(size=(6, 4))


def runs(arrays: np.ndarray) -> Runs:
    return Runs(np.moveaxis(arrays, 0, -1))


CASES: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    "matrix product": (lambda a, b: a @ b, (A, B)),
    "by a plain matrix": (lambda a: P @ a, (A,)),
    "with a plain matrix": (lambda b: b.T @ P[:5], (B,)),
    "matrix and vector": (lambda a, v: a @ v, (A, V)),
    "vector and matrix": (lambda v, b: v @ b, (V, B)),
    "two vectors": (lambda v: v @ v, (V,)),
    "broadcast": (lambda a, v: a * v + P[:4, :1] - 2, (A, V)),
    "sum of all": (lambda a: a.sum(), (A,)),
    "sum along rows": (lambda a: np.sum(a, axis=0, keepdims=True), (A,)),
    "largest": (lambda a: a.max(axis=-1, keepdims=True), (A,)),
    "mean": (lambda a: a.mean(axis=(0, 1)), (A,)),
    "transposed": (lambda a: a.T.swapaxes(0, 1), (A,)),
    "reshaped": (lambda a: a.reshape(-1, 2), (A,)),
    "indexed": (lambda a: a[1:, 0] + a[..., 1][1:], (A,)),
    "where": (lambda a, v: np.where(a > 0, v, 0), (A, V)),
    "filled": (lambda a, v: np.full_like(a, v), (A, V)),
    "divided by the length": (lambda a: a / len(a) / a.size, (A,)),
    "unknown here": (lambda a: np.sort(a, axis=0), (A,)),
}


@pytest.mark.parametrize("name", CASES)
def test_each_run_is_as_by_itself(name: str) -> None:
    function, arrays = CASES[name]
    together = np.moveaxis(function(*map(runs, arrays)).data, -1, 0)
    alone = np.stack([function(*each) for each in zip(*arrays, strict=True)])
    np.testing.assert_allclose(together, alone, rtol=1e-13, atol=1e-15)


def test_what_is_changed_in_place_is_changed_in_each_run() -> None:
    weight = repeated(np.ones((2, 2)), RUNS)
    kept = weight
    weight -= 0.5 * runs(A[:, :2, :2])
    weight[0] = runs(V[:, :2])
    np.testing.assert_array_equal(kept.data[0].T, V[:, :2])
    np.testing.assert_allclose(kept.data[1].T, 1 - 0.5 * A[:, 1, :2])


def test_every_rule_computes_runs_as_it_computes_one() -> None:
    """The functions of the register, which are what the simulation runs."""
    tried = 0
    for rule in all_rules().values():
        for example in rule.examples[:1]:
            if set(example.arrays) != set(rule.forward.parameters):
                continue  # any number of arrays: `*xs`
            drawn = [
                [example.arrays[n].draw(np.random.default_rng(i)) for n in rule.forward.parameters]
                for i in range(2)
            ]
            alone = [rule.forward.call(*arrays, **example.attributes) for arrays in drawn]
            if isinstance(alone[0], tuple):
                continue
            both = [Runs(np.stack(pair, axis=-1)) for pair in zip(*drawn, strict=True)]
            made = together(partial(rule.forward.call, **example.attributes), tuple(both))
            if not isinstance(made, Runs):  # the same in every run
                made = repeated(made, 2)
            np.testing.assert_allclose(
                np.moveaxis(made.data, -1, 0), np.stack(alone), rtol=1e-9, err_msg=rule.name
            )
            tried += 1
    assert tried > 50
