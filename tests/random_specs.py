"""Random networks as spec texts: what a user might write, and some of what nobody would."""

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

ACTIVATIONS = (
    "relu({})", "leaky_relu({}, slope=0.2)", "leaky_relu({})", "elu({})", "elu({}, alpha=0.7)",
    "tanh({})", "sigmoid({})", "silu({})", "softplus({})", "gelu({})", "gelu_tanh({})",
    "softmax({})", "log_softmax({})", "exp(0.3 * {})", "log(1 + {} ** 2)", "sqrt(0.1 + {} * {})",
    "-{}", "1 - {}", "{} / 2", "0.5 * {}", "tanh({}) ** 3", "1.5 ** tanh({})",
    "(0.5 + sigmoid({})) ** (1 + sigmoid({}))", "{} - mean({}, axis=-1, keepdims=True)",
    "{} / (1 + sum({} ** 2, axis=-1, keepdims=True))", "{} + 0.1 * max({}, -1, True)",
    "tanh({}) * mean({} ** 2)", "2 / (3 + sigmoid({}))",
    "hardtanh({})", "relu6({})", "hardsigmoid({})", "hardswish({})", "hardshrink({}, 0.3)",
    "softshrink({})", "threshold({}, 0.1, -0.5)", "clip({}, -1, 1.5)", "abs({})",
    "celu({})", "selu({})", "mish({})", "softsign({})", "tanhshrink({})", "logsigmoid({})",
    "softmin({})", "softplus({}, beta=2)", "sin({})", "cos({})", "erf({})", "square(tanh({}))",
    "log1p({} ** 2)", "expm1(tanh({}))", "rsqrt(1 + {} ** 2)", "reciprocal(2 + tanh({}))",
    "maximum({}, 0.1 - {})", "minimum({}, 0.3 * {})", "cumsum(tanh({}))",
    "{} / (1 + norm({}, axis=-1, keepdims=True))", "{} - logsumexp({}, keepdims=True)",
)  # fmt: skip
"""Every operator that works element by element, along the features, or broadcasts a part of it."""

PREDICTIONS = {
    "cross_entropy": "softmax({})",
    "cross_entropy_logits": "{} * 1.1",
    "bce": "sigmoid({})",
    "bce_logits": "{} / 1.1",
    "mse": "{} + 0.1",
    "l1": "{} - 0.1",
    "soft_margin": "{} * 0.9",
    "multilabel_soft_margin": "{} / 0.9",
}
"""What each loss is fed with."""

OPTIMIZERS = (
    "learning_rate = 0.05",
    "learning_rate = 0.02\nmomentum = 0.9",
    "learning_rate = 0.02\nmomentum = 0.8\nnesterov = true\nweight_decay = 0.01",
    "learning_rate = 0.05\nweight_decay = 0.1",
    'optimizer = "adam"\nlearning_rate = 0.01',
    'optimizer = "adam"\nweight_decay = 0.02\nbeta1 = 0.8\neps = 1e-6',
    'optimizer = "adamw"\nlearning_rate = 0.01',
    'optimizer = "adamw"\nweight_decay = 0.0\nbeta2 = 0.99',
    "learning_rate = 0.02\nmomentum = 0.9\ndampening = 0.5\nmaximize = true",
    'optimizer = "adam"\namsgrad = true\nweight_decay = 0.1\ndecoupled_weight_decay = true',
    'optimizer = "adamw"\namsgrad = true\nmaximize = true',
    'optimizer = "rmsprop"',
    'optimizer = "rmsprop"\ncentered = true\nmomentum = 0.8\nweight_decay = 0.1',
    'optimizer = "adagrad"',
    'optimizer = "adagrad"\nlearning_rate_decay = 0.1\ninitial_accumulator_value = 0.5',
    'optimizer = "adadelta"\nrho = 0.8',
    'optimizer = "adamax"\nlearning_rate = 0.02',
    'optimizer = "nadam"\nmomentum_decay = 0.1\nweight_decay = 0.1',
    'optimizer = "radam"\nbeta2 = 0.9',
    'optimizer = "asgd"\nt0 = 5\nlambd = 0.01',
    'optimizer = "rprop"\nstep_size_max = 0.1',
)


def examples(usual: int) -> int:
    """How many examples a test draws: as said, or as BACKHAND_EXAMPLES says."""
    return int(os.environ.get("BACKHAND_EXAMPLES", usual))


