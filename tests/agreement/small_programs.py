"""Small programs for the slips, and what is found in them."""

import ast

from backhand.agreement.slips import Slip, slips

TANH = """\
import numpy as np


def network(x, weights):
    w1, w2 = weights
    z1 = x @ w1      # [B, 4]
    h = np.tanh(z1)  # [B, 4]
    z2 = h @ w2      # [B, 2]
    return z2, (h, z2)


def network_loss(z2, y):
    return ((z2 - y) ** 2).sum() / z2.size


def network_backward(x, y, weights, saved):
    _, w2 = weights
    h, z2 = saved
    dz2 = 2 * (z2 - y) / z2.size  # [B, 2]
    # z2 = h @ w2
    dh = dz2 @ w2.T               # [B, 4]
    dw2 = h.T @ dz2               # [4, 2]
    # h = np.tanh(z1)
    dz1 = dh * (1 - h * h)        # [B, 4]
    # z1 = x @ w1
    dw1 = x.T @ dz1               # [3, 4]
    return dw1, dw2


def update(weights, gradients, state):
    for w, dw, (velocity,) in zip(weights, gradients, state):
        velocity *= 0.9
        velocity += dw
        dw = velocity
        w -= 0.1 * dw
"""


def code(slip: Slip) -> str:
    return ast.unparse(slip.tree).replace("'", '"')


def found(text: str, kind: str) -> list[str]:
    return [code(slip) for slip in slips(text) if slip.kind == kind]


def backward(*lines: str) -> str:
    """A program with these lines in its backward pass."""
    return "\n    ".join(["def network_backward(a, b, dy):", *lines, "return dy"]) + "\n"


def rule(signature: str, *lines: str, calls: str = "f(x)") -> str:
    """A program with a copied rule, and a network that calls it."""
    body = "\n    ".join(lines)
    return f"def f({signature}):\n    {body}\n\n\ndef network(x):\n    y = {calls}\n    return y\n"
