"""More of what others have published, through the written programs and the optimisers' own text.

Sources: M. Mazur, "A Step by Step Backpropagation Example" (2015); Stanford's cs231n.github.io,
assignments2016/assignment1/two_layer_net.ipynb and assignment2/FullyConnectedNets.ipynb;
scikit-learn's MLPClassifier, run here; keras-team/keras, keras/src/optimizers/*_test.py.
tests/test_examples.py and tests/test_updates.py have the rest.
"""

import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from backhand.capture.spec import load, parse
from backhand.experiment import Experiment
from backhand.rules.updates import UPDATES
from backhand.run.program import run_numpy
from backhand.run.trace import Trace
from backhand.writers.files import save_programs

EXAMPLES = Path(__file__).parent.parent / "examples"


def traced(experiment: Experiment, folder: Path) -> Trace:
    return run_numpy(save_programs(experiment, folder)["numpy"], experiment, "float64", folder)


def to_places(value: float, places: int) -> float:
    return round(float(value), places)


# --- Mazur -------------------------------------------------------------------------------------


def test_mazurs_derivatives_on_the_way(tmp_path: Path) -> None:
    steps = ["net_h = x @ w1 + 0.35", "h = sigmoid(net_h)", "net_o = h @ w2 + 0.60",
             "o = sigmoid(net_o)"]  # fmt: skip
    text = (EXAMPLES / "mazur.toml").read_text(encoding="utf-8")
    old = text[text.index("steps = [") : text.index("outputs =")]
    values = traced(parse(text.replace(old, f"steps = {steps}\n"), "m.toml", tmp_path), tmp_path)
    at = values.evaluation
    assert to_places(at["net_h"][0, 0], 4) == 0.3775
    assert [to_places(h, 9) for h in at["h"][0]] == [0.593269992, 0.596884378]
    assert to_places(at["net_o"][0, 0], 9) == 1.105905967
    assert to_places(at["do"][0, 0], 8) == 0.74136507
    assert to_places(at["dnet_o"][0, 0], 9) == 0.138498562
    assert to_places(at["dw2"][0, 0], 9) == 0.082167041
    # through the first output alone; the second's, -0.019049119, is one off in his last place
    assert to_places(at["dnet_o"][0, 0] * 0.40, 9) == 0.055399425
    assert to_places(at["dnet_o"][0, 1] * 0.50, 9) == -0.019049118
    assert to_places(at["dh"][0, 0], 9) == 0.036350306
    assert to_places(at["dw1"][0, 0], 9) == 0.000438568


def mazur_by_hand(steps: int, *, changed_too_early: bool) -> tuple[np.ndarray, float]:
    """His outputs and his error after some steps; nothing of backhand's is used here."""
    x, t = np.array([0.05, 0.10]), np.array([0.01, 0.99])
    w1, w2 = np.array([[0.15, 0.20], [0.25, 0.30]]), np.array([[0.40, 0.45], [0.50, 0.55]])

    def forward() -> tuple[np.ndarray, np.ndarray]:
        h = 1 / (1 + np.exp(-(w1 @ x + 0.35)))
        return h, 1 / (1 + np.exp(-(w2 @ h + 0.60)))

    for _ in range(steps):
        h, o = forward()
        delta = (o - t) * o * (1 - o)
        new = w2 - 0.5 * np.outer(delta, h)
        through = new if changed_too_early else w2
        w1 = w1 - 0.5 * np.outer(through.T @ delta * h * (1 - h), x)
        w2 = new
    _, o = forward()
    return o, float(0.5 * ((t - o) ** 2).sum())


def test_all_three_figures_that_mazur_prints_after_steps_come_from_one_mistake() -> None:
    """E after a step, the outputs and (in older copies) E after 10,000: to every digit."""
    _, once = mazur_by_hand(1, changed_too_early=True)
    o, error = mazur_by_hand(10_000, changed_too_early=True)
    assert to_places(once, 9) == 0.291027924
    assert [to_places(number, 9) for number in o] == [0.015912196, 0.984065734]
    assert to_places(error, 9) == 0.000035085


