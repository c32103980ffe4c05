"""Formulas and sentences, written by hand for the homework and for a selection of rules."""

import subprocess
import sys
from pathlib import Path

import pytest

import backhand
from backhand.capture.spec import load
from backhand.graph import Network
from backhand.writers.formulas import backward_formula, forward_formula, in_words, mathml
from tests.formula_checks import all_formulas, network

HOMEWORK = load(Path(backhand.__file__).with_name("homework.toml")).network


def backward_of(net: Network, name: str) -> tuple[str, str]:
    """Formula and sentence of the step that makes `name`."""
    assert net.backward is not None
    step = net.backward.maker(name)
    assert step is not None, net
    return backward_formula(step, net), in_words(step, net)


def test_the_homework_forward() -> None:
    assert [forward_formula(step) for step in HOMEWORK.steps] == [
        r"z_1 = x\, w_1",
        r"a_1 = \max(z_1, 0)",
        r"\mathrm{mask}_{ij} = \begin{cases} \frac{1}{1 - 0.4} & \text{with probability } 0.6 \\ "
        r"0 & \text{with probability } 0.4 \end{cases}",
        r"h = a_1 \odot \mathrm{mask}",
        r"z_2 = h\, w_2",
        r"p = \frac{e^{z_2}}{\sum_{\text{columns}} e^{z_2}}",
        r"L = -\sum y \odot \log p",
    ]


def test_the_homework_backward() -> None:
    assert HOMEWORK.backward is not None
    assert [backward_formula(step, HOMEWORK) for step in HOMEWORK.backward.body] == [
        r"\frac{\partial L}{\partial z_2} = p - y",
        r"\frac{\partial L}{\partial h} = \frac{\partial L}{\partial z_2}\, w_2^\top",
        r"\frac{\partial L}{\partial w_2} = h^\top\, \frac{\partial L}{\partial z_2}",
        r"\frac{\partial L}{\partial a_1} = \frac{\partial L}{\partial h} \odot \mathrm{mask}",
        r"\frac{\partial L}{\partial z_1} = \frac{\partial L}{\partial a_1} \odot [z_1 > 0]",
        r"\frac{\partial L}{\partial w_1} = x^\top\, \frac{\partial L}{\partial z_1}",
    ]


def test_the_homework_in_words() -> None:
    assert HOMEWORK.backward is not None
    assert [in_words(step, HOMEWORK) for step in HOMEWORK.backward.body] == [
        "Softmax and cross-entropy are undone together: the two derivatives together are p - y, "
        "because each row of y sums to 1.",
        "h reaches the loss only through z2 = h @ w2, so its derivative is that of z2 times the "
        "transpose of w2.",
        "w2 reaches the loss only through z2 = h @ w2, so its derivative is the transpose of h "
        "times that of z2.",
        "Dropout multiplied a1 by mask, so the derivative is multiplied by the same mask: a unit "
        "that was dropped gets none.",
        "Where z1 is above 0 ReLU passes the derivative on; elsewhere it is 0.",
        "w1 reaches the loss only through z1 = x @ w1, so its derivative is the transpose of x "
        "times that of z1.",
    ]


@pytest.mark.parametrize(
    ("step", "loss", "expected"),
    [
        ("p = sigmoid(x @ w)", "mse(p, y)", r"p = \frac{1}{1 + e^{-z}}"),
        ("p = linear(x, v, b)", "mse(p, y)", r"p = x\, v^\top + b"),
        ("p = x @ w / c", "mse(p, y)", r"p = \frac{z}{c}"),
        # what nothing else needs is written into the line that uses it, as in the program
        ("p = x @ w + mean(x) / 2", "mse(p, y)", r"p = z + \frac{1}{3 \cdot 2\, B}\, \sum x"),
        (
            "z = x @ w; p = gelu(z)",
            "mse(p, y)",
            r"p = 0.5\, z \odot \left(1 + \operatorname{erf}\left(\frac{z}{\sqrt{2}}\right)\right)",
        ),
        (
            "z = x @ w; p = elu(z, 0.7)",
            "mse(p, y)",
            r"p = \begin{cases} z & \text{if } z > 0 \\ "
            r"0.7\, (e^{\min(z, 0)} - 1) & \text{otherwise} \end{cases}",
        ),
        ("p = x @ w", "mse(p, y)", r"L = \frac{1}{2\, B}\, \sum (p - y)^{2}"),
        (
            "z = x @ w; p = layer_norm(z, b, c)",
            "mse(p, y)",
            r"p = \frac{b \odot (z - \mu)}{\sigma} + c \quad \text{where } "
            r"\mu = \frac{1}{2}\, \sum_{\text{columns}} z, \; "
            r"\sigma = \sqrt{\left("
            r"\frac{1}{2}\, \sum_{\text{columns}} (z - \mu)^{2}\right) + 10^{-5}}",
        ),
        (
            "z = x @ w; p = rms_norm(z, b, eps=0.1)",
            "mse(p, y)",
            r"p = \frac{b \odot z}"
            r"{\sqrt{\left(\frac{1}{2}\, \sum_{\text{columns}} z^{2}\right) + 0.1}}",
        ),
        (
            "p = x @ w",
            "bce(p, y, 'sum')",
            r"L = -\sum (y \odot \log p + (1 - y) \odot \log(1 - p))",
        ),
        (
            "p = x @ w",
            "mse(p, y, 'sum') + 0.1 * sum(w ** 2)",
            r"L = \mathrm{loss}_1 + 0.1\, \sum t",
        ),
    ],
)
def test_forward_by_hand(step: str, loss: str, expected: str) -> None:
    net = network(step, loss)
    assert expected in [forward_formula(s, net) for s in net.steps]


