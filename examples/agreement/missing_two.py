"""A backward pass of the mean squared error without its 2: (p - y) / n, not 2 * (p - y) / n.

Training works, at half the learning rate. A check of the gradients' direction passes. The gradients
at the end are all wrong by the same factor, which says nothing of where it came in. Step by step
one line is off: the others are right about what they are given. Which side is off there says a
third computation, the difference quotient of the loss.
"""

from pathlib import Path

import numpy as np

from backhand.capture.spec import load
from backhand.testing import assert_agrees

SPEC = Path(__file__).parent / "regression.toml"


def main() -> None:
    data = load(SPEC).arrays
    x, y, w, b = (data[name] for name in ("x", "y", "w", "b"))
    p = x @ w + b
    loss = ((p - y) ** 2).mean()
    dp = (p - y) / p.size
    dw, db = x.T @ dp, dp.sum(axis=0)

    right = x.T @ (2 * (p - y) / p.size)
    cosine = (dw * right).sum() / np.sqrt((dw**2).sum() * (right**2).sum())
    print(f"cosine of the angle between the two dw: {cosine:.6f}")
    try:
        assert_agrees({"p": p, "loss": loss, "dp": dp, "dw": dw, "db": db}, SPEC)
    except AssertionError as finding:
        print(finding)


if __name__ == "__main__":
    main()