def test_after_ten_thousand_steps_we_have_what_is_right(tmp_path: Path) -> None:
    text = (EXAMPLES / "mazur.toml").read_text(encoding="utf-8")
    text = text.replace("epochs = 1\n", "epochs = 10001\n")  # a loss stands before its update
    losses = traced(parse(text, "mazur.toml", tmp_path), tmp_path).losses
    _, once = mazur_by_hand(1, changed_too_early=False)
    _, error = mazur_by_hand(10_000, changed_too_early=False)
    assert to_places(losses[1], 12) == to_places(once, 12) == 0.291027773694
    assert to_places(losses[10_000], 14) == to_places(error, 14)
    assert to_places(losses[10_000], 9) != 0.000035085  # the mistake's, as printed


# --- Stanford CS231n ---------------------------------------------------------------------------

TOY_SCORES = [
    [-0.81233741, -1.27654624, -0.70335995],
    [-0.17129677, -1.18803311, -0.47310444],
    [-0.51590475, -1.01354314, -0.8504215],
    [-0.15419291, -0.48629638, -0.52901952],
    [-0.00618733, -0.12435261, -0.15226949],
]


def test_the_toy_network_of_assignment_1(tmp_path: Path) -> None:
    """Here some hidden units are off, which assignment 2's network has none of."""
    weights = np.random.RandomState(0)
    w1, w2 = 0.1 * weights.randn(4, 10), 0.1 * weights.randn(10, 3)
    x = 10 * np.random.RandomState(1).randn(5, 4)
    text = f"""
[inputs]
x = {x.tolist()}
[targets]
y = {{ classes = [0, 1, 2, 2, 1], of = 3 }}
[weights]
w1 = {w1.tolist()}
b1 = {{ init = "fill", shape = [10] }}
w2 = {w2.tolist()}
b2 = {{ init = "fill", shape = [3] }}
[network]
steps = ["a = relu(x @ w1 + b1)", "scores = a @ w2 + b2"]
outputs = ["scores"]
loss = "cross_entropy_logits(scores, y) + 0.5 * 0.1 * (sum(w1 ** 2) + sum(w2 ** 2))"
"""
    at = traced(parse(text, "toy.toml", tmp_path), tmp_path).evaluation
    assert np.array_equal(np.round(at["scores"], 8), TOY_SCORES)
    assert to_places(at["loss"], 11) == 1.30378789133
    assert 0 < np.mean(at["a"] == 0) < 1


def test_regularisation_without_the_half_is_another_published_figure(tmp_path: Path) -> None:
    """49.719461034881775: what a PyTorch version of the same test asserts, without the factor."""
    text = (EXAMPLES / "cs231n_regularised.toml").read_text(encoding="utf-8")
    text = text.replace("0.5 * 1.0 *", "1.0 *")
    at = traced(parse(text, "cs231n.toml", tmp_path), tmp_path).evaluation
    assert to_places(at["loss"], 12) == to_places(49.719461034881775, 12)


AT_20 = np.linspace(-0.4, 0.6, 20), np.linspace(-0.6, 0.4, 20)


def test_the_velocity_and_the_moments_of_cs231n() -> None:
    """The state after the step whose weights test_updates.py has; first, second and last number."""
    w, dw = (array.copy() for array in AT_20)
    velocity = np.linspace(0.6, 0.9, 20) / -1e-3  # theirs is -learning_rate times ours
    UPDATES["sgd"].function.call(w, dw, velocity, 1, learning_rate=1e-3, momentum=0.9)
    theirs = -1e-3 * velocity
    assert [to_places(theirs[i], 8) for i in (0, 1, 19)] == [0.5406, 0.55475789, 0.8096]

    w, m, v = AT_20[0].copy(), np.linspace(0.6, 0.9, 20), np.linspace(0.7, 0.5, 20)
    UPDATES["adam"].function.call(w, dw, m, v, None, 6, learning_rate=1e-2)
    assert [to_places(m[i], 8) for i in (0, 1, 19)] == [0.48, 0.49947368, 0.85]
    assert [to_places(v[i], 8) for i in (0, 1, 19)] == [0.69966, 0.68908382, 0.49966]


