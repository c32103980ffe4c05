"""A softmax that subtracts one maximum, that of the whole batch, where each row has its own.

In exact arithmetic that is the same function. In floating point a row that lies far below another
becomes exp(-1000) = 0 everywhere, and 0 / 0 is no number. A test on rows near each other passes,
with any tolerance, and so does this check there: but it says so, and which inputs tell the two
apart. With rows that are 1000 apart the softmax is found at its line.
"""

from pathlib import Path

import numpy as np

import backhand
from backhand.capture.spec import load
from backhand.testing import assert_agrees

HERE = Path(__file__).parent
NEAR, FAR = HERE / "two_layers.toml", HERE / "rows_far_apart.toml"


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max())  # z.max(axis=1, keepdims=True) is right
    return e / e.sum(axis=1, keepdims=True)


def main() -> None:
    data = load(NEAR).arrays
    z2 = np.maximum(data["x"] @ data["w1"] + data["b1"], 0) @ data["w2"]
    print(assert_agrees({"z2": z2, "p": softmax(z2)}, NEAR))

    print("\nWhat the check cannot see on these rows:")
    for slip in backhand.compare(NEAR).undetected or ():
        if slip.what.startswith("axis=-1 left out"):
            print(f"  {slip.what}: {slip.because}\n  it shows with {slip.separated_by}")

    data = load(FAR).arrays
    z = data["x"] @ data["w"]
    with np.errstate(invalid="ignore"):
        p = softmax(z)
    try:
        assert_agrees({"z": z, "p": p}, FAR)
    except AssertionError as finding:
        print(finding)


if __name__ == "__main__":
    main()
