"""Trains each network here twice from the same seed, and holds one against the other.

    python examples/modules/train.py               # all of them, in full
    python examples/modules/train.py lenet --steps 5

One training is PyTorch's own. The other is the NumPy program that backhand wrote from the module,
in a process of its own where torch cannot be imported. Both see the same batches in the same order
and draw the same dropout masks.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import backhand.modules
from backhand.modules.loading import load
from backhand.rounding import CannotTell, Untracked, bounded, run

HERE = Path(__file__).parent
NETWORKS = ("mlp", "lenet", "names_lstm", "small_gpt")
SEED = 1
USEFUL = 1e-2
"""The largest part of the loss that its bound may be and still say something."""


@dataclass(frozen=True)
class Trained:
    """One side's training."""

    losses: np.ndarray
    """The loss before each step."""
    outputs: np.ndarray
    """What the trained network makes of the data it is tested on."""
    seconds: float


@dataclass(frozen=True)
class Both:
    """Both trainings of one network."""

    ours: Trained
    theirs: Trained
    bounds: np.ndarray
    """For the first losses how far each side may be from exact arithmetic."""
    labels: np.ndarray

    def accuracy(self, side):
        """The share of the test's labels that a side finds."""
        return float((side.outputs.argmax(axis=-1) == self.labels).mean())

    @property
    def differences(self):
        """How far the two are apart, loss by loss."""
        return np.abs(self.ours.losses - self.theirs.losses)

    @property
    def is_within_bounds(self):
        """Whether rounding explains each difference that a bound says something of."""
        return bool((self.differences[: len(self.bounds)] <= 2 * self.bounds).all())


def both(name, precision="float64", steps=None):
    """Train a network of this folder twice.

    Args:
        name: of its file.
        precision: of both sides.
        steps: how many, instead of whole epochs.
    """
    example = load(f"{HERE / name}.py:make_model")
    file = sys.modules[name]
    (x, y), (tests, labels) = file.data()
    batches = in_batches(len(x), file.BATCH, file.EPOCHS)[:steps]
    width = getattr(torch, precision)
    x, tests = (a.to(width) if a.is_floating_point() else a for a in (x, tests))
    module = example.module.to(width)
    program = backhand.modules.write(
        module, (x[batches[0]],), **(example.extras | {"targets": y[batches[0]]})
    )
    ours = by_numpy(program, x, y, tests, batches)
    bounds = bounds_of(program, x, y, batches)
    theirs = by_torch(module, example.extras, x, y, tests, batches)
    return Both(ours, theirs, bounds, labels.numpy())


def in_batches(rows, batch, epochs):
    """[steps, batch] rows: each epoch takes all in another order, less a last part of a batch."""
    generator, steps = np.random.RandomState(SEED), rows // batch
    orders = [generator.permutation(rows)[: steps * batch] for _ in range(epochs)]
    return np.concatenate(orders).reshape(-1, batch)


def by_numpy(program, x, y, tests, batches):
    """The written program's side: `by_numpy.py` on its file."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        program.save(folder / "network.py")
        np.savez(folder / "data.npz", x=x, y=y, tests=tests, batches=batches)
        files = ("network.py", "data.npz", "result.npz")
        command = [sys.executable, str(HERE / "by_numpy.py"), *(str(folder / f) for f in files)]
        subprocess.run(command, check=True)
        with np.load(folder / "result.npz") as result:
            return Trained(result["losses"], result["outputs"], float(result["seconds"]))


def by_torch(module, extras, x, y, tests, batches):
    """PyTorch's side: the usual loop."""
    optimizer, losses = extras["optimizer"], []
    start = time.perf_counter()
    torch.manual_seed(SEED)
    for rows in batches:
        optimizer.zero_grad()
        loss = extras["loss"](module(x[rows]), y[rows])
        loss.backward()
        if "clip_norm" in extras:
            torch.nn.utils.clip_grad_norm_(module.parameters(), extras["clip_norm"])
        optimizer.step()
        losses.append(loss.item())
    seconds = time.perf_counter() - start
    module.eval()
    with torch.no_grad():
        outputs = torch.cat([module(part) for part in tests.split(batches.shape[1])])
    return Trained(np.array(losses), outputs.numpy(), seconds)


def bounds_of(program, x, y, batches):
    """Bounds of the first losses, carried from step to step while they say something."""
    functions, bounds = program.namespace, []
    copies = {id(array): bounded(array.copy()) for array in program.parameters.values()}
    p = {name: copies[id(array)] for name, array in program.parameters.items()}
    state, generator = run(functions["new_state"], p), np.random.RandomState(SEED)
    drawing = [generator] if program.interface.draws else []
    with np.errstate(all="ignore"):
        for step, rows in enumerate(batches, 1):
            try:
                given = (x[rows].numpy(), y[rows].numpy(), p, *drawing)
                loss, dp = run(functions["gradients"], *given)
                if not loss.error <= USEFUL * abs(loss.value):
                    break
                bounds.append(float(loss.error))
                run(functions["update"], p, dp, state, step)
            except (CannotTell, Untracked):
                break
    return np.array(bounds)


def row(name, precision, found):
    """The table's row of one network."""
    last = len(found.bounds)
    within = "no" if not found.is_within_bounds else f"the first {last}" if last else "no bound"
    return (
        name,
        precision,
        str(len(found.differences)),
        f"{found.theirs.losses[0]:.3f} to {found.theirs.losses[-1]:.3f}",
        within,
        f"{found.differences.max():.1e}",
        f"{found.accuracy(found.ours):.2%}",
        f"{found.accuracy(found.theirs):.2%}",
        f"{found.ours.seconds:.1f} s",
        f"{found.theirs.seconds:.1f} s",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS, help=", ".join(NETWORKS))
    parser.add_argument("--steps", type=int, help="so many, instead of whole epochs")
    given = parser.parse_args()
    table = Table(
        "network", "precision", "steps", "loss", "within bound", "losses differ by",
        "accuracy: NumPy", "PyTorch", "time: NumPy", "PyTorch",
    )  # fmt: skip
    found = []
    for name in given.networks:
        for precision in ("float64", "float32"):
            found.append(both(name, precision, given.steps))
            table.add_row(*row(name, precision, found[-1]))
    Console(width=140).print(table)
    sys.exit(0 if all(one.is_within_bounds for one in found) else 1)


if __name__ == "__main__":
    main()
