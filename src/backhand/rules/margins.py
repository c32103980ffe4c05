"""Losses of what is to lie on the right side, or nearer to one than to another, by a margin.

`y` is 1 or -1. A loss at its kink passes the derivative on, as PyTorch's clamp_min does. Sources:
the pages of torch.nn (HingeEmbeddingLoss, SoftMarginLoss, MarginRankingLoss, CosineEmbeddingLoss,
TripletMarginLoss, MultiMarginLoss).
"""

import numpy as np

from backhand.rules.activations import sigmoid
from backhand.rules.register import example, register, uniform

Z = uniform(-4, 4, (4, 3))
Y = uniform(-1, 1, (4, 3))
ROWS = uniform(-2, 2, (4, 3))
SIDES = uniform(-1, 1, (4,))


def soft_margin(z, y, *, reduction="mean"):
    # log(1 + exp(-y z)), with exp only of numbers below 0, so that it cannot overflow
    losses = np.maximum(-y * z, 0) + np.log1p(np.exp(-np.abs(y * z)))
    return losses.mean() if reduction == "mean" else losses.sum()


def soft_margin_backward(dloss, z, y, *, reduction="mean"):
    return -dloss * y * sigmoid(-y * z) / (z.size if reduction == "mean" else 1)


register(
    "soft_margin",
    soft_margin,
    soft_margin_backward,
    wrt="z",
    none="y",
    torch="F.soft_margin_loss(z, y, reduction=reduction)",
    noun="loss",
    output="loss",
    means="np.sum(np.log(1 + np.exp(-y * z))) / (z.size if reduction == 'mean' else 1)",
    examples=[example(z=Z, y=Y), example(z=Z, y=Y, reduction="sum")],
)


def hinge_embedding(z, y, *, margin=1.0, reduction="mean"):
    # y = 1: the distance itself; y = -1: what it lacks of the margin; any other y: both
    losses = np.where(y != -1, z, 0) + np.where(y != 1, np.maximum(margin - z, 0), 0)
    return losses.mean() if reduction == "mean" else losses.sum()


def hinge_embedding_backward(dloss, z, y, *, margin=1.0, reduction="mean"):
    one = np.ones_like(z)
    slope = one * (y != -1) - one * (y != 1) * (z <= margin)
    return dloss * slope / (z.size if reduction == "mean" else 1)


register(
    "hinge_embedding",
    hinge_embedding,
    hinge_embedding_backward,
    wrt="z",
    none="y",
    torch="F.hinge_embedding_loss(z, y, margin, reduction=reduction)",
    noun="loss",
    output="loss",
    examples=[example(z=Z, y=Y), example(z=Z, y=Y, margin=2.0, reduction="sum")],
)


def margin_ranking(a, b, y, *, margin=0.0, reduction="mean"):
    losses = np.maximum(margin - y * (a - b), 0)
    return losses.mean() if reduction == "mean" else losses.sum()


def margin_ranking_backward(dloss, a, b, y, *, margin=0.0, reduction="mean"):
    return (
        -dloss * y * (y * (a - b) <= margin) / (a.size if reduction == "mean" else 1),
        dloss * y * (y * (a - b) <= margin) / (a.size if reduction == "mean" else 1),
    )


register(
    "margin_ranking",
    margin_ranking,
    margin_ranking_backward,
    wrt="ab",
    none="y",
    torch="F.margin_ranking_loss(a, b, y, margin, reduction=reduction)",
    noun="loss",
    output="loss",
    examples=[example(a=Z, b=ROWS, y=Y), example(a=Z, b=ROWS, y=Y, margin=0.5, reduction="sum")],
)


def row_cosine(a, b):
    # PyTorch keeps the root away from 0 by the float32 number nearest to 1e-12, in float64 too
    tiny = 9.999999960041972e-13
    lengths = ((a * a).sum(axis=-1) + tiny) * ((b * b).sum(axis=-1) + tiny)
    return (a * b).sum(axis=-1) / np.sqrt(lengths)


