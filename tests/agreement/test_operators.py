"""Every rule beside PyTorch, forward and backward, in float32 and float64, from the smallest
numbers to the largest: two right programs are never said to differ.

A rule's inputs come from its own examples, so a rule that is added is held against PyTorch here
without a line. What cannot be told is told with its reason, and at ordinary numbers there is none.
"""

import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backhand.agreement import formulas, kernels
from backhand.agreement.result import Agreement
from backhand.experiment import Format
from backhand.rules import Rule, formula_rules
from backhand.rules.operations import operation
from tests.agreement.comparisons import as_text, held, verdicts

EXAMPLES = Path(__file__).parents[2] / "examples"
SIGNS = {
    "add": "{a} + {b}", "sub": "{a} - {b}", "mul": "{a} * {b}", "div": "{a} / {b}", "neg": "-{x}",
    "matmul": "{a} @ {b}", "power": "{a} ** {b}", "pow": "{x} ** {exponent}",
    "dropout": "dropout({x}, {rate})",
}  # fmt: skip
"""Rules that a formula has a sign for, or fewer arguments than the rule."""
MASK = "mask"
"""What is drawn in a step of its own, the rule `dropout_mask`, and not given."""

Arrays = dict[str, np.ndarray]


class Spec:
    """A network around one rule: `x * one` goes in, so that the derivative by x is seen too."""

    def __init__(self, rule: Rule, number: int, arrays: Arrays) -> None:
        self.rule, self.example = rule, rule.examples[number]
        self.batch = len(next(iter(arrays.values())))
        self.sections: dict[str, Arrays] = {"inputs": {}, "targets": {}, "weights": {}}
        self.steps: list[str] = []
        first = next(iter(arrays.values()))
        self.called = {name: self.given(name, array, first) for name, array in arrays.items()}
        attributes = dict(self.example.attributes)
        form = SIGNS.get(rule.name)
        if form is None:
            options = [f"{name}={value!r}" for name, value in attributes.items()]
            form = f"{rule.name}({', '.join([*map('{{{}}}'.format, arrays), *options])})"
        self.call = form.format(**self.called, **attributes)
        if MASK in rule.forward.parameters:
            arrays = {**arrays, MASK: np.ones_like(first)}
        with np.errstate(all="ignore"):
            self.y = np.asarray(rule.forward.call(**arrays, **attributes))

    def given(self, name: str, array: np.ndarray, first: np.ndarray) -> str:
        """What stands for an argument: a target, a weight, or an input that passes a weight."""
        is_by_example = array.ndim == first.ndim and len(array) == self.batch
        if name not in self.rule.wrt:
            rows = array if len(array) == self.batch else np.tile(array, (self.batch, 1))
            self.sections["targets"][f"v_{name}"] = rows
            return f"v_{name}"
        if not is_by_example:
            self.sections["weights"][f"v_{name}"] = array
            return f"v_{name}"
        self.sections["inputs"][f"v_{name}"] = array
        self.sections["weights"][f"one_{name}"] = np.ones(1)
        self.steps.append(f"u_{name} = v_{name} * one_{name}")
        return f"u_{name}"

    def text(self, draw: np.random.Generator) -> str:
        loss = self.call
        if self.rule.output != "loss":
            self.steps.append(f"h = {self.call}")
            is_by_example = self.y.shape[:1] == (self.batch,)
            shape = self.y.shape if is_by_example else (self.batch, 1)
            self.sections["targets"]["c"] = draw.normal(size=shape)
            loss = "sum(h * c)" if is_by_example else "sum(h * h) + 0 * sum(c)"
        lines = [
            line
            for section, arrays in self.sections.items()
            for line in (f"[{section}]", *(f"{n} = {as_text(a)}" for n, a in arrays.items()))
        ]
        quoted = [f'"{step}"' for step in self.steps]
        outputs = [f'"{step.partition(" ")[0]}"' for step in self.steps]
        lines += ["[network]", f"steps = [{', '.join(quoted)}]", f'loss = "{loss}"']
        return "\n".join([*lines, f"outputs = [{', '.join(outputs)}]", ""])


