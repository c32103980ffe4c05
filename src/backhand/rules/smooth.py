"""Smooth activations beyond the usual ones.

Sources: the pages of torch.nn (CELU, SELU, Mish, Softsign, Tanhshrink, LogSigmoid, Softmin, GLU).
"""

import numpy as np

from backhand.rules.activations import sigmoid
from backhand.rules.register import example, register, uniform
from backhand.rules.softmax import softmax

X = uniform(-4, 4, (3, 5))
FAR = uniform(-60, 60, (3, 5))


def celu(x, *, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def celu_backward(dy, x, *, alpha=1.0):
    return np.where(x > 0, dy, dy * np.exp(np.minimum(x, 0) / alpha))


register(
    "celu",
    celu,
    celu_backward,
    wrt="x",
    torch="F.celu(x, alpha)",
    noun="a",
    examples=[example(x=X), example(x=X, alpha=0.5)],
    aten="celu.default(x, alpha)",
)


def selu(x):
    # the two numbers keep layers of such units at mean 0 and variance 1
    negative = 1.6732632423543772 * np.expm1(np.minimum(x, 0))
    return 1.0507009873554805 * np.where(x > 0, x, negative)


def selu_backward(dy, x):
    negative = 1.6732632423543772 * np.exp(np.minimum(x, 0))
    return 1.0507009873554805 * dy * np.where(x > 0, 1, negative)


register(
    "selu",
    selu,
    selu_backward,
    wrt="x",
    torch="F.selu(x)",
    noun="a",
    examples=[example(x=X), example(x=FAR)],
    aten="selu.default(x)",
)


def mish(x):
    # log(1 + exp(x)), with exp only of numbers below 0, so that it cannot overflow
    softplus = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return x * np.tanh(softplus)


def mish_backward(dy, x):
    t = np.tanh(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))
    return dy * (t + x * sigmoid(x) * (1 - t * t))


register(
    "mish",
    mish,
    mish_backward,
    wrt="x",
    torch="F.mish(x)",
    noun="a",
    means="x * np.tanh(np.log(1 + np.exp(x)))",
    examples=[example(x=X), example(x=FAR)],
    aten="mish.default(x)",
)


def softsign(x):
    return x / (1 + np.abs(x))


def softsign_backward(dy, x):
    return dy / (1 + np.abs(x)) ** 2


register(
    "softsign",
    softsign,
    softsign_backward,
    wrt="x",
    torch="F.softsign(x)",
    noun="a",
    examples=[example(x=X), example(x=FAR)],
)


def tanhshrink(x):
    return x - np.tanh(x)


def tanhshrink_backward(dy, x):
    return dy * np.tanh(x) ** 2


register(
    "tanhshrink",
    tanhshrink,
    tanhshrink_backward,
    wrt="x",
    torch="F.tanhshrink(x)",
    noun="a",
    examples=[example(x=X), example(x=FAR)],
)


def logsigmoid(x):
    # exp only of numbers below 0, so that it cannot overflow
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def logsigmoid_backward(dy, x):
    return dy * sigmoid(-x)


register(
    "logsigmoid",
    logsigmoid,
    logsigmoid_backward,
    wrt="x",
    torch="F.logsigmoid(x)",
    noun="logp",
    examples=[example(x=X), example(x=FAR)],
    aten="log_sigmoid.default(x)",
)


def softmin(x, *, axis=-1):
    return softmax(-x, axis=axis)


def softmin_backward(dy, y, *, axis=-1):
    return y * ((dy * y).sum(axis=axis, keepdims=True) - dy)


register(
    "softmin",
    softmin,
    softmin_backward,
    wrt="x",
    torch="F.softmin(x, axis)",
    noun="p",
    examples=[example(x=X), example(x=X, axis=0), example(x=FAR)],
)


def glu(x, *, axis=-1):
    # the second half of the numbers along the axis says how much of the first goes through
    a, b = np.split(x, 2, axis=axis)
    return a * sigmoid(b)


def glu_backward(dy, x, *, axis=-1):
    a, b = np.split(x, 2, axis=axis)
    s = sigmoid(b)
    return np.concatenate((dy * s, dy * a * s * (1 - s)), axis=axis)


register(
    "glu",
    glu,
    glu_backward,
    wrt="x",
    torch="F.glu(x, axis)",
    noun="a",
    examples=[
        example(x=uniform(-4, 4, (3, 6))),
        example(x=uniform(-60, 60, (3, 6))),
        example(x=uniform(-4, 4, (2, 4, 3)), axis=1),
    ],
    aten="glu.default(x, axis)",
)
