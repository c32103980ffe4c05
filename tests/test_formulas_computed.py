"""Formulas computed back to numbers: every rule, and random networks."""

from decimal import Context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from backhand.capture.spec import parse
from backhand.derive import derive
from backhand.graph import Kind, Network, Step, Value
from backhand.rules import Example, Rule, formula_rules, smooth
from backhand.rules.operations import operation, result_shapes
from backhand.writers.formulas import latex
from tests.formula_checks import check_numbers, check_text, network
from tests.formula_reader import COMPARISONS, FUNCTIONS, REDUCTIONS, computed
from tests.random_specs import specs


def of_rule(rule: Rule, example: Example) -> Network:
    """A network of one step of the rule, and the sum of three times its result."""
    given = {**rule.forward.defaults, **example.attributes}
    attributes = {name: given[name] for name in rule.forward.attributes}
    roles = {name: "parameter" if name in rule.wrt else "input" for name in example.arrays}
    values = {n: Value(n, s.shape, roles[n]) for n, s in example.arrays.items()}
    inputs = tuple(values[name] for name in rule.forward.parameters)
    given_in = tuple(v for v in inputs if v.role == "input")
    weights = tuple(v for v in inputs if v.role == "parameter")
    (shape,) = result_shapes(operation(rule.name), inputs, attributes)
    is_loss = rule.output == "loss"
    out = Value("loss" if is_loss else "out", shape)
    step = Step(rule.name, inputs, (out,), tuple(attributes.items()))
    if is_loss:
        forward, loss = Kind("n", given_in, weights, (), ()), Kind("l", inputs, (), (out,), (step,))
    else:
        three, total = Value("3", (), "constant", 3), Value("loss", ())
        scaled = Step("mul", (out, three), (Value("t", shape),))
        options = (("axis", None), ("keepdims", False))
        summed = Step("sum", scaled.made(), (total,), options)
        forward = Kind("n", given_in, weights, (out,), (step,))
        loss = Kind("l", (out,), (), (total,), (scaled, summed))
    return derive(Network("n", (("B", "batch"),), forward, loss))


REDUCTIONS[r"\prod"] = np.prod
COMPARISONS.update({r"\le": np.less_equal, r"\ne": np.not_equal})
FUNCTIONS.update(
    {
        r"\sin": np.sin,
        r"\cos": np.cos,
        r"\tan": np.tan,
        r"\operatorname{sign}": np.sign,
        r"\operatorname{cumsum}": lambda x, axis: np.cumsum(x, int(axis)),
        r"\operatorname{flip}": lambda x, axis: np.flip(x, int(axis)),
        r"\operatorname{glu}": formula_rules()["glu"].forward.call,
        r"\mathrm{glu\_backward}": smooth.glu_backward,
    }
)


@pytest.fixture(autouse=True)
def every_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Formulas show seven digits of a long number, for people; here each is computed with."""
    monkeypatch.setattr(latex, "SHORT", Context(prec=17))


EXAMPLES = [
    pytest.param(of_rule(rule, e), id=f"{rule.name}-{i}")
    for rule in formula_rules().values()
    for i, e in enumerate(rule.examples)
]


@pytest.mark.parametrize("net", EXAMPLES)
def test_every_rule_has_formulas_and_sentences(net: Network) -> None:
    check_text(net)


@pytest.mark.parametrize("net", EXAMPLES)
def test_every_rule_computes_what_its_formula_says(net: Network) -> None:
    if net.steps[0].function == "cosine_embedding":
        pytest.skip("the reader keeps the axis of a sum, which a y for each row has not")
    check_numbers(net)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs())
def test_any_network_computes_what_its_formulas_say(text: str) -> None:
    net = parse(text, "t.toml", Path(".")).network
    check_text(net)
    check_numbers(net)


def test_the_reader_sees_a_wrong_formula() -> None:
    names = {"a": np.array([5.0]), "b": np.array([2.0]), "c": np.array([1.0])}
    assert computed("z = a - (b - c)", names) == 4
    assert computed("z = a - b - c", names) == 2
    assert computed(r"z = a \odot (b + c)", names) == 15
    assert computed(r"z = a \odot b + c", names) == 11
    matrix = {"m": np.array([[1.0, 2.0], [3.0, 4.0]])}
    assert computed(r"z = \sum_{\text{rows}} m", matrix).tolist() == [[4, 6]]
    assert computed(r"z = m\, m^\top", matrix).tolist() == [[5, 11], [11, 25]]


def test_the_check_sees_missing_parentheses(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network("z = x @ w; p = tanh(z)", "mse(p, y)")
    check_numbers(net)
    monkeypatch.setattr(latex, "at_least", lambda term, level: term.tex)
    with pytest.raises(AssertionError, match=r"p - y\^"):
        check_numbers(net)
