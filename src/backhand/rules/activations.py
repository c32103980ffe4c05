"""Activations. Where PyTorch chooses a side at a kink or a threshold, the same side is chosen."""

import numpy as np

from backhand.rules.register import example, register, uniform
from backhand.rules.special import erf

X = uniform(-4, 4, (3, 5))
FAR = uniform(-60, 60, (3, 5))


def relu(x):
    return np.maximum(x, 0)


def relu_backward(dy, x):
    return dy * (x > 0)


register(
    "relu",
    relu,
    relu_backward,
    wrt="x",
    torch="torch.relu(x)",
    noun="a",
    examples=[example(x=X)],
    aten="relu.default(x)",
)


def leaky_relu(x, *, slope=0.01):
    return np.where(x > 0, x, slope * x)


def leaky_relu_backward(dy, x, *, slope=0.01):
    return np.where(x > 0, dy, slope * dy)


register(
    "leaky_relu",
    leaky_relu,
    leaky_relu_backward,
    wrt="x",
    torch="F.leaky_relu(x, slope)",
    noun="a",
    examples=[example(x=X), example(x=X, slope=0.2)],
    aten="leaky_relu.default(x, slope)",
)


def elu(x, *, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_backward(dy, x, *, alpha=1.0):
    return np.where(x > 0, dy, dy * alpha * np.exp(np.minimum(x, 0)))


register(
    "elu",
    elu,
    elu_backward,
    wrt="x",
    torch="F.elu(x, alpha)",
    noun="a",
    examples=[example(x=X), example(x=X, alpha=0.7)],
    aten="elu.default(x, alpha)",
)


def tanh(x):
    return np.tanh(x)


def tanh_backward(dy, y):
    return dy * (1 - y * y)


register(
    "tanh",
    tanh,
    tanh_backward,
    wrt="x",
    torch="torch.tanh(x)",
    noun="a",
    examples=[example(x=X)],
    aten="tanh.default(x)",
)


def sigmoid(x):
    # exp only of numbers below 0, so that it cannot overflow
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def sigmoid_backward(dy, y):
    return dy * y * (1 - y)


register(
    "sigmoid",
    sigmoid,
    sigmoid_backward,
    wrt="x",
    torch="torch.sigmoid(x)",
    noun="a",
    means="1 / (1 + np.exp(-x))",
    examples=[example(x=X), example(x=FAR)],
    aten="sigmoid.default(x)",
)


def silu(x):
    return x * sigmoid(x)


def silu_backward(dy, x):
    s = sigmoid(x)
    return dy * s * (1 + x * (1 - s))


register(
    "silu",
    silu,
    silu_backward,
    wrt="x",
    torch="F.silu(x)",
    noun="a",
    examples=[example(x=X), example(x=FAR)],
    aten="silu.default(x)",
)


def softplus(x, *, beta=1, threshold=20):
    # as PyTorch has it: above 20 the line itself, which differs by less than 2.1e-9
    return np.where(
        beta * x > threshold, x, np.log1p(np.exp(np.minimum(beta * x, threshold))) / beta
    )


def softplus_backward(dy, x, *, beta=1, threshold=20):
    return np.where(beta * x > threshold, dy, dy * sigmoid(beta * x))


register(
    "softplus",
    softplus,
    softplus_backward,
    wrt="x",
    torch="F.softplus(x, beta, threshold)",
    noun="a",
    means="np.log(1 + np.exp(beta * x)) / beta",
    examples=[example(x=X), example(x=FAR), example(x=X, beta=2.5, threshold=3)],
    aten="softplus.default(x, beta, threshold)",
)


def gelu(x):
    return 0.5 * x * (1 + erf(x / 2**0.5))


def gelu_backward(dy, x):
    # the normal distribution function and its density
    cdf = 0.5 * (1 + erf(x / 2**0.5))
    pdf = np.exp(-0.5 * x * x) / (2 * np.pi) ** 0.5
    return dy * (cdf + x * pdf)


register(
    "gelu",
    gelu,
    gelu_backward,
    wrt="x",
    torch="F.gelu(x)",
    noun="a",
    examples=[example(x=X)],
    aten="gelu.default(x)",
)


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x)))


def gelu_tanh_backward(dy, x):
    t = np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x))
    slope = (1 - t * t) * (2 / np.pi) ** 0.5 * (1 + 3 * 0.044715 * x * x)
    return dy * (0.5 * (1 + t) + 0.5 * x * slope)


register(
    "gelu_tanh",
    gelu_tanh,
    gelu_tanh_backward,
    wrt="x",
    torch='F.gelu(x, approximate="tanh")',
    noun="a",
    examples=[example(x=X)],
    aten='gelu.default(x, approximate="tanh")',
)
