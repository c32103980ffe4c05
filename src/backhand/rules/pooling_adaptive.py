"""Adaptive pooling: `size` windows along each axis of `x` [B, channels, ...], as equal as whole
numbers allow; of each its largest number or its mean. `size` is one number, or one for each axis.

Sources: where the windows lie, PyTorch's AdaptivePooling; of equal numbers it takes the first.
"""

import numpy as np

from backhand.rules.convolution import each
from backhand.rules.pooling import first_largest
from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (2, 3, 7, 6))
FLAT_X = uniform(-3, 3, (2, 3, 9))
DEEP_X = uniform(-3, 3, (2, 2, 5, 4, 6))


def cells(x, size):
    # adaptive windows reach from the whole number below to the one above, and may overlap
    lengths, counts = x.shape[2:], each(size, x.ndim - 2)
    for place in np.ndindex(counts):
        seen = [
            slice(i * length // count, -(-(i + 1) * length // count))
            for i, length, count in zip(place, lengths, counts, strict=True)
        ]
        yield (..., *place), (..., *seen)


def adaptive_max_pool(x, *, size):
    y = np.empty((*x.shape[:2], *each(size, x.ndim - 2)), x.dtype)
    for place, seen in cells(x, size):
        y[place] = x[seen].max(axis=tuple(range(2, x.ndim)))
    return y


def adaptive_max_pool_backward(dy, x, y, *, size):
    dx = np.zeros_like(x)
    inside = tuple(range(2, x.ndim))
    for place, seen in cells(x, size):
        chosen = first_largest(x[seen], y[place])
        dx[seen] += chosen * np.expand_dims(dy[place], inside)
    return dx


register(
    "adaptive_max_pool2d",
    adaptive_max_pool,
    adaptive_max_pool_backward,
    wrt="x",
    torch="F.adaptive_max_pool2d(x, size)",
    examples=[example(x=X, size=1), example(x=X, size=(3, 4))],
    aten="adaptive_max_pool2d.default(x, size)",
)

register(
    "adaptive_max_pool1d",
    adaptive_max_pool,
    adaptive_max_pool_backward,
    wrt="x",
    torch="F.adaptive_max_pool1d(x, size)",
    examples=[example(x=FLAT_X, size=1), example(x=FLAT_X, size=4)],
    aten="adaptive_max_pool1d.default(x, [size])",
)

register(
    "adaptive_max_pool3d",
    adaptive_max_pool,
    adaptive_max_pool_backward,
    wrt="x",
    torch="F.adaptive_max_pool3d(x, size)",
    examples=[example(x=DEEP_X, size=1), example(x=DEEP_X, size=(3, 2, 4))],
    aten="adaptive_max_pool3d.default(x, size)",
    in_formulas=False,
)


def adaptive_max_pool_indices(x, *, size):
    y = np.empty((*x.shape[:2], *each(size, x.ndim - 2)), x.dtype)
    indices = np.empty(y.shape, int)
    number = np.arange(x[0, 0].size).reshape(1, 1, *x.shape[2:])
    inside = tuple(range(2, x.ndim))
    for place, seen in cells(x, size):
        y[place] = x[seen].max(axis=inside)
        chosen = first_largest(x[seen], y[place])
        indices[place] = np.where(chosen, number[seen], 0).sum(axis=inside)
    return y, indices


register(
    "adaptive_max_pool_indices",
    adaptive_max_pool_indices,
    adaptive_max_pool_backward,
    wrt="x",
    torch="(F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)[x.ndim - 3]"
    "(x, size, True)",
    output=("y", "indices"),
    examples=[
        example(x=FLAT_X, size=4),
        example(x=X, size=(3, 4)),
        example(x=DEEP_X, size=(3, 2, 4)),
    ],
    in_formulas=False,
)


def adaptive_avg_pool(x, *, size):
    y = np.empty((*x.shape[:2], *each(size, x.ndim - 2)), x.dtype)
    for place, seen in cells(x, size):
        total = x[seen].sum(axis=tuple(range(2, x.ndim)))
        for length in x[seen].shape[2:]:
            total = total / length
        y[place] = total
    return y


def adaptive_avg_pool_backward(dy, x, *, size):
    dx = np.zeros_like(x)
    for place, seen in cells(x, size):
        share = np.expand_dims(dy[place], tuple(range(2, x.ndim)))
        for length in x[seen].shape[2:]:
            share = share / length
        dx[seen] += share
    return dx


register(
    "adaptive_avg_pool2d",
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    wrt="x",
    torch="F.adaptive_avg_pool2d(x, size)",
    examples=[example(x=X, size=1), example(x=X, size=(3, 4))],
    aten="adaptive_avg_pool2d.default(x, size)",
)

register(
    "adaptive_avg_pool1d",
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    wrt="x",
    torch="F.adaptive_avg_pool1d(x, size)",
    examples=[example(x=FLAT_X, size=1), example(x=FLAT_X, size=4)],
    aten="adaptive_avg_pool1d.default(x, [size])",
)

register(
    "adaptive_avg_pool3d",
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    wrt="x",
    torch="F.adaptive_avg_pool3d(x, size)",
    examples=[example(x=DEEP_X, size=1), example(x=DEEP_X, size=(3, 2, 4))],
    aten="adaptive_avg_pool3d.default(x, size)",
    in_formulas=False,
)
