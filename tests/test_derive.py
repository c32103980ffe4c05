"""The deriver: fan-in, broadcasting, fused derivatives and refusals, against numbers by hand."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from backhand.capture.spec import parse
from backhand.derive import derive
from backhand.errors import BackhandError
from backhand.experiment import Experiment
from backhand.graph import Kind, Network, Value
from backhand.run.program import run_numpy
from backhand.run.reference import run_torch
from backhand.run.trace import Trace
from backhand.writers.files import write_programs
from tests.random_specs import EVERYTHING

X = "[[1, 2], [3, 4]]"


def spec(
    steps: list[str],
    loss: str,
    *,
    weights: str,
    x: str = X,
    y: str = "[[0, 1], [1, 0]]",
    outputs: str = "",
) -> Experiment:
    lines = ["[inputs]", f"x = {x}", "[targets]", f"y = {y}", "[weights]", weights]
    lines += ["[network]", f"steps = {steps}", f'loss = "{loss}"', outputs]
    return parse("\n".join(lines), "hand.toml", Path())


def trace(experiment: Experiment) -> Trace:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        program = write_programs(experiment)["numpy"]
        return run_numpy(program, experiment, "float64", Path())


def gradient(experiment: Experiment, weight: str = "v") -> list[float]:
    return trace(experiment).evaluation[f"d{weight}"].tolist()


def functions(experiment: Experiment) -> list[str]:
    assert experiment.network.backward
    return [step.function for step in experiment.network.backward.body]


@pytest.mark.parametrize(
    ("v", "expected"),
    [
        # p = x * v and the loss is its sum: every element of v gets the sum of the x it meets
        ("[10]", [10]),  # 1 + 2 + 3 + 4
        ("[10, 20]", [4, 6]),  # 1 + 3 and 2 + 4
        ("[[10, 20]]", [[4, 6]]),
        ("[[10]]", [[10]]),
    ],
)
def test_broadcasting_is_undone(v: str, expected: list[float]) -> None:
    assert gradient(spec(["p = x * v"], "sum(p)", weights=f"v = {v}")) == expected


def test_broadcasting_is_undone_over_inner_and_leading_axes_at_once() -> None:
    # x is [2, 3, 2]; v is [3, 1]: summed over the batch and over the last axis
    x = "[[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]]"
    experiment = spec(["p = x * v"], "sum(p)", weights="v = [[1], [1], [1]]", x=x)
    assert gradient(experiment) == [[1 + 2 + 7 + 8], [3 + 4 + 9 + 10], [5 + 6 + 11 + 12]]


def test_a_smaller_array_may_stand_first() -> None:
    # p = v - x: dv = number of rows; p = v / x: dv = sum of 1 / x
    assert gradient(spec(["p = v - x"], "sum(p)", weights="v = [1, 1]")) == [2, 2]
    halves = gradient(spec(["p = v / x"], "sum(p)", weights="v = [1, 1]"))
    assert halves == pytest.approx([1 + 1 / 3, 1 / 2 + 1 / 4], rel=1e-15)


def test_fan_in_adds() -> None:
    # h = x v = 3, 6; p = h h + h, dp/dh = 2 h + 1 = 7, 13; dv = 1 * 7 + 2 * 13 = 33
    experiment = spec(["h = x * v", "p = h * h + h"], "sum(p)", weights="v = [3]", x="[[1], [2]]")
    assert gradient(experiment) == [33]
    (because,) = [s.because for s in experiment.network.backward.body if s.because]
    assert because == "h is used 3 times: its derivatives add"


def test_a_value_on_both_sides_of_one_operator() -> None:
    # p = v ** v at v = 2: v ** v (1 + ln v) = 4 (1 + ln 2)
    experiment = spec(["h = v * x", "p = h ** h"], "sum(p)", weights="v = [2]", x="[[1]]", y="[0]")
    assert gradient(experiment) == pytest.approx([4 * (1 + np.log(2))], rel=1e-15)


def test_a_weight_in_network_and_loss() -> None:
    # sum(x v) + 0.5 sum(v v): dv = sum of x + v
    weights = "v = [10, 20]"
    experiment = spec(["p = x * v"], "sum(p) + 0.5 * sum(v * v)", weights=weights)
    assert gradient(experiment) == [4 + 10, 6 + 20]


def test_hundreds_of_uses_add_up() -> None:
    """The sum of the derivatives goes on over several lines, so that no line nests too deeply."""
    steps = ["p0 = x + v", *(f"p{i} = p{i - 1} + v" for i in range(1, 300))]
    assert gradient(spec(steps, "sum(p299)", weights="v = [1, 1]")) == [600, 600]


def test_two_outputs_share_what_is_before_them() -> None:
    # p = 2 h, q = 3 h, h = x v: dv = (2 + 3) * sums of x
    steps = ["h = x * v", "p = 2 * h", "q = 3 * h"]
    outputs = 'outputs = ["p", "q"]'
    experiment = spec(steps, "sum(p) + sum(q)", weights="v = [1, 1]", outputs=outputs)
    assert gradient(experiment) == [5 * 4, 5 * 6]


# --- derivatives taken together ----------------------------------------------------------------

LOGITS = "v = [[0, 0], [0, 0]]"  # every softmax below gives one half, every sigmoid too


def test_softmax_and_cross_entropy_become_p_less_y() -> None:
    experiment = spec(["p = softmax(x @ v)"], "cross_entropy(p, y)", weights=LOGITS)
    assert functions(experiment)[0] == "softmax+cross_entropy.dx"
    # (p - y) / 2 = [[1/4, -1/4], [-1/4, 1/4]]; dv = x.T @ that
    assert gradient(experiment) == [[1 / 4 - 3 / 4, -1 / 4 + 3 / 4], [-1 / 2, 1 / 2]]


@pytest.mark.parametrize(
    ("steps", "y", "why"),
    [
        (["p = softmax(x @ v)"], "[[0.5, 0.4], [1, 0]]", "a row of y sums to 0.9"),
        (["p = softmax(x @ v)"], "[[0.25, 0.75], [1, 0]]", "rows sum to 1, but are not one-hot"),
        (["p = softmax(x @ v, axis=0)"], "[[0, 1], [1, 0]]", "columns, not rows, sum to 1"),
    ],
)
def test_they_are_not_taken_together_where_that_would_be_wrong(
    steps: list[str], y: str, why: str
) -> None:
    experiment = spec(steps, "cross_entropy(p, y)", weights="v = [[0.1, 0.2], [0.3, -0.4]]", y=y)
    assert functions(experiment)[0] == "cross_entropy.dp", why
    assert_like_torch(experiment)


def test_nor_where_something_else_reads_the_prediction() -> None:
    loss = "cross_entropy(p, y) + 0.1 * sum(p ** 2)"
    weights = "v = [[0.1, 0.2], [0.3, -0.4]]"
    experiment = spec(["p = softmax(x @ v)"], loss, weights=weights)
    assert not any("+" in function for function in functions(experiment))
    assert_like_torch(experiment)


def test_sigmoid_and_bce_are_taken_together_for_any_target() -> None:
    experiment = spec(
        ["p = sigmoid(x @ v)"], "bce(p, y, reduction='sum')", weights=LOGITS, y="[[0, 1], [0.3, 1]]"
    )
    assert functions(experiment)[0] == "sigmoid+bce.dx"
    # p - y = [[1/2, -1/2], [1/5, -1/2]]; dv = x.T @ that
    expected = np.array([[1, 2], [3, 4]]).T @ np.array([[0.5, -0.5], [0.2, -0.5]])
    assert gradient(experiment) == pytest.approx(expected, rel=1e-15)


def test_where_a_sigmoid_saturates_pytorch_loses_what_we_keep() -> None:
    """Known and meant: at p = 1 to the last digit, PyTorch divides by at least 1e-12 and then
    multiplies by p (1 - p) = 0. p - y = 1 is the derivative, and what bce_logits gives."""
    steps, y = ["z = 40 * (x @ v)", "p = sigmoid(z)"], "[[0, 0], [1, 1]]"
    taken = {"weights": "v = [[1, 1], [1, 1]]", "y": y}
    ours = trace(spec(steps, "bce(p, y, 'sum')", **taken)).evaluation["dz"]
    right = trace(spec(["z = 40 * (x @ v)"], "bce_logits(z, y, 'sum')", **taken)).evaluation["dz"]
    experiment = spec(steps, "bce(p, y, 'sum')", **taken)
    theirs = run_torch(write_programs(experiment)["torch"], experiment, "float64", Path())
    assert ours.tolist() == right.tolist() == [[1, 1], [0, 0]]
    assert theirs.evaluation["dz"].tolist() == [[0, 0], [0, 0]]


def assert_like_torch(experiment: Experiment) -> None:
    """The derivatives by the weights, within 32 roundings of the largest: some ten operations."""
    theirs = run_torch(write_programs(experiment)["torch"], experiment, "float64", Path())
    ours = trace(experiment).evaluation
    for weight in experiment.network.forward.parameters:
        name = f"d{weight.name}"
        largest = np.abs(theirs.evaluation[name]).max()
        np.testing.assert_allclose(ours[name], theirs.evaluation[name], atol=32 * 2**-53 * largest)


# --- what it refuses ---------------------------------------------------------------------------


def test_a_weight_that_does_not_reach_the_loss() -> None:
    steps = ["q = x * u", "p = x * v"]
    with pytest.raises(BackhandError) as caught:
        spec(steps, "sum(p)", weights="v = [1, 1]\nu = [1, 1]")
    assert "`u` does not influence the loss, so it cannot be trained" in str(caught.value)


@pytest.mark.parametrize("loss", ["mse(p, q)", "mse(q, p)", "mse(p, 0.5 * q)", "mse(p, p)"])
def test_a_target_that_depends_on_weights(loss: str) -> None:
    """Its derivative would silently be missing."""
    with pytest.raises(BackhandError, match="has no derivative by its `y`"):
        spec(["p = x * v", "q = tanh(p)"], loss, weights="v = [1, 1]", outputs='outputs=["p", "q"]')


def test_the_same_written_out_is_derived() -> None:
    # p = x v, q = 2 p: mean((p - q) ** 2) = mean(p p); dv = 2 v mean over x x, at v = 3
    outputs = 'outputs = ["p", "q"]'
    experiment = spec(
        ["p = x * v", "q = 2 * p"], "mean((p - q) ** 2)", weights="v = [3]", outputs=outputs
    )
    assert gradient(experiment) == [2 * 3 * (1 + 4 + 9 + 16) / 4]


def test_a_network_without_a_loss() -> None:
    x = Value("x", ("B", 2), "input")
    with pytest.raises(BackhandError) as caught:
        derive(Network("net", (), Kind("network", (x,), (), (x,), ())))
    assert str(caught.value) == "net: a backward pass needs a loss"


# --- the same bytes, whatever Python's hashes --------------------------------------------------

SHOW = """
import sys
from pathlib import Path
from backhand.capture.spec import parse
from backhand.writers.files import write_programs
from tests.random_specs import EVERYTHING
experiment = parse(sys.stdin.read(), "everything.toml", Path())
programs = write_programs(experiment)
print(experiment.network, programs["numpy"].text, programs["torch"].text)
print({name: values.tobytes().hex() for name, values in experiment.arrays.items()})
"""


def test_the_same_spec_gives_the_same_bytes_in_every_process() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", SHOW],
            input=EVERYTHING,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(texts) == 1
    assert "network_backward" in texts.pop()
