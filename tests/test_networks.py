"""Random networks, and some built by hand: the written NumPy program against PyTorch."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from torch import nn

from backhand.capture.spec import parse
from backhand.experiment import Experiment
from backhand.run.program import run_numpy
from backhand.run.reference import run_torch
from backhand.run.trace import Trace
from backhand.writers.files import save_programs
from backhand.writers.program import Program
from tests.random_specs import OPTIMIZERS, examples, specs

Runs = dict[str, Trace]


def run(
    text: str, *precisions: str, planted: tuple[str, str] = ("", "")
) -> tuple[Experiment, Runs]:
    """Both written programs of a spec, run; `planted` is a pattern of the NumPy program and what
    takes its place."""
    experiment = parse(text, "random.toml", Path())
    runs = {}
    with TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of training that runs away
        folder = Path(place)
        programs = save_programs(experiment, folder)
        ours = changed(programs["numpy"], *planted)
        for precision in precisions:
            runs[f"torch {precision}"] = run_torch(programs["torch"], experiment, precision, folder)
            runs[f"numpy {precision}"] = run_numpy(ours, experiment, precision, folder)
    return experiment, runs


def changed(program: Program, right: str, wrong: str) -> Program:
    if not right:
        return program
    text, count = re.subn(right, wrong, program.text, flags=re.MULTILINE)
    assert count == 1, f"{right} is not once in\n{program.text}"
    return replace(program, text=text)


def sane(text: str, *precisions: str) -> tuple[Experiment, Runs]:
    """The runs of a spec whose training does not run away and whose sigmoids do not saturate, where
    PyTorch's two derivatives in a row lose what p - y keeps (tests/test_derive.py shows it)."""
    try:
        experiment, runs = run(text, *precisions)
    except BaseException as error:
        assume("PyTorch stopped" not in str(error))
        raise
    for trace in runs.values():
        assume(np.max(trace.losses) < 1e3 * max(1, trace.losses[0]))  # false for nan, too
        for p in probabilities(experiment):
            for values in (trace.evaluation[p], trace.training[p]):
                assume((values * (1 - values) > 1e-6).all())
    return experiment, runs


def probabilities(experiment: Experiment) -> list[str]:
    return [s.inputs[0].name for s in experiment.network.loss.body if s.function == "bce"]


