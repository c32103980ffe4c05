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
    aten=["sum.default(x)", "sum.dim_IntList(x, [axis], keepdims)"],
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
    aten=["mean.default(x)", "mean.dim(x, [axis], keepdims)"],
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
    aten=["max.default(x)", "amax.default(x, [axis], keepdims)"],
)
