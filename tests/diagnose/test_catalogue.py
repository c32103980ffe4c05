"""Every entry changes some network, says what it should, and what it plants is found again."""

import ast
from pathlib import Path

import numpy as np
import pytest

from backhand.capture.spec import load, parse
from backhand.diagnose import search
from backhand.diagnose.candidates import every, with_one_more
from backhand.diagnose.catalogue import CATALOGUE
from backhand.diagnose.experiments import proposal
from backhand.diagnose.judging import diagnose
from backhand.diagnose.listing import functions_of, listing_of
from backhand.diagnose.machine import Machine
from backhand.diagnose.scene import Draw, Scene, Seen
from backhand.writers import shared

ROOT = Path(__file__).parents[2]
SPECS = ("src/backhand/homework.toml", "examples/residual.toml", "examples/xor.toml",
         "examples/cs231n_regularised.toml", "tests/faults/specs/regression.toml",
         "tests/faults/specs/classifier.toml")  # fmt: skip
NORMS = """
[inputs]
x = [[0.5, -1.0, 2.0], [1.5, 2.0, -0.5], [-0.5, 0.25, 1.0]]
[targets]
y = [[1.0], [0.5], [-1.0]]
[weights]
w1 = [[0.5, 0.2, -0.1], [-0.3, 0.8, 0.4], [0.7, -0.6, 0.9]]
g = [1.0, 0.5, 2.0]
b = [0.1, 0.0, -0.2]
w2 = [[0.5, 0.2, -0.1], [-0.3, 0.8, 0.4], [0.7, -0.6, 0.9]]
w3 = [[0.3], [-0.2], [0.6]]
[network]
steps = ["h = batch_norm(x @ w1, g, b)", "k = dropout(tanh(h @ w2), 0.3)", "p = k @ w3"]
loss = "mse(p, y)"
[training]
optimizer = "sgd"
learning_rate = 0.1
momentum = 0.9
nesterov = true
weight_decay = 0.01
epochs = 3
"""
DECAYED = """
[inputs]
x = [[0.5, -1.0, 2.0], [1.5, 2.0, -0.5], [-0.5, 0.25, 1.0], [0.1, 0.2, 0.3]]
[targets]
y = [[1.0], [0.5], [-1.0], [0.2]]
[weights]
w1 = [[0.5, 0.2], [-0.3, 0.8], [0.7, -0.6]]
b1 = [0.1, -0.2]
w2 = [[0.3], [-0.2]]
b2 = [0.5]
[network]
steps = ["z = x @ w1 + b1", "n = (z - mean(z, axis=0)) * (var(z, axis=0) + 1e-5) ** -0.5",
         "h = dropout(elu(n), 0.3)", "p = gelu_tanh(h @ w2 + b2)"]
loss = "mse(p, y)"
[training]
optimizer = "adagrad"
learning_rate = 0.1
learning_rate_decay = 0.05
epochs = 3
"""
FILTERS = """
[inputs]
x = [[[[0.5, -1.0, 2.0], [1.5, 2.0, -0.5], [-0.5, 0.25, 1.0]]],
     [[[1, 0, -1], [0, 1, 2], [2, 1, 0]]]]
[targets]
y = [[0.3, -0.2], [0.1, 0.9]]
[weights]
k = [[[[0.5, 0.2], [-0.3, 0.8]]]]
c = [0.1]
w = [[0.3, 0.4], [-0.2, 0.5], [0.6, 0.1], [0.7, -0.8]]
u = [[0.3, 0.4], [-0.2, 0.5]]
[network]
steps = ["h = leaky_relu(conv2d(x, k, c, padding=1), 0.1)", "m = max_pool2d(h, 2)",
         "f = dropout(relu(flatten(m) @ w), 0.3)", "p = dropout(relu(f @ u), 0.3)"]
loss = "l1(p, y)"
[training]
optimizer = "adam"
learning_rate = 0.1
epochs = 3
"""
ATTENTION = """
[inputs]
x = [[[0.5, -1.0], [1.5, 2.0]], [[0.3, 0.1], [-0.4, 0.8]], [[1.0, 0.2], [0.6, -0.9]]]
[targets]
y = [[[0.3, -0.2], [0.1, 0.9]], [[0.5, 0.4], [0.7, -0.6]], [[0.2, 0.1], [-0.3, 0.8]]]
[weights]
q = [[0.5, 0.2], [-0.3, 0.8]]
k = [[0.4, -0.1], [0.6, 0.3]]
v = [[0.7, 0.2], [0.1, -0.5]]
[network]
steps = ["a = softmax(x @ q @ swapaxes(x @ k, 1, 2) / 1.5)", "p = a @ (x @ v)"]
outputs = ["p"]
loss = "mse(p, y)"
"""
MARGINS = """
[inputs]
x = [[0.5, -1.0], [1.5, 2.0], [-0.3, 0.4]]
[targets]
y = [[1, -1, 1], [-1, 1, 1], [1, 1, -1]]
counts = [[0.5], [2.0], [1.0]]
[weights]
w = [[0.5, 0.2], [-0.3, 0.8]]
u = [[0.4, 0.1, -0.6], [0.2, 0.7, 0.3]]
b = [0.1, -0.2, 0.3]
[network]
steps = ["h = tanh(x @ w) * sigmoid(x @ w)", "s = h @ u + b"]
outputs = ["s"]
loss = "mean(counts * relu(1 - y * s))"
[training]
optimizer = "sgd"
learning_rate = 0.1
epochs = 3
"""
POOLED = """
[inputs]
x = [[[0.5, -1.0, 2.0, 0.3]], [[1.5, 2.0, -0.5, 0.1]]]
[targets]
y = [[0.3], [0.1]]
[weights]
k = [[[0.5, 0.2]]]
c = [0.1]
[network]
steps = ["p = flatten(adaptive_avg_pool1d(tanh(conv1d(x, k, c)), 1))"]
loss = "mse(p, y)"
[training]
optimizer = "sgd"
learning_rate = 0.1
epochs = 3
"""