@pytest.mark.parametrize(
    ("steps", "loss", "name", "formula", "words"),
    [
        (
            "z = x @ w + b",
            "mse(z, y)",
            "db",
            r"\frac{\partial L}{\partial b} = \sum_{\text{rows}} \frac{\partial L}{\partial z}",
            "b was added to every row of the batch, so its derivative is the sum of that of z "
            "over the rows.",
        ),
        (
            "z = x @ w; p = z * b",
            "mse(p, y)",
            "db",
            r"\frac{\partial L}{\partial b} = "
            r"\sum_{\text{rows}} \frac{\partial L}{\partial p} \odot z",
            "b was used for every row of the batch, so its derivative is that of p times z, "
            "summed over the rows.",
        ),
        (
            "z = x @ w; p = z / b",
            "mse(p, y)",
            "db",
            r"\frac{\partial L}{\partial b} = "
            r"-\sum_{\text{rows}} \frac{\partial L}{\partial p} \odot \frac{p}{b}",
            "b was used for every row of the batch, so its derivative is that of p times -p / b, "
            "summed over the rows.",
        ),
        (
            "z = x @ w; p = c - z",
            "mse(p, y)",
            "dc",
            r"\frac{\partial L}{\partial c} = "
            r"\sum \sum_{\text{rows}} \frac{\partial L}{\partial p}",
            "c was used for every element, so its derivative is that of p, unchanged, summed over "
            "the elements.",
        ),
        (
            "z = x @ w; p = softmax(z)",
            "mse(p, y)",
            "dz",
            r"\frac{\partial L}{\partial z} = p \odot \left(\frac{\partial L}{\partial p} - "
            r"\sum_{\text{columns}} \frac{\partial L}{\partial p} \odot p\right)",
            "The outputs of a softmax share a sum of 1, so what counts is how far the derivative "
            "of p lies above its average, weighted with p; that, times p, is the derivative of z.",
        ),
        (
            "z = x @ w; p = tanh(z)",
            "mse(p, y)",
            "dp",
            r"\frac{\partial L}{\partial p} = \frac{2\, (p - y)}{2\, B}",
            "p reaches the loss only through loss = ((p - y) ** 2).sum() / p.size, so its "
            "derivative is 2 * (p - y), divided by the number of elements, of which the mean was "
            "taken.",
        ),
        (
            "s = x @ w; p = silu(s)",
            "mse(p, y)",
            "ds",
            r"\frac{\partial L}{\partial s} = \frac{\partial L}{\partial p} \odot s' \odot "
            r"(1 + s \odot (1 - s')) \quad \text{where } s' = \operatorname{sigmoid}(s)",
            "SiLU is curved: the derivative of p is multiplied by its slope at each element of s.",
        ),
        (
            "z = x @ w; p = sigmoid(z)",
            "0.5 * bce(p, y)",
            "dz",
            r"\frac{\partial L}{\partial z} = \frac{0.5\, (p - y)}{2\, B}",
            "Sigmoid and binary cross-entropy are undone together: the two derivatives together "
            "are p - y, since the sigmoid's p (1 - p) cancels; this is divided by the number of "
            "elements, of which the mean was taken, times 0.5.",
        ),
        (
            "z = x @ w; p = batch_norm(z, b, c)",
            "mse(p, y)",
            "db",
            r"\frac{\partial L}{\partial b} = \sum_{\text{rows}} \frac{\partial L}{\partial p} "
            r"\odot \frac{z - \mu}{\sigma} \quad \text{where } "
            r"\mu = \frac{1}{B}\, \sum_{\text{rows}} z, \; "
            r"\sigma = \sqrt{\left("
            r"\frac{1}{B}\, \sum_{\text{rows}} (z - \mu)^{2}\right) + 10^{-5}}",
            "b was used for every row of the batch, so its derivative is that of p times the "
            "standardised z, summed over the rows.",
        ),
        (
            "z = x @ w; p = rms_norm(z, b)",
            "mse(p, y)",
            "dz",
            r"\frac{\partial L}{\partial z} = \left(\mathrm{ds} - \frac{s}{2} \odot "
            r"\sum_{\text{columns}} \mathrm{ds} \odot s\right) \odot \frac{1}{r} \quad "
            r"\text{where } \mathrm{ds} = \frac{\partial L}{\partial p} \odot b, \; "
            r"r = \sqrt{\left(\frac{1}{2}\, \sum_{\text{columns}} z^{2}\right) + 10^{-6}}, \; "
            r"s = \frac{z}{r}",
            "z reaches the loss only through p = b * z / root_mean_square(z, 1e-06), so its "
            "derivative is that of p times b, less its part along z itself, divided by the root "
            "mean square of each row.",
        ),
        (
            "z = x @ w",
            "mse(z, y) + 0.1 * sum(b)",
            "db",
            r"\frac{\partial L}{\partial b} = 0.1\, \mathbf{1}_{2}",
            "Every element of b went into the result of sum as it is, so each gets 0.1, unchanged.",
        ),
    ],
)
def test_backward_by_hand(steps: str, loss: str, name: str, formula: str, words: str) -> None:
    net = network(steps, loss)
    assert backward_of(net, name) == (formula, words)


