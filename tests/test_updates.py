"""The optimisers by other people's figures: CS231n's notebook, Keras' tests, PyTorch itself.

Sources: cs231n.github.io, assignments2016/assignment2/FullyConnectedNets.ipynb;
keras-team/keras, keras/src/optimizers/{sgd,adam,adamw}_test.py.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backhand.agreement.labels import Labels
from backhand.capture.spec import parse
from backhand.rules.updates import UPDATES
from backhand.writers.files import write_programs
from backhand.writers.specialise import specialised

# CS231n: w = linspace(-.4, .6, 20), dw = linspace(-.6, .4, 20), shape [4, 5]; eight places
MOMENTUM_W = """
0.1406 0.20738947 0.27417895 0.34096842 0.40775789 0.47454737 0.54133684 0.60812632 0.67491579
0.74170526 0.80849474 0.87528421 0.94207368 1.00886316 1.07565263 1.14244211 1.20923158 1.27602105
1.34281053 1.4096
"""
ADAM_W = """
-0.40094747 -0.34836187 -0.29577703 -0.24319299 -0.19060977 -0.1380274 -0.08544591 -0.03286534
0.01971428 0.0722929 0.1248705 0.17744702 0.23002243 0.28259667 0.33516969 0.38774145 0.44031188
0.49288093 0.54544852 0.59801459
"""

# Keras: x = ones(10); a step with 0.01 everywhere, then four with 0.1, 0.2 ... 1; four places
KERAS_GRADIENTS = [np.full(10, 0.01), *[np.arange(1, 11) / 10] * 4]
KERAS_SGD_LAST = [0.9959, 0.9919, 0.9879, 0.9839, 0.9799, 0.9759, 0.9719, 0.9679, 0.9639, 0.9599]
KERAS_ADAMW_LAST = [
    0.0263,
    0.0215,
    0.0167,
    0.012,
    0.0073,
    0.0026,
    -0.0021,
    -0.0067,
    -0.0113,
    -0.0159,
]


def numbers(text: str) -> np.ndarray:
    return np.array([float(number) for number in text.split()])


def linspace(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 20)


def step(
    name: str,
    w: np.ndarray,
    dw: np.ndarray,
    state: dict[str, np.ndarray],
    count: int,
    **options: Any,
) -> None:
    """One step of our update, in place, by the very text that programs hold."""
    update = UPDATES[name]
    lines = specialised(update.function, {**update.defaults, **options})
    values = {"np": np, "w": w, "dw": dw, "step": count, **state}
    exec("\n".join(lines), values)


def ours(name: str, w: np.ndarray, gradients: list[np.ndarray], **options: Any) -> np.ndarray:
    w = w.copy()
    state = {key: np.zeros_like(w) for key in UPDATES[name].state}
    for count, dw in enumerate(gradients, 1):
        step(name, w, dw, state, count, **options)
    return w


def test_momentum_is_cs231n() -> None:
    """They keep the learning rate in the velocity: theirs is -learning_rate times ours."""
    w, velocity = linspace(-0.4, 0.6), linspace(0.6, 0.9) / -1e-3
    state = {"velocity": velocity}
    step("sgd", w, linspace(-0.6, 0.4), state, 1, learning_rate=1e-3, momentum=0.9)
    assert np.array_equal(np.round(w, 8), numbers(MOMENTUM_W))


def test_adam_is_cs231n() -> None:
    """Their step counter stands at 5 and is raised before it is used."""
    w = linspace(-0.4, 0.6)
    state = {"m": linspace(0.6, 0.9), "v": linspace(0.7, 0.5)}
    step("adam", w, linspace(-0.6, 0.4), state, 6, learning_rate=1e-2)
    assert np.array_equal(np.round(w, 8), numbers(ADAM_W))


def test_plain_descent_is_keras() -> None:
    w = ours("sgd", np.ones(10), KERAS_GRADIENTS, learning_rate=0.01)
    assert np.array_equal(np.round(w, 4), KERAS_SGD_LAST)


def test_decoupled_weight_decay_is_keras() -> None:
    """Three steps without a gradient: 2 * (1 - 0.004) ** 3."""
    w = ours("adamw", np.array([2.0]), [np.zeros(1)] * 3, learning_rate=1.0, weight_decay=0.004)
    assert round(float(w[0]), 7) == 1.9760959


def test_adamw_puts_epsilon_where_pytorch_does_and_keras_does_not() -> None:
    options = {"learning_rate": 1.0, "weight_decay": 0.5, "eps": 2.0}
    w = ours("adamw", np.ones(10), KERAS_GRADIENTS, **options)
    assert round(float(np.abs(w - KERAS_ADAMW_LAST).max()), 2) == 0.47

    parameter = torch.ones(10, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.AdamW([parameter], lr=1.0, weight_decay=0.5, eps=2.0)
    for dw in KERAS_GRADIENTS:
        parameter.grad = torch.tensor(dw)
        optimizer.step()
    # five steps of some ten roundings each on numbers below 2
    assert np.abs(w - parameter.detach().numpy()).max() < 1e-14

    # the same with epsilon raised by what Keras leaves out gives Keras' figures
    keras, state = np.ones(10), {"m": np.zeros(10), "v": np.zeros(10)}
    for count, dw in enumerate(KERAS_GRADIENTS, 1):
        raised = {**options, "eps": 2.0 / (1 - 0.999**count) ** 0.5}
        step("adamw", keras, dw, state, count, **raised)
    assert np.array_equal(np.round(keras, 4), KERAS_ADAMW_LAST)


@pytest.mark.parametrize(
    ("name", "options", "torch_options"),
    [
        ("sgd", {"learning_rate": 0.1}, {"lr": 0.1}),
        ("sgd", {"learning_rate": 0.1, "momentum": 0.9}, {"lr": 0.1, "momentum": 0.9}),
        (
            "sgd",
            {"learning_rate": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
            {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
        ),
        ("adam", {"weight_decay": 0.1}, {"lr": 0.001, "weight_decay": 0.1}),
        ("adam", {"beta1": 0.5, "beta2": 0.9, "eps": 0.1}, {"betas": (0.5, 0.9), "eps": 0.1}),
        ("adamw", {}, {}),
        ("adamw", {"weight_decay": 0.0}, {"weight_decay": 0.0}),
    ],
)
def test_fifty_steps_are_pytorchs(
    name: str, options: dict[str, Any], torch_options: dict[str, Any]
) -> None:
    generator = np.random.default_rng(3)
    start = generator.normal(size=(4, 3))
    gradients = [generator.normal(size=(4, 3)) for _ in range(50)]
    parameter = torch.tensor(start, requires_grad=True)
    optimizer = getattr(torch.optim, UPDATES[name].torch)([parameter], **torch_options)
    for dw in gradients:
        parameter.grad = torch.tensor(dw)
        optimizer.step()
    # fifty steps of some ten roundings each on numbers of size 1 to 10
    assert (
        np.abs(ours(name, start, gradients, **options) - parameter.detach().numpy()).max() < 1e-13
    )


def written(name: str, **options: Any) -> str:
    update = UPDATES[name]
    return "\n".join(specialised(update.function, {**update.defaults, **options})) + "\n"


def test_what_is_written() -> None:
    """By hand, from the pages of PyTorch's documentation."""
    assert written("rmsprop") == (
        "v *= 0.99\nv += (1 - 0.99) * dw * dw\nroot = np.sqrt(v) + 1e-08\nw -= 0.01 * dw / root\n"
    )
    assert written("adagrad", maximize=True, learning_rate_decay=0.5) == (
        "rate = 0.01 / (1 + (step - 1) * 0.5)\ndw = -dw\ntotal += dw * dw\n"
        "w -= rate * dw / (np.sqrt(total) + 1e-10)\n"
    )
    assert written("adam", weight_decay=0.1, decoupled_weight_decay=True, amsgrad=True) == (
        "# decoupled: the decay acts on the weight itself, not through the derivative\n"
        "w *= 1 - 0.001 * 0.1\nm += (1 - 0.9) * (dw - m)\nv *= 0.999\n"
        "v += (1 - 0.999) * dw * dw\n"
        "# m and v begin at 0; dividing by 1 - beta ** step makes up for it\n"
        "step_size = 0.001 / (1 - 0.9**step)\nv_max[...] = np.maximum(v_max, v)\n"
        "root = np.sqrt(v_max) / (1 - 0.999**step) ** 0.5\n"
        "w -= step_size * m / (root + 1e-08)\n"
    )
    assert written("sgd", learning_rate=0.1, momentum=0.9, dampening=0.5) == (
        "velocity *= 0.9\n# the first step is not dampened\n"
        "velocity += dw if step == 1 else (1 - 0.5) * dw\ndw = velocity\nw -= 0.1 * dw\n"
    )


