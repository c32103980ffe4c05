"""Every optimiser with every set of options that PyTorch tests it with, held against PyTorch.

The sets are those of torch.testing._internal.common_optimizers, and more where those leave an
option out. Each step begins with PyTorch's numbers, so that the bound of one step counts.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing._internal.common_optimizers import optim_db

import backhand
from backhand import rounding
from backhand.capture.spec import parse
from backhand.experiment import Experiment, Training
from backhand.rounding import Bounded, bounded
from backhand.rules.updates import UPDATES, Update
from backhand.writers.files import write_programs
from backhand.writers.numpy_training import initial_state, kept_state
from backhand.writers.specialise import specialised

STEPS = 10

Options = dict[str, Any]
"""Keyword arguments of PyTorch's."""

MORE: dict[str, list[Options]] = {
    "sgd": [
        {"lr": 0.1, "momentum": 0.8, "dampening": -0.3, "maximize": True, "weight_decay": 0.1},
        {"lr": 0.1, "dampening": 0.5},
    ],
    "adam": [
        {"betas": (0.3, 0.0), "eps": 1e-3, "amsgrad": True, "maximize": True},
        {"betas": (0.8, 0.9), "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "adamw": [
        {"betas": (0.0, 0.7), "eps": 1e-12, "weight_decay": 0.0},
        {"betas": (0.8, 0.9), "eps": 0.1, "lr": 1.0},
    ],
    "rmsprop": [{"alpha": 0.5, "eps": 1e-3, "momentum": 0.9}, {"alpha": 0.0}],
    "adagrad": [{"eps": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 2.0}],
    "adadelta": [{"rho": 0.0, "eps": 0.1}, {"rho": 1.0}],
    "adamax": [{"betas": (0.3, 0.5), "eps": 0.1, "maximize": True}],
    "nadam": [{"betas": (0.5, 0.9), "eps": 0.1, "momentum_decay": 0.0}, {"betas": (0.999, 0.99)}],
    "radam": [{"betas": (0.5, 0.9), "eps": 0.1}, {"betas": (0.0, 0.5)}],
    "asgd": [
        {"t0": 3, "alpha": 2.0, "lambd": 0.3, "lr": 0.2},
        {"lambd": 0.0, "t0": 0},
        {"alpha": 0.0, "weight_decay": 0.1},
    ],
    "rprop": [{"lr": 0.3, "etas": (0.1, 3.0), "step_sizes": (0.01, 0.5), "maximize": True}],
}


def option_sets() -> Iterator[tuple[str, Options]]:
    """With our names of the optimisers."""
    ours = {update.torch: update.name for update in UPDATES.values()}
    for info in optim_db:
        name = ours.get(info.optim_cls.__name__)
        for given in info.optim_inputs_func(device="cpu") if name else ():
            yield name, {k: float(v) if k == "lr" else v for k, v in given.kwargs.items()}
    for name, sets in MORE.items():
        yield from ((name, options) for options in sets)


SETS = list(option_sets())


def in_our_words(update: Update, options: Options) -> Options:
    """Each pair as two numbers, under our names."""
    of: defaultdict[str, list[str]] = defaultdict(list)
    for option, theirs in update.torch_names.items():
        of[theirs].append(option)
    found: Options = {}
    for name, value in options.items():
        values = value if isinstance(value, tuple) else (value,)
        found |= dict(zip(of[name], values, strict=True))
    return {"learning_rate": 0.001, **found} if update.name == "sgd" else found


def training_of(name: str, ours: Options) -> Training:
    chosen = {**UPDATES[name].defaults, **ours}
    return Training(name, tuple((o, chosen[o]) for o in UPDATES[name].options), STEPS)


@cache
def gradients(dtype: str) -> list[np.ndarray]:
    """Usual ones of either sign; rows that are 0, or 0 now and then, that are tiny, or large."""
    generator = np.random.default_rng(7)
    found = generator.normal(size=(STEPS, 6, 4))
    found[:, 0] = 0
    found[::3, 1] = 0
    found[:, 2] *= 10.0 ** np.array([-5, -10, -20, -30])
    found[:, 3] *= 10.0 ** np.array([-36, -38, -40, -44])
    found[:, 4] *= 10.0 ** np.array([1, 2, 4, 6])
    return [dw.astype(dtype) for dw in found]


def started(dtype: str) -> np.ndarray:
    w = np.random.default_rng(8).normal(size=(6, 4))
    w[:, 0] = 0
    return w.astype(dtype)


def as_function(training: Training) -> Any:
    """The text that programs hold, as a function of one weight."""
    arguments = ", ".join(["w", "dw", *kept_state(training), "step"])
    lines = specialised(UPDATES[training.optimizer].function, dict(training.options))
    space: dict[str, Any] = {"np": np}
    exec("\n    ".join([f"def update({arguments}):", *lines]), space)
    return space["update"]


def steps_beside(
    training: Training, options: Options, dtype: str
) -> Iterator[tuple[str, Bounded, np.ndarray]]:
    """After each step the weight and each state: ours with its bound, and PyTorch's."""
    record, kept = UPDATES[training.optimizer], kept_state(training)
    update, w = as_function(training), started(dtype)
    parameter = torch.tensor(w, requires_grad=True)
    optimizer = getattr(torch.optim, record.torch)([parameter], foreach=False, **options)
    now = {"w": w, **{name: initial_state(training, name, w) for name in kept}}
    for step, dw in enumerate(gradients(dtype), 1):
        mine = {name: bounded(array) for name, array in now.items()}
        rounding.run(update, dw=bounded(dw), step=step, **mine)
        parameter.grad = torch.tensor(dw)
        optimizer.step()
        states = optimizer.state[parameter]
        now = {name: states[record.torch_states[name]].numpy().copy() for name in kept}
        now["w"] = parameter.detach().numpy().copy()
        yield from ((f"{name} after step {step}", mine[name], now[name]) for name in mine)


def is_off(ours: Bounded, theirs: np.ndarray) -> bool:
    """Whether any number is farther from PyTorch's than rounding brings it."""
    gap = np.where(ours.value == theirs, 0, np.abs(ours.value - theirs))
    return bool(np.any(~(gap <= 2 * ours.error)))


@pytest.mark.parametrize(("name", "options"), SETS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_ten_steps(name: str, options: Options, dtype: str) -> None:
    training = training_of(name, in_our_words(UPDATES[name], options))
    telling = numbers = 0
    with np.errstate(all="ignore"):
        for what, ours, theirs in steps_beside(training, options, dtype):
            assert ours.dtype == theirs.dtype == dtype
            assert not is_off(ours, theirs), what
            telling += np.count_nonzero(ours.error <= 1e5 * np.finfo(dtype).eps * np.abs(theirs))
            numbers += theirs.size
    # what underflows, and roots of what cancels, is known to few digits or none
    assert telling > 0.8 * numbers


@pytest.mark.parametrize("name", UPDATES)
def test_an_option_that_is_off_shows(name: str) -> None:
    """By a thousandth, or switched off, in one of the sets at least: so each of them is tested."""
    unseen = set(UPDATES[name].options)
    for options in (options for optimizer, options in SETS if optimizer == name):
        given = in_our_words(UPDATES[name], options)
        for option, value in given.items():
            if option in unseen and value:
                wrong = False if value is True else value * 1.001
                training = training_of(name, {**given, option: wrong})
                with np.errstate(all="ignore"):
                    if any(is_off(o, t) for _, o, t in steps_beside(training, options, "float64")):
                        unseen.remove(option)
    assert not unseen


SPEC = """
seed = 1
[inputs]
x = [[1, 2], [-3, 4], [0.5, -1]]
[targets]
y = { classes = [0, 1, 1], of = 2 }
[weights]
w1 = { init = "normal", shape = [2, 4] }
b1 = { init = "fill", shape = [4] }
w2 = { init = "normal", shape = [4, 2] }
[network]
steps = ["p = softmax(tanh(x @ w1 + b1) @ w2)"]
loss = "cross_entropy(p, y)"
[training]
epochs = 10
"""


def experiment_of(name: str, ours: Options) -> Experiment:
    """Through the spec, as a user gives it."""
    lines = [f'optimizer = "{name}"']
    lines += [f"{k} = {str(v).lower() if isinstance(v, bool) else v}" for k, v in ours.items()]
    return parse(SPEC + "\n".join(lines), "tried.toml", Path())


def written_optimizer(text: str) -> Any:
    """What a PyTorch program's `optimizer = ...` makes; None if there is no such line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "optimizer":
            space = {"torch": torch, "weights": [torch.zeros(1)]}
            return eval(ast.unparse(node.value), space)
    return None


@pytest.mark.parametrize(("name", "options"), SETS)
def test_the_pytorch_program_has_these_options(name: str, options: Options) -> None:
    ours = in_our_words(UPDATES[name], options)
    made = written_optimizer(write_programs(experiment_of(name, ours))["torch"].text)
    if made is None:
        assert name == "sgd"
        assert set(ours) == {"learning_rate"}  # plain descent, which is written as its line
        return
    given = {"lr": ours["learning_rate"], **options} if name == "sgd" else options
    wanted = getattr(torch.optim, UPDATES[name].torch)([torch.zeros(1)], **given)
    assert type(made) is type(wanted)
    assert made.defaults == wanted.defaults


BRANCHES = {
    "sgd": ["dw if step == 1 else (1 - {dampening}) * dw"],
    "asgd": ["mu == 1"],
    "radam": ["length > 5"],
}
"""What is decided in a program as it runs: by the step, never by an option."""


@pytest.mark.parametrize(("name", "options"), SETS)
def test_an_option_that_is_off_leaves_nothing(name: str, options: Options) -> None:
    training = training_of(name, in_our_words(UPDATES[name], options))
    chosen = dict(training.options)
    lines = specialised(UPDATES[name].function, chosen)
    tree = ast.parse("\n".join(lines))
    asked = [ast.unparse(n.test) for n in ast.walk(tree) if isinstance(n, ast.If)]
    asked += [ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.IfExp)]
    assert set(asked) <= {branch.format(**chosen) for branch in BRANCHES.get(name, [])}
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert not names & set(UPDATES[name].options)
    numbers = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    given = {value for value in chosen.values() if not isinstance(value, bool)}
    assert (0 in numbers) <= (name == "rprop" or 0 in given)
    assert all(len(line) <= 92 for line in lines)  # which are indented by 8


@pytest.mark.parametrize("name", UPDATES)
def test_whole_programs_agree(name: str) -> None:
    """With every option that this optimiser has in use, as far as they go together."""
    ours: Options = {}
    for options in (options for optimizer, options in SETS if optimizer == name):
        ours |= {k: v for k, v in in_our_words(UPDATES[name], options).items() if v}
    ours.pop("nesterov", None)
    found = backhand.compare(experiment_of(name, ours))
    assert found.ok, str(found)