def row_cosine_backward(dcos, a, b):
    # by a: less what only makes a longer
    cos = row_cosine(a, b)[..., None]
    tiny = 9.999999960041972e-13
    aa = (a * a).sum(axis=-1, keepdims=True) + tiny
    bb = (b * b).sum(axis=-1, keepdims=True) + tiny
    return dcos[..., None] * (b / np.sqrt(aa * bb) - cos * a / aa)


def cosine_embedding(a, b, y, *, margin=0.0, reduction="mean"):
    # y = 1: the directions are to be the same; y = -1: no nearer than the margin
    cos = row_cosine(a, b)
    losses = np.where(y == 1, 1 - cos, 0) + np.where(y == -1, np.maximum(cos - margin, 0), 0)
    return losses.mean() if reduction == "mean" else losses.sum()


def by_row_cosine(dloss, a, b, y, margin):
    # the derivative by the cosine of each row
    one = np.ones_like(y)
    return dloss * (one * (y == -1) * (row_cosine(a, b) >= margin) - one * (y == 1))


def cosine_embedding_backward(dloss, a, b, y, *, margin=0.0, reduction="mean"):
    return (
        row_cosine_backward(by_row_cosine(dloss, a, b, y, margin), a, b)
        / (a.size / a.shape[-1] if reduction == "mean" else 1),
        row_cosine_backward(by_row_cosine(dloss, a, b, y, margin), b, a)
        / (a.size / a.shape[-1] if reduction == "mean" else 1),
    )


register(
    "cosine_embedding",
    cosine_embedding,
    cosine_embedding_backward,
    wrt="ab",
    none="y",
    torch="F.cosine_embedding_loss(a, b, y, margin, reduction=reduction)",
    noun="loss",
    output="loss",
    examples=[
        example(a=ROWS, b=Z, y=uniform(1, 1, (4,))),
        example(a=ROWS, b=Z, y=uniform(-1, -1, (4,)), reduction="sum"),
        example(a=ROWS, b=Z, y=uniform(-1, -1, (4,)), margin=-0.5),
    ],
)


def row_distance(a, b, eps):
    return np.sqrt(((a - b + eps) ** 2).sum(axis=-1))


def row_direction(a, b, eps):
    # where the distance is 0 there is no direction
    far = row_distance(a, b, eps)[..., None]
    return (a - b + eps) / np.where(far == 0, 1, far)


def triplet_margin(a, p, n, *, margin=1.0, eps=1e-6, reduction="mean"):
    # a is to be nearer to p than to n
    losses = np.maximum(row_distance(a, p, eps) - row_distance(a, n, eps) + margin, 0)
    return losses.mean() if reduction == "mean" else losses.sum()


def too_near(a, p, n, margin, eps):
    # the rows that have a loss
    return (row_distance(a, p, eps) - row_distance(a, n, eps) + margin >= 0)[..., None]


def triplet_margin_backward(dloss, a, p, n, *, margin=1.0, eps=1e-6, reduction="mean"):
    return (
        dloss * (row_direction(a, p, eps) - row_direction(a, n, eps))
        * too_near(a, p, n, margin, eps)
        / (a.size / a.shape[-1] if reduction == "mean" else 1),
        -dloss * row_direction(a, p, eps) * too_near(a, p, n, margin, eps)
        / (a.size / a.shape[-1] if reduction == "mean" else 1),
        dloss * row_direction(a, n, eps) * too_near(a, p, n, margin, eps)
        / (a.size / a.shape[-1] if reduction == "mean" else 1),
    )  # fmt: skip


register(
    "triplet_margin",
    triplet_margin,
    triplet_margin_backward,
    wrt="apn",
    torch="F.triplet_margin_loss(a, p, n, margin, eps=eps, reduction=reduction)",
    noun="loss",
    output="loss",
    examples=[
        example(a=ROWS, p=Z, n=ROWS),
        example(a=ROWS, p=Z, n=ROWS, margin=0.3, eps=0.01, reduction="sum"),
    ],
)
