"""Entries against programs written by hand: the numbers come from plain NumPy, not from us."""

from pathlib import Path

import numpy as np
import pytest

from backhand.capture.spec import parse
from backhand.diagnose.judging import diagnose
from backhand.diagnose.machine import Machine
from backhand.diagnose.scene import Draw, Scene, Seen

SPEC = """
[inputs]
x = [[0.5, -1.0, 2.0], [1.5, 2.0, -0.5], [-0.5, 0.25, 1.0], [0.1, 0.2, -0.3]]
[targets]
y = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
[weights]
w1 = [[0.5, 0.2], [-0.3, 0.8], [0.7, -0.6]]
b1 = [0.1, -0.2]
w2 = [[0.3, -0.4], [-0.2, 0.6]]
b2 = [0.5, 0.1]
[network]
steps = ["z1 = x @ w1 + b1", "h = tanh(z1)", "p = softmax(h @ w2 + b2)"]
outputs = ["p"]
loss = "cross_entropy(p, y)"
[training]
optimizer = "sgd"
learning_rate = 0.1
momentum = 0.5
epochs = 3
"""
MACHINE = Machine(parse(SPEC, "by_hand.toml", Path()), Path())
NAMES = ("w1", "b1", "w2", "b2")
X, Y, *START = (MACHINE.experiment.arrays[name] for name in ("x", "y", *NAMES))


def backward(w, h, p, *, above=None, slope=None):
    """The gradients by hand; a fault gives its own derivative at the output, or its own slope."""
    dz2 = (p - Y) / len(X) if above is None else above
    dh = dz2 @ w["w2"].T
    dz1 = dh * (1 - h * h) if slope is None else slope(dh, h)
    return {"dw1": X.T @ dz1, "db1": dz1.sum(0), "dw2": h.T @ dz2, "db2": dz2.sum(0)}


def one_pass(w, fault=""):
    bias = len(w["w1"]) * w["b1"] if fault == "bias added for each input" else w["b1"]
    h = np.tanh(X @ w["w1"] + bias)
    e = np.exp(h @ w["w2"] + w["b2"])
    p = e / e.sum(1, keepdims=True)
    loss = -(Y * np.log(p + (1e-15 if "harmless" in fault else 0))).sum() / len(X)
    found = backward(w, h, p)
    if fault == "weight gradient never divided by N":
        found["dw2"] = h.T @ (p - Y)
    elif fault == "divided by the number of features or classes":
        found = backward(w, h, p, above=(p - Y) / X.shape[1])
    elif fault == "loss value divided by N twice":
        loss = loss / len(X)
    elif "activation itself for its derivative" in fault:
        found = backward(w, h, p, slope=lambda dh, h: dh * h)
    elif fault == "activation's derivative taken at the derivative":
        found = backward(w, h, p, slope=lambda dh, h: dh * (1 - dh * dh))
    elif fault == "sum not set back to 0 for each unit":
        dh = np.cumsum(((p - Y) / len(X)) @ w["w2"].T, axis=1)
        found |= {"dw1": X.T @ (dh * (1 - h * h)), "db1": (dh * (1 - h * h)).sum(0)}
    elif fault == "rows of a gradient share one list":
        found["dw1"] = np.tile(found["dw1"].sum(0), (3, 1))
    elif fault == "an example left out of a gradient":
        found["dw2"] = h[1:].T @ ((p - Y) / len(X))[1:]
    return {"p": p, "loss": np.array(loss), **found}


def trained(*, rate=lambda epoch: 0.1, keep=0.5, rows=lambda epoch: slice(None)):
    """Three epochs by hand, with momentum."""
    w = {n: a.copy() for n, a in zip(NAMES, START, strict=True)}
    velocity = {n: np.zeros_like(a) for n, a in w.items()}
    seen = {}
    for epoch in range(3):
        chosen = rows(epoch)
        x, y = X[chosen], Y[chosen]
        h = np.tanh(x @ w["w1"] + w["b1"])
        e = np.exp(h @ w["w2"] + w["b2"])
        dz2 = (e / e.sum(1, keepdims=True) - y) / len(x)
        dz1 = dz2 @ w["w2"].T * (1 - h * h)
        d = {"w1": x.T @ dz1, "b1": dz1.sum(0), "w2": h.T @ dz2, "b2": dz2.sum(0)}
        for n in NAMES:
            velocity[n] = keep * velocity[n] + d[n]
            w[n] = w[n] - rate(epoch) * velocity[n]
            seen[f"{n}@{epoch + 1}"] = Seen(w[n].copy())
    return seen


@pytest.mark.parametrize(
    "fault",
    ["weight gradient never divided by N", "divided by the number of features or classes",
     "loss value divided by N twice", "activation itself for its derivative",
     "activation's derivative taken at the derivative", "bias added for each input",
     "sum not set back to 0 for each unit", "rows of a gradient share one list",
     "an example left out of a gradient"],
)  # fmt: skip
def test_a_fault_in_one_pass_is_named(fault: str) -> None:
    assert diagnose(MACHINE, scenes(fault)).names == (fault,)


def test_a_harmless_epsilon_hides_no_mistake() -> None:
    verdict = diagnose(MACHINE, scenes("activation itself for its derivative, harmless"))
    assert verdict.names == ("activation itself for its derivative",)


def scenes(fault):
    found = []
    for i in range(2):
        drawn = np.random.default_rng(i)
        weights = tuple(drawn.normal(size=a.shape) for a in START)
        seen = one_pass(dict(zip(NAMES, weights, strict=True)), fault)
        seen = {k: Seen(v) for k, v in seen.items()}
        found.append(Scene(str(i), "evaluation", (X, Y), weights, seen))
    return found


def test_a_slip_beside_a_known_mistake_is_told() -> None:
    """The entropy of p for the cross-entropy, which nobody knows by name, and a weight's count."""
    found = []
    for scene in scenes("weight gradient never divided by N"):
        p = scene.seen["p"].values
        seen = dict(scene.seen) | {"loss": Seen(-(p * np.log(p)).sum() / len(X))}
        found.append(Scene(scene.name, "evaluation", scene.data, scene.weights, seen))
    verdict = diagnose(MACHINE, found)
    assert "weight gradient never divided by N" in verdict.names
    assert len(verdict.names) == 2


ORDERS = [np.array([2, 0, 3, 1]), np.array([1, 3, 0, 2]), np.array([0, 1, 1, 3])]


@pytest.mark.parametrize(
    ("fault", "seen"),
    [("momentum multiplied by the learning rate", trained(keep=0.05)),
     ("learning rate decays", trained(rate=lambda epoch: 0.1 * 0.99 ** (epoch + 1))),
     ("an example left out of the training", trained(rows=lambda epoch: ORDERS[epoch][:-1])),
     ("examples drawn with replacement", trained(rows=lambda epoch: ORDERS[epoch]))],
)  # fmt: skip
def test_a_fault_in_training_is_named(fault: str, seen: dict[str, Seen]) -> None:
    draws = tuple(Draw("order", order) for order in ORDERS)
    scene = Scene("trained", "training", (X, Y), tuple(START), seen, 3, draws)
    assert diagnose(MACHINE, [scene]).names == (fault,)