BEGINNINGS = {
    'optimizer = "rprop"\nlearning_rate = 0.3': "(np.zeros_like(w), np.full_like(w, 0.3))",
    'optimizer = "adagrad"': "(np.zeros_like(w),)",
    'optimizer = "adagrad"\ninitial_accumulator_value = 2': "(np.full_like(w, 2),)",
    'optimizer = "adamax"': "(np.zeros_like(w), np.zeros_like(w))",
}


@pytest.mark.parametrize("options", BEGINNINGS)
def test_how_the_state_begins(options: str) -> None:
    text = write_programs(parse(SPEC + options, "a.toml", Path()))["numpy"].text
    assert f"    state = [{BEGINNINGS[options]} for w in weights]\n" in text


def test_what_depends_on_the_step_alone_is_written_before_the_loop() -> None:
    text = write_programs(parse(SPEC + 'optimizer = "adamax"', "a.toml", Path()))["numpy"].text
    assert (
        '    """One step of Adamax, in place."""\n'
        "    # m begins at 0; dividing by 1 - beta1 ** step makes up for it\n"
        "    rate = 0.002 / (1 - 0.9**step)\n"
        "    for w, dw, (m, u) in zip(weights, gradients, state):\n"
    ) in text


def test_a_long_line_of_options_is_broken() -> None:
    """And the report still says what changes the weights in one line."""
    options = 'optimizer = "adam"\nbeta1 = 0.5\nweight_decay = 0.1\ndecoupled_weight_decay = true'
    experiment = parse(SPEC + options, "a.toml", Path())
    programs = write_programs(experiment)
    arguments = (
        "weights, lr=0.001, betas=(0.5, 0.999), weight_decay=0.1, decoupled_weight_decay=True"
    )
    assert (
        f"    optimizer = torch.optim.Adam(\n        {arguments}\n    )\n" in programs["torch"].text
    )
    named = Labels.of(experiment, programs).optimizer
    assert named == f"torch.optim.Adam({arguments})"


SPEC = """
[inputs]
x = [[1, 2]]
[weights]
w1 = [[1], [2]]
[network]
steps = ["h = x @ w1"]
loss = "sum(h ** 2)"
[training]
epochs = 1
"""
