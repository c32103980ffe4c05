"""Operators that move numbers and change none: flattened, two axes swapped, a frame around."""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (2, 3, 4, 5))
FLAT_X = uniform(-3, 3, (3, 4))


def flatten(x):
    return x.reshape(len(x), -1)


def flatten_backward(dy, x):
    return dy.reshape(x.shape)


register(
    "flatten",
    flatten,
    flatten_backward,
    wrt="x",
    torch="torch.flatten(x, 1)",
    examples=[example(x=X), example(x=FLAT_X)],
)


def swapaxes(x, *, first=-1, second=-2):
    return x.swapaxes(first, second)


def swapaxes_backward(dy, *, first=-1, second=-2):
    return dy.swapaxes(first, second)


register(
    "swapaxes",
    swapaxes,
    swapaxes_backward,
    wrt="x",
    torch="torch.swapaxes(x, first, second)",
    examples=[example(x=FLAT_X), example(x=X), example(x=X, first=1, second=3)],
    aten=[
        "transpose.int(x, first, second)",
        "transpose_copy.int(x, first, second)",
        "swapaxes.default(x, first, second)",
        "swapdims.default(x, first, second)",
        "mT.default(x)",
        "mH.default(x)",
        "adjoint.default(x)",
    ],
)


def pad(x, *, width, value=0.0):
    # the batch and the channels stay as they are
    around = [(0, 0), (0, 0)] + [(width, width)] * (x.ndim - 2)
    return np.pad(x, around, constant_values=value)


def pad_backward(dy, x, *, width):
    inside = [slice(width, width + size) for size in x.shape[2:]]
    return dy[:, :, *inside]


register(
    "pad",
    pad,
    pad_backward,
    wrt="x",
    torch="F.pad(x, (width,) * (2 * x.ndim - 4), value=value)",
    examples=[
        example(x=X, width=1),
        example(x=X, width=2, value=0.1),
        example(x=uniform(-3, 3, (2, 3, 4)), width=3, value=-1.5),
    ],
)
