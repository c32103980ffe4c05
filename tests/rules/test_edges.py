"""Where PyTorch decides: kinks, ties, saturation. The decisions here are PyTorch's own, run now."""

from typing import Any

import numpy as np
import pytest
from tests.rules.trial import Trial

from backhand.rules import all_rules

both_dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])
INF = np.inf

# name, inputs, attributes: values where one side or the other has to be taken
EXACT_EDGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("relu", {"x": [0.0, -0.0, 1e-300, -1e-300, 5.0]}, {}),
    ("leaky_relu", {"x": [0.0, -0.0, 2.0, -2.0]}, {"slope": 0.2}),
    ("leaky_relu", {"x": [0.0, -0.0, 2.0, -2.0]}, {"slope": -0.5}),
    ("elu", {"x": [0.0, -0.0, 3.0]}, {"alpha": 0.7}),
    ("elu", {"x": [800.0, -800.0]}, {}),
    ("max", {"x": [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]}, {}),
    ("max", {"x": [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]}, {"axis": 1}),
    ("max", {"x": [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]}, {"axis": 0, "keepdims": True}),
    ("sigmoid", {"x": [0.0, 800.0, -800.0, 1e300]}, {}),
    ("tanh", {"x": [0.0, 800.0, -800.0]}, {}),
    ("silu", {"x": [0.0, 800.0, -800.0]}, {}),
    ("softplus", {"x": [800.0, -800.0, 20.5, 1e6]}, {}),
    ("gelu", {"x": [0.0, 800.0, -800.0]}, {}),
    ("gelu_tanh", {"x": [0.0, 800.0, -800.0]}, {}),
    ("softmax", {"x": [[1e4, 0.0, -1e4], [7.0, 7.0, 7.0]]}, {}),
    ("softmax", {"x": [[1e4, 0.0], [-1e4, 0.0]]}, {"axis": 0}),
    ("log_softmax", {"x": [[1e4, 0.0, -1e4], [800.0, -800.0, 0.0]]}, {}),
    ("exp", {"x": [0.0, -1e4]}, {}),
    ("log", {"x": [1.0, 0.0]}, {}),
    ("sqrt", {"x": [0.0, 4.0]}, {}),
    ("pow", {"x": [0.0, -2.0, 3.0]}, {"exponent": 2}),
    ("pow", {"x": [0.0, 4.0]}, {"exponent": 0.5}),
    ("pow", {"x": [0.0, -2.0]}, {"exponent": 1}),
    ("power", {"a": [0.0, 0.0, 2.0], "b": [2.0, 0.5, -1.0]}, {}),
    ("div", {"a": [1.0, -1.0], "b": [0.0, 4.0]}, {}),
    ("mse", {"p": [[1e30, 1.0]], "y": [[1e30, 1.0]]}, {}),
    ("bce", {"p": [[0.0, 1.0, 0.0, 1.0]], "y": [[0.0, 1.0, 1.0, 0.0]]}, {}),
    ("bce", {"p": [[0.0, 1.0, 0.0, 1.0]], "y": [[0.0, 1.0, 1.0, 0.0]]}, {"reduction": "sum"}),
    ("bce_logits", {"z": [[1e4, -1e4, 1e4, -1e4, 0.0]], "y": [[1.0, 0.0, 0.0, 1.0, 0.0]]}, {}),
    ("cross_entropy_logits", {"z": [[1e4, 0.0], [-1e4, 0.0]], "y": [[1.0, 0.0], [1.0, 0.0]]}, {}),
    ("cross_entropy_logits", {"z": [[1e4, 0.0]], "y": [[0.0, 1.0]]}, {"reduction": "sum"}),
    ("cross_entropy", {"p": [[1.0, 1e-30]], "y": [[0.0, 1.0]]}, {}),
]


@pytest.mark.parametrize(
    ("name", "arrays", "attributes"),
    [pytest.param(*edge, id=f"{edge[0]}-{i}") for i, edge in enumerate(EXACT_EDGES)],
)
@both_dtypes
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:overflow encountered in cast")
def test_an_edge_is_pytorchs(
    name: str, arrays: dict[str, Any], attributes: dict[str, Any], dtype: str
) -> None:
    """Same infinities, and otherwise equal within the few roundings of these single numbers.

    Up to 8 roundings apart, relative to the number itself: nothing cancels at these inputs.
    """
    given = {k: np.array(v, dtype) for k, v in arrays.items()}
    trial = Trial(all_rules()[name], given, **attributes)
    y, grads = trial.torch()
    for ours, theirs in zip((trial.y, *trial.parts()), (y, *grads), strict=True):
        eps, tiny = float(np.finfo(dtype).eps), float(np.finfo(dtype).tiny)
        np.testing.assert_allclose(ours, theirs, rtol=8 * eps, atol=tiny)


@pytest.mark.parametrize(
    "name", ["sigmoid", "silu", "softplus", "elu", "softmax", "log_softmax", "bce_logits", "gelu"]
)
@both_dtypes
def test_no_overflow_on_the_way(name: str, dtype: str) -> None:
    """Far out no intermediate overflows or becomes nan: a program prints no warnings there."""
    rule = all_rules()[name]
    far = np.array([[1e4, -1e4, 800.0, -800.0, 90.0, -90.0]], dtype)
    inputs = {p: far if p in "xz" else np.ones_like(far) for p in rule.forward.parameters}
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        trial = Trial(rule, inputs)
        results = (trial.y, *trial.parts())
    assert all(np.isfinite(result).all() for result in results)


@both_dtypes
def test_softplus_changes_over_where_pytorch_does(dtype: str) -> None:
    at = np.array([20], dtype)
    trial = Trial(all_rules()["softplus"], {"x": np.concatenate([at, np.nextafter(at, 21)])})
    y, (grad,) = trial.torch()
    assert trial.parts()[0][1] == grad[1] == 1
    assert trial.y[1] == y[1] == trial.arrays["x"][1]


def test_the_kinks_by_hand() -> None:
    """Once without PyTorch: the one-sided choices in words."""
    rules = all_rules()
    zero = np.zeros(1)
    assert rules["relu"].backward.call(np.ones(1), zero) == 0
    assert rules["leaky_relu"].backward.call(np.ones(1), zero, slope=0.3) == 0.3
    assert rules["elu"].backward.call(np.ones(1), zero, alpha=0.3) == 0.3
    halves = rules["max"].backward.call(np.ones(()), np.array([2.0, 2.0, 1.0]))
    assert halves.tolist() == [0.5, 0.5, 0.0]


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bce_of_certain_and_wrong_costs_100_as_in_pytorch() -> None:
    bce = all_rules()["bce"].forward.call
    assert bce(np.array([[0.0]]), np.array([[1.0]])) == 100
    assert bce(np.array([[1.0]]), np.array([[0.0]])) == 100
