"""Convolutions as PyTorch may compute them: every number one sum, in any order, bias included.

The rules add what the windows give after the products, and the bias last. oneDNN adds all terms of
a number up in one go, and slow_conv2d begins with the bias: bounds for PyTorch are of these.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
import numpy as np

from backhand.rules.convolution import correlate_dw, edges, in_columns, padded, windows


def pair(n):
    return n if isinstance(n, tuple) else (n, n)


def correlated(x, w, b, stride, dilation, groups):
    seen = windows(x, w.shape[2:], stride, dilation)
    columns, filters = in_columns(seen, groups), w.reshape(groups, len(w) // groups, w[0].size)
    if b is not None:
        columns = np.concatenate((columns, np.ones_like(columns[:, :1])), axis=1)
        filters = np.concatenate((filters, b.reshape(groups, len(w) // groups, 1)), axis=2)
    y = filters @ columns
    return y.reshape(len(w), *seen.shape[4:], len(x)).transpose(3, 0, 1, 2)


def spread(dy, b, w, size, stride, padding, dilation, groups):
    """`correlate_dx`: dy with zeros between, seen by the flipped filters."""
    (down, right), (row, column), (top, left) = pair(stride), pair(dilation), pair(padding)
    filters, channels, height, width = w.shape
    reach = row * (height - 1), column * (width - 1)
    around = size[0] + 2 * top + reach[0], size[1] + 2 * left + reach[1]
    frame = np.zeros((*dy.shape[:2], *around), dy.dtype)
    along = slice(reach[0], reach[0] + down * dy.shape[2], down)
    across = slice(reach[1], reach[1] + right * dy.shape[3], right)
    frame[:, :, along, across] = dy
    flipped = w.reshape(groups, filters // groups, channels, height, width)[..., ::-1, ::-1]
    turned = flipped.swapaxes(1, 2).reshape(groups * channels, filters // groups, height, width)
    dx = correlated(frame, turned, b, 1, dilation, groups)
    return dx[:, :, top : top + size[0], left : left + size[1]]


def conv2d(x, w, b, *, stride=1, padding=0, dilation=1, groups=1):
    return correlated(
        padded(x, edges(padding, w.shape[2:], dilation)), w, b, stride, dilation, groups
    )


def conv2d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    dx = spread(dy, None, w, x.shape[2:], stride, padding, dilation, groups)
    dw = correlate_dw(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return dx, dw, dy.sum(axis=(0, 2, 3))


def conv1d(x, w, b, *, stride=1, padding=0, dilation=1, groups=1):
    wide = padded(x[:, :, None], [(0, 0), *edges(padding, w.shape[2:], dilation)])
    return correlated(wide, w[:, :, None], b, (1, stride), (1, dilation), groups)[:, :, 0]


def conv1d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    across = (1, stride), (0, padding), (1, dilation)
    size = 1, x.shape[2]
    dx = spread(dy[:, :, None], None, w[:, :, None], size, *across, groups)[:, :, 0]
    dw = correlate_dw(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return dx, dw, dy.sum(axis=(0, 2))


def conv_transpose2d(x, w, b, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    options = zip(*map(pair, (stride, padding, output_padding, dilation)), strict=True)
    size = [
        (places - 1) * step - 2 * edge + gap * (length - 1) + 1 + more
        for places, length, (step, edge, more, gap) in zip(
            x.shape[2:], w.shape[2:], options, strict=True
        )
    ]
    return spread(x, b, w, size, stride, padding, dilation, groups)


def conv_transpose1d(x, w, b, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    across = (1, stride), (0, padding), (0, output_padding), (1, dilation)
    names = ("stride", "padding", "output_padding", "dilation")
    options = dict(zip(names, across, strict=True))
    return conv_transpose2d(x[:, :, None], w[:, :, None], b, **options, groups=groups)[:, :, 0]
