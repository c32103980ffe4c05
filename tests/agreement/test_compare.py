"""A mistake in the written program is found at the step where it was made, and a right one is not
blamed: not where PyTorch rounds to 0, not where training runs away, not for being written anew."""

from pathlib import Path

import numpy as np
import pytest

import backhand
from backhand.agreement.kernels import ALIKE_UPDATES
from backhand.agreement.result import Agreement
from backhand.errors import BackhandError
from backhand.experiment import Experiment
from backhand.rules.updates import UPDATES as UPDATES_OF_PYTORCH
from backhand.writers.files import write_programs
from tests.agreement.comparisons import SMALL, changed, held, quietly, read, shorter, verdicts

PLAIN = "learning_rate = 0.05\n"
MOMENTUM = "learning_rate = 0.02\nmomentum = 0.8\nweight_decay = 0.01\n"
NESTEROV = MOMENTUM + "nesterov = true\n"
ADAM = 'optimizer = "adam"\nlearning_rate = 0.05\n'
ADAMW = 'optimizer = "adamw"\nlearning_rate = 0.05\n'


def of(options: str = PLAIN) -> Experiment:
    return read(SMALL + options)


def planted(right: str, wrong: str, options: str = PLAIN, epochs: int = 3) -> Agreement:
    """The comparison of SMALL's program with one mistake in it."""
    experiment = shorter(of(options), epochs)
    found = held(experiment, text=changed(experiment, right, wrong))
    assert found.verdict == "differs", str(found)
    return found


# --- found where it was made ----------------------------------------------------------------------

LINES = {
    "a factor of 1.001": (r"dh = dz2 @ w2\.T", "dh = dz2 @ w2.T * 1.001", "dh"),
    "a missing bias": (r"z1 = x @ w1 \+ b1", "z1 = x @ w1", "z1"),
    "half of a thousandth": (r"z1 = x @ w1 \+ b1", "z1 = x @ w1 * 1.0005 + b1", "z1"),
    "a wrong activation": (r"a1 = np.tanh\(z1\)", "a1 = np.sin(z1)", "a1"),
    "a missing mask, forward": (r"h = a1 \* mask", "h = a1 * (mask > 0)", "h"),
    "a wrong axis, forward": (r"p = softmax\(z2\)", "p = softmax(z2, axis=0)", "p"),
    "a loss without its mean": (r" / len\(p\)$", "", "loss1"),
    "a penalty that is too small": (r"loss1 \+ 0.01 \*", "loss1 + 0.001 *", "loss"),
    "a sign": (r"dz2 = \(p - y\)", "dz2 = (y - p)", "dz2"),
    "a derivative without its mean": (r"dz2 = \(p - y\) / len\(p\)", "dz2 = p - y", "dz2"),
    "a stale activation": (r"1 - a1 \* a1", "1 - h * h", "dz1"),
    "a missing mask, backward": (r"da1 = dh \* mask", "da1 = dh", "da1"),
    "a wrong axis, backward": (r"np.sum\(dz1, axis=0\)", "np.sum(dz1.T[:3], axis=1)", "db1"),
    "a mean for a sum": (r"np.sum\(dz1, axis=0\)", "np.mean(dz1, axis=0)", "db1"),
    "a part left out": (r"dw2 = dw2_t \+ dw2_z2", "dw2 = dw2_z2", "dw2"),
    "a millionth of a millionth": (r"dw2_z2 = h.T @ dz2", "dw2_z2 = h.T @ dz2 * (1 + 1e-12)",
                                   "dw2_z2"),
}  # fmt: skip


@pytest.mark.parametrize("case", LINES)
def test_a_mistake_is_found_at_its_line(case: str) -> None:
    right, wrong, name = LINES[case]
    found = planted(right, wrong, epochs=2)
    assert found.first is not None
    assert [s.name for s in found.steps if s.verdict == "differs"] == [name]
    assert found.first.step.name == name
    line = write_line(wrong)
    assert line in found.first.step.code, "the finding quotes the line with the mistake"
    assert line in str(found)


def write_line(wrong: str) -> str:
    """What can be looked for in a line: the end of what was planted."""
    return wrong.split(" = ")[-1].strip()


