"""Frames around an array: of one number, or of its own numbers repeated or mirrored.

Widths are PyTorch's: before and behind the last axis, then those of the axis before it, and so on;
a negative one cuts off. Source: the page of torch.nn.functional.pad.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (2, 3, 4))
IMAGES = uniform(-3, 3, (2, 3, 4, 5))


def pairs(widths):
    # before and behind, the last axis last
    return list(zip(widths[-2::-2], widths[::-2], strict=True))


def pad_constant(x, *, widths, value=0.0):
    around = [(0, 0)] * (x.ndim - len(widths) // 2) + pairs(widths)
    y = np.pad(x, np.maximum(around, 0), constant_values=value)
    return y[tuple(slice(max(-n, 0), min(m, 0) or None) for n, m in around)]


def pad_constant_backward(dy, *, widths, x_shape):
    around = [(0, 0)] * (dy.ndim - len(widths) // 2) + pairs(widths)
    dx = np.pad(dy, np.maximum(np.negative(around), 0))
    inside = [
        slice(max(n, 0), max(n, 0) + size) for (n, _), size in zip(around, x_shape, strict=True)
    ]
    return dx[tuple(inside)]


register(
    "pad_constant",
    pad_constant,
    pad_constant_backward,
    wrt="x",
    torch="F.pad(x, widths, value=value)",
    examples=[
        example(x=X, widths=(1, 2)),
        example(x=X, widths=(1, 0, 0, 2), value=-1.5),
        example(x=X, widths=(0, 1, 2, 0, 1, 1)),
        example(x=X, widths=(-1, 2, 1, -2), value=0.5),
        example(x=X, widths=(0, -1, -1, 0)),
    ],
    aten=[
        'pad.default(x, widths, "constant", value)',
        'pad.default(x, widths, "constant", None)',
        "constant_pad_nd.default(x, widths, value)",
    ],
    in_formulas=False,
)


def source(length, before, behind, mode):
    # where the numbers along an axis come from; "wrap" starts again with what is left of them
    cut = slice(max(-before, 0), min(behind, 0) or None)
    line = np.arange(length)
    wide = np.pad(line[cut] if mode == "wrap" else line, (max(before, 0), max(behind, 0)), mode)
    return wide if mode == "wrap" else wide[cut]


def sources(lengths, widths, mode):
    around = [(0, 0)] * (len(lengths) - len(widths) // 2) + pairs(widths)
    return np.ix_(
        *[
            source(n, before, behind, mode)
            for n, (before, behind) in zip(lengths, around, strict=True)
        ]
    )


def pad_with_itself(x, *, widths, mode):
    return x[sources(x.shape, widths, mode)]


def pad_with_itself_backward(dy, *, widths, mode, x_shape):
    # a number gets the derivatives of all its copies
    dx = np.zeros(x_shape, dy.dtype)
    np.add.at(dx, sources(x_shape, widths, mode), dy)
    return dx


def pad_reflect(x, *, widths):
    return pad_with_itself(x, widths=widths, mode="reflect")


def pad_reflect_backward(dy, *, widths, x_shape):
    return pad_with_itself_backward(dy, widths=widths, mode="reflect", x_shape=x_shape)


def pad_replicate(x, *, widths):
    return pad_with_itself(x, widths=widths, mode="edge")


def pad_replicate_backward(dy, *, widths, x_shape):
    return pad_with_itself_backward(dy, widths=widths, mode="edge", x_shape=x_shape)


def pad_circular(x, *, widths):
    return pad_with_itself(x, widths=widths, mode="wrap")


def pad_circular_backward(dy, *, widths, x_shape):
    return pad_with_itself_backward(dy, widths=widths, mode="wrap", x_shape=x_shape)


WIDTHS = [
    example(x=X, widths=(1, 2)),
    example(x=IMAGES, widths=(2, 1, 0, 3)),
    example(x=uniform(-3, 3, (3, 4)), widths=(3, 0)),
    example(x=IMAGES, widths=(-1, 2, 1, -2)),
]

register(
    "pad_reflect",
    pad_reflect,
    pad_reflect_backward,
    wrt="x",
    torch='F.pad(x, widths, mode="reflect")',
    examples=WIDTHS,
    aten=[
        'pad.default(x, widths, "reflect", None)',
        "reflection_pad1d.default(x, widths)",
        "reflection_pad2d.default(x, widths)",
        "reflection_pad3d.default(x, widths)",
    ],
    in_formulas=False,
)

register(
    "pad_replicate",
    pad_replicate,
    pad_replicate_backward,
    wrt="x",
    torch='F.pad(x, widths, mode="replicate")',
    examples=WIDTHS,
    aten=[
        'pad.default(x, widths, "replicate", None)',
        "replication_pad1d.default(x, widths)",
        "replication_pad2d.default(x, widths)",
        "replication_pad3d.default(x, widths)",
    ],
    in_formulas=False,
)

register(
    "pad_circular",
    pad_circular,
    pad_circular_backward,
    wrt="x",
    torch='F.pad(x, widths, mode="circular")',
    examples=WIDTHS,
    aten='pad.default(x, widths, "circular", None)',
    in_formulas=False,
)
