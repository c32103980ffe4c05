"""Two operators that PyTorch computes by another formula: batch norm and gelu.

PyTorch folds the batch norm into x * alpha + (b - mean * alpha), with two roundings of the size of
b where g * (x - mean) / sigma + b has one. Its gelu in float32 is oneDNN's, with an erf of its own.
Each is outside the bound of the formula in the NumPy program, and neither is wrong. Such operators
get the bound of both formulas, and agree.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

import backhand
from backhand.capture.spec import load
from backhand.rounding import bounded, run
from backhand.rules.special import erf

SPEC = Path(__file__).parent / "other_formulas.toml"


def batch_norm(x, g, b):
    mean = x.mean(axis=0)
    return g * (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=0) + 1e-5) + b


def folded(x, g, b):
    mean = x.mean(axis=0)
    alpha = g / np.sqrt(((x - mean) ** 2).mean(axis=0) + 1e-5)
    return x * alpha + (b - mean * alpha)


def gelu(x):
    return 0.5 * x * (1 + erf(x / 2**0.5))


def main() -> None:
    x, g, b = (array.astype(np.float32) for array in load(SPEC).arrays.values())
    heavy = np.exp(x)
    tensor = torch.from_numpy
    y = F.batch_norm(tensor(heavy), None, None, tensor(g), tensor(b), training=True).numpy()
    a = F.gelu(tensor(x)).numpy()
    print("How far PyTorch's float32 numbers are off, by the bound of a formula:")
    for theirs, formula, arrays in (
        (y, batch_norm, (heavy, g, b)),
        (y, folded, (heavy, g, b)),
        (a, gelu, (x,)),
    ):
        right = formula(*(array.astype(np.float64) for array in arrays))
        error = run(formula, *map(bounded, arrays)).error
        print(f"  {np.max(np.abs(theirs - right) / error):.1f} of {formula.__name__}")
    print(backhand.compare(SPEC))


if __name__ == "__main__":
    main()