UPDATES = {
    "a rate": (PLAIN, r"w -= 0\.05 \* dw", "w -= 0.0500001 * dw", "w1"),
    "a hundred billionth": (PLAIN, r"w -= 0\.05 \* dw", "w -= 0.05 * (1 + 1e-11) * dw", "w1"),
    "momentum": (MOMENTUM, r"velocity \*= 0\.8", "velocity *= 0.80001", "momentum_buffer.w1"),
    "decay with the wrong sign": (MOMENTUM, r"dw \+ 0\.01 \* w", "dw - 0.01 * w",
                                  "momentum_buffer.w1"),
    "no look ahead": (NESTEROV, r"dw = dw \+ 0\.8 \* velocity", "dw = velocity", "w1"),
    "the first moment": (ADAM, r"m \+= \(1 - 0\.9\)", "m += (1 - 0.99)", "exp_avg.w1"),
    "the second moment": (ADAM, r"v \*= 0\.999", "v *= 0.99", "exp_avg_sq.w1"),
    "no correction": (ADAM, r" / \(1 - 0\.9\*\*step\)", "", "w1"),
    "an epsilon inside the root": (ADAM, r"np\.sqrt\(v\)", "np.sqrt(v + 1e-8)", "w1"),
    "decay that is too strong": (ADAMW, r"w \*= 1 - 0\.05 \* 0\.01", "w *= 1 - 0.06 * 0.01",
                                 "w1"),
}  # fmt: skip


@pytest.mark.parametrize("case", UPDATES)
def test_a_mistake_in_the_update_is_found_there(case: str) -> None:
    """A decayed moment that began as zeros is wrong only from the second epoch on."""
    options, right, wrong, name = UPDATES[case]
    found = planted(right, wrong, options, epochs=2)
    assert found.first is not None
    assert (found.first.step.part, found.first.step.name) == ("update", name)
    assert found.first.element.epoch == (2 if "*= 0" in wrong else 1)
    assert {step.part for step in found.steps if step.verdict == "differs"} == {"update"}


def test_derivatives_that_are_returned_in_the_wrong_order() -> None:
    found = planted("return dw1, db1, dw2", "return dw2, db1, dw1", epochs=1)
    assert {s.name for s in found.steps if s.verdict == "differs"} == {"dw1", "dw2"}
    assert "Their shapes are (4, 2) and (3, 4)." in str(found)


# --- what a finding says --------------------------------------------------------------------------


def test_a_finding_has_both_numbers_the_element_and_the_bound() -> None:
    """The derivative of the first bias by hand: PyTorch has the sum, the program the mean of 3."""
    found = planted(r"np.sum\(dz1, axis=0\)", "np.mean(dz1, axis=0)")
    assert found.first is not None
    element = found.first.element
    assert element.ours == pytest.approx(element.theirs / 3, rel=1e-12)
    assert element.difference == pytest.approx(abs(element.theirs) * 2 / 3, rel=1e-12)
    assert 0 < element.bound < 1e-14
    assert (len(element.index), element.epoch, found.first.where) == (1, 0, "float64")
    said = str(found)
    assert f"First at db1[{element.index[0]}], backward, at the initial weights" in said
    assert f"{element.ours:.17g}" in said
    assert f"{element.theirs:.17g}" in said
    assert "db1 = np.mean(dz1, axis=0)" in said
    assert "autograd of `z1 = x @ w1 + b1`" in said


@pytest.mark.parametrize("name", ["dw1", "dz1", "db1", "dz2"])
def test_the_difference_quotient_speaks_against_the_program(name: str) -> None:
    found = planted(rf"^    {name} = (.*?)(  #.*)?$", rf"    {name} = (\1) * 1.01", epochs=1)
    assert found.first is not None
    assert (found.first.step.name, found.first.side) == (name, "NumPy")
    assert "PyTorch is near it, NumPy is not" in str(found)


def test_of_two_formulas_in_the_forward_pass_nobody_else_can_tell() -> None:
    found = planted(r"a1 = np.tanh\(z1\)", "a1 = np.sin(z1)")
    assert found.first is not None
    assert (found.first.side, found.first.witness) == ("", "")


