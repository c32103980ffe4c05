"""Pooling: of each window over `x` [B, channels, height, width], its largest number or its mean.

`x` may as well have one axis or three after the channels. An option is one number, or one for each
axis; `stride` is as long as the window unless it is given. Padding never is the largest. The
adaptive ones make `size` windows along each axis, as equal as whole numbers allow. `indices` number
the places of each channel of `x` row by row.

Sources: Goodfellow, Bengio and Courville, Deep Learning (2016), section 9.3; for which of equal
numbers counts, what a mean divides by, and where adaptive windows lie, PyTorch's DilatedMaxPool2d,
AvgPoolKernel and AdaptivePooling.
"""

import numpy as np

from backhand.rules.convolution import each, put_back, windows
from backhand.rules.register import example, register, uniform, whole

X = uniform(-3, 3, (2, 3, 7, 6))
FLAT_X = uniform(-3, 3, (2, 3, 9))
DEEP_X = uniform(-3, 3, (2, 2, 5, 4, 6))


def framed(x, value, kernel, stride, padding, dilation, ceil_mode):
    # ceil_mode: what is left over at the end gets a window too, unless it begins beyond x
    frame = [(0, 0)]
    options = (each(option, x.ndim - 2) for option in (kernel, stride, padding, dilation))
    for size, length, step, edge, gap in zip(x.shape[2:], *options, strict=True):
        last = size + 2 * edge - gap * (length - 1) - 1
        left_over = last % step
        more = step - left_over
        needed = ceil_mode and left_over and last + more < size + edge
        frame.append((edge, edge + more if needed else edge))
    # as in `padded` the batch comes last in memory
    wide = np.pad(np.moveaxis(x, 0, -1), [*frame, (0, 0)], constant_values=value)
    return np.moveaxis(wide, -1, 0)


def unframed(wide, size, padding):
    edge = each(padding, len(size))
    return wide[(..., *[slice(n, n + length) for n, length in zip(edge, size, strict=True)])]


def first_largest(seen, y):
    # of equal numbers PyTorch takes the first
    inside = range(2, seen.ndim - y.ndim + 2)
    largest = seen == np.expand_dims(y, tuple(inside))
    taken = np.zeros_like(y, dtype=bool)
    for within in np.ndindex(seen.shape[2 : inside.stop]):
        here = (slice(None), slice(None), *within)
        largest[here] &= ~taken
        taken |= largest[here]
    return largest


