"""Kinks: which numbers took different sides, when, and whether it matters."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backhand
from backhand.agreement import signs as module
from backhand.agreement.signs import Flip, Signs, signs
from backhand.capture.spec import load, parse
from backhand.experiment import Experiment
from backhand.rules import example, register, uniform
from backhand.run.program import run_numpy
from backhand.run.trace import Trace
from backhand.writers.files import write_programs

HOMEWORK = Path(backhand.__file__).with_name("homework.toml")
NEAR = 1e-9

CROSSING = """
precision = "float64"
[inputs]
x = [[1, 0], [0, 1]]
[weights]
w = [[0.8], [START]]
[network]
steps = ["z = x @ w", "a = relu(z)"]
outputs = ["z", "a"]
loss = "sum(z) + sum(a)"
[training]
epochs = 6
learning_rate = 0.25
"""
"""The derivative of each weight is 2 while it is above 0, so that 1 goes to 0.5 and, before the
third epoch, to 0."""


def trained(text: str, start: float) -> tuple[Experiment, Trace]:
    experiment = parse(text.replace("START", repr(start)), "spec.toml", Path())
    program = write_programs(experiment)["numpy"]
    return experiment, run_numpy(program, experiment, "float64", Path())


def crossing() -> Signs:
    experiment, first = trained(CROSSING, 1 + NEAR)
    _, second = trained(CROSSING, 1 - NEAR)
    assert first.training["z"][2, 1, 0] == pytest.approx(NEAR)
    assert second.training["z"][2, 1, 0] == pytest.approx(-NEAR)
    return signs(experiment, first, second)


def test_a_flip_is_found_in_its_epoch() -> None:
    """Real training, by two programs whose second weight is 2e-9 apart."""
    found = crossing()
    assert found.epochs == (1, 2, 3, 4, 5, 6)
    (kink,) = found.kinks
    assert (kink.value, kink.size, kink.counts) == ("z", 2, (0, 0, 1, 0, 0, 0))
    assert found.flipped == (3,)
    flip = found.first
    assert flip is not None
    assert (flip.epoch, flip.value, flip.index, flip.result) == (3, "z", (1, 0), "dz_a")
    assert (flip.number, flip.other) == (pytest.approx(NEAR), pytest.approx(-NEAR))


def test_a_comparison_that_is_not_noted_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `>`, the kink is known by relu's `maximum` alone, and the derivative's jump is not
    seen: the check above can fail."""
    monkeypatch.delitem(module.SIDES, np.greater)
    assert crossing().first is None


# --- forged traces: one number of one epoch moved across a border ------------------------------


def forged(steps: str, border: float, near: float = NEAR, loss: str = "mse(p, y)") -> Signs:
    """Traces that are the same but for z, whose numbers stand, on either side, by a border."""
    text = f"""
[inputs]
x = [[0.5, -1.2, 0.3], [0.1, 0.9, -0.4]]
[targets]
y = [[0.3, 0.1, 0.6], [0.9, 0.05, 0.05]]
[weights]
w = [[0.3, -0.2, 0.5], [0.4, 0.6, -0.3], [-0.1, 0.7, 0.2]]
[network]
steps = ["z = x @ w", {steps}]
loss = "{loss}"
[training]
epochs = 4
learning_rate = 0.01
"""
    experiment, trace = trained(text, 0.0)
    both = []
    for number in (border + near, border - near):
        z = trace.training["z"].copy()
        z[1, 0, 2] = number
        both.append(replace(trace, training={**trace.training, "z": z}))
    return signs(experiment, *both)


SMOOTH = {
    "tanh": 0.0,
    "sigmoid": 0.0,
    "silu": 0.0,
    "elu": 0.0,
    "gelu": 0.9 * 2**0.5,
    "gelu_tanh": 0.0,
}
"""Activations, and a border between two formulas of theirs, or of what they call."""


@pytest.mark.parametrize(("name", "border"), SMOOTH.items())
@pytest.mark.parametrize("near", [1e-15, 1e-9, 1e-3])
def test_a_border_that_changes_nothing_is_no_flip(name: str, border: float, near: float) -> None:
    assert forged(f'"p = {name}(z)"', border, near).first is None


def test_without_the_test_for_a_jump_it_would_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_jumps", lambda *_: True)
    found = forged('"p = sigmoid(z)"', 0.0).first
    assert found is not None
    assert (found.epoch, found.value, found.index) == (2, "z", (0, 2))


JUMPING = {
    "relu": ('"p = relu(z)"', 0.0),
    "leaky relu": ('"p = leaky_relu(z)"', 0.0),
    "an elu with a bend": ('"p = elu(z, alpha=0.7)"', 0.0),
    "softplus where PyTorch cuts it": ('"p = softplus(z)"', 20.0),
    "within another step": ('"p = tanh(relu(z)) * 2"', 0.0),
}