def parts(trace: Trace) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Values and derivatives, at the start and through training, each group to its own scale."""
    for when in ("evaluation", "training"):
        values = getattr(trace, when)
        backward = {name for name in values if "d" + name in values}
        derivatives = {"d" + name for name in backward}
        yield when, {k: v for k, v in values.items() if k not in derivatives}
        yield when, {k: v for k, v in values.items() if k in derivatives}


def too_far(experiment: Experiment, runs: Runs, precision: str = "float64") -> list[str]:
    """What differs by more than rounding can explain.

    A wrong formula shows in the first digits. Rounding begins at 1e-16, and 20 steps through 8
    layers of numbers of the order of 1 leave it, with a factor of a million to spare, below 1e-9 of
    a value's own size, or of a thousandth of the largest value of its kind: a derivative that is 0
    in truth (of a shift before a softmax) is made of rounding only. Adam divides such a derivative
    by its own size plus eps = 1e-8, which makes steps of 1e-16 / 1e-8 out of it: 1e-6 there.
    """
    sgd = experiment.training.optimizer == "sgd"
    ours, theirs = runs[f"numpy {precision}"], runs[f"torch {precision}"]
    found = []
    for (when, mine), (_, reference) in zip(parts(ours), parts(theirs), strict=True):
        shared = [name for name in mine if name in reference]
        largest = max((np.abs(reference[name]).max() for name in shared), default=0)
        for name in shared:
            size = max(np.abs(reference[name]).max(), 1e-3 * largest)
            far = np.abs(mine[name] - reference[name]).max()
            if far > (1e-9 if sgd or when == "evaluation" else 1e-6) * size:
                found.append(f"{when} {name}: {far}")
    return found


@given(specs())
@settings(max_examples=examples(250))
def test_both_programs_compute_and_train_alike(text: str) -> None:
    experiment, runs = sane(text, "float64")
    ours, theirs = runs["numpy float64"], runs["torch float64"]
    network = experiment.network
    every = [v.name for v in (*network.forward.outputs, *network.forward.parameters)]
    every += ["d" + v.name for v in network.forward.parameters]
    for trace in (ours, theirs):
        assert len(trace.epochs) == 20
        assert set(every) <= set(trace.training) & set(trace.evaluation)
    masks = [s.made()[0].name for s in network.forward.body if s.function == "dropout_mask"]
    for name in masks:
        assert np.array_equal(ours.training[name], theirs.training[name])
        assert (ours.evaluation[name] == 1).all()
    assert not too_far(experiment, runs)
    for name, values in ours.training.items():  # a derivative has the shape of its value
        if "d" + name in ours.training:
            assert ours.training["d" + name].shape == values.shape


@given(specs())
@settings(max_examples=examples(100))
def test_float32_rounds_as_little_as_pytorch_does(text: str) -> None:
    """In float32 nothing is promoted, and NumPy's error, measured by the float64 run, is of the
    order of PyTorch's: at most 30 times (three fused or reordered sums in a row are no more than
    that apart), and below 64 roundings nobody counts."""
    experiment, runs = sane(text, "float32", "float64")
    assume(same_side_of_every_kink(experiment, runs))
    ours, theirs = runs["numpy float32"], runs["torch float32"]
    exact = runs["numpy float64"]
    assert {v.dtype.name for v in ours.evaluation.values()} == {"float32"}
    assert {v.dtype.name for v in ours.training.values()} == {"float32"}
    errors = [largest_error(trace, exact) for trace in (ours, theirs)]
    assert errors[0] <= 30 * max(errors[1], 64 * np.finfo(np.float32).eps)


def largest_error(trace: Trace, exact: Trace) -> float:
    """The largest error at the initial weights, in terms of the largest value of its kind."""
    errors = []
    for (when, values), (_, right) in zip(parts(trace), parts(exact), strict=True):
        shared = [name for name in values if name in right]
        largest = max((np.abs(right[name]).max() for name in shared), default=0) or 1
        if when == "evaluation":
            errors += [np.abs(values[n] - right[n]).max() / largest for n in shared]
    return max(errors)


def same_side_of_every_kink(experiment: Experiment, runs: Runs) -> bool:
    """Whether all runs took the same branches; where they did not, both answers are right."""
    for step in experiment.network.steps:
        name = step.inputs[0].name
        stacks = [t.evaluation[name] for t in runs.values() if name in t.evaluation]
        if step.function in ("relu", "leaky_relu", "elu"):
            if any(not np.array_equal(s > 0, stacks[0] > 0) for s in stacks):
                return False
        elif step.function == "max" and any(
            not np.array_equal(s.argmax(-1), stacks[0].argmax(-1)) for s in stacks
        ):
            return False
    return True


# --- the comparison can fail -----------------------------------------------------------------

SMALL = """
seed = 5
[inputs]
x = [[0.5, -1.2, 0.3], [0.1, 0.9, -0.4], [-0.7, 0.2, 1.1]]
[targets]
y = [[0, 1], [1, 0], [1, 0]]
[weights]
w1 = [[0.3, -0.2, 0.5, 0.1], [0.4, 0.6, -0.3, 0.2], [-0.1, 0.7, 0.2, 0.4]]
b1 = [0.1, -0.1, 0.2, 0.05]
w2 = [[0.3, -0.4], [0.2, 0.5], [-0.6, 0.1], [0.7, 0.2]]
[network]
steps = ["z1 = x @ w1 + b1", "a1 = tanh(z1)", "h = dropout(a1, 0.25)", "z2 = h @ w2",
         "p = softmax(z2)"]
loss = "cross_entropy(p, y) + 0.01 * sum(w2 ** 2)"
[training]
epochs = 20
"""


@pytest.mark.parametrize(
    ("optimizer", "right", "wrong"),
    [
        (0, r"^    da1 = dh \* mask", "    da1 = dh"),
        (0, r"^    h = a1 \* mask", "    h = a1 * mask * 0.75"),
        (0, r"^    db1 = .*axis=0\)", "    db1 = dz1.mean(axis=0)"),
        (0, r"^    dz2 = \(p - y\) / len\(p\)", "    dz2 = p - y"),
        (0, r"^    dw2 = dw2_t \+", "    dw2 = 2 * dw2_t +"),
        (0, r"^    dw2 = dw2_t \+ dw2_z2", "    dw2 = dw2_z2"),
        (0, r"RandomState\(seed\)", "RandomState(seed + 1)"),
        (0, r"w -= 0\.05 \* dw", "w -= 0.0500001 * dw"),
        (1, r"velocity \*= 0\.9", "velocity *= 0.900001"),
        (4, r"in range\(1, epochs \+ 1\)", "in range(2, epochs + 2)"),
        (4, r"1e-08", "1e-06"),
        (6, r"w \*= 1 - 0\.01 \* 0\.01", "w *= 1 - 0.01 * 0.011"),
    ],
)
def test_a_planted_mistake_is_seen(optimizer: int, right: str, wrong: str) -> None:
    text = SMALL + OPTIMIZERS[optimizer] + "\n"
    experiment, runs = run(text, "float64")
    assert not too_far(experiment, runs)
    experiment, runs = run(text, "float64", planted=(right, wrong))
    assert too_far(experiment, runs)


# --- networks built by hand in PyTorch, so that a mistake that both hands share would show -----


def trained(model: nn.Module, make_optimizer, loss_of, seed: int, epochs: int) -> list[float]:
    optimizer = make_optimizer(model.parameters())
    torch.manual_seed(seed)
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def as_text(array: torch.Tensor) -> str:
    return str(array.detach().tolist())


@pytest.mark.parametrize(
    ("options", "make"),
    [
        ("learning_rate = 0.1", lambda p: torch.optim.SGD(p, 0.1)),
        (
            "learning_rate = 0.05\nmomentum = 0.9\nnesterov = true\nweight_decay = 0.01",
            lambda p: torch.optim.SGD(p, 0.05, 0.9, nesterov=True, weight_decay=0.01),
        ),
        ('optimizer = "adam"\nlearning_rate = 0.02', lambda p: torch.optim.Adam(p, 0.02)),
        ('optimizer = "adamw"', lambda p: torch.optim.AdamW(p)),
    ],
)
def test_a_classifier_of_torch_nn(options: str, make) -> None:
    """nn.Sequential with nn.Dropout, class numbers as targets, F.cross_entropy, torch.optim."""
    torch.manual_seed(21)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3)).double()
    x, labels = torch.randn(7, 5, dtype=torch.float64), torch.randint(3, (7,))
    text = f"""
