"""Every rule of the register against PyTorch, within as many roundings as `bounds.py` allows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from tests.rules.bounds import BOUNDS
from tests.rules.computed import allowed
from tests.rules.trial import Trial, summed_to

from backhand import draws
from backhand.rules import Function, Rule, formula_rules
from backhand.rules.norms import standardised, standardised_backward
from backhand.rules.operations import operation

# Dropout has its own test below: what is compared there is the drawing, too.
RULES = {
    name: rule
    for name, rule in formula_rules().items()
    if rule.forward.call.__module__.startswith("backhand.")
    and name not in ("dropout", "dropout_mask")
}
CASES = [
    pytest.param(name, i, id=f"{name}-{i}")
    for name, rule in RULES.items()
    for i in range(len(rule.examples))
]
every_case = pytest.mark.parametrize(("name", "number"), CASES)
both_dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])
seeds = pytest.mark.parametrize("seed", range(4))


@every_case
@both_dtypes
@seeds
def test_a_rule_agrees_with_pytorch(name: str, number: int, dtype: str, seed: int) -> None:
    trial = Trial.drawn(RULES[name], number, seed, dtype)
    too_far = {what: ratio for what, ratio in trial.excess() if not ratio <= 1}
    assert not too_far


@every_case
@both_dtypes
def test_every_rule_has_a_bound(name: str, number: int, dtype: str) -> None:
    trial = Trial.drawn(RULES[name], number, 0, dtype)
    computed = allowed(trial.rule, trial.arrays, trial.attributes, trial.dy)
    assert name in BOUNDS or all(np.isfinite(bound).all() for bound in computed)


def test_every_bound_has_a_rule() -> None:
    assert set(BOUNDS) <= set(RULES)


@every_case
def test_float32_stays_float32(name: str, number: int) -> None:
    trial = Trial.drawn(RULES[name], number, 0, "float32")
    results = {"result": trial.y, **dict(zip(trial.rule.wrt, trial.parts(), strict=True))}
    assert {k: v.dtype.name for k, v in results.items()} == dict.fromkeys(results, "float32")


@every_case
@both_dtypes
def test_single_derivatives_are_the_whole_ones(name: str, number: int, dtype: str) -> None:
    """The deriver takes a derivative of one expression apart; every part keeps its bits."""
    trial = Trial.drawn(RULES[name], number, 1, dtype)
    at_hand = {**trial.arrays, trial.rule.output: trial.y, "d" + trial.rule.output: trial.dy}
    for parameter, part in zip(trial.rule.wrt, trial.parts(), strict=True):
        if trial.rule.backward.expressions or len(trial.rule.wrt) == 1:
            op = operation(f"{name}.d{parameter}")
            arrays = tuple(at_hand[p] for p in op.parameters)
            attributes = {k: trial.attributes[k] for k in op.attributes}
            (single,) = op.results(arrays, attributes)
            assert np.array_equal(single, part)


DIFFERENTIATED = ["celu", "selu", "mish", "softsign", "tanhshrink", "logsigmoid", "softmin", "glu",
                  "prelu", "erf", "rsqrt", "logsumexp", "prod", "var", "std", "norm", "cumsum",
                  "kl_div", "poisson_nll", "gaussian_nll", "soft_margin", "cosine_embedding",
                  "triplet_margin", "smoothed_cross_entropy", "weighted_cross_entropy",
                  "weighted_bce_logits",
                  "gelu", "softplus", "softmax", "bce_logits", "power", "affine", "log_softmax",
                  "silu", "layer_norm", "batch_norm", "rms_norm"]  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_differences_of_the_forward_agree(name: str) -> None:
    """A witness that shares nothing with autograd: central differences of our own forward.

    Their error is h^2 / 6 of the third derivative and eps / h of the result; with h = 1e-5 and
    both of the order of 100 at most on these examples, 1e-10 * 100 / 6 + 2e-11 * 100 < 4e-9.
    """
    trial = Trial.drawn(RULES[name], 0, 2, "float64")
    for parameter, part in zip(trial.rule.wrt, trial.parts(), strict=True):
        array = trial.arrays[parameter]
        derivative = summed_to(part, array.shape)
        for index in np.ndindex(array.shape):
            results = []
            for h in (1e-5, -1e-5):
                moved = array.copy()
                moved[index] += h
                inputs = {**trial.arrays, parameter: moved}
                results.append(trial.rule.forward.call(**inputs, **trial.attributes))
            slope = np.sum(trial.dy * (results[0] - results[1])) / 2e-5
            assert abs(slope - derivative[index]) < 4e-9


@both_dtypes
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4, 0.9])
def test_dropout_draws_and_scales_as_pytorch_does(rate: float, dtype: str) -> None:
    known = formula_rules()
    values = np.random.default_rng(3).uniform(-3, 3, (50, 7)).astype(dtype)
    dy = np.random.default_rng(4).uniform(-3, 3, (50, 7)).astype(dtype)
    mask = known["dropout_mask"].forward.call(values, draws.generator(11), rate=rate)
    torch.manual_seed(11)
    x = torch.tensor(values, requires_grad=True)
    y = eval(known["dropout"].torch, {"F": F, "x": x, "rate": rate, "training": True})
    y.backward(torch.tensor(dy))
    ours = known["dropout"].forward.call(values, mask, rate=rate)
    assert np.array_equal(ours, y.detach().numpy())
    assert np.array_equal(known["dropout"].backward.call(dy, mask), x.grad.numpy())
    assert mask.dtype == ours.dtype == dtype


# --- the checks above can fail ---------------------------------------------------------------


def planted(name: str, backward: Any) -> Rule:
    return replace(RULES[name], backward=Function("planted", backward))


def _tanh_without_the_square(dy, y):
    return dy * (1 - y)


def _matmul_swapped(dy, a, b):
    return dy @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ dy * (1 + 1e-14)


def _softmax_without_its_sum(dy, y, *, axis=-1):
    return y * dy


def _norm_that_forgets_the_variance(dy, x, g, *, eps=1e-5):
    ds = dy * g
    sigma = np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    s = (x - x.mean(axis=-1, keepdims=True)) / sigma
    return (ds - ds.mean(axis=-1, keepdims=True)) / sigma, dy * s, dy


def _norm_over_the_first_axis(dy, x, g, *, eps=1e-5):
    s = standardised(x, 0, eps)
    return standardised_backward(dy * g, x, 0, eps), dy * s, dy


def _norm_with_another_eps(dy, x, g, *, eps=1e-6):
    ds, r = dy * g, np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1.001 * eps)
    return (ds - x * (ds * x).mean(axis=-1, keepdims=True) / r**2) / r, dy * x / r


@pytest.mark.parametrize(
    ("name", "backward"),
    [
        ("layer_norm", _norm_that_forgets_the_variance),
        ("layer_norm", _norm_over_the_first_axis),
        ("batch_norm", _norm_that_forgets_the_variance),
        ("rms_norm", _norm_with_another_eps),
        ("tanh", _tanh_without_the_square),
        ("matmul", _matmul_swapped),  # too far by 45 roundings: the bounds are that tight
        ("softmax", _softmax_without_its_sum),
    ],
)
def test_a_planted_mistake_is_seen(name: str, backward: Any) -> None:
    rule = planted(name, backward)
    trial = Trial.drawn(rule, 0, 0, "float64")
    assert any(ratio > 1 for _, ratio in trial.excess())


def test_a_promotion_to_float64_is_seen() -> None:
    def promoting(dy, y):
        return dy * (1 - y * y) * np.float64(1)

    rule = planted("tanh", promoting)
    assert Trial.drawn(rule, 0, 0, "float32").parts()[0].dtype == np.float64


# --- literals, which a graph may hold in place of an array -----------------------------------

SCALAR_RESULTS = [
    *("sum", "mean", "max", "prod", "var", "std", "norm"),
    *(name for name, rule in RULES.items() if rule.output == "loss"),
]


@pytest.mark.parametrize("name", SCALAR_RESULTS)
def test_float32_stays_float32_from_the_literal_1(name: str) -> None:
    """The deriver begins with the number 1, as the derivative of the loss by itself."""
    trial = Trial.drawn(RULES[name], 0, 0, "float32")
    trial.dy = 1
    shape = next(iter(trial.arrays.values())).shape
    for part in trial.parts():
        assert (part.dtype, part.shape) == (np.float32, shape)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "power"])
@pytest.mark.parametrize("literal", [2, 0.5])
@pytest.mark.parametrize("side", ["a", "b"])
def test_float32_stays_float32_beside_a_number(name: str, literal: float, side: str) -> None:
    trial = Trial.drawn(RULES[name], 0, 0, "float32")
    other = "b" if side == "a" else "a"
    trial.arrays[other] = abs(trial.arrays[other])
    trial.arrays[side] = literal
    trial.y = trial.rule.forward.call(**trial.arrays)
    trial.dy = np.ones_like(trial.y)
    part = trial.parts()[trial.rule.wrt.index(other)]
    assert (trial.y.dtype, part.dtype) == (np.float32, np.float32)
