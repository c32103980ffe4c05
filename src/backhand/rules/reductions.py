"""Sums, means and maxima, over one axis or over all."""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (3, 4))
EXAMPLES = [example(x=X), example(x=X, axis=0), example(x=X, axis=-1, keepdims=True),
            example(x=X, keepdims=True)]  # fmt: skip


def sum_all(x, *, axis=None, keepdims=False):
    return np.sum(x, axis=axis, keepdims=keepdims)


def sum_all_backward(dy, x, *, axis=None, keepdims=False):
    return np.full_like(x, dy if axis is None or keepdims else np.expand_dims(dy, axis))


register(
    "sum",
    sum_all,
    sum_all_backward,
    wrt="x",
    torch="torch.sum(x) if axis is None and not keepdims else torch.sum(x, axis, keepdim=keepdims)",
    examples=EXAMPLES,
    aten=[
        "sum.default(x)",
        "sum.dim_IntList(x, [axis], keepdims)",
        "sum.dim_IntList(x, [], keepdims)",
        "sum.dim_IntList(x, axis, keepdims)",
    ],
)


def mean_all(x, *, axis=None, keepdims=False):
    return np.mean(x, axis=axis, keepdims=keepdims)


def mean_all_backward(dy, x, *, axis=None, keepdims=False):
    return np.full_like(
        x,
        (dy if axis is None or keepdims else np.expand_dims(dy, axis))
        / (x.size if axis is None else x.shape[axis]),
    )


register(
    "mean",
    mean_all,
    mean_all_backward,
    wrt="x",
    torch="torch.mean(x) if axis is None and not keepdims "
    "else torch.mean(x, axis, keepdim=keepdims)",
    examples=EXAMPLES,
    aten=[
        "mean.default(x)",
        "mean.dim(x, [axis], keepdims)",
        "mean.dim(x, [], keepdims)",
        "mean.dim(x, None, keepdims)",
    ],
)


def mean_axes(x, *, axis, keepdims=False):
    return np.mean(x, axis=axis, keepdims=keepdims)


def mean_axes_backward(dy, x, *, axis, keepdims=False):
    # each number's share is one over how many go into a mean
    share = dy * (dy.size / x.size)
    return np.broadcast_to(share if keepdims else np.expand_dims(share, axis), x.shape)


register(
    "mean_axes",
    mean_axes,
    mean_axes_backward,
    wrt="x",
    torch="torch.mean(x, axis, keepdim=keepdims)",
    examples=[
        example(x=uniform(-3, 3, (2, 3, 4)), axis=(1, 2)),
        example(x=uniform(-3, 3, (2, 3, 4)), axis=(0, -1), keepdims=True),
    ],
    aten="mean.dim(x, axis, keepdims)",
    in_formulas=False,
)


def max_all(x, *, axis=None, keepdims=False):
    return np.max(x, axis=axis, keepdims=keepdims)


def max_backward(dy, x, *, axis=None, keepdims=False):
    # equal maxima share the derivative evenly, as torch.amax does
    winners = x == x.max(axis=axis, keepdims=True)
    dy = np.full_like(x, dy if axis is None or keepdims else np.expand_dims(dy, axis))
    return winners * (dy / winners.sum(axis=axis, keepdims=True, dtype=x.dtype))


register(
    "max",
    max_all,
    max_backward,
    wrt="x",
    torch="torch.amax(x) if axis is None and not keepdims "
    "else torch.amax(x, () if axis is None else axis, keepdim=keepdims)",
    examples=EXAMPLES,
    aten=[
        "max.default(x)",
        "amax.default(x, [axis], keepdims)",
        "amax.default(x, [], keepdims)",
        "amax.default(x, axis, keepdims)",
    ],
)


def min_all(x, *, axis=None, keepdims=False):
    return np.min(x, axis=axis, keepdims=keepdims)


def min_backward(dy, x, *, axis=None, keepdims=False):
    # equal minima share the derivative evenly, as torch.amin does
    winners = x == x.min(axis=axis, keepdims=True)
    dy = np.full_like(x, dy if axis is None or keepdims else np.expand_dims(dy, axis))
    return winners * (dy / winners.sum(axis=axis, keepdims=True, dtype=x.dtype))


register(
    "min",
    min_all,
    min_backward,
    wrt="x",
    torch="torch.amin(x) if axis is None and not keepdims "
    "else torch.amin(x, () if axis is None else axis, keepdim=keepdims)",
    examples=[*EXAMPLES, example(x=uniform(-3, 3, (2, 3, 4)), axis=(0, 2))],
    aten=[
        "min.default(x)",
        "amin.default(x, [axis], keepdims)",
        "amin.default(x, [], keepdims)",
        "amin.default(x, axis, keepdims)",
    ],
    in_formulas=False,
)
