"""Every rule of the register, forward and backward, and every update, on bounded numbers."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backhand import draws
from backhand.rounding import Bounded, bounded, run
from backhand.rules import Rule, formula_rules
from backhand.rules.updates import UPDATES

CASES = [(n, i) for n, r in formula_rules().items() for i in range(len(r.examples))]
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
# arithmetic so much finer that its own rounding is a thousandth of a bound at most
FINE = {"float32": np.float64, "float64": np.longdouble}


def check(function: Callable[..., Any], arguments: dict[str, Any], dtype: str) -> list[Bounded]:
    """Run plainly, with bounds (the same bits), and finely: the bound holds."""
    fine = {k: v.astype(FINE[dtype]) if is_float(v) else v for k, v in arguments.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain, mine, true = (
            as_tuple(r)
            for r in (function(**arguments), run(function, **arguments), function(**fine))
        )
    for p, b, t in zip(plain, mine, true, strict=True):
        assert (b.dtype, b.shape) == (np.asarray(p).dtype, np.shape(p))
        assert b.dtype == dtype
        assert np.array_equal(b.value, p)
        off = np.abs(np.asarray(p, FINE[dtype]) - t)
        assert (off <= b.error.astype(FINE[dtype]) * (1 + 2.0**-8)).all(), (off / b.error).max()
        assert np.isfinite(b.error).all()
    return list(mine)


def is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def as_tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def drawn(rule: Rule, number: int, seed: int, dtype: str) -> dict[str, Any]:
    generator, example = np.random.default_rng(seed), rule.examples[number]
    arrays = {n: s.draw(generator).astype(dtype) for n, s in example.arrays.items()}
    return {**rule.forward.defaults, **example.attributes, **arrays}


@pytest.mark.parametrize(("name", "number"), CASES)
@both_dtypes
@pytest.mark.parametrize("seed", range(3))
def test_rule(name: str, number: int, dtype: str, seed: int) -> None:
    rule = formula_rules()[name]
    arguments = drawn(rule, number, seed, dtype)
    (y,) = check(rule.forward.call, arguments, dtype)
    assert rule.backward is not None
    generator = np.random.default_rng(seed)
    dy = generator.uniform(-1, 1, y.shape).astype(dtype)
    at_hand = {**arguments, rule.output: y.value, "d" + rule.output: dy}
    asked = (*rule.backward.parameters, *rule.backward.attributes)
    check(rule.backward.call, {k: at_hand[k] for k in asked}, dtype)


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}])
@both_dtypes
def test_update(name: str, options: dict[str, Any], dtype: str) -> None:
    function, options = UPDATES[name].function, {**options, "learning_rate": 0.03}
    options = {option: given for option, given in options.items() if option in function.attributes}
    if name == "sgd":
        options |= {"momentum": 0.9, "nesterov": True}
    generator = np.random.default_rng(0)
    w, dw = (generator.normal(size=(5, 3)).astype(dtype) for _ in range(2))
    dw[0] = [0, 1e-30, -1e-25]  # units that are dead, or nearly
    state = {n: np.zeros_like(w) for n in UPDATES[name].state}
    finely = {k: v.astype(FINE[dtype]) for k, v in {"w": w, "dw": dw, **state}.items()}
    carried = {k: bounded(v) for k, v in {"w": w, "dw": dw, **state}.items()}
    for step in (1, 2, 3):
        counted = {"step": step} if "step" in function.parameters else {}
        run(function.call, **carried, **counted, **options)
        function.call(**finely, **counted, **options)
    for n, mine in carried.items():
        off = np.abs(mine.value - finely[n])
        assert np.isfinite(mine.error).all()
        assert (off <= mine.error.astype(FINE[dtype]) * (1 + 2.0**-8)).all(), n
    assert (carried["w"].error > 0).all()


@both_dtypes
@pytest.mark.parametrize("rate", [0.0, 0.4, 1.0])
def test_dropout_draws_the_same_mask(rate: float, dtype: str) -> None:
    rule = formula_rules()["dropout_mask"]
    x = np.ones((20, 7), dtype)
    plain = rule.forward.call(x, draws.generator(3), rate=rate)
    mine = run(rule.forward.call, x, draws.generator(3), rate=rate)
    assert np.array_equal(plain, mine.value)
    # 1 / 0.6 was rounded, which a plain mask would not say
    assert ((mine.error > 0) == ((plain > 0) & (rate == 0.4))).all()


def test_a_rule_of_the_users_own() -> None:
    def cube(x):  # type: ignore[no-untyped-def]
        buffer = np.zeros(x.shape, x.dtype)
        for i in range(len(x)):
            buffer[i] = x[i] * x[i] * x[i]
        return buffer

    x = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    (y,) = check(cube, {"x": x}, "float32")
    assert (y.error <= 4 * np.abs(y.value) * 2.0**-24).all()
