"""Normalisation: numbers brought to mean 0 and variance 1, or to mean square 1, then scaled by `g`
and shifted by `b`, which have one number for each feature.

`layer_norm` and `rms_norm` take the features of each example by themselves; their namesakes that
end otherwise do so over as many of the last axes as `shape` has, or without `g` or `b`.
`batch_norm` takes each feature over the whole batch, which is every axis but the last, as PyTorch
does in training: there are no running statistics (`running_norms.py` has those). It needs two rows
or more, else PyTorch refuses.

Sources: Ioffe and Szegedy, Batch Normalization (2015), section 3, which has the derivative; Ba,
Kiros and Hinton, Layer Normalization (2016); Zhang and Sennrich, Root Mean Square Layer
Normalization (2019).
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (3, 5))
STACKED_X = uniform(-3, 3, (2, 3, 5))
FAR = uniform(8, 11, (3, 5))
G = uniform(-2, 2, (5,))
B = uniform(-1, 1, (5,))
STACKED_G = uniform(-2, 2, (3, 5))
DEEP_G = uniform(-2, 2, (2, 3, 5))
EXAMPLES = [
    example(x=X, g=G, b=B),
    example(x=STACKED_X, g=G, b=B),
    example(x=FAR, g=G, b=B, eps=0.01),
]


def standardised(x, axis, eps):
    # eps keeps the root away from 0 where all x are equal
    mu = x.mean(axis=axis, keepdims=True)
    sigma = np.sqrt(((x - mu) ** 2).mean(axis=axis, keepdims=True) + eps)
    return (x - mu) / sigma


def standardised_backward(ds, x, axis, eps):
    # each x moves every s along the axis: through the mean, and through the variance
    mu = x.mean(axis=axis, keepdims=True)
    sigma = np.sqrt(((x - mu) ** 2).mean(axis=axis, keepdims=True) + eps)
    s = (x - mu) / sigma
    centred = ds - ds.mean(axis=axis, keepdims=True)
    return (centred - s * (ds * s).mean(axis=axis, keepdims=True)) / sigma


def layer_norm(x, g, b, *, eps=1e-5):
    return g * standardised(x, -1, eps) + b


def layer_norm_backward(dy, x, g, *, eps=1e-5):
    return standardised_backward(dy * g, x, -1, eps), dy * standardised(x, -1, eps), dy


register(
    "layer_norm",
    layer_norm,
    layer_norm_backward,
    wrt="xgb",
    torch="F.layer_norm(x, x.shape[-1:], g, b, eps)",
    noun="n",
    examples=EXAMPLES,
    aten="layer_norm.default(x, [_], g, b, eps, _)",
)


def layer_norm_axes(x, g, b, *, shape, eps):
    return g * standardised(x, tuple(range(-len(shape), 0)), eps) + b


def layer_norm_axes_backward(dy, x, g, *, shape, eps):
    return (
        standardised_backward(dy * g, x, tuple(range(-len(shape), 0)), eps),
        dy * standardised(x, tuple(range(-len(shape), 0)), eps),
        dy,
    )


register(
    "layer_norm_axes",
    layer_norm_axes,
    layer_norm_axes_backward,
    wrt="xgb",
    torch="F.layer_norm(x, shape, g, b, eps)",
    noun="n",
    examples=[
        example(x=STACKED_X, g=STACKED_G, b=STACKED_G, shape=(3, 5), eps=1e-5),
        example(x=STACKED_X, g=DEEP_G, b=DEEP_G, shape=(2, 3, 5), eps=0.01),
    ],
    aten="layer_norm.default(x, shape, g, b, eps, _)",
    in_formulas=False,
)


def layer_norm_no_bias(x, g, *, shape, eps):
    return g * standardised(x, tuple(range(-len(shape), 0)), eps)


def layer_norm_no_bias_backward(dy, x, g, *, shape, eps):
    return (
        standardised_backward(dy * g, x, tuple(range(-len(shape), 0)), eps),
        dy * standardised(x, tuple(range(-len(shape), 0)), eps),
    )


register(
    "layer_norm_no_bias",
    layer_norm_no_bias,
    layer_norm_no_bias_backward,
    wrt="xg",
    torch="F.layer_norm(x, shape, g, None, eps)",
    noun="n",
    examples=[
        example(x=X, g=G, shape=(5,), eps=1e-5),
        example(x=STACKED_X, g=STACKED_G, shape=(3, 5), eps=0.01),
    ],
    aten="layer_norm.default(x, shape, g, None, eps, _)",
    in_formulas=False,
)


def layer_norm_plain(x, *, shape, eps):
    return standardised(x, tuple(range(-len(shape), 0)), eps)


def layer_norm_plain_backward(dy, x, *, shape, eps):
    return standardised_backward(dy, x, tuple(range(-len(shape), 0)), eps)


register(
    "layer_norm_plain",
    layer_norm_plain,
    layer_norm_plain_backward,
    wrt="x",
    torch="F.layer_norm(x, shape, None, None, eps)",
    noun="n",
    examples=[
        example(x=X, shape=(5,), eps=1e-5),
        example(x=STACKED_X, shape=(3, 5), eps=0.01),
    ],
    aten="layer_norm.default(x, shape, None, None, eps, _)",
    in_formulas=False,
)


def batch_norm(x, g, b, *, eps=1e-5):
    return g * standardised(x, tuple(range(x.ndim - 1)), eps) + b


def batch_norm_backward(dy, x, g, *, eps=1e-5):
    return (
        standardised_backward(dy * g, x, tuple(range(x.ndim - 1)), eps),
        dy * standardised(x, tuple(range(x.ndim - 1)), eps),
        dy,
    )


register(
    "batch_norm",
    batch_norm,
    batch_norm_backward,
    wrt="xgb",
    torch="F.batch_norm(x, None, None, g, b, training=True, eps=eps) if x.ndim == 2 else "
    "F.batch_norm(x.flatten(0, -2), None, None, g, b, training=True, eps=eps).view_as(x)",
    noun="n",
    examples=EXAMPLES,
)


def root_mean_square(x, eps):
    # eps keeps the root away from 0 where all x are 0
    return np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)


def rms_norm(x, g, *, eps=1e-6):
    return g * x / root_mean_square(x, eps)


def rms_norm_backward(dy, x, g, *, eps=1e-6):
    return scaled_to_1_backward(dy * g, x, eps), dy * x / root_mean_square(x, eps)


def scaled_to_1_backward(ds, x, eps):
    # each x moves every s = x / r of its row, through the root r
    r = root_mean_square(x, eps)
    s = x / r
    return (ds - s * (ds * s).mean(axis=-1, keepdims=True)) / r


register(
    "rms_norm",
    rms_norm,
    rms_norm_backward,
    wrt="xg",
    torch="F.rms_norm(x, x.shape[-1:], g, eps)",
    noun="n",
    examples=[
        example(x=X, g=G),
        example(x=STACKED_X, g=G),
        example(x=FAR, g=G, eps=0.01),
    ],
    aten="rms_norm.default(x, [_], g, eps)",
)


def rms_norm_axes(x, g, *, shape, eps=None):
    return g * scaled_to_1(x, shape, eps)


def scaled_to_1(x, shape, eps):
    axis = tuple(range(-len(shape), 0))
    eps = np.finfo(x.dtype).eps if eps is None else eps
    return x / np.sqrt((x**2).mean(axis=axis, keepdims=True) + eps)


def scaled_over_axes_backward(ds, x, shape, eps):
    axis = tuple(range(-len(shape), 0))
    eps = np.finfo(x.dtype).eps if eps is None else eps
    r = np.sqrt((x**2).mean(axis=axis, keepdims=True) + eps)
    s = x / r
    return (ds - s * (ds * s).mean(axis=axis, keepdims=True)) / r


def rms_norm_axes_backward(dy, x, g, *, shape, eps=None):
    return (
        scaled_over_axes_backward(dy * g, x, shape, eps),
        dy * scaled_to_1(x, shape, eps),
    )


register(
    "rms_norm_axes",
    rms_norm_axes,
    rms_norm_axes_backward,
    wrt="xg",
    torch="F.rms_norm(x, shape, g, eps)",
    noun="n",
    examples=[
        example(x=X, g=G, shape=(5,)),
        example(x=STACKED_X, g=STACKED_G, shape=(3, 5), eps=0.01),
    ],
    aten="rms_norm.default(x, shape, g, eps)",
    in_formulas=False,
)


def rms_norm_plain(x, *, shape, eps=None):
    return scaled_to_1(x, shape, eps)


def rms_norm_plain_backward(dy, x, *, shape, eps=None):
    return scaled_over_axes_backward(dy, x, shape, eps)


register(
    "rms_norm_plain",
    rms_norm_plain,
    rms_norm_plain_backward,
    wrt="x",
    torch="F.rms_norm(x, shape, None, eps)",
    noun="n",
    examples=[
        example(x=X, shape=(5,)),
        example(x=STACKED_X, shape=(3, 5), eps=0.01),
    ],
    aten="rms_norm.default(x, shape, None, eps)",
    in_formulas=False,
)
