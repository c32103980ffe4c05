"""The training part of a module's program, held against torch.optim."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as lrs

from backhand.errors import BackhandError
from backhand.modules.optimizers import training_plan
from backhand.writers.modules.name_sets import name_set
from backhand.writers.modules.training import training_functions
from tests.modules.optimizers import (
    STEPS,
    Small,
    derivatives,
    farthest,
    parameters_of,
    program_of,
    settings,
    small,
)

SETTINGS = list(settings())


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_settings_of_pytorch(name: str, options: dict[str, Any], dtype: str) -> None:
    make = getattr(torch.optim, name)
    assert farthest(lambda module: make(module.parameters(), **options), dtype) <= 2


@pytest.mark.parametrize("name", sorted({name for name, _ in SETTINGS}))
def test_a_rate_that_is_off_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a thousandth: the bounds above are narrow enough to see it."""

    def wrong(module: torch.nn.Module, optimizer: Any) -> Any:
        for group in optimizer.param_groups:
            group["lr"] *= 1.001
        plan = training_plan(module, optimizer)
        for group in optimizer.param_groups:
            group["lr"] /= 1.001
        return plan

    monkeypatch.setattr("tests.modules.optimizers.training_plan", wrong)
    make = getattr(torch.optim, name)
    with np.errstate(over="ignore"):
        assert farthest(lambda module: make(module.parameters(), lr=0.1), "float64") > 100


# --- whole runs -----------------------------------------------------------------------------------


