"""Trains and tests a network that backhand wrote, with NumPy alone: torch cannot be imported here.

    python by_numpy.py TRAINED.py TESTED.py DATA.npz RESULT.npz

TRAINED.py is the network as it trains, TESTED.py as it predicts: without dropout, and with batch
norm's running statistics. DATA.npz holds the arrays, and the rows of each batch.
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
    """What the network makes of each row."""
    p = {name: p.get(name, array) for name, array in network["parameters"]().items()}
    parts = [network["network"](x[n : n + batch], p) for n in range(0, len(x), batch)]
    return np.concatenate([part[0] if isinstance(part, tuple) else part for part in parts])


def main(trained, tested, data, result):
    with np.load(data) as arrays:
        x, y, tests, batches = (arrays[name] for name in ("x", "y", "tests", "batches"))
    network = runpy.run_path(trained)
    p = network["parameters"]()
    start = time.perf_counter()
    losses = train(network, p, x, y, batches, seed=1)
    seconds = time.perf_counter() - start
    outputs = test(runpy.run_path(tested), p, tests, batches.shape[1])
    np.savez(result, losses=losses, outputs=outputs, seconds=seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
