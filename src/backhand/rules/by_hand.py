"""Operators as a person writes them in a program of many lines, in the place of more general ones:
`passes/by_hand.py` puts them there.

Source: Ba, Kiros and Hinton, Layer Normalization (2016).
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (3, 5))
STACKED_X = uniform(-3, 3, (2, 3, 5))
G = uniform(-2, 2, (5,))
B = uniform(-1, 1, (5,))


def layer_norm(x, g, b, *, eps=1e-5):
    centred = x - x.mean(axis=-1, keepdims=True)
    # eps keeps the root away from 0 where all x are equal
    sigma = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)
    xhat = centred / sigma
    return g * xhat + b, xhat, sigma


def layer_norm_backward(dy, g, xhat, sigma):
    # each x moves every xhat of its row: through the mean, and through the variance
    dxhat = dy * g
    centred = dxhat - dxhat.mean(axis=-1, keepdims=True)
    dx = (centred - xhat * (dxhat * xhat).mean(axis=-1, keepdims=True)) / sigma
    before = tuple(range(dy.ndim - 1))
    return dx, (dy * xhat).sum(axis=before), dy.sum(axis=before)


register(
    "layer_norm_kept",
    layer_norm,
    layer_norm_backward,
    wrt="xgb",
    torch="(F.layer_norm(x, x.shape[-1:], g, b, eps), "
    "F.layer_norm(x, x.shape[-1:], eps=eps).detach(), "
    "(x.var(-1, correction=0, keepdim=True) + eps).sqrt().detach())",
    noun="n",
    output=("y", "xhat", "sigma"),
    examples=[
        example(x=X, g=G, b=B),
        example(x=STACKED_X, g=G, b=B),
        example(x=uniform(8, 11, (3, 5)), g=G, b=B, eps=0.01),
    ],
    in_formulas=False,
)


def pad_around(x, *, before, behind, value):
    return np.pad(x, np.transpose((before, behind)), constant_values=value)


def pad_around_backward(dy, *, before, x_shape):
    inside = [slice(n, n + size) for n, size in zip(before, x_shape, strict=True)]
    return dy[tuple(inside)]


register(
    "pad_around",
    pad_around,
    pad_around_backward,
    wrt="x",
    torch="F.pad(x, [n for both in zip(before[::-1], behind[::-1]) for n in both], value=value)",
    noun="padded",
    examples=[
        example(x=X, before=(0, 1), behind=(0, 2), value=0.5),
        example(x=STACKED_X, before=(2, 0, 1), behind=(0, 1, 1), value=0.0),
    ],
    in_formulas=False,
)