def trained(
    make: Callable[[Small], Any],
    *,
    steps: int = STEPS,
    schedule: Callable[[Any], Any] | None = None,
    **clipping: float,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The parameters after a run of the program, and after one of PyTorch, in float64."""
    module = small()
    optimizer = make(module)
    scheduler = schedule(optimizer) if schedule else None
    program = program_of(training_plan(module, optimizer, scheduler, **clipping))
    p = parameters_of(module)
    state = program["new_state"](p)
    for step in range(1, steps + 1):
        dp = derivatives(module, step)
        program["update"](p, dp, state, step)
        parameters = [w for group in optimizer.param_groups for w in group["params"]]
        if "clip_norm" in clipping:
            torch.nn.utils.clip_grad_norm_(parameters, clipping["clip_norm"])
        if "clip_value" in clipping:
            torch.nn.utils.clip_grad_value_(parameters, clipping["clip_value"])
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return p, parameters_of(module)


def check(found: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]) -> None:
    """The derivatives are drawn, so that roundings do not grow from step to step: 30 steps of some
    ten roundings each, of numbers around 1."""
    ours, theirs = found
    for name, w in ours.items():
        np.testing.assert_allclose(w, theirs[name], rtol=0, atol=300 * np.finfo("float64").eps)


def by_rank(module: Small, **others: Any) -> list[dict[str, Any]]:
    """Matrices in one group, the others, with their own options, in another."""
    every = list(module.parameters())
    return [
        {"params": [w for w in every if w.ndim > 1]},
        {"params": [w for w in every if w.ndim < 2], **others},
    ]


GROUPS: dict[str, Callable[[Small], Any]] = {
    "decayed": lambda m: torch.optim.AdamW(by_rank(m, weight_decay=0.0), lr=0.1, weight_decay=0.3),
    "two rates": lambda m: torch.optim.SGD(by_rank(m, lr=0.3), lr=0.1, momentum=0.9),
    "momentum or none": lambda m: torch.optim.SGD(by_rank(m, momentum=0.0), lr=0.1, momentum=0.9),
    "nesterov or not": lambda m: torch.optim.SGD(
        by_rank(m, nesterov=True), lr=0.1, momentum=0.9, weight_decay=0.1
    ),
    "one of two averages": lambda m: torch.optim.Adam(
        by_rank(m, amsgrad=True, betas=(0.5, 0.7)), lr=0.1
    ),
    "begins elsewhere": lambda m: torch.optim.Rprop(by_rank(m, lr=0.3), lr=0.1),
    "all the same": lambda m: torch.optim.RAdam(by_rank(m), lr=0.1),
    "of three": lambda m: torch.optim.ASGD(
        [{"params": [w], "lr": 0.1 * n, "t0": n} for n, w in enumerate(m.parameters(), 1)]
    ),
    "some in none": lambda m: torch.optim.Adam(m.layers.parameters(), lr=0.1),
    "some in two": lambda m: torch.optim.NAdam(
        [{"params": m.layers[0].parameters()}, {"params": m.head.parameters(), "eps": 0.1}]
    ),
}


@pytest.mark.parametrize("name", GROUPS)
def test_groups(name: str) -> None:
    check(trained(GROUPS[name]))


@pytest.mark.parametrize("make", [
    lambda m: torch.optim.AdamW(m.parameters(), lr=0.1),
    lambda m: torch.optim.SGD(by_rank(m, lr=0.3), lr=0.1, weight_decay=0.1),
])  # fmt: skip
def test_frozen_parameters_stay(make: Callable[[Small], Any]) -> None:
    def frozen(module: Small) -> Any:
        module.layers[0].requires_grad_(False)
        module.scale.requires_grad_(False)
        return make(module)

    ours, theirs = trained(frozen)
    check((ours, theirs))
    before = parameters_of(small())
    assert all(np.array_equal(ours[n], before[n]) for n in ("scale", "layers.0.weight"))
    assert not np.array_equal(ours["layers.1.weight"], before["layers.1.weight"])


def test_a_parameter_without_derivative_stays() -> None:
    """As where `.grad` is None: it is not even decayed."""
    module = small()
    optimizer = torch.optim.AdamW(by_rank(module, weight_decay=0.0), weight_decay=0.5)
    program, p = program_of(training_plan(module, optimizer)), parameters_of(module)
    before = p["embedding.weight"].copy()
    program["update"](p, {"scale": np.ones(())}, program["new_state"](p), 1)
    assert np.array_equal(p["embedding.weight"], before)


def test_tied_weights_are_changed_once() -> None:
    ours, theirs = trained(lambda m: torch.optim.Adam(m.parameters(), lr=0.1))
    assert ours["head.weight"] is ours["embedding.weight"]
    check((ours, theirs))


@pytest.mark.parametrize("clipping", [
    {"clip_norm": 0.5}, {"clip_norm": 100.0}, {"clip_value": 0.3},
    {"clip_norm": 3.0, "clip_value": 0.3},
])  # fmt: skip
@pytest.mark.parametrize("name", ["two rates", "some in none", "some in two"])
def test_clipping(name: str, clipping: dict[str, float]) -> None:
    check(trained(GROUPS[name], **clipping))


# --- schedules ------------------------------------------------------------------------------------


def sequence(o: Any) -> Any:
    parts = [lrs.LinearLR(o, 0.1, total_iters=5), lrs.CosineAnnealingLR(o, 15, eta_min=0.01),
             lrs.ConstantLR(o, 0.25, total_iters=4)]  # fmt: skip
    return lrs.SequentialLR(o, parts, [5, 20])


SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "constant": lambda o: lrs.ConstantLR(o, 0.3, total_iters=7),
    "linear": lambda o: lrs.LinearLR(o, 0.1, 0.9, total_iters=20),
    "linear to 0": lambda o: lrs.LinearLR(o, 1.0, 0.0, total_iters=20),
    "exponential": lambda o: lrs.ExponentialLR(o, 0.9),
    "steps": lambda o: lrs.StepLR(o, 7, 0.5),
    "milestones": lambda o: lrs.MultiStepLR(o, [20, 3, 3], 0.3),
    "polynomial": lambda o: lrs.PolynomialLR(o, 20, 1.7),
    "cosine": lambda o: lrs.CosineAnnealingLR(o, 29, 0.01),
    "cosine, past its end": lambda o: lrs.CosineAnnealingLR(o, 9),
    "restarts": lambda o: lrs.CosineAnnealingWarmRestarts(o, 7, eta_min=0.02),
    "longer restarts": lambda o: lrs.CosineAnnealingWarmRestarts(o, 3, 2),
    "one cycle": lambda o: lrs.OneCycleLR(o, 0.3, 30),
    "one cycle, three phases": lambda o: lrs.OneCycleLR(
        o, [0.3, 0.6], 30, three_phase=True, anneal_strategy="linear", pct_start=0.37
    ),
    "one cycle, momentum still": lambda o: lrs.OneCycleLR(o, 0.3, 35, cycle_momentum=False),
    "triangles": lambda o: lrs.CyclicLR(o, 0.1, 0.4, 7),
    "halved triangles": lambda o: lrs.CyclicLR(o, 0.1, [0.4, 0.5], 4, 7, mode="triangular2"),
    "shrinking triangles": lambda o: lrs.CyclicLR(o, 0.1, 0.4, 6, mode="exp_range", gamma=0.95),
    "sequence": sequence,
    "restarts behind a warmup": lambda o: lrs.SequentialLR(
        o, [lrs.ConstantLR(o, 0.1, 9), lrs.CosineAnnealingWarmRestarts(o, 6)], [4]
    ),
    "steps behind steps": lambda o: lrs.SequentialLR(
        o, [lrs.StepLR(o, 2, 0.5), lrs.StepLR(o, 3, 0.9), lrs.ExponentialLR(o, 0.8)], [6, 15]
    ),
    "chain": lambda o: lrs.ChainedScheduler(
        [lrs.LinearLR(o, 0.2, total_iters=6), lrs.ExponentialLR(o, 0.95), lrs.StepLR(o, 9)]
    ),
}

OPTIMIZERS: dict[str, Callable[[Small], Any]] = {
    "SGD": lambda m: torch.optim.SGD(by_rank(m, lr=0.05), lr=0.1, momentum=0.9),
    "AdamW": lambda m: torch.optim.AdamW(by_rank(m, weight_decay=0.0), lr=0.1, weight_decay=0.1),
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_schedules(name: str, optimizer: str) -> None:
    check(trained(OPTIMIZERS[optimizer], steps=30, schedule=SCHEDULES[name]))


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates(name: str) -> None:
    """Each rate within the roundings of PyTorch's recursion: two or three for each step."""
    module = small()
    optimizer = torch.optim.SGD(by_rank(module), lr=0.1, momentum=0.9)
    scheduler = SCHEDULES[name](optimizer)
    plan = training_plan(module, optimizer, scheduler)
    rate = program_of(plan)["learning_rate"]
    differing = plan.schedules[0].curves[0].numbers
    own = {k: v for k, v in differing[0] if any(dict(n)[k] != v for n in differing)}
    for step in range(1, 31):
        wanted = optimizer.param_groups[0]["lr"]
        assert type(rate(step, **own)) is float
        assert abs(rate(step, **own) - wanted) <= 3 * step * 2.0**-53 * 0.6
        optimizer.step()
        scheduler.step()


def test_one_cycle_ends_where_pytorchs_does() -> None:
    module = small()
    optimizer = torch.optim.Adam(module.parameters())
    scheduler = lrs.OneCycleLR(optimizer, 0.1, 30)
    rate = program_of(training_plan(module, optimizer, scheduler))["learning_rate"]
    optimizer.step()
    for _ in range(30):
        scheduler.step()
    assert rate(31) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-17)
    with pytest.raises(ValueError, match="total steps is 30"):
        scheduler.step()
    with pytest.raises(ValueError, match="ends after 30 steps"):
        rate(32)


