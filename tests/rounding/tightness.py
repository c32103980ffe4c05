"""How tight and how dear the bounds are: the figures of issue 3.

    python -m tests.rounding.tightness

Tightness is the largest bound over the largest error of a step, both over all its numbers, in
float32 against float64, each step fed exact inputs; the median of several draws.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.rounding import bounded, run
from backhand.rules import all_rules
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

    rules = all_rules()
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


def measure(step: Step, seed: int) -> float:
    """Largest bound over largest error."""
    arguments = step.arguments(np.random.default_rng(seed))
    mine, true = _results(step, arguments), _plain(step, arguments)
    bounds = max(float(b.error.max()) for b in mine)
    errors = max(float(np.abs(b.value - t).max()) for b, t in zip(mine, true, strict=True))
    return 0.0 if bounds == 0 else bounds / errors if errors else np.inf


def _results(step: Step, arguments: dict[str, Any]) -> tuple[Any, ...]:
    if isinstance(step.function, np.ufunc):
        return (step.function(*map(bounded, arguments.values())),)
    return _tuple(run(step.function, **arguments))


def _plain(step: Step, arguments: dict[str, Any]) -> tuple[Any, ...]:
    fine = [a.astype(np.float64) for a in arguments.values()]
    if step.name in UPDATES:
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
    for step in rule_steps():
        tight = float(np.median([measure(step, seed) for seed in range(5)]))
        lines.append(f"{step.name:24} {tight:9.1f} {step.limit:7.0f}")
    draw = np.random.default_rng(0)
    big = draw.normal(size=(512, 1024)).astype(np.float32)
    w = draw.normal(size=(1024, 512)).astype(np.float32)
    rules = all_rules()
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
