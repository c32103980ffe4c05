"""The catalogue of slips, on small programs: exactly these changes, written down by hand."""

import ast

import pytest

from backhand.agreement.slips import KINDS, planted, slips
from tests.agreement.small_programs import TANH, backward, code, found, rule

WHOLE = {
    "network": ["z1 = {}(x @ w1)", "h = {}np.tanh(z1)", "z2 = {}(h @ w2)"],
    "network_loss": ["return {}(((z2 - y) ** 2).sum() / z2.size)"],
    "network_backward": [
        "dz2 = {}(2 * (z2 - y) / z2.size)", "dh = {}(dz2 @ w2.T)", "dw2 = {}(h.T @ dz2)",
        "dz1 = {}(dh * (1 - h * h))", "dw1 = {}(x.T @ dz1)",
    ],
    "update": ["velocity *= {}0.9", "velocity += {}dw", "dw = {}velocity", "w -= {}(0.1 * dw)"],
}  # fmt: skip
"""What is computed in that program, to be preceded by a factor."""

SLIPS_OF_TANH = {
    "sign": [
        *(line.format("-") for name in WHOLE for line in WHOLE[name] if name != "update"),
        "return ((z2 + y) ** 2).sum() / z2.size",
        "dz2 = 2 * (z2 + y) / z2.size",
        "dz1 = dh * (1 + h * h)",
        "velocity *= -0.9",
        "velocity -= dw",
        "dw = -velocity",
        "w += 0.1 * dw",
    ],
    "factor 2": [line.format("2 * ") for name in WHOLE for line in WHOLE[name]],
    "factor 1.001": [line.format("1.001 * ") for name in WHOLE for line in WHOLE[name]],
    "constant left out": [
        "return ((z2 - y) ** 2).sum()",
        "return (z2 - y).sum() / z2.size",
        "dz2 = (z2 - y) / z2.size",
        "dz2 = 2 * (z2 - y)",
        "dz1 = dh * (h * h)",
        "w -= dw",
    ],
    "missing term": [
        "return ((-y) ** 2).sum() / z2.size",
        "return (z2 ** 2).sum() / z2.size",
        "dz2 = 2 * -y / z2.size",
        "dz2 = 2 * z2 / z2.size",
        "dz1 = dh * 1",
    ],
    "missing factor": ["dz1 = 1 - h * h", "dz1 = dh", "dz1 = dh * (1 - h)"],
    "missing statement": ["pass", "pass", "pass", "pass"],
    "swapped operands": [
        "return z2.size / ((z2 - y) ** 2).sum()",
        "return (2 ** (z2 - y)).sum() / z2.size",
        "dz2 = z2.size / (2 * (z2 - y))",
        "dz2 = 2 * (y - z2) / z2.size",
        "dz1 = dh * (h * h - 1)",
    ],
    "transpose": [  # those that fit for some batch, and no others
        "z1 = x.T @ w1",
        "z2 = h.T @ w2",
        "dh = dz2.T @ w2.T",
        "dw2 = h @ dz2",
        "dw2 = h.T @ dz2.T",
        "dw1 = x @ dz1",
        "dw1 = x.T @ dz1.T",
        "velocity += dw.T",
        "dw = velocity.T",
    ],
    "axis": [],
    "mean for sum": ["return ((z2 - y) ** 2).mean() / z2.size"],
    "sum for mean": [],
    "wrong count": [
        "return ((z2 - y) ** 2).sum() / len(z2)",
        "dz2 = 2 * (z2 - y) / len(z2)",
    ],
    "epsilon": [],
    "comparison": [],
    "wrong array": [  # z1 is not saved: the line that made it takes its place
        "z2 = z1 @ w2",
        "dw2 = (x @ weights[0]).T @ dz2",
        "dz1 = dh * (1 - x @ weights[0] * (x @ weights[0]))",
        "dw1 = x.T @ dh",
        "dw = dw",
    ],
    "stale value": ['dh = dz2 @ __stale__("w2").T', 'velocity += __stale__("dw")'],
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_slips_of_a_small_program_are_these(kind: str) -> None:
    assert sorted(found(TANH, kind)) == sorted(SLIPS_OF_TANH[kind])


def test_what_is_said_of_a_slip() -> None:
    said = {slip.what: slip for slip in slips(TANH)}
    for what in (
        "the other sign in `z1 = x @ w1`",
        "`2` left out of `dz2 = 2 * (z2 - y) / z2.size`",
        "`1 - h * h` left out of `dz1 = dh * (1 - h * h)`",
        "`y - z2` for `z2 - y` in `dz2 = 2 * (z2 - y) / z2.size`",
        "`h` for `h.T` in `dw2 = h.T @ dz2`",
        "`z1` for `h` in `dz1 = dh * (1 - h * h)`",
        "`w2` of the epoch before in `dh = dz2 @ w2.T`",
        "`+=` for `-=` in `w -= 0.1 * dw`",
        "without `velocity *= 0.9`",
    ):
        assert what in said
    slip = said["`h` for `h.T` in `dw2 = h.T @ dz2`"]
    assert (slip.function, slip.line, slip.value) == ("network_backward", 22, "dw2")
    assert said["mean for sum in `return ((z2 - y) ** 2).sum() / z2.size`"].value == ""
    assert said["without `velocity *= 0.9`"].value == "velocity"


def test_slips_come_in_the_order_of_the_program() -> None:
    every = slips(TANH)
    assert [slip.line for slip in every] == sorted(slip.line for slip in every)
    assert every == tuple(sorted(every, key=lambda slip: slip.line))
    assert [code(slip) for slip in every] == [code(slip) for slip in slips(TANH)]


@pytest.mark.parametrize(
    "text",
    [
        backward("_, w2 = weights", "h, z = saved", "both = (h, z)"),
        "def network(x):\n    return x, (x, x)\n",
        "def erf(x):\n    return 2 * x\n\n\ndef train(x):\n    x = x - 1\n    return 2 * x\n",
        "def dropout_mask(generator, shape, rate, dtype):\n    return 1 / (1 - rate)\n",
    ],
)
def test_nothing_is_computed_here(text: str) -> None:
    assert slips(text) == ()


def test_of_several_results_each_has_its_slips() -> None:
    text = rule("x", "s, t = np.exp(x), -x", "return s * t, t - s", calls="f(x)[0]")
    assert found(text, "swapped operands") == ["return (s * t, s - t)"]
    assert "s, t = (np.exp(x), -(2 * x))" not in found(text, "factor 2")
    assert "s, t = (np.exp(x), 2 * -x)" in found(text, "factor 2")
    several = backward("da, db = f(a, 2 * dy)")
    assert [code(slip) for slip in slips(several)] == ["da, db = f(a, dy)"]
    assert slips(several)[0].value == "da"


def test_statements_within_others_have_slips() -> None:
    text = rule("x", "for i in range(3):", "    if i > 1:", "        x = x - i", "return x * 1")
    assert "x = i - x" in found(text, "swapped operands")


def test_comments_letters_and_broken_lines_stay_as_they_are() -> None:
    text = (
        'def network(x):\n    """Größe."""\n    é = 1; y = (  # why\n        2 *\n        x\n'
        "    )  # [B, 4], π\n    return y\n"
    )
    (slip,) = (s for s in slips(text) if s.kind == "constant left out")
    changed = 'def network(x):\n    """Größe."""\n    é = 1; y = x  # [B, 4], π\n    return y\n'
    assert planted(text, slip) == changed


def test_a_stale_value_cannot_be_planted() -> None:
    stale = [slip for slip in slips(TANH) if slip.kind == "stale value"]
    with pytest.raises(ValueError, match=r"`w2` of the epoch before in `dh = dz2 @ w2\.T`"):
        planted(TANH, stale[0])


def test_a_slip_shares_nothing_with_another() -> None:
    nodes = [
        {id(node) for node in ast.walk(slip.tree) if not isinstance(node, SHARED)}
        for slip in slips(TANH)
    ]
    assert sum(map(len, nodes)) == len(set().union(*nodes))


SHARED = ast.operator | ast.unaryop | ast.cmpop | ast.expr_context
"""Python has one of each."""
