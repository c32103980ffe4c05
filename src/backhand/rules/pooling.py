"""Pooling: of each window over `x` [B, channels, height, width], its largest number or its mean.

The one-dimensional ones take `x` without a height. An option is one number, or a pair for height
and width; `stride` is as long as the window unless it is given. Padding never is the largest. The
adaptive ones make `size` windows along each axis, as equal as whole numbers allow.

Sources: Goodfellow, Bengio and Courville, Deep Learning (2016), section 9.3; for which of equal
numbers counts, what a mean divides by, and where adaptive windows lie, PyTorch's DilatedMaxPool2d,
AvgPoolKernel and AdaptivePooling.
"""

import numpy as np

from backhand.rules.convolution import pair, put_back, windows
from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (2, 3, 7, 6))
FLAT_X = uniform(-3, 3, (2, 3, 9))


def framed(x, value, kernel, stride, padding, dilation, ceil_mode):
    # ceil_mode: what is left over at the end gets a window too, unless it begins beyond x
    frame = [(0, 0)]
    options = zip(pair(kernel), pair(stride), pair(padding), pair(dilation), strict=True)
    for size, (length, step, edge, gap) in zip(x.shape[2:], options, strict=True):
        last = size + 2 * edge - gap * (length - 1) - 1
        left_over = last % step
        more = step - left_over
        needed = ceil_mode and left_over and last + more < size + edge
        frame.append((edge, edge + more if needed else edge))
    # as in `padded` the batch comes last in memory
    wide = np.pad(x.transpose(1, 2, 3, 0), [*frame, (0, 0)], constant_values=value)
    return wide.transpose(3, 0, 1, 2)


def first_largest(seen, y):
    # of equal numbers PyTorch takes the first
    largest = seen == y[:, :, None, None]
    taken = np.zeros_like(y, dtype=bool)
    for i in range(seen.shape[2]):
        for j in range(seen.shape[3]):
            largest[:, :, i, j] &= ~taken
            taken |= largest[:, :, i, j]
    return largest