def test_what_pytorch_does_not_have_is_looked_for_in_all_lines_that_lead_there() -> None:
    """The program spells a step in two lines; PyTorch knows only the second value."""
    found = planted("    h = a1 \\* mask", "    part = a1 * 1.001\n    h = part * mask")
    assert found.first is not None
    assert found.first.step.name == "h"
    assert found.first.step.lines == ("part = a1 * 1.001", "h = part * mask")


def test_a_line_that_widens_to_float64_is_found_in_float32() -> None:
    """`np.float64(1)` changes no number, but from there on NumPy computes in float64."""
    experiment = of()
    text = changed(experiment, "    z2 = h @ w2", "    z2 = h @ w2 * np.float64(1)")
    assert held(experiment, "float64", text).verdict == "agrees"
    found = held(experiment, "float32", text)
    assert (found.verdict, found.first.step.name, found.first.where) == (
        "differs", "z2", "float32",
    )  # fmt: skip
    assert "Their types are float64 and float32." in str(found)


def test_a_line_that_rounds_to_float32_is_told_with_its_reason() -> None:
    """What is cut off on purpose has a bound too, and that is too wide to prove anything."""
    experiment = of()
    narrow = "z2 = (h @ w2).astype(np.float32).astype(h.dtype)"
    found = held(experiment, text=changed(experiment, "z2 = h @ w2(?=  )", narrow))
    assert found.verdict == "cannot tell"
    assert list(verdicts(found)) == ["forward z2"]
    assert "a narrower format" in verdicts(found)["forward z2"]


def test_the_first_in_time_is_the_finding() -> None:
    """A mask is 1 until training, so what leaves it out is right at the initial weights."""
    found = planted(r"da1 = dh \* mask", "da1 = dh")
    assert found.first is not None
    assert found.first.element.epoch == 1


# --- exit codes and right programs ----------------------------------------------------------------


def test_exit_codes(tmp_path: Path) -> None:
    experiment = shorter(of(), 1)
    assert backhand.compare(experiment).exit_code == 0
    wrong = tmp_path / "wrong.py"
    wrong.write_text(changed(experiment, r"da1 = dh \* mask", "da1 = dh"))
    assert backhand.compare(experiment, program=wrong).exit_code == 1
    unknown = tmp_path / "unknown.py"
    unknown.write_text(
        changed(experiment, "z2 = h @ w2(?=  )", "z2 = np.linalg.multi_dot([h, w2])")
    )
    found = backhand.compare(experiment, program=unknown)
    assert found.exit_code == 3
    assert verdicts(found) == {
        "forward z2": "cannot tell: `np.linalg.multi_dot` has no rounding bound"
    }


@pytest.mark.parametrize("options", [PLAIN, MOMENTUM, NESTEROV, ADAM, ADAMW])
def test_a_right_program_is_never_blamed(options: str) -> None:
    found = held(of(options), "float32")
    assert (found.verdict, found.first, found.epochs) == ("agrees", None, 3), str(found)
    assert {step.part for step in found.steps} == {"data", "forward", "loss", "backward", "update"}


@pytest.mark.parametrize("optimizer", UPDATES_OF_PYTORCH)
def test_no_optimiser_is_blamed(optimizer: str) -> None:
    """The first two epochs: the moments are zeros, then they are not. What PyTorch does in its own
    way in one of the less usual ones cannot be told, but is no difference."""
    found = held(shorter(of(f'optimizer = "{optimizer}"\nlearning_rate = 0.02\n'), 2), "float32")
    assert found.first is None, str(found)
    if optimizer in ALIKE_UPDATES:
        assert found.verdict == "agrees", str(found)


REWRITTEN = {
    "in two statements": (r"    z1 = x @ w1 \+ b1", "    z1 = x @ w1\n    z1 = z1 + b1"),
    "in place": (r"    z1 = x @ w1 \+ b1", "    z1 = x @ w1\n    z1 += b1"),
    "by another function": ("z2 = h @ w2(?=  )", "z2 = np.matmul(h, w2)"),
    "in a loop": (
        r"    z2 = h @ w2(?=  )",
        "    z2 = np.zeros((len(h), 2), h.dtype)\n    for i in range(len(h)):\n"
        "        z2[i] = h[i] @ w2\n    ",
    ),
    "in another order": (r"dz1 = da1 \* \(1 - a1 \* a1\)", "dz1 = (1 - a1 * a1) * da1"),
    "by another name": (r"^    da1 = dh \* mask([^§]*?)da1 \*", r"    back = dh * mask\1back *"),
}


