"""How tight and how dear the bounds are: the figures of issue 3.

    python -m tests.rounding.tightness

Tightness is the largest bound over the largest error of a step, both over all its numbers, in
float32 against float64, each step fed exact inputs, of several draws.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.rounding import bounded, run
from backhand.rules import formula_rules
from backhand.rules.updates import UPDATES


@dataclass(frozen=True)
class Step:
    """A function, how its arguments are drawn, and how loose the issue allows its bound to be."""

    name: str
    function: Callable[..., Any]
    arguments: Callable[[np.random.Generator], dict[str, Any]]
    limit: float


def rule_steps() -> list[Step]:
    """Rules on arrays of a realistic size."""

    def normal(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], list[np.ndarray]]:
        return lambda draw: [draw.normal(size=s).astype(np.float32) for s in shapes]

    def named(names: str, *shapes: tuple[int, ...]) -> Callable[[np.random.Generator], Any]:
        return lambda draw: dict(zip(names.split(), normal(*shapes)(draw), strict=True))

    rules = formula_rules()
    steps = []
    for name in ("relu", "tanh", "sigmoid", "silu", "softplus", "elu", "gelu", "gelu_tanh"):
        rule = rules[name]
        assert rule.backward is not None
        steps.append(Step(name, rule.forward.call, named("x", (64, 256)), 10))
        takes_y = "y" in rule.backward.parameters
        steps.append(
            Step(
                f"{name}, back",
                rule.backward.call,
                _with_output(rule.forward.call) if takes_y else named("dy x", (64, 256), (64, 256)),
                25 if "gelu" in name else 10,
            )
        )
    softmax, loss = rules["softmax"], rules["cross_entropy_logits"]
    assert softmax.backward is not None
    assert loss.backward is not None
    steps += [
        Step("softmax of 64", softmax.forward.call, named("x", (64, 64)), 250),
        Step("softmax of 64, back", softmax.backward.call, _with_output(softmax.forward.call), 250),
        Step("cross entropy", loss.forward.call, _labelled, 250),
        Step("cross entropy, back", loss.backward.call,
             lambda draw: {"dloss": np.float32(1), **_labelled(draw)}, 250),
        Step("matmul, n=256", np.matmul, _pair(256), 80),
        Step("matmul, n=784", np.matmul, _pair(784), 400),
        Step("sgd", _updated("sgd"), named("w dw", (64, 256), (64, 256)), 2),
        Step("adam", _updated("adam"), named("w dw", (64, 256), (64, 256)), 2),
    ]  # fmt: skip
    return steps


def norm_steps() -> list[Step]:
    """Norms of 256 features, or of a batch of 128.

    200 for sums in any order; with the order that NumPy has along a row it would be 20 (see sums.py
    on why that is not made use of).
    """

    def named(names: str) -> Callable[[np.random.Generator], dict[str, Any]]:
        shapes = {n: (128, 256) if n in ("x", "dy") else (256,) for n in names.split()}
        return lambda draw: {n: draw.normal(size=s).astype(np.float32) for n, s in shapes.items()}

    steps = []
    for name in ("layer_norm", "batch_norm", "rms_norm"):
        rule = formula_rules()[name]
        assert rule.backward is not None
        steps.append(Step(name, rule.forward.call, named(" ".join(rule.wrt)), 200))
        steps.append(Step(f"{name}, dx", _first(rule.backward.call), named("dy x g"), 200))
    return steps


def homework_steps() -> list[Step]:
    """The homework's own lines, each fed the numbers of a plain float32 run."""
    x = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    y = np.array([[0, 1], [1, 0]], np.float32)

    def values(draw: np.random.Generator) -> dict[str, np.ndarray]:
        w1, w2 = (draw.uniform(0.1, 1.2, s).astype(np.float32) for s in ((3, 4), (4, 2)))
        mask = (draw.uniform(size=(2, 4)) < 0.6).astype(np.float32) / np.float32(0.6)
        z1 = x @ w1
        h = np.maximum(z1, 0) * mask
        z2 = h @ w2
        p = formula_rules()["softmax"].forward.call(z2)
        dz2 = p - y
        found = {"w1": w1, "w2": w2, "mask": mask, "z1": z1, "a1": np.maximum(z1, 0), "h": h}
        found |= {"z2": z2, "p": p, "dz2": dz2, "dh": dz2 @ w2.T}
        return {**found, "dz1": found["dh"] * mask, "x": x, "y": y}

    lines: dict[str, Callable[..., Any]] = {
        "z1 = x @ w1": lambda x, w1: x @ w1,
        "h = a1 * mask": lambda a1, mask: a1 * mask,
        "z2 = h @ w2": lambda h, w2: h @ w2,
        "p = softmax(z2)": lambda z2: formula_rules()["softmax"].forward.call(z2),
        "loss": lambda y, p: -(y * np.log(p)).sum(),
        "dz2 = p - y": lambda p, y: p - y,
        "dh = dz2 @ w2.T": lambda dz2, w2: dz2 @ w2.T,
        "dw2 = h.T @ dz2": lambda h, dz2: h.T @ dz2,
        "da1 = dh * mask": lambda dh, mask: dh * mask,
        "dw1 = x.T @ dz1": lambda x, dz1: x.T @ dz1,
        "w1 -= 0.01 * dw1": lambda w1, x, dz1: w1 - 0.01 * (x.T @ dz1),
    }

    def fed(line: Callable[..., Any]) -> Callable[[np.random.Generator], dict[str, np.ndarray]]:
        names = line.__code__.co_varnames
        return lambda draw: {n: v for n, v in values(draw).items() if n in names}

    return [Step(name, line, fed(line), 20) for name, line in lines.items()]