def drawn(rule: Rule, number: int, scale: str, draw: np.random.Generator) -> Arrays:
    """Numbers for an example at a scale; probabilities stay what they are, and masks."""
    arrays: Arrays = {}
    for name, sample in rule.examples[number].arrays.items():
        if name == MASK:
            continue
        array = sample.draw(draw)
        is_share = array.min() >= 0 and array.max() <= 1
        if array.dtype.kind != "f":
            pass  # whole numbers, as they are
        elif scale == "ties":
            array = np.round(array)
        elif scale == "zeros":
            array = np.zeros_like(array)
        elif scale == "mixed":
            array = array * 10.0 ** draw.uniform(-8, 0 if is_share else 3, array.shape)
        elif not is_share or float(scale) < 1:
            array = array * float(scale)
        arrays[name] = array
    if draw.integers(2):  # the first at this scale, beside others as they are
        for name in list(arrays)[1:]:
            arrays[name] = rule.examples[number].arrays[name].draw(draw)
    return arrays


def compared(rule: Rule, number: int, scale: str) -> Agreement:
    draw = np.random.default_rng([ord(c) for c in f"{rule.name}{number}{scale}"])
    arrays = drawn(rule, number, scale, draw)
    return held(Spec(rule, number, arrays).text(draw), "float32")


def reasons(found: Agreement) -> list[str]:
    told = verdicts(found)
    assert found.verdict != "differs", f"{told}\n{found}"
    assert all(reason.removeprefix("cannot tell: ") for reason in told.values())
    return list(told.values())


def alone(formula: str, x: Any, c: Any = 1.0, weights: str = "", loss: str = "sum(h * c)") -> str:
    x = np.atleast_2d(x)
    return f"""
[inputs]
x = {as_text(x)}
[targets]
c = {as_text(np.broadcast_to(c, x.shape))}
[weights]
one = [1.0]
{weights}
[network]
steps = ["u = x * one", "h = {formula}"]
loss = "{loss}"
"""


CASES = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name, rule in formula_rules().items()
    for number, example in enumerate(rule.examples)
    if not any(isinstance(value, tuple) for value in example.attributes.values())
]
"""A formula takes plain numbers, so examples with pairs cannot be written into a spec."""


@pytest.mark.parametrize(("name", "number"), CASES)
def test_right_programs_agree_at_ordinary_numbers(name: str, number: int) -> None:
    found = compared(formula_rules()[name], number, "1")
    assert not reasons(found), str(found)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_right_programs_are_never_said_to_differ(name: str, number: int) -> None:
    """A rule's first example at every scale, the others at those that mix them."""
    scales = ("mixed", "ties", "300", "1e-40", "zeros")
    for scale in scales[: 2 if number else None]:
        reasons(compared(formula_rules()[name], number, scale))


def test_every_rule_and_each_of_its_derivatives_has_been_held_against_pytorchs() -> None:
    rules = formula_rules()
    assert {str(case.values[0]) for case in CASES} == set(rules) - {"dropout_mask"}
    for name in ("layer_norm", "power", "bce_logits", "dropout"):
        found = compared(rules[name], 0, "1")
        first, *others = (n for n in rules[name].forward.parameters if n in rules[name].wrt)
        seen = {step.name for step in found.steps}
        assert {f"du_{first}", "loss", *(f"dv_{n}" for n in others)} <= seen
        assert set(found.formats) == {"float64", "float32"}


FORMS = [
    "u + 0.3", "1 - u", "0.7 * u", "u / 0.3", "0.3 / u", "2 / u", "u ** 0", "u ** 1", "u ** 4",
    "u ** -1", "u ** -2", "u ** -3", "u ** 0.3", "u ** -0.5", "1.5 ** u", "2 ** u", "0.7 ** u",
    "u ** u", "u * u", "u / u", "u - u", "u * mean(u)", "u / sum(u, axis=0)",
    "u - max(u, axis=1, keepdims=True)", "tanh(u) ** 3 / (1.1 + u * u)",
]  # fmt: skip
"""Numbers in formulas, and arrays that a line reads twice."""


