"""The written homework program itself, as text, on bounded numbers: every step of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backhand
from backhand.capture.spec import load
from backhand.rounding import Bounded, Exit, bounded, run
from backhand.writers import numpy_program

HOMEWORK = Path(backhand.__file__).with_name("homework.toml")
FINE = {"float32": np.float64, "float64": np.longdouble}
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def written(precision: Any) -> dict[str, Any]:
    """The program's functions, as its text gives them."""
    text = numpy_program.write(load(HOMEWORK)).text
    space: dict[str, Any] = {"__name__": "program"}
    exec(compile(text, "program.py", "exec"), space)
    space["PRECISION"] = precision
    return space


def holds(mine: Any, true: Any, dtype: str) -> None:
    """The bound covers the difference."""
    off = np.abs(np.asarray(mine.value, FINE[dtype]) - true)
    assert (off <= mine.error.astype(FINE[dtype]) * (1 + 2.0**-8)).all()


@both_dtypes
def test_every_step_of_one_epoch(dtype: str) -> None:
    program = written(getattr(np, dtype))
    x, y = program["data"]()
    start = program["initial_weights"]()

    def epoch(weights: Any, x: Any, y: Any, call: Any) -> list[Any]:
        p, saved = call(program["network"], x, weights, np.random.RandomState(0))
        loss = call(program["network_loss"], p, y)
        gradients = call(program["network_backward"], x, y, weights, saved)
        call(program["update"], weights, gradients)
        return [p, *saved, loss, *gradients, *weights]

    def plainly(function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    plain = epoch(tuple(w.copy() for w in start), x, y, plainly)
    mine = epoch(tuple(map(bounded, start)), x, y, run)
    for p, b in zip(plain, mine, strict=True):
        assert isinstance(b, Bounded)
        assert b.dtype == dtype
        assert np.array_equal(b.value, p)
    # the same numbers, not the same text's: what is exact in dtype is so in more digits too
    fine = [a.astype(FINE[dtype]) for a in (*start, x, y)]
    true = epoch(tuple(fine[:2]), fine[2], fine[3], plainly)
    for b, t in zip(mine, true, strict=True):
        holds(b, t, dtype)
    # carried through an epoch the bound of the weights is still small (the prototype had as much)
    assert mine[-2].error.max() < (1e-5 if dtype == "float32" else 2e-14)


@both_dtypes
def test_the_whole_training_loop_as_it_stands(dtype: str) -> None:
    """The carried bound doubles and doubles; while it is finite, it holds."""
    program = written(getattr(np, dtype))
    x, y = program["data"]()
    weights = program["initial_weights"]()
    leaves, exits = tuple(map(bounded, weights)), list[Exit]()
    with np.errstate(all="ignore"):
        losses = run(program["train"], x, y, leaves, epochs=6, exits=exits)
    fine = [w.astype(FINE[dtype]) for w in weights]
    true = program["train"](x.astype(FINE[dtype]), y.astype(FINE[dtype]), fine, epochs=6)
    assert losses == program["train"](x, y, weights, epochs=6)
    assert [e.value for e in exits] == losses
    assert all(abs(e.value - t) <= e.error for e, t in zip(exits, true, strict=True))
    useful = sum(e.error < 1e-2 for e in exits)
    assert useful >= (2 if dtype == "float32" else 6), [e.error for e in exits]
    for mine, plain in zip(leaves, weights, strict=True):
        assert np.array_equal(mine.value, plain)