def experiments():
    texts = {"norms.toml": NORMS, "filters.toml": FILTERS, "decayed.toml": DECAYED,
             "attention.toml": ATTENTION, "margins.toml": MARGINS,
             "pooled.toml": POOLED}  # fmt: skip
    return [*(load(ROOT / s) for s in SPECS), *(parse(t, n, Path()) for n, t in texts.items())]


def test_there_are_enough() -> None:
    names = [mistake.name for mistake in CATALOGUE]
    assert len(names) == len(set(names)) >= 60
    for mistake in CATALOGUE:
        assert all((mistake.what, mistake.why, mistake.fix)), mistake.name


def test_all_are_in_the_documentation() -> None:
    page = (ROOT / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    rows = [f"| {m.part} | {m.name} | {m.what} |" for m in CATALOGUE]
    assert [row for row in rows if row not in page] == []


def test_every_entry_applies_somewhere() -> None:
    listings = [listing_of(e) for e in experiments()]
    idle = [m.name for m in CATALOGUE if not any(list(m.changes(one)) for one in listings)]
    assert idle == []


def scenes(machine: Machine, listing: object) -> list[Scene]:
    """What a program computes in three scenes, as if it were somebody's."""
    experiment = machine.experiment
    drawn = np.random.default_rng(0)
    data = tuple(experiment.arrays[n] for n in shared.data_names(experiment))
    weights = tuple(
        drawn.normal(size=experiment.arrays[n].shape) for n in machine.correct.parameters
    )
    masks = tuple(Draw("uniform", drawn.random((2, 4))) for _ in range(3))
    found = []
    for mode, epochs in (("evaluation", 0), ("pass", 0), ("training", 3)):
        empty = Scene(mode, mode, data, weights, {}, epochs, masks)  # type: ignore[arg-type]
        values = machine.run(listing, empty)  # type: ignore[arg-type]
        values.pop("losses", None)
        seen = {k: Seen(np.asarray(v)) for k, v in values.items()}
        found.append(Scene(mode, mode, data, weights, seen, epochs, masks))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    "name",
    ["mask not applied in the backward pass", "mask not scaled", "softmax over the wrong axis",
     "y - p for p - y", "gradient ascent", "earlier layer's gradient taken with the new weights"],
)  # fmt: skip
def test_what_is_planted_is_found(name: str) -> None:
    machine = Machine(load(ROOT / SPECS[0]), ROOT)
    mistake = next(m for m in CATALOGUE if m.name == name)
    change = next(iter(mistake.changes(machine.correct)))
    verdict = diagnose(machine, scenes(machine, change.listing))
    assert verdict.names == (name,)
    assert verdict.evidence[0].named == 0
    assert verdict.evidence[0].correct > 1e-6


def test_the_correct_program_is_not_accused() -> None:
    machine = Machine(load(ROOT / SPECS[0]), ROOT)
    verdict = diagnose(machine, scenes(machine, machine.correct))
    assert (verdict.outcome, verdict.exit_code) == ("no mistake found", 0)


def test_what_no_entry_explains_is_not_known() -> None:
    machine = Machine(load(ROOT / SPECS[0]), ROOT)
    found = scenes(machine, machine.correct)
    off = {**found[0].seen, "dw1": Seen(found[0].seen["dw1"].values * 1.2345)}
    odd = Scene("x", "evaluation", found[0].data, found[0].weights, off)
    verdict = diagnose(machine, [odd])
    assert (verdict.outcome, verdict.exit_code) == ("not known", 3)
    assert verdict.parts_at.startswith("dw1")


