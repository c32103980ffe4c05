"""Losses over classes, with a weight for each class, and of labels that do not exclude each other.

`z` are logits, `p` probabilities, `y` the target, of the same shape, and `weights` one number for
each class. Sources: the pages of torch.nn (CrossEntropyLoss, BCELoss, BCEWithLogitsLoss,
MultiLabelSoftMarginLoss).
"""

import numpy as np

from backhand.rules.activations import sigmoid
from backhand.rules.register import example, register, uniform
from backhand.rules.softmax import log_softmax, softmax

P = uniform(0.05, 0.95, (4, 3))
Z = uniform(-4, 4, (4, 3))
FAR = uniform(-90, 90, (4, 3))
Y = uniform(0, 1, (4, 3))
WEIGHTS = uniform(0.2, 3, (3,))


def smoothed(y, label_smoothing):
    # every class gets an equal share of what is taken from the target
    return y * (1 - label_smoothing) + label_smoothing / y.shape[-1]


def smoothed_cross_entropy(z, y, *, label_smoothing=0.1, reduction="mean"):
    return -(smoothed(y, label_smoothing) * log_softmax(z)).sum() / (
        len(z) if reduction == "mean" else 1
    )


def smoothed_cross_entropy_backward(dloss, z, y, *, label_smoothing=0.1, reduction="mean"):
    return (
        dloss
        * (
            softmax(z) * smoothed(y, label_smoothing).sum(axis=-1, keepdims=True)
            - smoothed(y, label_smoothing)
        )
        / (len(z) if reduction == "mean" else 1)
    )


register(
    "smoothed_cross_entropy",
    smoothed_cross_entropy,
    smoothed_cross_entropy_backward,
    wrt="z",
    none="y",
    torch="F.cross_entropy(z, y, label_smoothing=label_smoothing, reduction=reduction)",
    noun="loss",
    output="loss",
    examples=[example(z=Z, y=Y), example(z=Z, y=Y, label_smoothing=0.3, reduction="sum")],
)


def weighted_cross_entropy(z, y, weights, *, reduction="mean"):
    return -(weights * y * log_softmax(z)).sum() / (len(z) if reduction == "mean" else 1)


def weighted_cross_entropy_backward(dloss, z, y, weights, *, reduction="mean"):
    return (
        dloss
        * (softmax(z) * (weights * y).sum(axis=-1, keepdims=True) - weights * y)
        / (len(z) if reduction == "mean" else 1)
    )


register(
    "weighted_cross_entropy",
    weighted_cross_entropy,
    weighted_cross_entropy_backward,
    wrt="z",
    none=["y", "weights"],
    # F.cross_entropy takes one number for each class alone, not one for each element
    torch='-torch.sum(weights * y * F.log_softmax(z, -1)) / (len(z) if reduction == "mean" else 1)',
    noun="loss",
    output="loss",
    examples=[
        example(z=Z, y=Y, weights=WEIGHTS),
        example(z=Z, y=Y, weights=WEIGHTS, reduction="sum"),
    ],
)


def weighted_bce(p, y, weights, *, reduction="mean"):
    # as PyTorch has it: a logarithm never goes below -100, so that p = 0 costs 100, not infinity
    log_p, log_q = np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)
    losses = -weights * (y * log_p + (1 - y) * log_q)
    return losses.mean() if reduction == "mean" else losses.sum()


def weighted_bce_backward(dloss, p, y, weights, *, reduction="mean"):
    # PyTorch's limit is the float32 number nearest to 1e-12, in float64 too
    return (
        dloss
        * weights
        * (p - y)
        / np.maximum(p * (1 - p), 9.999999960041972e-13)
        / (p.size if reduction == "mean" else 1)
    )


register(
    "weighted_bce",
    weighted_bce,
    weighted_bce_backward,
    wrt="p",
    none=["y", "weights"],
    torch="F.binary_cross_entropy(p, y, weights, reduction=reduction)",
    noun="loss",
    output="loss",
    means="-np.sum(weights * (y * np.log(p) + (1 - y) * np.log(1 - p)))"
    ' / (p.size if reduction == "mean" else 1)',
    examples=[
        example(p=P, y=Y, weights=WEIGHTS),
        example(p=P, y=Y, weights=uniform(0.2, 3, (4, 3)), reduction="sum"),
    ],
)


def weighted_bce_logits(z, y, pos_weight, *, reduction="mean"):
    # a yes counts pos_weight times
    minus_log_p = np.maximum(-z, 0) + np.log1p(np.exp(-np.abs(z)))
    losses = (1 - y) * z + (1 + (pos_weight - 1) * y) * minus_log_p
    return losses.mean() if reduction == "mean" else losses.sum()


def weighted_bce_logits_backward(dloss, z, y, pos_weight, *, reduction="mean"):
    return (
        dloss
        * ((1 + (pos_weight - 1) * y) * sigmoid(z) - pos_weight * y)
        / (z.size if reduction == "mean" else 1)
    )


register(
    "weighted_bce_logits",
    weighted_bce_logits,
    weighted_bce_logits_backward,
    wrt="z",
    none=["y", "pos_weight"],
    torch="F.binary_cross_entropy_with_logits(z, y, pos_weight=pos_weight, reduction=reduction)",
    noun="loss",
    output="loss",
    means="np.sum((1 - y) * z + (1 + (pos_weight - 1) * y) * np.log(1 + np.exp(-z)))"
    " / (z.size if reduction == 'mean' else 1)",
    examples=[
        example(z=Z, y=Y, pos_weight=WEIGHTS),
        example(z=FAR, y=Y, pos_weight=WEIGHTS, reduction="sum"),
    ],
)


def multilabel_soft_margin(z, y, *, reduction="mean"):
    # each row's mean over its classes, then over the rows
    losses = np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z)))
    return losses.mean() if reduction == "mean" else losses.mean(axis=-1).sum()


def multilabel_soft_margin_backward(dloss, z, y, *, reduction="mean"):
    return dloss * (sigmoid(z) - y) / (z.size if reduction == "mean" else z.shape[-1])


register(
    "multilabel_soft_margin",
    multilabel_soft_margin,
    multilabel_soft_margin_backward,
    wrt="z",
    none="y",
    torch="F.multilabel_soft_margin_loss(z, y, reduction=reduction)",
    noun="loss",
    output="loss",
    means="np.sum(np.log(1 + np.exp(z)) - y * z)"
    " / (z.size if reduction == 'mean' else z.shape[-1])",
    examples=[example(z=Z, y=Y), example(z=FAR, y=Y, reduction="sum")],
)