@pytest.mark.parametrize("case", REWRITTEN)
def test_a_right_program_that_is_written_anew_is_not_blamed(case: str) -> None:
    experiment = shorter(of(), 2)
    found = held(experiment, "float32", changed(experiment, *REWRITTEN[case]))
    assert found.verdict == "agrees", str(found)


# --- where PyTorch rounds to 0, and where training runs away --------------------------------------


def test_training_that_runs_away_is_compared_as_far_as_it_goes() -> None:
    """The fifth power of a weight is subtracted from it, so that it is infinite in a few steps."""
    experiment = read("""
[inputs]
x = [[1], [2]]
[targets]
y = [[1], [3]]
[weights]
w = [[2.0]]
[network]
steps = ["o = (x @ w) ** 3"]
loss = "mse(o, y)"
[training]
learning_rate = 1.0
epochs = 10
""")
    found = held(experiment, "float32")
    assert found.verdict != "differs", str(found)
    assert found.broken is not None
    name, epoch = found.broken
    assert name in ("loss", "w")
    assert found.epochs == epoch - 1
    assert f"From epoch {epoch} on {name} is no finite number" in str(found)


def test_a_loss_that_is_nan_from_the_start_is_not_called_right() -> None:
    """0 * log(0) is nan on both sides; nothing is proved by that."""
    found = held("""
[inputs]
x = [[0.0, 900.0]]
[targets]
y = [[0, 1]]
[weights]
w = [1.0]
[network]
steps = ["p = softmax(x * w)"]
loss = "cross_entropy(p, y)"
""")
    assert found.verdict == "cannot tell"
    assert found.first is None
    assert "loss loss" in verdicts(found)


SATURATED = """
[inputs]
x = [[{x}]]
[targets]
y = [[{y}]]
[weights]
w = [1.0]
[network]
steps = ["z = x * w", "p = {activation}(z)"]
loss = "{loss}(p, y)"
"""


@pytest.mark.parametrize("x", [-30.0, -40.0, -600.0, 40.0])
def test_a_saturated_sigmoid_before_bce_cannot_be_told(x: float) -> None:
    """The program has p - y; PyTorch divides by p (1 - p), but by no less than 1e-12, and then
    multiplies by it: nothing is left."""
    found = held(SATURATED.format(x=x, y=float(x < 0), activation="sigmoid", loss="bce"))
    assert found.verdict == "cannot tell", str(found)
    assert found.first is None
    ours, theirs = numbers(found, "dz")
    assert abs(ours) == pytest.approx(1)
    assert abs(theirs) < 0.1
    assert "the bound is" in verdicts(found)["backward dz"]


def test_a_sigmoid_that_is_not_saturated_can_be_told() -> None:
    found = held(SATURATED.format(x=-20.0, y=1.0, activation="sigmoid", loss="bce"), "float32")
    assert found.verdict == "agrees", str(found)
    wrong = changed(
        experiment := read(SATURATED.format(x=-20.0, y=1.0, activation="sigmoid", loss="bce")),
        r"dz = \(p - y\)", "dz = 1.000001 * (p - y)",
    )  # fmt: skip
    assert held(experiment, text=wrong).verdict == "differs"


def test_a_softmax_that_underflows_before_cross_entropy_cannot_be_told() -> None:
    """PyTorch computes y / p with p = 0, and inf * 0 is nan; p - y is -1."""
    text = SATURATED.format(x="0.0, 900.0", y="1, 0", activation="softmax", loss="cross_entropy")
    found = held(text)
    assert found.verdict == "cannot tell", str(found)
    ours, theirs = numbers(found, "dz")
    assert (ours, np.isnan(theirs)) == (-1, True)


