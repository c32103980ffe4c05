"""Transposed convolutions, which undo a convolution's change of shape.

`x` is [B, filters, height, width] and `w` that of the convolution: [filters, channels / groups,
height, width]; the others have one axis less or more. What goes forward here goes backward there:
Dumoulin and Visin, A Guide to Convolution Arithmetic for Deep Learning (2016), chapter 4.
"""

from backhand.rules.convolution import correlate, correlate_dw, correlate_dx, each
from backhand.rules.register import example, register, uniform

W = uniform(-1, 1, (6, 4, 3, 2))
FLAT_W = uniform(-1, 1, (6, 4, 3))
DEEP_W = uniform(-1, 1, (6, 2, 3, 2, 2))
BACK_X = uniform(-2, 2, (1, 6, 4, 3))
FLAT_BACK_X = uniform(-2, 2, (1, 6, 5))
BACK_B = uniform(-1, 1, (4,))
WIDE_B = uniform(-1, 1, (8,))


def transposed(x, w, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    # as the derivative of a convolution by its input; output_padding picks one of the sizes
    # that this convolution would bring down to that of x
    options = (each(option, x.ndim - 2) for option in (stride, padding, output_padding, dilation))
    size = [
        (places - 1) * step + gap * (length - 1) + 1 - 2 * edge + more
        for places, length, step, edge, more, gap in zip(
            x.shape[2:], w.shape[2:], *options, strict=True
        )
    ]
    return correlate_dx(
        x, w, size, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


def transposed_dx(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    dx = correlate(dy, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return dx[(..., *[slice(places) for places in x.shape[2:]])]


def transposed_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        transposed_dx(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        correlate_dw(x, dy, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
    )


register(
    "transposed",
    transposed,
    transposed_backward,
    wrt="xw",
    torch="(F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[x.ndim - 3]("
    "x, w, None, stride, padding, output_padding, groups, dilation)",
    noun="z",
    examples=[
        example(x=FLAT_BACK_X, w=FLAT_W, stride=2, padding=1, output_padding=1),
        example(x=BACK_X, w=W, stride=(3, 1), padding=(0, 2), dilation=(2, 3)),
        example(x=uniform(-2, 2, (2, 6, 2, 3, 2)), w=DEEP_W, stride=2, groups=2),
    ],
    aten=[
        "conv_transpose1d.default(x, w, None, [stride], [padding], [output_padding], groups, "
        "[dilation])",
        "conv_transpose2d.input(x, w, None, stride, padding, output_padding, groups, dilation)",
        "conv_transpose3d.input(x, w, None, stride, padding, output_padding, groups, dilation)",
    ],
    in_formulas=False,
)


def conv_transpose2d(x, w, b, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    y = transposed(
        x, w, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation,
        groups=groups,
    )  # fmt: skip
    return y + b[:, None, None]


def conv_transpose2d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        transposed_dx(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        correlate_dw(x, dy, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
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
    y = transposed(
        x, w, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation,
        groups=groups,
    )  # fmt: skip
    return y + b[:, None]


def conv_transpose1d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        transposed_dx(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        correlate_dw(x, dy, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
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


def conv_transpose3d(x, w, b, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    y = transposed(
        x, w, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation,
        groups=groups,
    )  # fmt: skip
    return y + b[:, None, None, None]


def conv_transpose3d_backward(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    return (
        transposed_dx(dy, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        correlate_dw(x, dy, w, stride=stride, padding=padding, dilation=dilation, groups=groups),
        dy.sum(axis=(0, 2, 3, 4)),
    )


register(
    "conv_transpose3d",
    conv_transpose3d,
    conv_transpose3d_backward,
    wrt="xwb",
    torch="F.conv_transpose3d(x, w, b, stride=stride, padding=padding) if "
    "(output_padding, dilation, groups) == (0, 1, 1) else "
    "F.conv_transpose3d(x, w, b, stride=stride, padding=padding, "
    "output_padding=output_padding, dilation=dilation, groups=groups)",
    noun="z",
    means="conv_transpose3d(x, w, b, stride=stride, padding=padding, "
    "output_padding=output_padding, dilation=dilation, groups=groups)",
    examples=[
        example(x=uniform(-2, 2, (2, 6, 2, 3, 2)), w=DEEP_W, b=BACK_B, stride=2, groups=2),
    ],
    aten="conv_transpose3d.input(x, w, b, stride, padding, output_padding, groups, dilation)",
    in_formulas=False,
)