@dataclass
class Writer:
    """A spec as it grows. `features` is the length of a value's last axis, `ranks` its rank."""

    draw: Any
    batch: int
    numbers: np.random.Generator
    arrays: dict[str, dict[str, np.ndarray]] = field(
        default_factory=lambda: {"inputs": {}, "targets": {}, "weights": {}}
    )
    steps: list[str] = field(default_factory=list)
    features: dict[str, int] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)

    def choose(self, choices: Any) -> Any:
        return self.draw(st.sampled_from(list(choices)))

    def input(self) -> str:
        """A new input, with an axis between batch and features one time in five."""
        shape = [self.batch, self.choose(range(1, 6))]
        if self.choose(range(5)) == 4:
            shape.insert(1, self.choose(range(1, 4)))
        name = self._array("inputs", "x", shape)
        self.features[name], self.ranks[name] = shape[-1], len(shape)
        return name

    def weight(self, shape: list[int]) -> str:
        """Normal numbers, over the root of the fan-in, so that values stay of the order of 1."""
        return self._array("weights", "v", shape, 1 / np.sqrt(shape[0]))

    def _array(self, section: str, stem: str, shape: list[int], scale: float = 1.0) -> str:
        name = f"{stem}{len(self.arrays[section]) + 1}"
        # three digits, for the reader; drawn, so that no two values meet at a kink by construction
        self.arrays[section][name] = np.round(scale * self.numbers.normal(size=shape), 3)
        return name

    def step(self, formula: str, features: int, rank: int) -> str:
        name = f"h{len(self.steps) + 1}"
        self.steps.append(f"{name} = {formula}")
        self.features[name], self.ranks[name] = features, rank
        return name

    def layer(self, last: str) -> str:
        """One more step on top of `last`."""
        n, rank = self.features[last], self.ranks[last]
        kind = self.choose(
            ["dense", "dense", "activation", "activation", "activation", "residual", "dropout",
             "scale", "shift", "gate", "nested", "norm"]
        )  # fmt: skip
        if kind == "dense":
            return self.dense(last, self.choose(range(1, 7)))
        if kind == "activation":
            return self.step(self.choose(ACTIVATIONS).replace("{}", last), n, rank)
        if kind == "dropout":
            rate = self.choose([0, 0.1, 0.25, 0.4, 0.5, 0.9])
            return self.step(f"dropout({last}, {rate})", n, rank)
        if kind == "scale":
            return self.step(f"{last} * {self.weight(self._stretched(n))}", n, rank)
        if kind == "shift":
            return self.step(f"{self.weight(self._stretched(n))} - {last}", n, rank)
        if kind == "norm":
            return self.norm(last)
        if kind == "gate":  # [.., 1] against [.., n]
            return self.step(f"{last} * sigmoid({last} @ {self.weight([n, 1])})", n, rank)
        if kind == "nested":
            inner = f"tanh({last} @ {self.weight([n, n])} + {self.weight([n])})"
            return self.step(f"dropout({inner}, 0.3) * 0.5 + {last} - {inner}", n, rank)
        alike = [v for v in self.features if self.features[v] == n and self.ranks[v] == rank]
        return self.step(f"{last} {self.choose('+-*')} {self.choose(alike)}", n, rank)

    def norm(self, last: str) -> str:
        """A normalisation, with weights of its own; over the batch only if there are two rows."""
        n, rank = self.features[last], self.ranks[last]
        over_batch = ["batch_norm"] * (self.batch > 1)
        name = self.choose(["layer_norm", "rms_norm", *over_batch])
        weights = [self.weight([n]) for _ in range(1 if name == "rms_norm" else 2)]
        eps = self.choose(["", ", eps=0.01"])
        return self.step(f"{name}({', '.join([last, *weights])}{eps})", n, rank)

    def _stretched(self, n: int) -> list[int]:
        """A shape that broadcasting stretches to n features, or that has them already."""
        return self.choose([[n], [1, n], [1], [1, 1]])

    def dense(self, last: str, m: int) -> str:
        n, rank = self.features[last], self.ranks[last]
        formula = self.choose(["{x} @ {w}", "{x} @ {w} + {b}", "{x} @ {w} + {one}",
                               "affine({x}, {w}, {b})", "linear({x}, {stored}, {b})",
                               "{x} @ {w} + {row}"])  # fmt: skip
        shapes = {"w": [n, m], "stored": [m, n], "b": [m], "one": [1], "row": [1, m]}
        names = {key: self.weight(s) for key, s in shapes.items() if f"{{{key}}}" in formula}
        return self.step(formula.format(x=last, **names), m, rank)

    def head(self, last: str) -> str:
        """The loss of an output that is made from `last`."""
        if self.ranks[last] == 3:
            pool = self.choose(["mean({}, axis=1)", "sum({}, axis=1)", "max({}, 1)"])
            last = self.step(pool.format(last), self.features[last], 2)
        loss, classes = self.choose(PREDICTIONS), self.choose(range(1, 5))
        scores = self.dense(last, classes)
        output = self.step(PREDICTIONS[loss].format(scores), classes, 2)
        target = self._array("targets", "y", [self.batch, classes])
        self.arrays["targets"][target] = self.target(loss, classes)
        reduction = self.choose(["", ", reduction='sum'", ", 'mean'"])
        return f"{loss}({output}, {target}{reduction})"

    def target(self, loss: str, classes: int) -> np.ndarray:
        shape = (self.batch, classes)
        if loss == "mse":
            return np.round(self.numbers.normal(size=shape), 3)
        if loss.startswith("bce"):
            return np.round(self.numbers.uniform(size=shape), self.choose([0, 3]))
        if self.choose([True, True, False]):
            return np.eye(classes)[self.numbers.integers(classes, size=self.batch)]
        return np.round(self.numbers.dirichlet(np.ones(classes), size=self.batch), 3)

    def text(self, loss: str, outputs: list[str]) -> str:
        lines = [f"seed = {self.draw(st.integers(0, 2**32 - 1))}"]
        for section, arrays in self.arrays.items():
            lines.append(f"[{section}]")
            lines += [f"{name} = {values.tolist()}" for name, values in arrays.items()]
        quoted = ",\n".join(f'  "{step}"' for step in self.steps)
        lines += ["[network]", f"steps = [\n{quoted}\n]", f"outputs = {outputs}"]
        lines += [f'loss = "{loss}"', "[training]", "epochs = 20", self.choose(OPTIMIZERS)]
        return "\n".join(lines) + "\n"