@pytest.mark.parametrize("form", FORMS)
def test_forms_with_numbers_and_double_use_are_never_said_to_differ(form: str) -> None:
    """Rows from 1e-45 to 1e38, of both signs, and one of zeros."""
    draw = np.random.default_rng(len(form))
    scales = 10.0 ** np.array([-45, -40, -20, -8, -3, -1, 0, 0, 1, 1.5, 2.5, 8, 20, 37])
    x = np.vstack([scales[:, None] * draw.normal(size=(14, 6)), np.zeros((1, 6))])
    reasons(held(alone(form, x.astype(np.float32), draw.normal(size=x.shape)), "float32"))


# --- a rule of one's own --------------------------------------------------------------------------


def softsign(x):
    return x / (1 + np.abs(x))


def softsign_backward(dy, x):
    return dy / (1 + np.abs(x)) ** 2


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rule]:
    """A rule that a user might add, of whose formula in PyTorch nothing is said here."""
    register = importlib.import_module("backhand.rules.register")
    before = dict(register._rules)
    register._rules.clear()
    rule = register.register(
        "softsign", softsign, softsign_backward, wrt="x", torch="F.softsign(x)", noun="a",
        examples=[register.example(x=register.uniform(-3, 3, (3, 4)))],
    )  # fmt: skip
    register._rules.update({**before, rule.name: rule})
    operation.cache_clear()
    for name in (rule.name, f"{rule.name}.dx"):
        monkeypatch.delitem(kernels.FORMULAS, name, raising=False)
    yield rule
    register._rules.clear()
    register._rules.update(before)
    operation.cache_clear()


def own_of(rule: Rule, x: np.ndarray) -> Agreement:
    return held(alone(f"{rule.name}(u)", x, np.linspace(-1, 1, x.size).reshape(x.shape)), "float32")


def test_an_own_rule_agrees_where_nothing_cancels(own: Rule) -> None:
    assert own_of(own, np.linspace(-1, 1, 20).reshape(4, 5)).verdict == "agrees"


