"""Convolutions, as networks use the word: a window with weights moves over the input, unflipped.

`x` is [B, channels, height, width], `w` [filters, channels / groups, height, width] of the window;
`conv1d` takes both without a height, `conv3d` with a depth before it, `correlate` any of them and
no bias. An option is one number, or one for each
axis. Each group of filters sees its own channels only.

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
DEEP_X = uniform(-2, 2, (2, 4, 5, 4, 3))
DEEP_W = uniform(-1, 1, (6, 2, 3, 2, 2))
B = uniform(-1, 1, (6,))


def each(option, axes):
    # one number for all axes, or one for each
    option = option if isinstance(option, tuple) else (option,)
    return option * (axes // len(option))


def edges(padding, kernel, dilation):
    # how much is put before and behind each axis; "same" keeps its size, the odd one goes behind
    axes = len(kernel)
    if padding == "valid":
        return [(0, 0)] * axes
    if padding == "same":
        whole = [
            gap * (length - 1) for length, gap in zip(kernel, each(dilation, axes), strict=True)
        ]
        return [(n // 2, n - n // 2) for n in whole]
    return [(n, n) for n in each(padding, axes)]


def padded(x, around):
    # in memory the batch comes last from here on: long runs of numbers, which NumPy is fast on
    wide = np.pad(np.moveaxis(x, 0, -1), [(0, 0), *around, (0, 0)])
    return np.moveaxis(wide, -1, 0)


def windows(x, kernel, stride, dilation):
    # [B, C, *size] as [B, C, *kernel, *places]: for each place of the window, what it sees
    axes = len(kernel)
    stride, dilation = each(stride, axes), each(dilation, axes)
    reach = [gap * (length - 1) + 1 for length, gap in zip(kernel, dilation, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(2, x.ndim)))
    steps = [slice(None, None, step) for step in (1, 1, *stride, *dilation)]
    return np.moveaxis(seen[tuple(steps)], range(2, x.ndim), range(-axes, 0))


def put_back(parts, size, stride, dilation):
    # each part is added to where `windows` saw it; backwards, so that each sum is in the order
    # of the windows
    axes = len(size)
    stride, dilation = each(stride, axes), each(dilation, axes)
    kernel, places = parts.shape[2 : 2 + axes], parts.shape[2 + axes :]
    x = np.moveaxis(np.zeros((parts.shape[1], *size, len(parts)), parts.dtype), -1, 0)
    for within in reversed(list(np.ndindex(kernel))):
        seen = [
            slice(i * gap, i * gap + step * count, step)
            for i, gap, step, count in zip(within, dilation, stride, places, strict=True)
        ]
        x[(slice(None), slice(None), *seen)] += parts[(slice(None), slice(None), *within)]
    return x


def in_columns(seen, groups):
    length, sizes = seen.shape[1] // groups, seen.shape[2:]
    for size in sizes[: len(sizes) // 2]:
        length *= size
    return np.moveaxis(seen, 0, -1).reshape(groups, length, -1)


def in_rows(y, groups):
    return np.moveaxis(y, 0, -1).reshape(groups, y.shape[1] // groups, -1)


def correlate(x, w, *, stride=1, padding=0, dilation=1, groups=1):
    kernel = w.shape[2:]
    seen = windows(padded(x, edges(padding, kernel, dilation)), kernel, stride, dilation)
    filters = w.reshape(groups, len(w) // groups, w[0].size)
    y = filters @ in_columns(seen, groups)
    return np.moveaxis(y.reshape(len(w), *seen.shape[x.ndim :], len(x)), -1, 0)


def correlate_dx(dy, w, size, *, stride=1, padding=0, dilation=1, groups=1):
    around = edges(padding, w.shape[2:], dilation)
    filters = w.reshape(groups, len(w) // groups, w[0].size)
    parts = filters.swapaxes(1, 2) @ in_rows(dy, groups)
    parts = parts.reshape(groups * w.shape[1], *w.shape[2:], *dy.shape[2:], len(dy))
    wide = [n + before + behind for n, (before, behind) in zip(size, around, strict=True)]
    dx = put_back(np.moveaxis(parts, -1, 0), wide, stride, dilation)
    inside = [slice(before, before + n) for n, (before, _) in zip(size, around, strict=True)]
    return dx[..., *inside]


def correlate_dw(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    kernel = w.shape[2:]
    seen = windows(padded(x, edges(padding, kernel, dilation)), kernel, stride, dilation)
    seen = seen[(..., *[slice(places) for places in dy.shape[2:]])]
    return (in_rows(dy, groups) @ in_columns(seen, groups).swapaxes(1, 2)).reshape(w.shape)


def conv2d(x, w, b, *, stride=1, padding=0, dilation=1, groups=1):
    y = correlate(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return y + b[:, None, None]


def conv2d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        correlate_dx(
            dy, w, x.shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
        correlate_dw(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
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
    aten=[
        "conv2d.default(x, w, b, stride, padding, dilation, groups)",
        "conv2d.padding(x, w, b, stride, padding, dilation, groups)",
    ],
)


def conv1d(x, w, b, *, stride=1, padding=0, dilation=1, groups=1):
    y = correlate(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return y + b[:, None]


def conv1d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        correlate_dx(
            dy, w, x.shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
        correlate_dw(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
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
    aten=[
        "conv1d.default(x, w, b, [stride], [padding], [dilation], groups)",
        "conv1d.padding(x, w, b, [stride], padding, [dilation], groups)",
    ],
)


def conv3d(x, w, b, *, stride=1, padding=0, dilation=1, groups=1):
    y = correlate(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return y + b[:, None, None, None]


def conv3d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        correlate_dx(
            dy, w, x.shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
        correlate_dw(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        dy.sum(axis=(0, 2, 3, 4)),
    )


register(
    "conv3d",
    conv3d,
    conv3d_backward,
    wrt="xwb",
    torch="F.conv3d(x, w, b) if (stride, padding, dilation, groups) == (1, 0, 1, 1) else "
    "F.conv3d(x, w, b, stride=stride, padding=padding) if (dilation, groups) == (1, 1) else "
    "F.conv3d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)",
    noun="z",
    means="conv3d(x, w, b) if (stride, padding, dilation, groups) == (1, 0, 1, 1) else "
    "conv3d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)",
    examples=[
        example(x=DEEP_X, w=DEEP_W, b=B, groups=2),
        example(x=DEEP_X, w=DEEP_W, b=B, stride=2, padding=(1, 0, 2), dilation=2, groups=2),
        example(x=DEEP_X, w=DEEP_W, b=B, padding="same", groups=2),
    ],
    aten=[
        "conv3d.default(x, w, b, stride, padding, dilation, groups)",
        "conv3d.padding(x, w, b, stride, padding, dilation, groups)",
    ],
    in_formulas=False,
)


def correlate_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        correlate_dx(
            dy, w, x.shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups
        ),
        correlate_dw(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
    )


register(
    "correlate",
    correlate,
    correlate_backward,
    wrt="xw",
    torch="(F.conv1d, F.conv2d, F.conv3d)[x.ndim - 3](x, w, None, stride, padding, dilation, "
    "groups)",
    noun="z",
    examples=[
        example(x=FLAT_X, w=FLAT_W, padding=2),
        example(x=X, w=GROUPED_W, stride=2, padding=1, groups=2),
        example(x=X, w=W, padding="same", dilation=(2, 1)),
        example(x=X, w=W, padding="valid", stride=(2, 1)),
        example(x=DEEP_X, w=DEEP_W, stride=(1, 2, 1), padding=1, groups=2),
    ],
    aten=[
        "conv1d.default(x, w, None, [stride], [padding], [dilation], groups)",
        "conv1d.padding(x, w, None, [stride], padding, [dilation], groups)",
        "conv2d.default(x, w, None, stride, padding, dilation, groups)",
        "conv2d.padding(x, w, None, stride, padding, dilation, groups)",
        "conv3d.default(x, w, None, stride, padding, dilation, groups)",
        "conv3d.padding(x, w, None, stride, padding, dilation, groups)",
    ],
    in_formulas=False,
)
