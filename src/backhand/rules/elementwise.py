"""Functions of single numbers, and the larger or smaller of two. `arithmetic` has the signs.

Sources: the pages of torch; at kinks and ties, PyTorch's tools/autograd/derivatives.yaml.
"""

import numpy as np

from backhand.rules.register import example, register, uniform
from backhand.rules.special import erf

X = uniform(-3, 3, (3, 4))
ROW = uniform(-3, 3, (4,))
POSITIVE = uniform(0.2, 4, (3, 4))


def absolute(x):
    return np.abs(x)


def absolute_backward(dy, x):
    return dy * np.sign(x)


register(
    "abs",
    absolute,
    absolute_backward,
    wrt="x",
    torch="torch.abs(x)",
    examples=[example(x=X)],
    aten="abs.default(x)",
)


def square(x):
    return x * x


def square_backward(dy, x):
    return dy * 2 * x


register("square", square, square_backward, wrt="x", torch="torch.square(x)",
         examples=[example(x=X)],
    aten="square.default(x)",
)  # fmt: skip


def reciprocal(x):
    return 1 / x


def reciprocal_backward(dy, y):
    return -dy * y * y


register(
    "reciprocal",
    reciprocal,
    reciprocal_backward,
    wrt="x",
    torch="torch.reciprocal(x)",
    examples=[example(x=POSITIVE)],
    aten="reciprocal.default(x)",
)


def rsqrt(x):
    return 1 / np.sqrt(x)


def rsqrt_backward(dy, y):
    return -dy / 2 * y * y * y


register("rsqrt", rsqrt, rsqrt_backward, wrt="x", torch="torch.rsqrt(x)",
         examples=[example(x=POSITIVE)],
    aten="rsqrt.default(x)",
)  # fmt: skip


def sin(x):
    return np.sin(x)


def sin_backward(dy, x):
    return dy * np.cos(x)


register(
    "sin",
    sin,
    sin_backward,
    wrt="x",
    torch="torch.sin(x)",
    examples=[example(x=X)],
    aten="sin.default(x)",
)


def cos(x):
    return np.cos(x)


def cos_backward(dy, x):
    return -dy * np.sin(x)


register(
    "cos",
    cos,
    cos_backward,
    wrt="x",
    torch="torch.cos(x)",
    examples=[example(x=X)],
    aten="cos.default(x)",
)


def tan(x):
    return np.tan(x)


def tan_backward(dy, y):
    return dy * (1 + y * y)


register(
    "tan",
    tan,
    tan_backward,
    wrt="x",
    torch="torch.tan(x)",
    examples=[example(x=X)],
    aten="tan.default(x)",
)


def expm1(x):
    return np.expm1(x)


def expm1_backward(dy, y):
    return dy * (y + 1)


register(
    "expm1",
    expm1,
    expm1_backward,
    wrt="x",
    torch="torch.expm1(x)",
    examples=[example(x=X)],
    aten="expm1.default(x)",
)


def log1p(x):
    return np.log1p(x)


def log1p_backward(dy, x):
    return dy / (1 + x)


register("log1p", log1p, log1p_backward, wrt="x", torch="torch.log1p(x)",
         examples=[example(x=uniform(-0.8, 3, (3, 4)))],
    aten="log1p.default(x)",
)  # fmt: skip


def erf_backward(dy, x):
    return dy * (2 / np.pi**0.5) * np.exp(-x * x)


register(
    "erf",
    erf,
    erf_backward,
    wrt="x",
    torch="torch.erf(x)",
    examples=[example(x=X)],
    aten="erf.default(x)",
)


def clip(x, *, low, high):
    return np.clip(x, low, high)


def clip_backward(dy, x, *, low, high):
    return dy * (x >= low) * (x <= high)


register(
    "clip",
    clip,
    clip_backward,
    wrt="x",
    torch="torch.clamp(x, low, high)",
    examples=[example(x=X, low=-1, high=1.5)],
    aten="clamp.default(x, low, high)",
)


def maximum(a, b):
    return np.maximum(a, b)


def maximum_backward(dy, a, b):
    # equal numbers share the derivative evenly
    return np.where(a == b, dy / 2, dy * (a > b)), np.where(a == b, dy / 2, dy * (b > a))


register(
    "maximum",
    maximum,
    maximum_backward,
    wrt="ab",
    torch="torch.maximum(a, b)",
    examples=[example(a=X, b=ROW)],
    aten=["maximum.default(a, b)", "max.other(a, b)"],
)


def minimum(a, b):
    return np.minimum(a, b)


def minimum_backward(dy, a, b):
    # equal numbers share the derivative evenly
    return np.where(a == b, dy / 2, dy * (a < b)), np.where(a == b, dy / 2, dy * (b < a))


register(
    "minimum",
    minimum,
    minimum_backward,
    wrt="ab",
    torch="torch.minimum(a, b)",
    examples=[example(a=X, b=ROW)],
    aten=["minimum.default(a, b)", "min.other(a, b)"],
)