def test_an_own_rule_whose_formula_pytorch_does_not_share(
    own: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's autograd of x / (1 + |x|) is a difference of two terms, which nearly cancel where x
    is large: no bound of ours is one for that, and a difference proves nothing. What is known of a
    rule of ours that has the same name is not known of this one."""
    monkeypatch.setattr(formulas, "ALIKE", {*kernels.ALIKE, f"{own.name}.dx"})
    far = own_of(own, np.linspace(10, 300, 200).reshape(40, 5))
    assert [step.name for step in far.steps if step.verdict != "agrees"] == ["du"]
    (reason,) = reasons(far)
    assert re.search(r"\d times what rounding allows .* may have another formula", reason)


def test_an_own_rule_whose_formula_in_pytorch_is_said(
    own: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backward(dy: Any, x: Any) -> Any:
        w = 1 + np.abs(x)
        return dy / w - dy * (x / w / w) * np.sign(x)

    monkeypatch.setitem(kernels.FORMULAS, own.name, own.forward.call)
    monkeypatch.setitem(kernels.FORMULAS, f"{own.name}.dx", backward)
    for scale in (1e-40, 1e-3, 1.0, 30.0, 300.0, 1e4):
        assert own_of(own, scale * np.linspace(-1, 1, 100).reshape(20, 5)).verdict == "agrees"


def test_an_own_rule_that_is_wrong_is_still_found(own: Rule) -> None:
    """By a millionth, in float64: what rounding could never do, whatever the formula."""
    assert own.backward is not None
    register = importlib.import_module("backhand.rules.register")

    def softsign_backward(dy, x):
        return dy / (1.000001 + np.abs(x)) ** 2

    wrong = replace(own, backward=replace(own.backward, call=softsign_backward))
    register._rules[own.name] = wrong
    operation.cache_clear()
    found = own_of(wrong, np.linspace(-1, 1, 20).reshape(4, 5))
    assert found.verdict == "differs"
    assert found.first.step.name == "du"


# --- formulas of PyTorch's without which there would be an alarm ----------------------------------


ALARMS = {
    "sigmoid": alone("sigmoid(u)", [-89.0, -95]),
    "silu": alone("silu(u)", [-89.0, -95]),
    "silu.dx": alone("silu(u)", [-89.0, -95]),
    "div.db": alone("u / u", [1e-40, 3e-40, 1.0], [0.03, 0.05, 1]),
    "number / x": alone("0.001 / u", [1e-39, 1.0], 1e-30),
    "number / x.db": alone("0.001 / u", [1e-20, 1.0], 1e-10),
    "pow": alone("u ** -2", [3e19, 1e20, 2.0]),
    "pow.dx": alone("u ** 3", [1.5e19, 1], 1e-30),
    "power.da": alone("u ** row", [1.5e19, 1], 1e-30, "row = [3.0, 3.0]"),
    "power.db": alone("30.0 ** u", [26.0, 1], 1e-30),
    "bce_logits.dz": alone("u * 1", [-90.0, -95, 1], 0.0, loss="bce_logits(h, c)"),
    "rms_norm.dx": alone("rms_norm(u, g)", [[1e19], [1.0]], weights="g = [1.0]"),
}
"""By what is left out of `kernels.py`, a network at which PyTorch would be blamed for it: at
numbers that leave the format on the way by one formula and not by the other."""


@pytest.mark.parametrize("name", ALARMS)
def test_pytorchs_own_formula_prevents_an_alarm(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons(held(ALARMS[name], "float32"))
    monkeypatch.setattr(formulas, "ALIKE", {*kernels.ALIKE, name})
    if name.startswith("number"):
        monkeypatch.setattr(formulas.Formulas, "_named", lambda _, step: (step.function, {}))
    else:
        monkeypatch.delitem(kernels.FORMULAS, name)
    assert held(ALARMS[name], "float32").verdict == "differs"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_numbers_that_autograd_multiplies_out_are_allowed_for(precision: Format) -> None:
    """Python multiplies them out in float64, once; PyTorch one by one, in its own format."""
    for first in range(1, 20):
        loss = f"0.{first} * (0.7 * (0.3 * sum(h * c)))"
        found = held(alone("tanh(u)", [0.5, 1.0], [[0.3, 0.7]], loss=loss), precision)
        assert found.verdict == "agrees", str(found)


def test_the_erf_of_gelu_is_allowed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    text = alone("gelu(u)", np.linspace(0.05, 0.09, 2000))
    assert held(text, "float32").verdict == "agrees"
    monkeypatch.setattr(formulas, "GELU_ERF", 0.0)
    # which of the two parts first depends on the processor's own erf
    assert held(text, "float32").first.step.name in ("h", "du")


def test_a_bias_inside_the_sum_is_allowed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bias a million times what it is added to: MKL adds it to the sum of each block."""
    draw = np.random.default_rng(0)
    weights = 'v = { init = "uniform", shape = [64, 3000], low = 0.5, high = 1.0 }\nb = '
    weights += as_text(np.full(64, 1e8))
    text = alone("linear(u, v, b)", draw.uniform(0.5, 1, (5, 3000)), weights=weights)
    text = text.replace("sum(h * c)", "sum(h) + 0 * sum(c)")
    assert held(text, "float32").step("h").verdict == "agrees"
    monkeypatch.setattr(formulas, "BIASED", {})
    monkeypatch.setattr(formulas, "ALIKE", {*kernels.ALIKE, "linear"})
    assert held(text, "float32").step("h").verdict == "differs"