def test_a_mistake_on_top_of_another() -> None:
    machine = Machine(load(ROOT / SPECS[0]), ROOT)
    base = next(every(machine))
    assert any(len(p.mistakes) == 2 for p in with_one_more(base))


def test_what_cannot_be_seen_is_told() -> None:
    """Where every unit is active, a forgotten derivative of the ReLU is the correct program."""
    experiment = load(ROOT / SPECS[0])
    machine = Machine(experiment, ROOT)
    active = tuple(np.abs(experiment.arrays[n]) for n in machine.correct.parameters)
    data = tuple(np.abs(experiment.arrays[n]) for n in shared.data_names(experiment))
    empty = Scene("x", "evaluation", data, active, {})
    values = {k: Seen(np.asarray(v)) for k, v in machine.run(machine.correct, empty).items()}
    verdict = diagnose(machine, [Scene("x", "evaluation", data, active, values)])
    assert verdict.outcome == "no mistake found"
    assert "activation's derivative missing" in verdict.unseen
    assert "gradient ascent" in verdict.unseen  # nothing was trained
    assert "softmax over the wrong axis" not in verdict.unseen
    assert 0 <= verdict.share <= 1


def test_an_experiment_tells_ties_apart() -> None:
    machine = Machine(load(ROOT / SPECS[0]), ROOT)
    tied = [
        next(p for p in every(machine) if p.mistakes[0].name == name)
        for name in ("mask not scaled", "no dropout in training")
    ]
    found = proposal(machine, tied)
    assert found is not None
    assert set(found.numbers) == {"mask not scaled", "no dropout in training"}
    first, second = found.numbers.values()
    assert abs(first - second) > 1e-6


def planted(machine: Machine, function: str, old: str, new: str) -> list[Scene]:
    """What a program gives that has one line written otherwise."""
    text = ast.unparse(machine.correct.functions[function])
    assert text.count(old) == 1
    tree = functions_of(text.replace(old, new))[function]
    return scenes(machine, machine.correct.with_function(function, tree))


@pytest.mark.parametrize(
    ("function", "old", "new"),
    [
        ("network", "np.maximum(z1, 0)", "np.maximum(z1, 1)"),
        ("network_backward", "dz2 @ w2.T", "dz2 @ w2.T ** 3"),
        ("network_backward", "h.T @ dz2", "h.T @ (dz2 - 0.5)"),
    ],
)
def test_a_slip_is_said_to_the_letter_or_is_not_known(function: str, old: str, new: str) -> None:
    """One that is a slip of the pen by one place; two that are not."""
    machine = Machine(load(ROOT / SPECS[0]), ROOT)
    verdict = diagnose(machine, planted(machine, function, old, new))
    if function == "network":
        (finding,) = verdict.findings
        assert finding.mistake.what == "their numbers are those of `a1 = np.maximum(z1, 1)`"
        assert finding.where == "a1 = np.maximum(z1, 0)"
    else:
        assert verdict.outcome == "not known"


def test_the_search_keeps_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(load(ROOT / SPECS[0]), ROOT)
    ascent = next(m for m in CATALOGUE if m.name == "gradient ascent")
    change = next(iter(ascent.changes(machine.correct)))
    found = scenes(machine, change.listing)
    for limit in ("SINGLES", "DERIVED", "SLIPS", "PARTLY", "SECONDS"):
        monkeypatch.setattr(search, limit, 0.0)
    verdict = diagnose(machine, found)
    assert (verdict.outcome, verdict.ran_out) == ("not known", True)


@pytest.mark.parametrize("is_same", [True, False])
def test_a_mask_that_never_changes_is_seen_in_the_draws(is_same: bool) -> None:
    """The right program on their draws gives their numbers, whatever they drew."""
    machine = Machine(load(ROOT / SPECS[0]), ROOT)
    experiment = machine.experiment
    drawn = np.random.default_rng(0)
    one = drawn.random((2, 4))
    draws = tuple(Draw("uniform", one if is_same else drawn.random((2, 4))) for _ in range(12))
    data = tuple(experiment.arrays[n] for n in shared.data_names(experiment))
    weights = tuple(experiment.arrays[n] for n in machine.correct.parameters)
    empty = Scene("training", "training", data, weights, {}, 12, draws)
    values = machine.run(machine.correct, empty)
    seen = {k: Seen(np.asarray(v)) for k, v in values.items() if k != "losses"}
    verdict = diagnose(machine, [Scene("training", "training", data, weights, seen, 12, draws)])
    assert verdict.names == (("the same mask in every epoch",) if is_same else ())
