"""Convolutions against PyTorch over a grid of their options and over PyTorch's own samples."""

from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from tests.rules.sampled import Sample, check, samples

from backhand import compare
from backhand.rules import rule

NAMES = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]
DTYPES = {"float64": torch.float64, "float32": torch.float32}
every_operator = pytest.mark.parametrize("name", NAMES)
both_dtypes = pytest.mark.parametrize("dtype", DTYPES)
SIZES = {1: (9,), 2: (9, 7)}
KERNELS = {1: [(1,), (3,), (4,)], 2: [(1, 1), (3, 2), (2, 4)]}
GRID = list(product([1, 2, 3], [0, 1, 2], [1, 2], [1, 2], range(3)))


def drawn(name: str, dtype: str, case: tuple[int, ...]) -> Sample:
    """Arrays for one stride, padding, dilation, number of groups and kernel; uneven sizes."""
    stride, padding, dilation, groups, kernel = case
    dims = int(name[-2])
    draw = np.random.default_rng(case)
    names = ("stride", "padding", "dilation", "groups")
    options: dict[str, Any] = dict(zip(names, case, strict=False))
    if dims == 2 and stride > 1:
        options |= {"stride": (stride, 1), "padding": (padding, 1), "dilation": (1, dilation)}
    length = KERNELS[dims][kernel]
    if "transpose" in name:
        shape, filters = (4, 3, *length), 3 * groups
        options["output_padding"] = min(1, max(stride, dilation) - 1)
        if dims == 2 and stride > 1:
            options["output_padding"] = (1, 0)
    else:
        shape, filters = (2 * groups, 4 // groups, *length), 2 * groups
    arrays = {
        "x": draw.normal(size=(3, 4, *SIZES[dims])),
        "w": draw.normal(size=shape),
        "b": draw.normal(size=filters),
    }
    given = {k: v.astype(dtype) for k, v in arrays.items()}
    return Sample(given, options, lambda x, w, b: getattr(F, name)(x, w, b, **options))


@every_operator
@both_dtypes
def test_over_a_grid_of_options(name: str, dtype: str) -> None:
    for case in GRID:
        check(name, drawn(name, dtype, case))
    print(f"{name} in {dtype}: {len(GRID)} combinations")


@every_operator
@both_dtypes
def test_on_pytorchs_own_samples(name: str, dtype: str) -> None:
    pytest.importorskip("expecttest")
    found = list(samples(name, DTYPES[dtype]))
    taken = [sample for sample in found if sample]
    for i, sample in enumerate(taken):
        check(name, sample, i)
    print(f"{name} in {dtype}: {len(taken)} of {len(found)} samples")
    assert taken


@every_operator
def test_a_bound_that_is_too_small_is_seen(name: str) -> None:
    """The grid's check fails for a result that is off by one part in 10 ** 12."""
    sample = drawn(name, "float64", (2, 1, 1, 1, 1))
    wrong = Sample(sample.arrays, sample.options, lambda **a: sample.call(**a) * (1 + 1e-12))
    with pytest.raises(AssertionError):
        check(name, wrong)


LENET = """
seed = 4
[inputs]
x = { init = "uniform", shape = [6, 1, 12, 12] }
[targets]
y = { classes = [2, 0, 1, 1, 0, 2], of = 3 }
[weights]
w1 = { init = "normal", shape = [4, 1, 3, 3], std = 0.4 }
b1 = [0.1, -0.1, 0, 0.2]
w2 = { init = "normal", shape = [6, 2, 3, 3], std = 0.3 }
b2 = { init = "fill", shape = [6], value = 0.1 }
w3 = { init = "kaiming_uniform", shape = [24, 3] }
b3 = [0, 0, 0]
[network]
steps = [
  "h1 = max_pool2d(relu(conv2d(x, w1, b1, padding=1)), 2)",
  "h2 = avg_pool2d(relu(conv2d(h1, w2, b2, stride=2, padding=1, groups=2)), 2, stride=1)",
  "z = flatten(h2) @ w3 + b3",
]
loss = "cross_entropy_logits(z, y)"
[training]
optimizer = "adam"
epochs = 5
"""


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])  # after float64, both
def test_a_network_of_convolutions_agrees(
    precision: Literal["float32", "bfloat16"], tmp_path: Path
) -> None:
    spec = tmp_path / "lenet.toml"
    spec.write_text(LENET, encoding="utf-8")
    found = compare(spec, precision=precision)
    # on some processors PyTorch adds a batch up in bfloat16, which no bound here allows for
    allowed = ("agrees", "cannot tell") if precision == "bfloat16" else ("agrees",)
    assert found.verdict in allowed, str(found)


def test_one_convolution_by_hand() -> None:
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    w, b = np.array([[[[1.0, 2.0], [0.0, -1.0]]]]), np.array([10.0])
    known = rule("conv2d")
    # 0 + 2 * 1 - 4 + 10, and so on: w is not turned over
    assert known.forward.call(x, w, b).tolist() == [[[[8, 10], [14, 16]]]]
    assert known.backward is not None
    dx, dw, db = known.backward.call(np.ones((1, 1, 2, 2)), x, w)
    assert dx.tolist() == [[[[1, 3, 2], [1, 2, 1], [0, -1, -1]]]]
    assert dw.tolist() == [[[[8, 12], [20, 24]]]]
    assert db.tolist() == [4]
