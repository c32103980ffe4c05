"""Trains and tests a network that backhand wrote, with NumPy alone: torch cannot be imported here.

    python by_numpy.py NETWORK.py DATA.npz RESULT.npz

DATA.npz holds the arrays to train and to test on, and the rows of each batch.
"""

import inspect
import runpy
import sys
import time

import numpy as np

sys.modules["torch"] = None


def train(network, p, x, y, batches, seed):
    """Change the weights in place; the loss before each step."""
    generator = np.random.RandomState(seed)
    draws = "generator" in inspect.signature(network["gradients"]).parameters
    drawing = [generator] if draws else []
    state, losses = network["new_state"](p), []
    for step, rows in enumerate(batches, 1):
        loss, dp = network["gradients"](x[rows], y[rows], p, *drawing)
        network["update"](p, dp, state, step)
        losses.append(float(loss))
    return losses


def test(network, p, x, batch):
    """What the trained network predicts for each row."""
    parts = [network["predict"]({"x": x[n : n + batch]}, p) for n in range(0, len(x), batch)]
    return np.concatenate([outputs for part in parts for outputs in part.values()])


def main(file, data, result):
    with np.load(data) as arrays:
        x, y, tests, batches = (arrays[name] for name in ("x", "y", "tests", "batches"))
    network = runpy.run_path(file)
    p = network["parameters"]()
    start = time.perf_counter()
    losses = train(network, p, x, y, batches, seed=1)
    seconds = time.perf_counter() - start
    outputs = test(network, p, tests, batches.shape[1])
    np.savez(result, losses=losses, outputs=outputs, seconds=seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
