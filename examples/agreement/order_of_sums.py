"""The same sums in other orders: a loop, the loop backwards, and in pairs.

All three are right, and all agree. The second thing shown is what a tolerance makes of them, beside
the loop. numpy.allclose as it comes fails right programs. Loosened until they pass, it passes a
wrong one as well: a mean over 512 numbers that divides by 511.
"""

from pathlib import Path

import numpy as np

from backhand.capture.spec import parse
from backhand.testing import assert_agrees

SPEC = """
precision = "float64"

[inputs]
x = { init = "uniform", low = 0, high = 255, shape = [32, 512] } # grey values, say

[weights]
w = { init = "normal", shape = [512, 8] }

[network]
steps = ["z = x @ w / 512"]
loss = "mean(z * z)"
"""


def loop(terms: np.ndarray) -> np.ndarray:
    total = terms[:, 0]
    for k in range(1, terms.shape[1]):
        total = total + terms[:, k]
    return total


def backwards(terms: np.ndarray) -> np.ndarray:
    return loop(terms[:, ::-1])


def in_pairs(terms: np.ndarray) -> np.ndarray:
    while terms.shape[1] > 1:
        terms = terms[:, ::2] + terms[:, 1::2]
    return terms[:, 0]


def main() -> None:
    network = parse(SPEC, "order.toml", Path())
    x, w = (network.arrays[name].astype(np.float32) for name in ("x", "w"))
    terms = x[:, :, None] * w
    expected = loop(terms) / np.float32(512)
    for order, n in ((loop, 512), (backwards, 512), (in_pairs, 512), (in_pairs, 511)):
        z = order(terms) / np.float32(n)
        plain, loose = np.allclose(z, expected), np.allclose(z, expected, rtol=1e-2)
        print(f"\n{order.__name__}, / {n}: allclose {plain}, with rtol=1e-2 {loose}")
        try:
            nearest = assert_agrees({"x": x, "w": w, "z": z}, network).step("z").worst[1].widest
            if nearest:
                print(f"agrees: {nearest.difference:.1e} apart, bound {nearest.bound:.1e}")
        except AssertionError as finding:
            print(finding)


if __name__ == "__main__":
    main()