def numbers(found: Agreement, name: str) -> tuple[float, float]:
    element = found.step(name, "backward").judgements["float64"].puzzling
    assert element is not None
    return element.ours, element.theirs


# --- networks of every kind -----------------------------------------------------------------------

HEAD = """
[inputs]
x = [[0.5, -1.2], [0.1, 0.9]]
u = [[0.3], [0.7]]
[targets]
y = [[0, 1], [1, 0]]
t = [[0.2], [0.4]]
"""
KINDS = {
    "no loss": HEAD.partition("[targets]")[0] + '[network]\nsteps = ["z = tanh(x) * u"]\n',
    "no training": HEAD + """
[weights]
w = [[0.3, -0.2], [0.4, 0.6]]
[network]
steps = ["z = x @ w", "p = softmax(z)", "q = sigmoid(u)"]
outputs = ["p", "q"]
loss = "cross_entropy(p, y) + 0.5 * mse(q, t)"
""",
    "two outputs": HEAD + """
[weights]
w = [[0.3, -0.2], [0.4, 0.6]]
v = [[0.3], [-0.5]]
[network]
steps = ["z = x @ w", "p = softmax(z)", "h = dropout(tanh(z), 0.5) + u", "q = h @ v"]
outputs = ["p", "q"]
loss = "cross_entropy(p, y) + 0.3 * mse(q, t)"
[training]
optimizer = "adamw"
epochs = 3
""",
    "three axes": """
[inputs]
x = [[[0.5, -1.2], [0.1, 0.9]], [[0.3, 0.2], [-0.1, -0.7]]]
[targets]
y = [[0.1, 0.2, 0.3], [0.3, 0.1, 0.2]]
[weights]
w = { init = "normal", shape = [2, 3] }
[network]
steps = ["z = x @ w", "o = max(z, axis=1)"]
loss = "mse(o, y)"
[training]
learning_rate = 0.1
epochs = 2
""",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_network_of_every_kind_agrees(kind: str, precision: str) -> None:
    found = held(KINDS[kind], precision)
    assert found.verdict == "agrees", str(found)
    parts = {step.part for step in found.steps}
    assert ("loss" in parts) == (kind != "no loss")
    assert ("update" in parts) == ("[training]" in KINDS[kind])


@pytest.mark.parametrize(
    ("right", "wrong", "name"),
    [(r"h = z @ v", "h = z @ v.T", "h"), (r"dz = dh @ v\.T", "dz = dh @ v", "dz")],
)
def test_a_transposed_weight_fits_where_it_is_square(right: str, wrong: str, name: str) -> None:
    experiment = read(
        HEAD.replace("[[0, 1], [1, 0]]", "[[0.5, 1], [1, 0.1]]").partition("t = ")[0]
        + "[weights]\nw = [[0.3, -0.2], [0.4, 0.6]]\nv = [[0.3, 0.1], [-0.5, 0.2]]\n"
        '[network]\nsteps = ["z = x @ w * u", "h = z @ v"]\nloss = "mse(h, y)"\n'
    )
    found = held(experiment, text=changed(experiment, right, wrong))
    assert found.first is not None
    assert found.first.step.name == name


def test_without_a_loss_a_mistake_is_found_all_the_same() -> None:
    experiment = read(KINDS["no loss"])
    found = held(experiment, text=changed(experiment, r"np\.tanh\(x\)", "np.tanh(x + 1e-9)"))
    assert found.verdict == "differs"


def test_the_comparison_of_the_whole_is_that_of_its_parts() -> None:
    """`backhand.compare` and the shorter way that these tests take find the same."""
    experiment = shorter(of(ADAM), 2)
    with quietly():
        whole = backhand.compare(experiment, precision="float32")
    parts = held(experiment, "float32")
    assert whole.steps == parts.steps
    assert whole.undetected is not None


def test_epochs_below_0_and_unknown_formats_are_refused() -> None:
    with pytest.raises(BackhandError, match="no negative epochs"):
        backhand.compare(of(), epochs=-1)
    with pytest.raises(BackhandError, match="unknown precision"):
        backhand.compare(of(), precision="float8")
    assert write_programs(of())["numpy"].text == write_programs(of())["numpy"].text