def test_a_step_counted_from_0_is_not_cs231ns_adam() -> None:
    w, m, v = AT_20[0].copy(), np.linspace(0.6, 0.9, 20), np.linspace(0.7, 0.5, 20)
    UPDATES["adam"].function.call(w, AT_20[1].copy(), m, v, None, 5, learning_rate=1e-2)
    assert to_places(w[0], 8) != -0.40094747


# --- scikit-learn ------------------------------------------------------------------------------


def test_scikit_learn_itself_takes_the_same_step(tmp_path: Path) -> None:
    """MLPClassifier, set to the test's weights, and one step of it: 4 roundings at most between."""
    ours = traced(load(EXAMPLES / "sklearn_mlp.toml"), tmp_path)
    arrays = load(EXAMPLES / "sklearn_mlp.toml").arrays
    net = MLPClassifier(
        (2,), activation="logistic", solver="sgd", alpha=0.1, learning_rate_init=0.1,
        momentum=0, max_iter=1, random_state=1,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        net.partial_fit(arrays["x"], [0], classes=[0, 1])
        net.coefs_ = [arrays["w1"].copy(), arrays["w2"].copy()]
        net.intercepts_ = [arrays["b1"].copy(), arrays["b2"].copy()]
        net._optimizer.params = net.coefs_ + net.intercepts_
        net.partial_fit(arrays["x"], [0])
    theirs = dict(zip(("w1", "w2", "b1", "b2"), [*net.coefs_, *net.intercepts_], strict=True))
    for name, values in theirs.items():
        assert np.abs(ours.training[name][-1] - values).max() <= 4 * np.spacing(1.0)
        assert not np.array_equal(values, arrays[name])
    assert net.loss_ == pytest.approx(float(ours.losses[0]), rel=1e-15)


def test_what_scikit_learns_comment_has_wrong(tmp_path: Path) -> None:
    """It multiplies by 0.6 where the third input is 0.7: (0.494, -0.0022) instead of ours."""
    ours = traced(load(EXAMPLES / "sklearn_mlp.toml"), tmp_path)
    right = ours.training["w1"][-1][2]
    assert [to_places(w, 7) for w in right] == [0.4938325, -0.0026197]
    delta = (np.array([0.5, 0]) - right) / 0.1 - 0.1 * np.array([0.5, 0])  # without the L2 term
    wrong = np.array([0.5, 0]) - 0.1 * (delta * 0.6 / 0.7 + 0.1 * np.array([0.5, 0]))
    assert [to_places(w, 3) for w in wrong] == [0.494, -0.002]


# --- Keras -------------------------------------------------------------------------------------

GRADIENT, START = np.array([1.0, 6, 7, 2]), np.array([1.0, 2, 3, 4])


@pytest.mark.parametrize(
    ("name", "options", "published", "places"),
    [
        ("sgd", {"learning_rate": 0.5}, [0.5, -1, -0.5, 3], 15),
        ("adam", {"learning_rate": 0.5, "eps": 1e-7}, [0.5, 1.5, 2.5, 3.5], 4),
        (
            "adamw",
            {"learning_rate": 0.5, "eps": 1e-7, "weight_decay": 0.004},
            [0.4980, 1.4960, 2.494, 3.492],
            4,
        ),
    ],
)
def test_single_steps_of_keras(
    name: str, options: dict[str, float], published: list[float], places: int
) -> None:
    w = START.copy()
    update = UPDATES[name]
    state = [np.zeros(4) for _ in update.state]
    step = [1] if "step" in update.function.parameters else []
    update.function.call(w, GRADIENT.copy(), *state, *step, **options)
    assert [to_places(number, places) for number in w] == published