@pytest.mark.parametrize("name", JUMPING)
def test_a_border_at_which_something_jumps_is_a_flip(name: str) -> None:
    found = forged(*JUMPING[name])
    border = JUMPING[name][1]
    assert found.flipped == (2,)
    assert found.first is not None
    value = "dz" if "softplus" in name else "z"  # softplus asks beta * z, which has no name
    assert (found.first.value, found.first.index) == (value, (0, 2))
    assert (found.first.number, found.first.other) == (border + NEAR, border - NEAR)


def test_the_larger_of_two_changes() -> None:
    """A maximum over an axis: the derivative goes to another element."""
    experiment, trace = trained(MAXIMUM, 0.0)
    both = []
    for sign in (1, -1):
        z = trace.training["z"].copy()
        z[2, 1] = [0.5, 0.5 + sign * NEAR, -1]
        both.append(replace(trace, training={**trace.training, "z": z}))
    found = signs(experiment, *both)
    assert found.flipped == (3,)
    (kink,) = (k for k in found.kinks if k.first)
    assert (kink.value, kink.counts) == ("z", (0, 0, 2, 0))  # one lost, the other won


MAXIMUM = """
[inputs]
x = [[0.5, -1.2, 0.3], [0.1, 0.9, -0.4]]
[weights]
w = [[0.3, -0.2, 0.5], [0.4, 0.6, -0.3], [-0.1, 0.7, 0.2]]
[network]
steps = ["z = x @ w", "p = max(z, axis=1)"]
outputs = ["p"]
loss = "sum(p)"
[training]
epochs = 4
learning_rate = 0.01
"""


# --- a user's own rules ------------------------------------------------------------------------


def inside(x):
    return np.abs(x) <= 0.7


def hard_tanh(x):
    return np.clip(x, -0.7, 0.7)


def hard_tanh_backward(dy, x):
    return dy * inside(x)


def by_sign(x):
    return x * np.sign(x)


def by_sign_backward(dy, x):
    shifted = x + 0.25
    return dy * (np.sign(x) + 0 * np.floor(shifted))


def winner(x):
    return np.eye(3, dtype=x.dtype)[x.argmax(axis=1)] * x


def winner_backward(dy, x):
    best = np.argmax(x, axis=1)
    return dy * np.eye(3, dtype=x.dtype)[best]


@pytest.fixture
def own_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = import_module("backhand.rules.register")
    monkeypatch.setattr(rules, "_rules", rules.all_rules())
    options: dict[str, Any] = {"wrt": "x", "torch": "x"}
    options["examples"] = [example(x=uniform(-1, 1, (3, 3)))]
    own: list[tuple[str, Callable[..., Any], Callable[..., Any]]] = [
        ("own_hard", hard_tanh, hard_tanh_backward),
        ("own_sign", by_sign, by_sign_backward),
        ("own_winner", winner, winner_backward),
    ]
    for name, forward, backward in own:
        register(name, forward, backward, **options)


@pytest.mark.usefixtures("own_rules")
def test_own_rules_are_covered() -> None:
    """A comparison in a function that the rule calls; a sign; the position of a largest number."""
    found = forged('"p = own_hard(z)"', 0.7)
    assert found.flipped == (2,)
    # `np.abs(x) <= 0.7` compares a number that has no name: it is told of by what the step makes
    assert found.first == Flip(2, "dz", (0, 2), 0.7 + NEAR, 0.7 - NEAR, "dz")
    found = forged('"p = own_sign(z)"', 0.0)
    assert found.first == Flip(2, "z", (0, 2), NEAR, -NEAR, "dz")
    assert forged('"p = own_sign(z)"', 0.75).first is None  # floor's border, of which nothing comes
    found = forged('"p = own_winner(z)"', 0.0, near=2.0)
    assert found.flipped == (2,)


# --- weights, other precisions, other epochs ----------------------------------------------------


def test_a_weight_is_the_one_before_the_update() -> None:
    """z is the weight itself here, and it flips in the same epoch: the third."""
    text = CROSSING.replace('"a = relu(z)"', '"a = relu(w)"')
    experiment, first = trained(text, 1 + NEAR)
    _, second = trained(text, 1 - NEAR)
    found = signs(experiment, first, second)
    assert found.flipped == (3,)
    assert found.first is not None
    assert (found.first.value, found.first.index) == ("w", (1, 0))


def test_other_precisions_of_the_homework_flip_nothing() -> None:
    experiment = load(HOMEWORK)
    program = write_programs(experiment)["numpy"]
    single = run_numpy(program, experiment, "float32", Path())
    double = run_numpy(program, experiment, "float64", Path())
    found = signs(experiment, single, double)
    assert [kink.value for kink in found.kinks] == ["z1"]
    assert found.first is None
    assert not found.flipped
    assert found.kinks[0].counts == (0,) * 100


def test_of_very_many_epochs_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORK", 3 * 2 * 3 * (module.CALL + 2))  # relu has z, relu.dx dy, z
    assert crossing().epochs == (1, 3, 6)
    assert crossing().flipped == (3,)


def test_without_training_there_is_nothing() -> None:
    experiment = load(HOMEWORK)
    trace = Trace("numpy", "float64", {}, {}, (), np.zeros(0), ())
    assert signs(experiment, trace, trace) == Signs((), ())