def test_parts_of_a_derivative_say_what_they_come_through() -> None:
    net = network("z = x @ w; q = z * z; p = q + z", "mse(p, y)")
    assert net.backward is not None
    lines = [backward_formula(step, net) for step in net.backward.body]
    assert lines[1:6] == [
        r"\frac{\partial L}{\partial q} = \frac{\partial L}{\partial p}",
        r"\left.\frac{\partial L}{\partial z}\right|_{p} = \frac{\partial L}{\partial p}",
        r"\left.\frac{\partial L}{\partial z}\right|_{q,1} = \frac{\partial L}{\partial q} \odot z",
        r"\left.\frac{\partial L}{\partial z}\right|_{q,2} = \frac{\partial L}{\partial q} \odot z",
        "",  # the sum of the first two is written into the next line, as in the program
    ]
    added = (
        r"\frac{\partial L}{\partial z} = \left.\frac{\partial L}{\partial z}\right|_{p} + "
        r"\left.\frac{\partial L}{\partial z}\right|_{q,1} + "
        r"\left.\frac{\partial L}{\partial z}\right|_{q,2}"
    )
    assert backward_of(net, "dz") == (added, "z is used 3 times: its derivatives add.")
    words = [in_words(step, net) for step in net.backward.body]
    assert words[2] == "Through p = q + z the derivative of z gets that of p, unchanged."


def test_only_a_derivative_is_shown_as_one() -> None:
    net = network("dz = x @ w; z1 = tanh(dz); p = dz + z1", "mse(p, y)")
    assert forward_formula(net.steps[1], net) == r"z_1 = \tanh(\mathrm{dz})"
    lefts = [line.split(" = ")[0] for line in all_formulas(net)]
    assert r"\frac{\partial L}{\partial \mathrm{dz}}" in lefts
    assert r"\frac{\partial L}{\partial z}" not in lefts


# In a browser


def test_mathml_for_a_line_and_within_one() -> None:
    assert 'display="block"' in mathml("x = y")
    assert 'display="inline"' in mathml("x = y", block=False)


def test_mathml_is_what_browsers_draw_well() -> None:
    assert "<mi>max</mi>" in mathml(r"\max(x, 0)"), "as a sign, max would stand apart"
    assert "<mo>max</mo>" in mathml(r"\max_{\text{rows}} x")
    assert '<mi>log</mi><mspace width="0.167em" /><mi>p</mi>' in mathml(r"\log p")
    assert "<mi>log</mi><mo" in mathml(r"\log(1 + p)")
    assert "\U0001d7cf" in mathml(r"\mathbf{1}_{3}"), "MathML Core knows no mathvariant=bold"


def test_latex2mathml_is_imported_only_when_needed() -> None:
    code = "import sys, backhand.writers.formulas; sys.exit('latex2mathml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
