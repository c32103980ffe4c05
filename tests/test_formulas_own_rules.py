"""Formulas and sentences of rules that a user adds: derived from their text, or named."""

import importlib
from collections.abc import Iterator

import numpy as np
import pytest

from backhand.rules import all_rules, example, register, uniform
from backhand.rules.operations import operation
from backhand.writers.formulas import forward_formula, mathml
from tests.formula_checks import check_mathml, check_numbers, network
from tests.test_formulas import backward_of


@pytest.fixture
def own_rules() -> Iterator[None]:
    before = set(all_rules())
    yield
    for name in set(all_rules()) - before:
        del importlib.import_module("backhand.rules.register")._rules[name]
    operation.cache_clear()


def cube(x):
    return x * x * x


def cube_backward(dy, x):
    return dy * 3 * x * x


def two(a, b, *, more=False):
    s = np.exp(a - b)
    return s * s


def two_backward(dy, a, b, *, more=False):
    t, u = np.exp(a - b), 2
    if more:
        t = t + 1
    g = u * dy * t * t
    return g, -g


def looped(x, *, times=2, how="plain"):
    for _ in range(times):
        x = x + 1
    return x


def looped_backward(dy, *, times=2, how="plain"):
    while times < 0:
        times += 1
    return dy


EXAMPLE = [example(x=uniform(-1, 1, (3, 4)))]


@pytest.mark.usefixtures("own_rules")
def test_a_rule_of_ones_own() -> None:
    register("cube", cube, cube_backward, wrt="x", torch="x * x * x", examples=EXAMPLE)
    net = network("z = x @ w; p = cube(z)", "mse(p, y)")
    assert forward_formula(net.steps[1], net) == r"p = z \odot z \odot z"
    assert backward_of(net, "dz") == (
        r"\frac{\partial L}{\partial z} = 3\, \frac{\partial L}{\partial p} \odot z \odot z",
        "z reaches the loss only through p = z * z * z, so its derivative is that of p, carried "
        "back through cube.",
    )
    check_numbers(net)


@pytest.mark.usefixtures("own_rules")
def test_a_derivative_with_several_results() -> None:
    register("two", two, two_backward, wrt="ab", torch="a", examples=[
        example(a=uniform(0, 1, (2, 2)), b=uniform(0, 1, (2,)))])  # fmt: skip
    net = network("z = x @ w; p = two(z, b)", "mse(p, y)")
    assert forward_formula(net.steps[1], net) == r"p = s \odot s \quad \text{where } s = e^{z - b}"
    formula, words = backward_of(net, "dz")
    assert formula == (
        r"\frac{\partial L}{\partial z} = g, \quad "
        r"\left.\frac{\partial L}{\partial b}\right|_{\text{unsummed}} = -g \quad "
        r"\text{where } t = e^{z - b}, \; g = 2\, \frac{\partial L}{\partial p} \odot t \odot t"
    )
    check_mathml(mathml(formula))
    assert words == "The derivatives of z and b are that of p, carried back through two."
    assert backward_of(net, "db") == (
        r"\frac{\partial L}{\partial b} = "
        r"\sum_{\text{rows}} \left.\frac{\partial L}{\partial b}\right|_{\text{unsummed}}",
        "b was used for every row of the batch, so its derivative is that of p, carried back "
        "through two, summed over the rows.",
    )


def warm(x):
    s = np.exp(x)
    return s + s * s


def warm_backward(dy, x):
    s = np.exp(x)
    return dy * (s + 2 * s * s)


@pytest.mark.usefixtures("own_rules")
def test_what_nameless_parts_name_is_told_apart() -> None:
    register("warm", warm, warm_backward, wrt="x", torch="x", examples=EXAMPLE)
    net = network("z = x @ w; p = z + mean(warm(x) - warm(x / 2))", "mse(p, y)")
    assert forward_formula(net.steps[-2], net) == (
        r"p = z + \frac{1}{3\, B}\, \sum (s + s \odot s - (s' + s' \odot s')) "
        r"\quad \text{where } s = e^{x}, \; s' = e^{\frac{x}{2}}"
    )
    check_numbers(net)


def steep(x, beta, twice):
    # a helper of two lines, whose names the rule has as well
    s = np.exp(beta * x)
    return s / (1 + s) + twice


def bent(x, *, beta=2.0):
    return x * steep(x - 1, beta, 0) + steep(x, 1.5, 1)


def bent_backward(dy, x, *, beta=2.0):
    s = steep(x - 1, beta, 0)
    t = steep(x, 1.5, 0)
    return dy * (s + x * beta * s * (1 - s) + 1.5 * t * (1 - t))


@pytest.mark.usefixtures("own_rules")
def test_helpers_are_written_out() -> None:
    """Called twice, with an argument that is an expression: each gets names of its own."""
    register("bent", bent, bent_backward, wrt="x", torch="x", examples=EXAMPLE)
    net = network("z = x @ w; p = bent(z, beta=3)", "mse(p, y)")
    assert forward_formula(net.steps[1], net) == (
        r"p = z \odot \left(\frac{s}{1 + s} + 0\right) + \frac{s'}{1 + s'} + 1 "
        r"\quad \text{where } x' = z - 1, \; s = e^{3\, x'}, \; s' = e^{1.5\, z}"
    )
    check_numbers(net)


def halved(x):
    while np.max(x) > 1:
        x = x / 2
    return x


def kept(x):
    return x * halved(x)


def kept_backward(dy, x):
    return dy * halved(x)


@pytest.mark.usefixtures("own_rules")
def test_a_helper_that_cannot_be_read_is_named() -> None:
    register("kept", kept, kept_backward, wrt="x", torch="x", examples=EXAMPLE)
    net = network("z = x @ w; p = kept(z)", "mse(p, y)")
    assert forward_formula(net.steps[1], net) == r"p = z \odot \operatorname{halved}(z)"


@pytest.mark.usefixtures("own_rules")
def test_what_cannot_be_read_is_named() -> None:
    register("looped", looped, looped_backward, wrt="x", torch="x", examples=EXAMPLE)
    net = network("z = x @ w; p = looped(z, times=3, how='</math><i>')", "mse(p, y)")
    formula = forward_formula(net.steps[1], net)
    assert formula == (
        r"p = \operatorname{looped}(z, \mathrm{times} = 3, \mathrm{how} = \text{  math  i })"
    )
    check_mathml(mathml(formula))
    formula, _ = backward_of(net, "dz")
    assert r" = \mathrm{looped\_backward}\left(\frac{\partial L}{\partial p}, " in formula
    check_mathml(mathml(formula))
