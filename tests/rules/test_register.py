"""Adding a rule: what is refused, and what becomes of one that is accepted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rules.trial import Trial

from backhand.capture.spec import parse
from backhand.errors import BackhandError
from backhand.rules import all_rules, example, register, uniform
from backhand.run.program import run_numpy
from backhand.run.reference import run_torch
from backhand.writers.files import write_programs

SCALE = 3.0
X = [example(x=uniform(-2, 2, (3, 4)))]


@pytest.fixture(autouse=True)
def its_own_register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules added here are gone after each test."""
    module = __import__("backhand.rules.register", fromlist=["_rules"])
    monkeypatch.setattr(module, "_rules", module.all_rules())


def halved(x):
    return x / 2


def halved_backward(dy):
    return dy / 2


def halved_of_nothing(dy, q):
    return dy / q


def halved_backward_last(x, dy):
    return dy / 2


def scaled(x):
    return SCALE * x


def closure(number: float) -> Any:
    def inner(x):
        return number * x

    return inner


REFUSED = {
    "taken": (
        {"name": "relu"},
        "rule relu: this name is taken\n  repair: choose another name",
    ),
    "no derivative for an input": (
        {"wrt": ""},
        "rule halved: every input needs a derivative or an explicit none\n"
        "  wanted: wrt and none together name x\n"
        "  got: wrt=(), none=()",
    ),
    "a derivative for what is no input": (
        {"wrt": "xy"},
        "rule halved: every input needs a derivative or an explicit none\n"
        "  wanted: wrt and none together name x\n"
        "  got: wrt=('x', 'y'), none=()",
    ),
    "none and a backward": (
        {"wrt": "", "none": "x"},
        "rule halved: wrt and backward go together",
    ),
    "wrt and no backward": (
        {"backward": None},
        "rule halved: wrt and backward go together",
    ),
    "no examples": (
        {"examples": []},
        "rule halved: a rule needs at least one example to be checked on",
    ),
    "a backward that asks for too much": (
        {"backward": halved_of_nothing},
        "rule halved: the backward asks for what the forward does not have\n"
        "  wanted: first dy, then any of x, y\n"
        "  got: dy, q",
    ),
    "a backward in another order": (
        {"backward": halved_backward_last},
        "rule halved: the backward asks for what the forward does not have\n"
        "  wanted: first dy, then any of x, y\n"
        "  got: x, dy",
    ),
    "another name for the output": (
        {"output": "h"},
        "rule halved: the backward asks for what the forward does not have\n"
        "  wanted: first dh, then any of h, x\n"
        "  got: dy",
    ),
    "a lambda": (
        {"forward": lambda x: x / 2},
        "rule halved: a rule needs functions with a name\n  got: <lambda>",
    ),
    "a constant of the module": (
        {"forward": scaled},
        "rule halved: `scaled` uses `SCALE`, which a written program does not have\n"
        "  wanted: numpy as `np`, its own parameters, and functions of the same module\n"
        "  repair: write a constant into the function, or make it a keyword-only parameter",
    ),
    "a closure": (
        {"forward": closure(0.5)},
        "rule halved: `inner` uses `number`, which a written program does not have\n"
        "  wanted: numpy as `np`, its own parameters, and functions of the same module\n"
        "  repair: write a constant into the function, or make it a keyword-only parameter",
    ),
}


def added(**changes: Any) -> Any:
    taken: dict[str, Any] = {
        "name": "halved", "forward": halved, "backward": halved_backward, "wrt": "x",
        "torch": "x / 2", "examples": X, **changes,
    }  # fmt: skip
    return register(taken.pop("name"), taken.pop("forward"), taken.pop("backward"), **taken)


@pytest.mark.parametrize("name", REFUSED)
def test_a_rule_that_does_not_fit_together_is_refused(name: str) -> None:
    changes, message = REFUSED[name]
    with pytest.raises(BackhandError) as caught:
        added(**changes)
    assert str(caught.value) == message


def test_the_same_rule_without_the_mistakes_is_accepted() -> None:
    trial = Trial.drawn(added(), 0, 0, "float64")
    y, (dx,) = trial.torch()
    assert np.array_equal(trial.y, y)
    assert np.array_equal(trial.parts()[0], dx)


# --- a longer rule, with a helper, an option and two inputs: from the register to a program -----


def gate(x, beta):
    # a logistic curve; beta says how steep
    return 1 / (1 + np.exp(-beta * x))


def gated(x, scale, *, beta=1.0):
    g = gate(x, beta)
    return x * g * scale


def gated_backward(dy, x, scale, *, beta=1.0):
    g = gate(x, beta)
    return dy * scale * g * (1 + beta * x * (1 - g)), dy * x * g


SPEC = """
precision = "float64"
seed = 2
[inputs]
x = { init = "normal", shape = [5, 3] }
[targets]
y = { init = "normal", shape = [5, 2] }
[weights]
w = { init = "normal", shape = [3, 2] }
s = { init = "uniform", shape = [2] }
[network]
steps = ["p = gated(dropout(x @ w, 0.2), s, beta=1.5)"]
loss = "mse(p, y)"
[training]
learning_rate = 0.1
epochs = 20
"""


def test_a_rule_of_two_lines_is_written_whole_and_trains(tmp_path: Path) -> None:
    torch = "x * torch.sigmoid(beta * x) * scale"
    arrays = {"x": uniform(-2, 2, (3, 4)), "scale": uniform(1, 2, (4,))}
    register("gated", gated, gated_backward, wrt=["x", "scale"], torch=torch,
             examples=[example(**arrays), example(**arrays, beta=0.5)])  # fmt: skip
    experiment = parse(SPEC, "gated.toml", tmp_path)
    programs = write_programs(experiment)
    text = programs["numpy"].text
    for function in (
        "def gate(x, beta):\n    # a logistic curve; beta says how steep\n    return 1 /",
        "def gated(x, scale, *, beta=1.0):\n    g = gate(x, beta)\n",
        "def gated_backward(dy, x, scale, *, beta=1.0):\n    g = gate(x, beta)\n",
    ):
        assert text.count(function) == 1
    assert "beta=1.5)" in text
    assert "ds_full" in text or "ds = " in text
    ours = run_numpy(programs["numpy"], experiment, "float64", tmp_path)
    theirs = run_torch(programs["torch"], experiment, "float64", tmp_path)
    # 20 steps of a few roundings on numbers of the order of 1
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-12)
    for name in ("dw", "ds"):
        np.testing.assert_allclose(ours.evaluation[name], theirs.evaluation[name], rtol=1e-12)


# one of two stands for the other wherever a derivative is taken, so that no program has both
STANDS_FOR = {"gelu_tanh", "layer_norm"}


def test_no_two_functions_that_are_copied_have_one_name() -> None:
    found: dict[str, set[str]] = {}
    for one in all_rules().values():
        waiting = [one.forward, *([one.backward] if one.backward else [])]
        while waiting:
            function = waiting.pop()
            found.setdefault(function.name, set()).add(function.call.__module__)
            waiting += function.helpers
    twice = {name for name, modules in found.items() if len(modules) > 1}
    assert {name.removesuffix("_backward") for name in twice} <= STANDS_FOR
