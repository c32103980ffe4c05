"""Softmax and its logarithm."""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-4, 4, (3, 5))
EXAMPLES = [example(x=X), example(x=X, axis=0), example(x=uniform(-300, 300, (3, 5)))]


def softmax(x, *, axis=-1):
    # the largest becomes 0, so that exp cannot overflow; the quotient stays the same
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_backward(dy, y, *, axis=-1):
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


register(
    "softmax",
    softmax,
    softmax_backward,
    wrt="x",
    torch="torch.softmax(x, axis)",
    noun="p",
    means="np.exp(x) / np.exp(x).sum(axis=axis)",
    examples=EXAMPLES,
    aten="softmax.int(x, axis, None)",
)


def log_softmax(x, *, axis=-1):
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def log_softmax_backward(dy, y, *, axis=-1):
    return dy - np.exp(y) * dy.sum(axis=axis, keepdims=True)


register(
    "log_softmax",
    log_softmax,
    log_softmax_backward,
    wrt="x",
    torch="torch.log_softmax(x, axis)",
    noun="logp",
    means="x - np.log(np.exp(x).sum(axis=axis))",
    examples=EXAMPLES,
    aten="log_softmax.int(x, axis, None)",
)