seed = 99
[inputs]
x = {as_text(x)}
[targets]
y = {{ classes = {labels.tolist()}, of = 3 }}
[weights]
w1 = {as_text(model[0].weight)}
b1 = {as_text(model[0].bias)}
w2 = {as_text(model[3].weight)}
b2 = {as_text(model[3].bias)}
[network]
steps = ["h = dropout(relu(linear(x, w1, b1)), 0.3)", "z = linear(h, w2, b2)"]
loss = "cross_entropy_logits(z, y)"
[training]
epochs = 25
{options}
"""
    _, runs = run(text, "float64")
    ours = runs["numpy float64"]
    model.eval()
    loss = nn.functional.cross_entropy(model(x), labels)
    grads = torch.autograd.grad(loss, list(model.parameters()))
    for name, grad in zip(("dw1", "db1", "dw2", "db2"), grads, strict=True):
        np.testing.assert_allclose(ours.evaluation[name], grad, rtol=1e-12, atol=1e-15)
    model.train()
    losses = trained(model, make, lambda m: nn.functional.cross_entropy(m(x), labels), 99, 25)
    np.testing.assert_allclose(ours.losses, losses, rtol=1e-9)
    for name, weight in zip(("w1", "b1", "w2", "b2"), model.parameters(), strict=True):
        np.testing.assert_allclose(ours.training[name][-1], weight.detach(), rtol=1e-9, atol=1e-9)


class Residual(nn.Module):
    """Two inputs, a skip connection, two heads; written as a user of torch.nn writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(3, 4)
        self.scale = nn.Parameter(torch.rand(1, 4))
        self.kind = nn.Linear(4, 1, bias=False)
        self.size = nn.Linear(4, 2, bias=False)

    def forward(self, x: torch.Tensor, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = x + nn.functional.gelu(self.first(x))
        h = h + torch.tanh(self.second(u)) * self.scale
        h = nn.functional.dropout(h, 0.2, self.training)
        return self.kind(h), self.size(nn.functional.silu(h))


def test_a_residual_module_with_two_inputs_and_two_outputs() -> None:
    torch.manual_seed(4)
    model = Residual().double()
    x, u = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    yes, sizes = torch.rand(6, 1, dtype=torch.float64), torch.randn(6, 2, dtype=torch.float64)
    text = f"""
seed = 3
[inputs]
x = {as_text(x)}
u = {as_text(u)}
[targets]
yes = {as_text(yes)}
sizes = {as_text(sizes)}
[weights]
scale = {as_text(model.scale)}
w1 = {as_text(model.first.weight.T)}
b1 = {as_text(model.first.bias)}
w2 = {as_text(model.second.weight)}
b2 = {as_text(model.second.bias)}
w3 = {as_text(model.kind.weight.T)}
w4 = {as_text(model.size.weight.T)}
[network]
steps = [
  "h = x + gelu(x @ w1 + b1)",
  "g = h + tanh(linear(u, w2, b2)) * scale",
  "k = dropout(g, 0.2)",
  "q = k @ w3",
  "s = silu(k) @ w4",
]
outputs = ["q", "s"]
loss = "bce_logits(q, yes) + 0.5 * mse(s, sizes)"
[training]
epochs = 20
optimizer = "adam"
learning_rate = 0.01
"""

    def loss_of(m: nn.Module) -> torch.Tensor:
        q, s = m(x, u)
        likely = nn.functional.binary_cross_entropy_with_logits(q, yes)
        return likely + 0.5 * nn.functional.mse_loss(s, sizes)

    _, runs = run(text, "float64")
    ours = runs["numpy float64"]
    losses = trained(model, lambda p: torch.optim.Adam(p, 0.01), loss_of, 3, 20)
    np.testing.assert_allclose(ours.losses, losses, rtol=1e-9)
    for name, weight in zip(
        ("scale", "w1", "b1", "w2", "b2", "w3", "w4"), model.parameters(), strict=True
    ):
        final = ours.training[name][-1]
        if name in ("w1", "w3", "w4"):  # the spec's x @ w, against nn.Linear's stored layout
            final = final.T
        np.testing.assert_allclose(final, weight.detach(), rtol=1e-9, atol=1e-9)
