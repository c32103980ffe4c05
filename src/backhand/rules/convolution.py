"""Convolutions, as networks use the word: a window with weights moves over the input, unflipped.

`x` is [B, channels, height, width], `w` [filters, channels / groups, height, width] of the window;
`conv1d` takes both without a height. In `conv_transpose2d`, which undoes a convolution's change of
shape, `w` is that convolution's: [channels, filters / groups, height, width]. An option is one
number, or a pair for height and width. Each group of filters sees its own channels only.

What the windows see is copied into columns, and one product of matrices for each image does the
rest (Chellapilla, Puri and Simard, High Performance Convolutional Neural Networks for Document
Processing, 2006, section 2). Each derivative is a convolution again: Dumoulin and Visin, A Guide
to Convolution Arithmetic for Deep Learning (2016), chapter 4.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

# one image each: in 16 bits PyTorch rounds what each image of a batch adds to dw and db
X = uniform(-2, 2, (1, 4, 7, 6))
W = uniform(-1, 1, (6, 4, 3, 2))
GROUPED_W = uniform(-1, 1, (6, 2, 3, 2))
FLAT_X = uniform(-2, 2, (1, 4, 9))
FLAT_W = uniform(-1, 1, (6, 4, 3))
BACK_X = uniform(-2, 2, (1, 6, 4, 3))
FLAT_BACK_X = uniform(-2, 2, (1, 6, 5))
B = uniform(-1, 1, (6,))
BACK_B = uniform(-1, 1, (4,))
WIDE_B = uniform(-1, 1, (8,))


def pair(n):
    return n if isinstance(n, tuple) else (n, n)


def padded(x, padding):
    # in memory the batch comes last from here on: long runs of numbers, which NumPy is fast on
    rows, columns = pair(padding)
    wide = np.pad(x.transpose(1, 2, 3, 0), ((0, 0), (rows, rows), (columns, columns), (0, 0)))
    return wide.transpose(3, 0, 1, 2)


def windows(x, kernel, stride, dilation):
    # [B, C, H, W] as [B, C, *kernel, *places]: for each place of the window, what it sees
    (height, width), (down, right), (row, column) = pair(kernel), pair(stride), pair(dilation)
    reach = row * (height - 1) + 1, column * (width - 1) + 1
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    return seen[:, :, ::down, ::right, ::row, ::column].transpose(0, 1, 4, 5, 2, 3)


def put_back(parts, size, stride, dilation):
    # each part is added to where `windows` saw it; backwards, so that each sum is in the order
    # of the windows
    (down, right), (row, column) = pair(stride), pair(dilation)
    batch, channels, height, width, rows, columns = parts.shape
    x = np.zeros((channels, *size, batch), parts.dtype).transpose(3, 0, 1, 2)
    for i in reversed(range(height)):
        for j in reversed(range(width)):
            top, left = i * row, j * column
            along = slice(top, top + rows * down, down)
            across = slice(left, left + columns * right, right)
            x[:, :, along, across] += parts[:, :, i, j]
    return x


def in_columns(seen, groups):
    batch, channels, height, width, rows, columns = seen.shape
    per_group = channels // groups * height * width
    return seen.transpose(1, 2, 3, 4, 5, 0).reshape(groups, per_group, rows * columns * batch)


def in_rows(y, groups):
    batch, channels, rows, columns = y.shape
    return y.transpose(1, 2, 3, 0).reshape(groups, channels // groups, rows * columns * batch)


def correlate(x, w, stride, padding, dilation, groups):
    seen = windows(padded(x, padding), w.shape[2:], stride, dilation)
    filters = w.reshape(groups, len(w) // groups, w[0].size)
    y = filters @ in_columns(seen, groups)
    return y.reshape(len(w), *seen.shape[4:], len(x)).transpose(3, 0, 1, 2)


def correlate_dx(dy, w, size, stride, padding, dilation, groups):
    (top, left), (rows, columns) = pair(padding), size
    filters = w.reshape(groups, len(w) // groups, w[0].size)
    parts = filters.swapaxes(1, 2) @ in_rows(dy, groups)
    parts = parts.reshape(groups * w.shape[1], *w.shape[2:], *dy.shape[2:], len(dy))
    around = rows + 2 * top, columns + 2 * left
    dx = put_back(parts.transpose(5, 0, 1, 2, 3, 4), around, stride, dilation)
    return dx[:, :, top : top + rows, left : left + columns]


def conv2d_dw(dy, x, w, stride, padding, dilation, groups):
    rows, columns = dy.shape[2:]
    seen = windows(padded(x, padding), w.shape[2:], stride, dilation)[..., :rows, :columns]
    dw = in_rows(dy, groups) @ in_columns(seen, groups).swapaxes(1, 2)
    return dw.reshape(w.shape)


def conv2d(x, w, b, *, stride=1, padding=0, dilation=1, groups=1):
    y = correlate(x, w, stride, padding, dilation, groups)
    return y + b[:, None, None]


def conv2d_dx(dy, x, w, stride, padding, dilation, groups):
    return correlate_dx(dy, w, x.shape[2:], stride, padding, dilation, groups)


def conv2d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        conv2d_dx(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        conv2d_dw(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        dy.sum(axis=(0, 2, 3)),
    )


register(
    "conv2d",
    conv2d,
    conv2d_backward,
    wrt="xwb",
    torch="F.conv2d(x, w, b) if (stride, padding, dilation, groups) == (1, 0, 1, 1) else "
    "F.conv2d(x, w, b, stride=stride, padding=padding) if (dilation, groups) == (1, 1) else "
    "F.conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)",
    noun="z",
    means="conv2d(x, w, b) if (stride, padding, dilation, groups) == (1, 0, 1, 1) else "
    "conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)",
    examples=[
        example(x=X, w=W, b=B),
        example(x=X, w=W, b=B, stride=2, padding=1),
        example(x=X, w=W, b=B, stride=(3, 1), padding=(0, 2), dilation=(2, 3)),
        example(x=X, w=GROUPED_W, b=B, padding=1, groups=2),
    ],
    aten="conv2d.default(x, w, b, stride, padding, dilation, groups)",
)


def conv1d(x, w, b, *, stride=1, padding=0, dilation=1, groups=1):
    # a picture of one row
    across = (1, stride), (0, padding), (1, dilation)
    y = correlate(x[:, :, None], w[:, :, None], *across, groups)
    return y[:, :, 0] + b[:, None]


def conv1d_dx(dy, x, w, stride, padding, dilation, groups):
    across = (1, stride), (0, padding), (1, dilation)
    return conv2d_dx(dy[:, :, None], x[:, :, None], w[:, :, None], *across, groups)[:, :, 0]


def conv1d_dw(dy, x, w, stride, padding, dilation, groups):
    across = (1, stride), (0, padding), (1, dilation)
    return conv2d_dw(dy[:, :, None], x[:, :, None], w[:, :, None], *across, groups)[:, :, 0]


def conv1d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        conv1d_dx(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        conv1d_dw(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        dy.sum(axis=(0, 2)),
    )


register(
    "conv1d",
    conv1d,
    conv1d_backward,
    wrt="xwb",
    torch="F.conv1d(x, w, b) if (stride, padding, dilation, groups) == (1, 0, 1, 1) else "
    "F.conv1d(x, w, b, stride=stride, padding=padding) if (dilation, groups) == (1, 1) else "
    "F.conv1d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)",
    noun="z",
    means="conv1d(x, w, b) if (stride, padding, dilation, groups) == (1, 0, 1, 1) else "
    "conv1d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)",
    examples=[
        example(x=FLAT_X, w=FLAT_W, b=B),
        example(x=FLAT_X, w=FLAT_W, b=B, stride=2, padding=3, dilation=2),
        example(x=FLAT_X, w=uniform(-1, 1, (6, 2, 3)), b=B, stride=3, groups=2),
    ],
    aten="conv1d.default(x, w, b, [stride], [padding], [dilation], groups)",
)


def conv_transpose2d(x, w, b, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    # as the derivative of a convolution by its input; output_padding picks one of the sizes
    # that this convolution would bring down to that of x
    (down, right), (top, left), (row, column) = pair(stride), pair(padding), pair(dilation)
    (rows, columns), (height, width), (low, wide) = x.shape[2:], w.shape[2:], pair(output_padding)
    size = (
        (rows - 1) * down + row * (height - 1) + 1 - 2 * top + low,
        (columns - 1) * right + column * (width - 1) + 1 - 2 * left + wide,
    )
    y = correlate_dx(x, w, size, stride, padding, dilation, groups)
    return y + b[:, None, None]


def conv_transpose2d_dx(dy, x, w, stride, padding, dilation, groups):
    rows, columns = x.shape[2:]
    return correlate(dy, w, stride, padding, dilation, groups)[:, :, :rows, :columns]


def conv_transpose2d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        conv_transpose2d_dx(
            dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
        conv2d_dw(x, dy, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        dy.sum(axis=(0, 2, 3)),
    )


register(
    "conv_transpose2d",
    conv_transpose2d,
    conv_transpose2d_backward,
    wrt="xwb",
    torch="F.conv_transpose2d(x, w, b, stride=stride, padding=padding) if "
    "(output_padding, dilation, groups) == (0, 1, 1) else "
    "F.conv_transpose2d(x, w, b, stride=stride, padding=padding, "
    "output_padding=output_padding, dilation=dilation, groups=groups)",
    noun="z",
    means="conv_transpose2d(x, w, b, stride=stride, padding=padding, "
    "output_padding=output_padding, dilation=dilation, groups=groups)",
    examples=[
        example(x=BACK_X, w=W, b=BACK_B),
        example(x=BACK_X, w=W, b=BACK_B, stride=2, padding=1, output_padding=1),
        example(x=BACK_X, w=W, b=BACK_B, stride=(3, 1), padding=(0, 2), dilation=(2, 3)),
        example(x=BACK_X, w=W, b=WIDE_B, stride=2, padding=1, groups=2),
        example(x=BACK_X, w=W, b=BACK_B, output_padding=(2, 0), dilation=3),
    ],
    aten="conv_transpose2d.input(x, w, b, stride, padding, output_padding, groups, dilation)",
)


def conv_transpose1d(x, w, b, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    # a picture of one row
    (columns,), (width,) = x.shape[2:], w.shape[2:]
    size = 1, (columns - 1) * stride - 2 * padding + dilation * (width - 1) + 1 + output_padding
    across = (1, stride), (0, padding), (1, dilation)
    y = correlate_dx(x[:, :, None], w[:, :, None], size, *across, groups)
    return y[:, :, 0] + b[:, None]


def conv_transpose1d_dx(dy, x, w, stride, padding, dilation, groups):
    across = (1, stride), (0, padding), (1, dilation)
    dx = correlate(dy[:, :, None], w[:, :, None], *across, groups)
    return dx[:, :, 0, : x.shape[2]]


def conv_transpose1d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        conv_transpose1d_dx(
            dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
        conv1d_dw(x, dy, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        dy.sum(axis=(0, 2)),
    )


register(
    "conv_transpose1d",
    conv_transpose1d,
    conv_transpose1d_backward,
    wrt="xwb",
    torch="F.conv_transpose1d(x, w, b, stride=stride, padding=padding) if "
    "(output_padding, dilation, groups) == (0, 1, 1) else "
    "F.conv_transpose1d(x, w, b, stride=stride, padding=padding, "
    "output_padding=output_padding, dilation=dilation, groups=groups)",
    noun="z",
    means="conv_transpose1d(x, w, b, stride=stride, padding=padding, "
    "output_padding=output_padding, dilation=dilation, groups=groups)",
    examples=[
        example(x=FLAT_BACK_X, w=FLAT_W, b=BACK_B),
        example(x=FLAT_BACK_X, w=FLAT_W, b=BACK_B, stride=2, padding=1, output_padding=1),
        example(x=FLAT_BACK_X, w=FLAT_W, b=WIDE_B, stride=3, dilation=2, groups=2),
    ],
    aten="conv_transpose1d.default(x, w, b, [stride], [padding], [output_padding], groups, "
    "[dilation])",
)