@pytest.mark.parametrize("make", [
    lambda m: torch.optim.ASGD(m.parameters(), lr=0.3, lambd=0.1),
    lambda m: torch.optim.Rprop(m.parameters(), lr=0.3),
    lambda m: torch.optim.Adagrad(m.parameters(), lr=0.3, lr_decay=0.1),
    lambda m: torch.optim.Adamax(m.parameters(), lr=0.3),
    lambda m: torch.optim.NAdam(m.parameters(), lr=0.3),
    lambda m: torch.optim.RAdam(m.parameters(), lr=0.3),
    lambda m: torch.optim.Adadelta(m.parameters(), lr=0.3),
    lambda m: torch.optim.RMSprop(m.parameters(), lr=0.3),
])  # fmt: skip
def test_a_schedule_of_every_optimizer(make: Callable[[Small], Any]) -> None:
    check(trained(make, steps=20, schedule=lambda o: lrs.StepLR(o, 3, 0.5)))


@pytest.mark.parametrize("name", ["Adamax", "RAdam", "Adam", "RMSprop"])
def test_a_momentum_that_is_cycled(name: str) -> None:
    check(trained(
        lambda m: getattr(torch.optim, name)(m.parameters()),
        steps=20, schedule=lambda o: lrs.OneCycleLR(o, 0.1, 20),
    ))  # fmt: skip