def max_pool2d(x, *, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    stride = kernel if stride is None else stride
    seen = windows(
        framed(x, -np.inf, kernel, stride, padding, dilation, ceil_mode), kernel, stride, dilation
    )
    return seen.max(axis=(2, 3))


def max_pool2d_backward(dy, x, y, *, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    stride = kernel if stride is None else stride
    around = framed(x, -np.inf, kernel, stride, padding, dilation, ceil_mode)
    chosen = first_largest(windows(around, kernel, stride, dilation), y)
    dx = put_back(chosen * dy[:, :, None, None], around.shape[2:], stride, dilation)
    (top, left), (rows, columns) = pair(padding), x.shape[2:]
    return dx[:, :, top : top + rows, left : left + columns]


register(
    "max_pool2d",
    max_pool2d,
    max_pool2d_backward,
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


def max_pool1d(x, *, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    # a picture of one row
    stride = kernel if stride is None else stride
    return max_pool2d(
        x[:, :, None],
        kernel=(1, kernel),
        stride=(1, stride),
        padding=(0, padding),
        dilation=(1, dilation),
        ceil_mode=ceil_mode,
    )[:, :, 0]


def max_pool1d_backward(dy, x, y, *, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    stride = kernel if stride is None else stride
    return max_pool2d_backward(
        dy[:, :, None],
        x[:, :, None],
        y[:, :, None],
        kernel=(1, kernel),
        stride=(1, stride),
        padding=(0, padding),
        dilation=(1, dilation),
        ceil_mode=ceil_mode,
    )[:, :, 0]


register(
    "max_pool1d",
    max_pool1d,
    max_pool1d_backward,
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
    rows, columns = (
        in_windows(*along, count_include_pad)
        for along in zip(
            x.shape[2:], places, pair(kernel), pair(stride), pair(padding), strict=True
        )
    )
    return (rows[:, None] * columns).astype(x.dtype)


def avg_pool2d(
    x, *, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    stride = kernel if stride is None else stride
    seen = windows(framed(x, 0.0, kernel, stride, padding, 1, ceil_mode), kernel, stride, 1)
    return seen.sum(axis=(2, 3)) / divisor(
        x, seen.shape[4:], kernel, stride, padding, count_include_pad, divisor_override
    )


def avg_pool2d_backward(
    dy, x, *, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    stride = kernel if stride is None else stride
    around = framed(x, 0.0, kernel, stride, padding, 1, ceil_mode)
    seen = windows(around, kernel, stride, 1)
    share = dy / divisor(
        x, dy.shape[2:], kernel, stride, padding, count_include_pad, divisor_override
    )
    parts = np.broadcast_to(share[:, :, None, None], seen.shape)
    dx = put_back(parts, around.shape[2:], stride, 1)
    (top, left), (rows, columns) = pair(padding), x.shape[2:]
    return dx[:, :, top : top + rows, left : left + columns]


register(
    "avg_pool2d",
    avg_pool2d,
    avg_pool2d_backward,
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
    ],
    aten=[
        "avg_pool2d.default(x, kernel, [], padding, ceil_mode, count_include_pad, "
        "divisor_override)",
        "avg_pool2d.default(x, kernel, stride, padding, ceil_mode, count_include_pad, "
        "divisor_override)",
    ],
)


def avg_pool1d(x, *, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    # a picture of one row
    stride = kernel if stride is None else stride
    return avg_pool2d(
        x[:, :, None],
        kernel=(1, kernel),
        stride=(1, stride),
        padding=(0, padding),
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
    )[:, :, 0]


def avg_pool1d_backward(
    dy, x, *, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    stride = kernel if stride is None else stride
    return avg_pool2d_backward(
        dy[:, :, None],
        x[:, :, None],
        kernel=(1, kernel),
        stride=(1, stride),
        padding=(0, padding),
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
    )[:, :, 0]


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


def cells(shape, size):
    # adaptive windows reach from the whole number below to the one above, and may overlap
    (height, width), (rows, columns) = shape[2:], pair(size)
    for i in range(rows):
        for j in range(columns):
            along = slice(i * height // rows, -(-(i + 1) * height // rows))
            across = slice(j * width // columns, -(-(j + 1) * width // columns))
            yield i, j, along, across


def adaptive_max_pool2d(x, *, size):
    y = np.empty((*x.shape[:2], *pair(size)), x.dtype)
    for i, j, along, across in cells(x.shape, size):
        y[:, :, i, j] = x[:, :, along, across].max(axis=(2, 3))
    return y


def adaptive_max_pool2d_backward(dy, x, y, *, size):
    dx = np.zeros_like(x)
    for i, j, along, across in cells(x.shape, size):
        chosen = first_largest(x[:, :, along, across], y[:, :, i, j])
        dx[:, :, along, across] += chosen * dy[:, :, i, j, None, None]
    return dx


register(
    "adaptive_max_pool2d",
    adaptive_max_pool2d,
    adaptive_max_pool2d_backward,
    wrt="x",
    torch="F.adaptive_max_pool2d(x, size)",
    examples=[example(x=X, size=1), example(x=X, size=(3, 4))],
    aten="adaptive_max_pool2d.default(x, size)",
)


def adaptive_max_pool1d(x, *, size):
    # a picture of one row
    y = adaptive_max_pool2d(x[:, :, None], size=(1, size))
    return y[:, :, 0]


def adaptive_max_pool1d_backward(dy, x, y, *, size):
    dx = adaptive_max_pool2d_backward(dy[:, :, None], x[:, :, None], y[:, :, None], size=(1, size))
    return dx[:, :, 0]


register(
    "adaptive_max_pool1d",
    adaptive_max_pool1d,
    adaptive_max_pool1d_backward,
    wrt="x",
    torch="F.adaptive_max_pool1d(x, size)",
    examples=[example(x=FLAT_X, size=1), example(x=FLAT_X, size=4)],
    aten="adaptive_max_pool1d.default(x, [size])",
)


def adaptive_avg_pool2d(x, *, size):
    y = np.empty((*x.shape[:2], *pair(size)), x.dtype)
    for i, j, along, across in cells(x.shape, size):
        seen = x[:, :, along, across]
        y[:, :, i, j] = seen.sum(axis=(2, 3)) / seen.shape[2] / seen.shape[3]
    return y


def adaptive_avg_pool2d_backward(dy, x, *, size):
    dx = np.zeros_like(x)
    for i, j, along, across in cells(x.shape, size):
        seen = dx[:, :, along, across]
        seen += dy[:, :, i, j, None, None] / seen.shape[2] / seen.shape[3]
    return dx


register(
    "adaptive_avg_pool2d",
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward,
    wrt="x",
    torch="F.adaptive_avg_pool2d(x, size)",
    examples=[example(x=X, size=1), example(x=X, size=(3, 4))],
    aten="adaptive_avg_pool2d.default(x, size)",
)


def adaptive_avg_pool1d(x, *, size):
    # a picture of one row
    y = adaptive_avg_pool2d(x[:, :, None], size=(1, size))
    return y[:, :, 0]


def adaptive_avg_pool1d_backward(dy, x, *, size):
    dx = adaptive_avg_pool2d_backward(dy[:, :, None], x[:, :, None], size=(1, size))
    return dx[:, :, 0]


register(
    "adaptive_avg_pool1d",
    adaptive_avg_pool1d,
    adaptive_avg_pool1d_backward,
    wrt="x",
    torch="F.adaptive_avg_pool1d(x, size)",
    examples=[example(x=FLAT_X, size=1), example(x=FLAT_X, size=4)],
    aten="adaptive_avg_pool1d.default(x, [size])",
)
