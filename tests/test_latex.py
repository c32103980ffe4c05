"""Expressions, numbers and names in LaTeX."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backhand.writers import expressions as ex
from backhand.writers.formulas import forward_formula, latex
from backhand.writers.formulas.translate import Scope, translated
from tests.formula_checks import check_balanced, check_text, network


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a - (b - c)", "a - (b - c)"),
        ("(a - b) - c", "a - b - c"),
        ("a + -b", "a - b"),
        ("a - -b", "a + b"),
        ("-(a + b)", "-(a + b)"),
        ("(a + b) * c", r"(a + b) \odot c"),
        ("a * -b * c", r"-a \odot b \odot c"),
        ("2 * a * s", r"2\, s\, a"),
        ("s * (t - 1)", r"s \cdot (t - 1)"),
        ("2 * 3 * a", r"2 \cdot 3\, a"),
        ("a / (b / c)", r"\frac{a}{\frac{b}{c}}"),
        ("a / b / c", r"\frac{a}{b \odot c}"),
        ("-a / b", r"-\frac{a}{b}"),
        ("a @ (b * c)", r"a\, (b \odot c)"),
        ("a @ b * c", r"(a\, b) \odot c"),
        ("(a @ b).T", r"(a\, b)^\top"),
        ("a.T ** 2", r"(a^\top)^{2}"),
        ("(a + b) ** 2", "(a + b)^{2}"),
        ("a ** 0.5", r"\sqrt{a}"),
        ("a ** (2 - 1)", "a"),
        ("2 ** s", "2^{s}"),
        ("np.exp(a) ** 2", "(e^{a})^{2}"),
        ("np.sum(a) + s", r"\left(\sum a\right) + s"),
        ("s + np.sum(a + b)", r"s + \sum (a + b)"),
        ("np.sum(a, axis=0) * b", r"b \odot \sum_{\text{rows}} a"),
        ("a.mean(axis=1)", r"\frac{1}{4}\, \sum_{\text{columns}} a"),
        ("np.log(a) * b", r"b \odot \log a"),
        ("np.log1p(np.exp(-np.abs(a)))", r"\log(1 + e^{-\left|a\right|})"),
        ("(a > 0) * b", r"[a > 0] \odot b"),
        ("((a > 0) & ~(b >= 1)) * c", r"[(a > 0) \land (\lnot (b \ge 1))] \odot c"),
        ("len(a) * a.size * a.shape[1]", r"4 \cdot 4\, B\, B"),
        ("a[:, None] + np.expand_dims(b, 0)", "a + b"),
        ("np.clip(a, 0, 1)", r"\min(\max(a, 0), 1)"),
        ("np.linalg.norm(a, ord=2)", r"\operatorname{norm}(a, \mathrm{ord} = 2)"),
        ("my_helper(a)", r"\mathrm{my\_helper}(a)"),
        ("np.where(a > b, a, b) + c", None),
    ],
)
def test_an_expression(code: str, expected: str | None) -> None:
    shapes: dict[str, latex.Shape] = {**dict.fromkeys("abc", ("B", 4)), "s": (), "t": ()}
    scope = Scope({name: latex.named(name, shape) for name, shape in shapes.items()})
    if expected is None:
        cases = r"\begin{cases} a & \text{if } a > b \\ b & \text{otherwise} \end{cases}"
        expected = rf"\left({cases}\right) + c"
    assert translated(ex.parse(code), scope).tex == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.4, "0.4"), (1e-08, "10^{-8}"), (2.5e-9, r"2.5 \cdot 10^{-9}"), (2.0, "2"), (-3, "-3"),
     (100, "100"), (1e20, "10^{20}"), (0.0001, "0.0001"), (-0.0, "0"), (float("inf"), r"\infty"),
     (9.999999960041972e-13, "10^{-12}")],
)  # fmt: skip
def test_a_number(value: float, expected: str) -> None:
    assert latex.number(value).tex == expected


HOSTILE = [
    "alpha", "lambda_", "x_1_b", "w_1", "b_out", "e", "L", "B", "pi", "i", "over", "input_",
    "loss_", "dh", "d_x", "sum_", "x__", "A1b2", "hello_world_again", "text_", "left", "Z" * 40,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_safe(name: str) -> None:
    steps = f"{name} = x @ w; q = tanh({name}) * {name}; p = softmax(q)"
    check_text(network(steps, "cross_entropy(p, y)"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("z1", "z_1"), ("w12", "w_{12}"), ("mask", r"\mathrm{mask}"), ("logp", r"\mathrm{logp}"),
     ("alpha", r"\alpha"), ("alpha2", r"\alpha_2"), ("x_1_b", "x_{1,b}"), ("lambda_", r"\lambda'"),
     ("b_out", r"b_{\mathrm{out}}"), ("e", r"\mathtt{e}"), ("L", r"\mathtt{L}"),
     ("a__b", r"\mathrm{a\_\_b}"), ("x1y", r"\mathrm{x1y}"), (r"\in{/x}", r"\mathrm{inx}"),
     ("<b>", r"\mathrm{b}"), ("a}b$%", r"\mathrm{ab}"), ("", r"\mathrm{?}")],
)  # fmt: skip
def test_a_name(name: str, expected: str) -> None:
    assert latex.identifier(name) == expected


@given(st.lists(st.from_regex(r"[A-Za-c]{1,2}[0-2_]{0,4}[a1]?_?", fullmatch=True), unique=True))
def test_different_names_look_different(names: list[str]) -> None:
    found = latex.identifiers(names)
    assert len(set(found.values())) == len(names)
    for formula in found.values():
        check_balanced(formula)


def test_two_names_that_would_look_the_same() -> None:
    net = network("w_1 = x @ w; w1 = tanh(w_1); p = w1 + w_1", "mse(p, y)")
    assert forward_formula(net.steps[2], net) == r"p = \mathrm{w1} + w_1"