# --- the text -------------------------------------------------------------------------------------


def test_the_text_passes_ruff(tmp_path: Path) -> None:
    """SIM108 aside, as in `rules/updates`: where groups differ in an option, its branches stay."""
    for number, make in enumerate([*GROUPS.values(), *OPTIMIZERS.values()]):
        for name, schedule in {"none": None, **SCHEDULES}.items():
            module = small()
            optimizer = make(module)
            groups = len(optimizer.param_groups)
            if schedule and (groups != 2 or "momentum" not in optimizer.defaults):
                continue
            scheduler = schedule(optimizer) if schedule else None
            plan = training_plan(module, optimizer, scheduler, clip_norm=1.0, clip_value=0.1)
            text = "\n\n\n".join(["import numpy as np", *training_functions(plan)])
            file = tmp_path / f"{number}_{name.replace(' ', '_').replace(',', '')}.py"
            file.write_text(text + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "100",
               "--select", "E,W,F,UP,B,SIM,C4,N,RUF", "--ignore=SIM108", str(tmp_path)]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_plain_descent_is_a_line() -> None:
    module = small()
    plan = training_plan(module, torch.optim.SGD(module.parameters(), lr=0.1))
    assert (
        training_functions(plan)[-1]
        == '''\
def update(p, dp, state, step, learning_rate=0.1):
    """One step of SGD, in place; steps count from 1."""
    for name, dw in dp.items():
        w = p[name]
        w -= learning_rate * dw'''
    )


@pytest.mark.parametrize("names", [
    ["a"], ["h.0.w", "h.1.w"], ["h.3.a.w", "h.4.a.w", "h.3.b", "h.4.b", "h.9.b", "z"],
    ["0.w", "1.w", "1.b"], [f"model.layers.{i}.{n}" for i in range(30) for n in ("k.w", "q.w")],
    ["list.0", "list.1", "brace{}.0", "brace{}.1"], [f"number_{i}" for i in range(40)],
])  # fmt: skip
def test_sets_of_names(names: list[str]) -> None:
    text = name_set("NAMES", names)
    space: dict[str, Any] = {}
    exec(text, space)
    assert space["NAMES"] == set(names)
    assert all(len(line) <= 100 for line in text.splitlines())


def test_repeated_layers_take_no_more_lines() -> None:
    texts = [
        name_set("NAMES", [f"h.{i}.{n}" for i in range(count) for n in ("a.w", "b.w")])
        for count in (2, 48)
    ]
    assert texts[0].count("\n") == texts[1].count("\n")


# --- what is refused ------------------------------------------------------------------------------


def stepped(module: Small) -> Any:
    optimizer = torch.optim.Adam(module.parameters())
    derivatives(module, 1)
    optimizer.step()
    return optimizer


