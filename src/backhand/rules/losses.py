"""Losses: one number from a prediction and its target, summed or averaged.

`p` are probabilities, `z` logits (what goes into a softmax or a sigmoid), `y` the target, of the
same shape. Cross-entropies average over rows, the others over elements, as PyTorch's do.
"""

import numpy as np

from backhand.rules.activations import sigmoid
from backhand.rules.register import example, register, uniform
from backhand.rules.softmax import log_softmax, softmax

P = uniform(0.05, 0.95, (4, 3))
Z = uniform(-4, 4, (4, 3))
Y = uniform(0, 1, (4, 3))


def cross_entropy(p, y, *, reduction="mean"):
    return -(y * np.log(p)).sum() / (len(p) if reduction == "mean" else 1)


def cross_entropy_backward(dloss, p, y, *, reduction="mean"):
    return -dloss * y / p / (len(p) if reduction == "mean" else 1)


register(
    "cross_entropy",
    cross_entropy,
    cross_entropy_backward,
    wrt="p",
    none="y",
    torch='-torch.sum(y * torch.log(p)) / (len(p) if reduction == "mean" else 1)',
    noun="loss",
    output="loss",
    examples=[example(p=P, y=Y), example(p=P, y=Y, reduction="sum")],
)


def cross_entropy_logits(z, y, *, reduction="mean"):
    return -(y * log_softmax(z)).sum() / (len(z) if reduction == "mean" else 1)


def cross_entropy_logits_backward(dloss, z, y, *, reduction="mean"):
    return (
        dloss
        * (softmax(z) * y.sum(axis=-1, keepdims=True) - y)
        / (len(z) if reduction == "mean" else 1)
    )


register(
    "cross_entropy_logits",
    cross_entropy_logits,
    cross_entropy_logits_backward,
    wrt="z",
    none="y",
    torch="F.cross_entropy(z, y, reduction=reduction)",
    noun="loss",
    output="loss",
    examples=[example(z=Z, y=Y), example(z=Z, y=Y, reduction="sum")],
)


def mse(p, y, *, reduction="mean"):
    return ((p - y) ** 2).sum() / (p.size if reduction == "mean" else 1)


def mse_backward(dloss, p, y, *, reduction="mean"):
    return dloss * 2 * (p - y) / (p.size if reduction == "mean" else 1)


register(
    "mse",
    mse,
    mse_backward,
    wrt="p",
    none="y",
    torch="F.mse_loss(p, y, reduction=reduction)",
    noun="loss",
    output="loss",
    examples=[example(p=Z, y=Y), example(p=Z, y=Y, reduction="sum")],
)


def bce(p, y, *, reduction="mean"):
    # as PyTorch has it: a logarithm never goes below -100, so that p = 0 costs 100, not infinity
    log_p, log_q = np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)
    losses = -(y * log_p + (1 - y) * log_q)
    return losses.mean() if reduction == "mean" else losses.sum()


def bce_backward(dloss, p, y, *, reduction="mean"):
    # PyTorch's limit is the float32 number nearest to 1e-12, in float64 too
    return (
        dloss
        * (p - y)
        / np.maximum(p * (1 - p), 9.999999960041972e-13)
        / (p.size if reduction == "mean" else 1)
    )


register(
    "bce",
    bce,
    bce_backward,
    wrt="p",
    none="y",
    torch="F.binary_cross_entropy(p, y, reduction=reduction)",
    noun="loss",
    output="loss",
    means="-np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))"
    ' / (p.size if reduction == "mean" else 1)',
    examples=[example(p=P, y=Y), example(p=P, y=Y, reduction="sum")],
)


def bce_logits(z, y, *, reduction="mean"):
    losses = np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))
    return losses.mean() if reduction == "mean" else losses.sum()


def bce_logits_backward(dloss, z, y, *, reduction="mean"):
    return dloss * (sigmoid(z) - y) / (z.size if reduction == "mean" else 1)


register(
    "bce_logits",
    bce_logits,
    bce_logits_backward,
    wrt="z",
    none="y",
    torch="F.binary_cross_entropy_with_logits(z, y, reduction=reduction)",
    noun="loss",
    output="loss",
    means="np.sum(np.log(1 + np.exp(z)) - y * z) / (z.size if reduction == 'mean' else 1)",
    examples=[example(z=Z, y=Y), example(z=uniform(-90, 90, (4, 3)), y=Y, reduction="sum")],
)
