"""Operators as a person writes them in a program of many lines, in the place of more general ones:
`passes/by_hand.py` puts them there.

Sources: Ba, Kiros and Hinton, Layer Normalization (2016); Zhang and Sennrich, Root Mean Square
Layer Normalization (2019); Hendrycks and Gimpel, Gaussian Error Linear Units (2016).
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


def normalised_backward(ds, xhat, sigma):
    # each x moves every xhat of its row: through the mean, and through the variance
    centred = ds - ds.mean(axis=-1, keepdims=True)
    return (centred - xhat * (ds * xhat).mean(axis=-1, keepdims=True)) / sigma


def layer_norm_backward(dy, g, xhat, sigma):
    return normalised_backward(dy * g, xhat, sigma), dy * xhat, dy


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


def divided_by_rms(x, *, eps):
    # eps keeps the root away from 0 where all x are 0
    rms = np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)
    return x / rms, rms


def divided_by_rms_backward(dy, y, rms):
    # each x moves every y of its row, through the mean of the squares
    return (dy - y * (dy * y).mean(axis=-1, keepdims=True)) / rms


register(
    "divided_by_rms",
    divided_by_rms,
    divided_by_rms_backward,
    wrt="x",
    torch="(F.rms_norm(x, x.shape[-1:], eps=eps), "
    "((x * x).mean(-1, keepdim=True) + eps).sqrt().detach())",
    noun="n",
    output=("y", "rms"),
    examples=[
        example(x=X, eps=1e-6),
        example(x=STACKED_X, eps=0.01),
        example(x=uniform(8, 11, (3, 5)), eps=1e-5),
    ],
    in_formulas=False,
)


def gelu_tanh(x):
    t = np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x))
    return 0.5 * x * (1 + t), t


def gelu_tanh_backward(dy, x, t):
    slope = (1 - t * t) * (2 / np.pi) ** 0.5 * (1 + 3 * 0.044715 * x * x)
    return dy * (0.5 * (1 + t) + 0.5 * x * slope)


register(
    "gelu_tanh_kept",
    gelu_tanh,
    gelu_tanh_backward,
    wrt="x",
    torch='(F.gelu(x, approximate="tanh"), '
    "torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x ** 3)).detach())",
    noun="a",
    output=("y", "t"),
    examples=[example(x=X), example(x=STACKED_X)],
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
