"""A cross-entropy with log(p + 1e-7), so that log(0) cannot happen, on one side only.

The loss moves by about 1e-7 / p for each row. In float32 that is no more than rounding may do, and
numpy.allclose passes it in float64 too. In float64 rounding is a billion times smaller, and the
formula shows. That is why a comparison of programs is made there first.
"""

from pathlib import Path

import numpy as np

from backhand.capture.spec import load
from backhand.testing import assert_agrees

SPEC = Path(__file__).parent / "two_layers.toml"


def mine(precision: type) -> dict[str, np.ndarray]:
    """Somebody's forward pass."""
    x, y, w1, b1, w2 = (array.astype(precision) for array in load(SPEC).arrays.values())
    z1 = x @ w1 + b1
    z2 = np.maximum(z1, 0) @ w2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -(y * np.log(p + precision(1e-7))).sum() / precision(len(p))
    print("numpy.allclose with the right loss:", np.allclose(loss, -(y * np.log(p)).sum() / len(p)))
    return {"z1": z1, "z2": z2, "p": p, "loss": loss}


def main() -> None:
    for precision in (np.float32, np.float64):
        print(f"\n{precision.__name__}")
        try:
            print(assert_agrees(mine(precision), SPEC))
        except AssertionError as finding:
            print(finding)


if __name__ == "__main__":
    main()