def max_pool(x, *, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    stride = kernel if stride is None else stride
    around = framed(x, -np.inf, kernel, stride, padding, dilation, ceil_mode)
    seen = windows(around, each(kernel, x.ndim - 2), stride, dilation)
    return seen.max(axis=tuple(range(2, x.ndim)))


def max_pool_backward(dy, x, y, *, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    stride = kernel if stride is None else stride
    around = framed(x, -np.inf, kernel, stride, padding, dilation, ceil_mode)
    chosen = first_largest(windows(around, each(kernel, x.ndim - 2), stride, dilation), y)
    parts = chosen * np.expand_dims(dy, tuple(range(2, x.ndim)))
    return unframed(put_back(parts, around.shape[2:], stride, dilation), x.shape[2:], padding)


register(
    "max_pool2d",
    max_pool,
    max_pool_backward,
    wrt="x",
    torch="F.max_pool2d(x, kernel) if "
    "(stride, padding, dilation, ceil_mode) == (None, 0, 1, False) else "
    "F.max_pool2d(x, kernel, stride=stride, padding=padding, dilation=dilation, "
    "ceil_mode=ceil_mode)",
    examples=[
        example(x=X, kernel=2),
        example(x=X, kernel=3, stride=2, padding=1, ceil_mode=True),
        example(x=X, kernel=(3, 2), stride=(1, 2), padding=(1, 0), dilation=(2, 3)),
    ],
    aten=[
        "max_pool2d.default(x, kernel, [], padding, dilation, ceil_mode)",
        "max_pool2d.default(x, kernel, stride, padding, dilation, ceil_mode)",
    ],
)

register(
    "max_pool1d",
    max_pool,
    max_pool_backward,
    wrt="x",
    torch="F.max_pool1d(x, kernel) if "
    "(stride, padding, dilation, ceil_mode) == (None, 0, 1, False) else "
    "F.max_pool1d(x, kernel, stride=stride, padding=padding, dilation=dilation, "
    "ceil_mode=ceil_mode)",
    examples=[
        example(x=FLAT_X, kernel=2),
        example(x=FLAT_X, kernel=4, stride=3, padding=2, ceil_mode=True),
        example(x=FLAT_X, kernel=3, stride=1, dilation=2),
    ],
    aten=[
        "max_pool1d.default(x, [kernel], [], [padding], [dilation], ceil_mode)",
        "max_pool1d.default(x, [kernel], [stride], [padding], [dilation], ceil_mode)",
    ],
)

register(
    "max_pool3d",
    max_pool,
    max_pool_backward,
    wrt="x",
    torch="F.max_pool3d(x, kernel, stride, padding, dilation, ceil_mode)",
    examples=[
        example(x=DEEP_X, kernel=2),
        example(x=DEEP_X, kernel=(3, 2, 2), stride=2, padding=1, ceil_mode=True),
    ],
    aten=[
        "max_pool3d.default(x, kernel, [], padding, dilation, ceil_mode)",
        "max_pool3d.default(x, kernel, stride, padding, dilation, ceil_mode)",
    ],
    in_formulas=False,
)


def max_pool_indices(x, *, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    stride = kernel if stride is None else stride
    options = kernel, stride, padding, dilation, ceil_mode
    number = np.arange(x[0, 0].size).reshape(1, 1, *x.shape[2:])
    number, x = framed(number, 0, *options), framed(x, -np.inf, *options)
    number, seen = (windows(a, each(kernel, x.ndim - 2), stride, dilation) for a in (number, x))
    inside = tuple(range(2, x.ndim))
    y = seen.max(axis=inside)
    return y, np.where(first_largest(seen, y), number, 0).sum(axis=inside)


register(
    "max_pool_indices",
    max_pool_indices,
    max_pool_backward,
    wrt="x",
    torch="(F.max_pool1d, F.max_pool2d, F.max_pool3d)[x.ndim - 3]"
    "(x, kernel, stride, padding, dilation, ceil_mode, True)",
    output=("y", "indices"),
    examples=[
        example(x=FLAT_X, kernel=4, stride=3, padding=2, ceil_mode=True),
        example(x=X, kernel=2),
        example(x=DEEP_X, kernel=(3, 2, 2), stride=2, padding=1, dilation=(1, 2, 1)),
    ],
    in_formulas=False,
)


def max_unpool(x, indices, *, size):
    rows = x.reshape(-1, x[0, 0].size)
    length = 1
    for n in size:
        length *= n
    y = np.zeros((len(rows), length), x.dtype)
    np.put_along_axis(y, indices.reshape(rows.shape), rows, axis=-1)
    return y.reshape(*x.shape[:2], *size)


def max_unpool_backward(dy, indices):
    rows = indices.reshape(-1, indices[0, 0].size)
    return np.take_along_axis(dy.reshape(len(rows), -1), rows, axis=-1).reshape(indices.shape)


register(
    "max_unpool",
    max_unpool,
    max_unpool_backward,
    wrt="x",
    none=["indices"],
    torch="torch.ops.aten.max_unpool2d(x, indices, size)",
    examples=[
        example(x=uniform(-3, 3, (2, 3, 1, 1)), indices=whole(0, 12, (2, 3, 1, 1)), size=(4, 3))
    ],
    aten=[
        "max_unpool2d.default(x, indices, size)",
        "max_unpool3d.default(x, indices, size, _, _)",
    ],
    in_formulas=False,
)


def in_windows(size, places, kernel, stride, padding, count_include_pad):
    # how many numbers each window holds along one axis
    start = np.arange(places) * stride - padding
    end = np.minimum(start + kernel, size + padding)
    if not count_include_pad:
        start, end = np.maximum(start, 0), np.minimum(end, size)
    return end - start


def divisor(x, places, kernel, stride, padding, count_include_pad, divisor_override):
    if divisor_override is not None:
        return divisor_override
    options = (each(option, x.ndim - 2) for option in (kernel, stride, padding))
    count = np.ones((), x.dtype)
    for size, number, length, step, edge in zip(x.shape[2:], places, *options, strict=True):
        along = in_windows(size, number, length, step, edge, count_include_pad)
        count = count[..., None] * along.astype(x.dtype)
    return count


def as_far_as_the_frame(kernel, x, padding):
    # a window that reaches farther, as ceil_mode allows, holds no more than that
    pairs = zip(each(kernel, x.ndim - 2), x.shape[2:], each(padding, x.ndim - 2), strict=True)
    return tuple(min(length, size + 2 * edge) for length, size, edge in pairs)


def avg_pool(
    x, *, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    stride = kernel if stride is None else stride
    kernel = as_far_as_the_frame(kernel, x, padding)
    around = framed(x, 0.0, kernel, stride, padding, 1, ceil_mode)
    seen = windows(around, kernel, stride, 1)
    return seen.sum(axis=tuple(range(2, x.ndim))) / divisor(
        x, seen.shape[x.ndim :], kernel, stride, padding, count_include_pad, divisor_override
    )


def avg_pool_backward(
    dy, x, *, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    stride = kernel if stride is None else stride
    kernel = as_far_as_the_frame(kernel, x, padding)
    around = framed(x, 0.0, kernel, stride, padding, 1, ceil_mode)
    seen = windows(around, kernel, stride, 1)
    share = dy / divisor(
        x, dy.shape[2:], kernel, stride, padding, count_include_pad, divisor_override
    )
    parts = np.broadcast_to(np.expand_dims(share, tuple(range(2, x.ndim))), seen.shape)
    return unframed(put_back(parts, around.shape[2:], stride, 1), x.shape[2:], padding)


register(
    "avg_pool2d",
    avg_pool,
    avg_pool_backward,
    wrt="x",
    torch="F.avg_pool2d(x, kernel) if (stride, padding, ceil_mode, divisor_override) == "
    "(None, 0, False, None) else F.avg_pool2d(x, kernel, stride=stride, padding=padding, "
    "ceil_mode=ceil_mode, count_include_pad=count_include_pad, "
    "divisor_override=divisor_override)",
    examples=[
        example(x=X, kernel=2),
        example(x=X, kernel=3, stride=2, padding=1, ceil_mode=True),
        example(x=X, kernel=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
        example(x=X, kernel=(3, 2), stride=(1, 2), padding=(1, 0), divisor_override=5),
        example(x=X, kernel=(12, 5), stride=(12, 4), padding=(1, 0), ceil_mode=True),
    ],
    aten=[
        "avg_pool2d.default(x, kernel, [], padding, ceil_mode, count_include_pad, "
        "divisor_override)",
        "avg_pool2d.default(x, kernel, stride, padding, ceil_mode, count_include_pad, "
        "divisor_override)",
    ],
)


def avg_pool1d(x, *, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    options = {"padding": padding, "ceil_mode": ceil_mode, "count_include_pad": count_include_pad}
    return avg_pool(x, kernel=kernel, stride=stride, **options)


def avg_pool1d_backward(
    dy, x, *, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    options = {"padding": padding, "ceil_mode": ceil_mode, "count_include_pad": count_include_pad}
    return avg_pool_backward(dy, x, kernel=kernel, stride=stride, **options)


register(
    "avg_pool1d",
    avg_pool1d,
    avg_pool1d_backward,
    wrt="x",
    torch="F.avg_pool1d(x, kernel) if (stride, padding, ceil_mode) == (None, 0, False) else "
    "F.avg_pool1d(x, kernel, stride=stride, padding=padding, ceil_mode=ceil_mode, "
    "count_include_pad=count_include_pad)",
    examples=[
        example(x=FLAT_X, kernel=2),
        example(x=FLAT_X, kernel=4, stride=3, padding=2, ceil_mode=True),
        example(x=FLAT_X, kernel=4, stride=3, padding=1, count_include_pad=False),
    ],
    aten=[
        "avg_pool1d.default(x, [kernel], [], [padding], ceil_mode, count_include_pad)",
        "avg_pool1d.default(x, [kernel], [stride], [padding], ceil_mode, count_include_pad)",
    ],
)

register(
    "avg_pool3d",
    avg_pool,
    avg_pool_backward,
    wrt="x",
    torch="F.avg_pool3d(x, kernel, stride, padding, ceil_mode, count_include_pad, "
    "divisor_override)",
    examples=[
        example(x=DEEP_X, kernel=2),
        example(x=DEEP_X, kernel=(3, 2, 2), stride=2, padding=1, ceil_mode=True),
        example(x=DEEP_X, kernel=3, stride=2, padding=1, count_include_pad=False),
    ],
    aten=[
        "avg_pool3d.default(x, kernel, [], padding, ceil_mode, count_include_pad, "
        "divisor_override)",
        "avg_pool3d.default(x, kernel, stride, padding, ceil_mode, count_include_pad, "
        "divisor_override)",
    ],
    in_formulas=False,
)