class Own(torch.optim.SGD):
    """An optimiser of somebody's own."""


REFUSED: dict[str, tuple[Callable[[Small], Any], Callable[[Any], Any] | None, str]] = {
    "LBFGS": (lambda m: torch.optim.LBFGS(m.parameters()), None, "cannot be written out"),
    "SparseAdam": (lambda m: torch.optim.SparseAdam(m.parameters()), None, "SparseAdam"),
    "own": (lambda m: Own(m.parameters()), None, "Own"),
    "stepped": (stepped, None, "has done steps"),
    "capturable": (lambda m: torch.optim.Adam(m.parameters(), capturable=True), None, "capturable"),
    "differentiable": (
        lambda m: torch.optim.SGD(m.parameters(), differentiable=True), None, "differentiable"),
    "elsewhere": (lambda m: torch.optim.SGD(small().parameters()), None, "does not have"),
    "frozen": (
        lambda m: torch.optim.SGD(m.requires_grad_(False).parameters()), None, "nothing to change"),
    "infinite": (
        lambda m: torch.optim.Rprop(m.parameters(), step_sizes=(0.1, float("inf"))), None,
        "step_sizes: a finite number is needed"),
    "a tensor scheduled": (
        lambda m: torch.optim.SGD(m.parameters(), lr=torch.tensor(0.1)),
        lambda o: lrs.StepLR(o, 3), "plain numbers"),
    "LambdaLR": (
        lambda m: torch.optim.SGD(m.parameters()),
        lambda o: lrs.LambdaLR(o, lambda epoch: 1.0), "a function of yours"),
    "MultiplicativeLR": (
        lambda m: torch.optim.SGD(m.parameters()),
        lambda o: lrs.MultiplicativeLR(o, lambda epoch: 1.0), "a function of yours"),
    "a function in a sequence": (
        lambda m: torch.optim.SGD(m.parameters()),
        lambda o: lrs.SequentialLR(
            o, [lrs.StepLR(o, 3), lrs.LambdaLR(o, lambda epoch: 1.0)], [3]),
        "a function of yours"),
    "scale_fn": (
        lambda m: torch.optim.SGD(m.parameters(), momentum=0.9),
        lambda o: lrs.CyclicLR(o, 0.1, 0.2, scale_fn=lambda x: 1.0), "scale_fn"),
    "plateau": (
        lambda m: torch.optim.SGD(m.parameters()), lrs.ReduceLROnPlateau, "waits for losses"),
    "a cosine in a chain": (
        lambda m: torch.optim.SGD(m.parameters()),
        lambda o: lrs.ChainedScheduler([lrs.StepLR(o, 3), lrs.CosineAnnealingLR(o, 9)]),
        "within ChainedScheduler"),
    "another optimizer": (
        lambda m: torch.optim.SGD(m.parameters()),
        lambda o: lrs.StepLR(torch.optim.SGD(small().parameters()), 3), "another optimiser"),
    "NAdam cycled": (
        lambda m: torch.optim.NAdam(m.parameters()),
        lambda o: lrs.OneCycleLR(o, 0.1, 30), "NAdam"),
    "moved on": (
        lambda m: torch.optim.SGD(m.parameters()),
        lambda o: moved_on(lrs.StepLR(o, 3)), "moved on"),
}  # fmt: skip


def moved_on(scheduler: Any) -> Any:
    scheduler.optimizer.step()
    scheduler.step()
    return scheduler


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    make, schedule, words = REFUSED[name]
    module = small()
    optimizer = make(module)
    scheduler = schedule(optimizer) if schedule else None
    with pytest.raises(BackhandError) as caught:
        training_plan(module, optimizer, scheduler)
    assert words in str(caught.value)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_that_is_none(limit: float) -> None:
    module = small()
    with pytest.raises(BackhandError, match="clip_norm"):
        training_plan(module, torch.optim.SGD(module.parameters()), clip_norm=limit)