def _first(backward: Callable[..., Any]) -> Callable[..., Any]:
    def derivative(dy: Any, x: Any, g: Any) -> Any:
        return backward(dy, x, g)[0]

    return derivative


def _with_output(forward: Callable[..., Any]) -> Callable[[np.random.Generator], Any]:
    def draw(generator: np.random.Generator) -> dict[str, np.ndarray]:
        x, dy = (generator.normal(size=(64, 256)).astype(np.float32) for _ in range(2))
        return {"dy": dy, "y": np.asarray(forward(x))}

    return draw


def _labelled(draw: np.random.Generator) -> dict[str, np.ndarray]:
    y = np.eye(64, dtype=np.float32)[draw.integers(0, 64, 128)]
    return {"z": draw.normal(size=(128, 64)).astype(np.float32), "y": y}


def _pair(n: int) -> Callable[[np.random.Generator], dict[str, np.ndarray]]:
    return lambda draw: {
        "a": draw.normal(size=(128, n)).astype(np.float32),
        "b": draw.normal(size=(n, 512)).astype(np.float32),
    }


def _updated(name: str) -> Callable[..., Any]:
    update = UPDATES[name].function

    def first_update(w: Any, dw: Any) -> Any:
        w = w * 1
        state = [np.zeros_like(w) for n in UPDATES[name].state]
        counted = [1] if "step" in update.parameters else []
        run(update.call, w, dw, *state, *counted, learning_rate=0.01)
        return w

    return first_update


def measure(step: Step, seed: int) -> tuple[float, float]:
    """Largest bound and largest error of one draw."""
    arguments = step.arguments(np.random.default_rng(seed))
    mine, true = _results(step, arguments), _plain(step, arguments)
    bounds = max(float(b.error.max()) for b in mine)
    errors = max(float(np.abs(b.value - t).max()) for b, t in zip(mine, true, strict=True))
    return bounds, errors


def tightness(step: Step, draws: int = 9) -> float:
    """Largest bound over largest error, of all draws; 0 for a step that is exact."""
    bounds, errors = zip(*(measure(step, seed) for seed in range(draws)), strict=True)
    return max(bounds) / max(errors) if max(bounds) else 0.0


def _results(step: Step, arguments: dict[str, Any]) -> tuple[Any, ...]:
    if isinstance(step.function, np.ufunc):
        return (step.function(*map(bounded, arguments.values())),)
    return _tuple(run(step.function, **arguments))


def _plain(step: Step, arguments: dict[str, Any]) -> tuple[Any, ...]:
    fine = [a.astype(np.float64) for a in arguments.values()]
    if step.name in UPDATES:  # written with `run`, which always gives bounds
        return (_results(step, dict(zip(arguments, fine, strict=True)))[0].value,)
    if isinstance(step.function, np.ufunc):
        return (step.function(*fine),)
    return _tuple(step.function(**dict(zip(arguments, fine, strict=True))))


def _tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def slowdown(function: Callable[..., Any], *arrays: np.ndarray) -> float:
    """How many times as long as plainly it takes with bounds, from exact inputs."""

    def seconds(call: Callable[[], Any]) -> float:
        times = []
        for _ in range(7):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return min(times)

    leaves = [bounded(a) for a in arrays]
    return seconds(lambda: run(function, *leaves)) / seconds(lambda: function(*arrays))


def report() -> list[str]:
    """The table, one line a step."""
    lines = [f"{'step':24} {'tightness':>9} {'wanted':>7}"]
    for step in [*homework_steps(), *rule_steps(), *norm_steps()]:
        lines.append(f"{step.name:24} {tightness(step):9.1f} {step.limit:7.0f}")
    draw = np.random.default_rng(0)
    big = draw.normal(size=(512, 1024)).astype(np.float32)
    w = draw.normal(size=(1024, 512)).astype(np.float32)
    rules = formula_rules()
    for name, arrays in {
        "matmul": (big, w), "tanh": (big,), "gelu": (big,), "softmax": (big,), "mul": (big, big),
    }.items():  # fmt: skip
        factor = slowdown(rules[name].forward.call, *arrays)
        lines.append(f"{name:24} {factor:9.1f} times the plain one's time")
    return lines


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print("\n".join(report()))
