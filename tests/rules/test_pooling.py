"""Pooling against PyTorch over a grid of its options and over PyTorch's own samples."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from tests.rules.sampled import Sample, check, samples

from backhand.rules import rule

NAMES = [
    f"{kind}_pool{dims}d" for kind in ("max", "avg", "adaptive_max", "adaptive_avg")
    for dims in (1, 2)
]  # fmt: skip
DTYPES = {"float64": torch.float64, "float32": torch.float32}
every_operator = pytest.mark.parametrize("name", NAMES)
both_dtypes = pytest.mark.parametrize("dtype", DTYPES)
SIZES = {1: (11,), 2: (11, 8)}


def grid(name: str) -> Iterator[dict[str, Any]]:
    """Options of a rule, each by each as far as PyTorch takes them."""
    dims = int(name[-2])
    if "adaptive" in name:
        both = [(3, 5), (8, 1), (11, 8), (13, 9)] if dims == 2 else []
        yield from ({"size": size} for size in [1, 2, 3, 4, 5, 7, 11, 13, *both])
        return
    kernels = [1, 2, 3, 4, (2, 3), (3, 1)] if dims == 2 else [1, 2, 3, 4]
    rest: dict[str, list[Any]] = {"stride": [None, 1, 2, 3], "padding": [0, 1]}
    if name.startswith("max"):
        rest["dilation"] = [1, 2]
    else:
        rest["count_include_pad"] = [True, False]
    if name == "avg_pool2d":
        rest["divisor_override"] = [None, 7]
    for kernel, ceil_mode, *values in product(kernels, [False, True], *rest.values()):
        found = dict(zip(rest, values, strict=True))
        if found["padding"] == 0 or np.min(kernel) > 1:
            yield {"kernel": kernel, "ceil_mode": ceil_mode, **found}


def drawn(name: str, dtype: str, options: dict[str, Any], ties: bool = False) -> Sample:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(3, 2, *SIZES[int(name[-2])]))
    x = np.rint(x) if ties else x
    names = {"kernel": "kernel_size", "size": "output_size"}
    spelled = {names.get(k, k): v for k, v in options.items() if v is not None}
    return Sample({"x": x.astype(dtype)}, options, lambda x: getattr(F, name)(x, **spelled))


@every_operator
@both_dtypes
def test_over_a_grid_of_options(name: str, dtype: str) -> None:
    found = list(grid(name))
    for options in found:
        check(name, drawn(name, dtype, options))
    print(f"{name} in {dtype}: {len(found)} combinations")


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


@pytest.mark.parametrize("name", [name for name in NAMES if "max" in name])
@both_dtypes
def test_ties_go_where_pytorch_sends_them(name: str, dtype: str) -> None:
    """Whole numbers from -3 to 3: there is a tie in almost every window, and equal bits."""
    known = rule(name)
    assert known.backward is not None
    for options in grid(name):
        sample = drawn(name, dtype, options, ties=True)
        given = {**known.forward.defaults, **options}
        x = torch.tensor(sample.arrays["x"], requires_grad=True)
        y = sample.call(x)
        dy = np.random.default_rng(1).normal(size=tuple(y.shape)).astype(dtype)
        (theirs,) = torch.autograd.grad(y, x, torch.tensor(dy))
        mine = known.forward.call(sample.arrays["x"], **given)
        assert np.array_equal(mine, y.detach().numpy())
        assert np.array_equal(known.backward.call(dy, x.detach().numpy(), mine, **given), theirs)


def test_pooling_by_hand() -> None:
    x = np.array([[[[1.0, 5.0, 5.0, 0.0], [5.0, 2.0, 1.0, 3.0]]]])
    known = rule("max_pool2d")
    y = known.forward.call(x, kernel=2)
    assert y.tolist() == [[[[5, 5]]]]
    assert known.backward is not None
    dx = known.backward.call(np.array([[[[2.0, 3.0]]]]), x, y, kernel=2)
    assert dx.tolist() == [[[[0, 2, 3, 0], [0, 0, 0, 0]]]]
    assert rule("avg_pool2d").forward.call(x, kernel=2).tolist() == [[[[3.25, 2.25]]]]