@st.composite
def specs(draw: Any, layers: int = 8, batch: int = 16) -> str:
    """The text of a spec: 1 to `layers` layers, a batch of 1 to `batch`, up to 2 inputs and 2
    outputs, any loss, any optimiser."""
    seed = draw(st.integers(0, 2**32 - 1))
    writer = Writer(draw, draw(st.integers(1, batch)), np.random.default_rng(seed))
    last = writer.input()
    for _ in range(draw(st.integers(1, layers))):
        last = writer.layer(last)
    losses, tops = [writer.head(last)], [writer.steps[-1].partition(" ")[0]]
    if draw(st.booleans()):  # a second way through, from an input of its own or from the middle
        start = writer.input() if draw(st.booleans()) else writer.choose(writer.features)
        losses.append(writer.head(writer.layer(start)))
        tops.append(writer.steps[-1].partition(" ")[0])
    loss = losses[0] + "".join(f" + {draw(st.sampled_from(['', '0.5 * ']))}{x}" for x in losses[1:])
    weights = list(writer.arrays["weights"])
    if draw(st.booleans()):
        term = draw(st.sampled_from(["sum({} ** 2)", "mean({} * {})", "sum({} * {})"]))
        loss += " + 0.01 * " + term.replace("{}", draw(st.sampled_from(weights)))
    return writer.text(loss, tops)


EVERYTHING = """
seed = 3
[inputs]
x = [[1, 2], [3, 4]]
u = [[1], [2]]
[targets]
y = [[0, 1], [1, 0]]
t = [[1], [0]]
[weights]
w1 = { init = "kaiming_uniform", shape = [2, 3] }
b1 = { init = "normal", shape = [3] }
w2 = { init = "xavier_normal", shape = [3, 2] }
w3 = { init = "uniform", shape = [3, 1] }
[network]
steps = [
  "h = gelu(x @ w1 + b1) + tanh(u) * dropout(silu(x @ w1), 0.3)",
  "p = softmax(h @ w2)",
  "q = sigmoid(h @ w3 + mean(h) - max(h, axis=1, keepdims=True))",
]
outputs = ["p", "q"]
loss = "cross_entropy(p, y) + bce(q, t) + 0.01 * (sum(w1 ** 2) + sum(w2 ** 2))"
[training]
optimizer = "adamw"
epochs = 3
"""
"""One spec with a bit of everything."""
