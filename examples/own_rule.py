"""An operator of your own, on one page: two functions, one line that registers them, and its use.

Run it: python examples/own_rule.py
"""

import tempfile
from pathlib import Path

import numpy as np

from backhand.capture.spec import parse
from backhand.rules import example, register, uniform
from backhand.run.program import run_numpy
from backhand.writers.files import write_programs


# The operator, and its derivative: `dy` is the derivative of the loss by the result.
def bent_identity(x):
    return (np.sqrt(x * x + 1) - 1) / 2 + x


def bent_identity_backward(dy, x):
    return dy * (x / (2 * np.sqrt(x * x + 1)) + 1)


register(
    "bent_identity",
    bent_identity,
    bent_identity_backward,
    wrt="x",
    torch="(torch.sqrt(x * x + 1) - 1) / 2 + x",
    noun="a",
    examples=[example(x=uniform(-3, 3, (3, 4)))],
)

SPEC = """
precision = "float64"

[inputs]
x = [[0, 0], [0, 1], [1, 0], [1, 1]]

[targets]
y = [[0], [1], [1], [0]]

[weights]
w1 = { init = "xavier_uniform", shape = [2, 6] }
b1 = { init = "fill", shape = [6] }
w2 = { init = "xavier_uniform", shape = [6, 1] }

[network]
steps = ["z = x @ w1 + b1", "h = bent_identity(z)", "p = sigmoid(h @ w2)"]
loss = "bce(p, y)"

[training]
optimizer = "adam"
learning_rate = 0.1
epochs = 200
"""


def check_against_differences() -> float:
    """The largest error of the derivative beside central differences."""
    x = np.linspace(-3, 3, 12)
    numeric = (bent_identity(x + 1e-6) - bent_identity(x - 1e-6)) / 2e-6
    return float(np.abs(bent_identity_backward(np.ones_like(x), x) - numeric).max())


def main() -> None:
    error = check_against_differences()
    print(f"bent_identity's derivative beside central differences: {error:.1e}")
    experiment = parse(SPEC, "xor.toml", Path())
    program = write_programs(experiment)["numpy"]
    print("\nits line in the backward pass of the written program:\n")
    print("   ", program.lines["dz"])
    with tempfile.TemporaryDirectory() as folder:
        trace = run_numpy(program, experiment, "float64", Path(folder))
    print(f"\nloss: {trace.losses[0]:.4f} before, {trace.losses[-1]:.4f} after 200 epochs")


if __name__ == "__main__":
    main()
