"""Normalisation of channels: `x` is [N, channels, ...], and each channel has a number of `g`, `b`.

`batch_norm_eval` takes the mean and the variance that training has left; `batch_norm_training`
takes those of the batch and says what becomes of the running ones. `group_norm` takes the channels
of each example in groups, `instance_norm` each channel by itself. `weight_norm` is for weights: a
length `g` and a direction `v`.

Sources: Ioffe and Szegedy, Batch Normalization (2015), section 3; Ulyanov, Vedaldi and Lempitsky,
Instance Normalization (2016); Wu and He, Group Normalization (2018); Salimans and Kingma, Weight
Normalization (2016). The running update is PyTorch's: it has the unbiased variance.
"""

import numpy as np

from backhand.rules.norms import standardised, standardised_backward
from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (4, 6, 3, 2))
ROWS = uniform(-3, 3, (5, 6))
G = uniform(-2, 2, (6,))
B = uniform(-1, 1, (6,))
MEAN = uniform(-1, 1, (6,))
VAR = uniform(0.2, 2, (6,))
SEEN = {"mean": MEAN, "var": VAR}


def per_channel(v, x):
    # [channels] as [channels, 1, ...], to stand beside x [N, channels, ...]
    return v.reshape(-1, *[1] * (x.ndim - 2))


def over_channel(d):
    # what each channel gets from all examples and places
    return d.sum(axis=(0, *range(2, d.ndim)))


def batch_norm_eval(x, g, b, mean, var, *, eps):
    scale = g / np.sqrt(var + eps)
    return x * per_channel(scale, x) + per_channel(b - mean * scale, x)


def batch_norm_eval_backward(dy, x, g, mean, var, *, eps):
    sigma = np.sqrt(var + eps)
    dg = over_channel(dy * (x - per_channel(mean, x))) / sigma
    return dy * per_channel(g / sigma, dy), dg, over_channel(dy)


register(
    "batch_norm_eval",
    batch_norm_eval,
    batch_norm_eval_backward,
    wrt="xgb",
    none=["mean", "var"],
    torch="F.batch_norm(x, mean, var, g, b, False, 0.1, eps)",
    noun="n",
    examples=[
        example(x=X, g=G, b=B, **SEEN, eps=1e-5),
        example(x=ROWS, g=G, b=B, **SEEN, eps=0.01),
    ],
    aten=[
        "batch_norm.default(x, g, b, mean, var, False, _, eps, _)",
        "instance_norm.default(x, g, b, mean, var, False, _, eps, _)",
    ],
    in_formulas=False,
)


def batch_norm_eval_plain(x, mean, var, *, eps):
    scale = 1 / np.sqrt(var + eps)
    return x * per_channel(scale, x) - per_channel(mean * scale, x)


def batch_norm_eval_plain_backward(dy, var, *, eps):
    return dy / per_channel(np.sqrt(var + eps), dy)


register(
    "batch_norm_eval_plain",
    batch_norm_eval_plain,
    batch_norm_eval_plain_backward,
    wrt="x",
    none=["mean", "var"],
    torch="F.batch_norm(x, mean, var, None, None, False, 0.1, eps)",
    noun="n",
    examples=[example(x=X, **SEEN, eps=1e-5), example(x=ROWS, **SEEN, eps=0.01)],
    aten=[
        "batch_norm.default(x, None, None, mean, var, False, _, eps, _)",
        "instance_norm.default(x, None, None, mean, var, False, _, eps, _)",
    ],
    in_formulas=False,
)


def standardised_channels(x, eps):
    # over all examples and places; with the mean and the variance of each channel
    axis = (0, *range(2, x.ndim))
    mean = x.mean(axis=axis)
    away = x - per_channel(mean, x)
    var = (away * away).mean(axis=axis)
    return away / per_channel(np.sqrt(var + eps), x), mean, var


def standardised_channels_backward(ds, s, var, eps):
    # each x moves every s of its channel: through the mean, and through the variance
    axis = (0, *range(2, s.ndim))
    along = per_channel((ds * s).mean(axis=axis), s)
    return (ds - per_channel(ds.mean(axis=axis), s) - s * along) / per_channel(
        np.sqrt(var + eps), s
    )


def batch_norm_channels(x, g, b, *, eps):
    s, _, var = standardised_channels(x, eps)
    return per_channel(g, x) * s + per_channel(b, x), s, var


def batch_norm_channels_backward(dy, g, s, var, *, eps):
    return (
        standardised_channels_backward(dy * per_channel(g, dy), s, var, eps),
        over_channel(dy * s),
        over_channel(dy),
    )


register(
    "batch_norm_channels",
    batch_norm_channels,
    batch_norm_channels_backward,
    wrt="xgb",
    torch="(F.batch_norm(x, None, None, g, b, True, 0.1, eps), "
    "F.batch_norm(x, None, None, None, None, True, 0.1, eps).detach(), "
    "x.var((0, *range(2, x.ndim)), correction=0).detach())",
    noun="n",
    output=("y", "s", "var"),
    examples=[example(x=X, g=G, b=B, eps=1e-5), example(x=ROWS, g=G, b=B, eps=0.01)],
    aten="batch_norm.default(x, g, b, None, None, True, _, eps, _)",
    in_formulas=False,
)


def batch_norm_channels_plain(x, *, eps):
    s, _, var = standardised_channels(x, eps)
    return s, var


def batch_norm_channels_plain_backward(ds, s, var, *, eps):
    return standardised_channels_backward(ds, s, var, eps)


register(
    "batch_norm_channels_plain",
    batch_norm_channels_plain,
    batch_norm_channels_plain_backward,
    wrt="x",
    torch="(F.batch_norm(x, None, None, None, None, True, 0.1, eps), "
    "x.var((0, *range(2, x.ndim)), correction=0).detach())",
    noun="n",
    output=("s", "var"),
    examples=[example(x=X, eps=1e-5), example(x=ROWS, eps=0.01)],
    aten="batch_norm.default(x, None, None, None, None, True, _, eps, _)",
    in_formulas=False,
)


def batch_norm_training(x, g, b, mean, var, *, momentum, eps):
    s, batch_mean, batch_var = standardised_channels(x, eps)
    count = x.size // len(mean)
    new_mean = (1 - momentum) * mean + momentum * batch_mean
    new_var = (1 - momentum) * var + momentum * (batch_var * count / (count - 1))
    return per_channel(g, x) * s + per_channel(b, x), new_mean, new_var, s, batch_var


def batch_norm_training_backward(dy, g, s, batch_var, *, eps):
    return (
        standardised_channels_backward(dy * per_channel(g, dy), s, batch_var, eps),
        over_channel(dy * s),
        over_channel(dy),
    )


register(
    "batch_norm_training",
    batch_norm_training,
    batch_norm_training_backward,
    wrt="xgb",
    none=["mean", "var"],
    torch="(F.batch_norm(x, m := mean.clone(), v := var.clone(), g, b, True, momentum, eps), m, v, "
    "F.batch_norm(x, None, None, None, None, True, 0.1, eps).detach(), "
    "x.var((0, *range(2, x.ndim)), correction=0).detach())",
    noun="n",
    output=("y", "new_mean", "new_var", "s", "batch_var"),
    examples=[
        example(x=X, g=G, b=B, **SEEN, momentum=0.1, eps=1e-5),
        example(x=ROWS, g=G, b=B, **SEEN, momentum=0.5, eps=0.01),
    ],
    aten="batch_norm.default(x, g, b, mean, var, True, momentum, eps, _)",
    in_formulas=False,
)


def batch_norm_training_plain(x, mean, var, *, momentum, eps):
    s, batch_mean, batch_var = standardised_channels(x, eps)
    count = x.size // len(mean)
    new_mean = (1 - momentum) * mean + momentum * batch_mean
    new_var = (1 - momentum) * var + momentum * (batch_var * count / (count - 1))
    return s, new_mean, new_var, batch_var


def batch_norm_training_plain_backward(ds, s, batch_var, *, eps):
    return standardised_channels_backward(ds, s, batch_var, eps)


register(
    "batch_norm_training_plain",
    batch_norm_training_plain,
    batch_norm_training_plain_backward,
    wrt="x",
    none=["mean", "var"],
    torch="(F.batch_norm(x, m := mean.clone(), v := var.clone(), None, None, True, momentum, eps), "
    "m, v, x.var((0, *range(2, x.ndim)), correction=0).detach())",
    noun="n",
    output=("s", "new_mean", "new_var", "batch_var"),
    examples=[
        example(x=X, **SEEN, momentum=0.1, eps=1e-5),
        example(x=ROWS, **SEEN, momentum=0.5, eps=0.01),
    ],
    aten="batch_norm.default(x, None, None, mean, var, True, momentum, eps, _)",
    in_formulas=False,
)


def in_groups(x, groups):
    # each group's channels and places in one row
    return x.reshape(len(x), groups, -1)


def group_norm(x, g, b, *, groups, eps):
    s = standardised(in_groups(x, groups), -1, eps).reshape(x.shape)
    return per_channel(g, x) * s + per_channel(b, x)


def group_norm_plain(x, *, groups, eps):
    return standardised(in_groups(x, groups), -1, eps).reshape(x.shape)


def group_norm_plain_backward(dy, x, *, groups, eps):
    dx = standardised_backward(in_groups(dy, groups), in_groups(x, groups), -1, eps)
    return dx.reshape(x.shape)


def group_norm_backward(dy, x, g, *, groups, eps):
    s = group_norm_plain(x, groups=groups, eps=eps)
    dx = group_norm_plain_backward(dy * per_channel(g, dy), x, groups=groups, eps=eps)
    return dx, over_channel(dy * s), over_channel(dy)


register(
    "group_norm",
    group_norm,
    group_norm_backward,
    wrt="xgb",
    torch="F.group_norm(x, groups, g, b, eps)",
    noun="n",
    examples=[
        example(x=X, g=G, b=B, groups=2, eps=1e-5),
        example(x=ROWS, g=G, b=B, groups=3, eps=0.01),
    ],
    aten="group_norm.default(x, groups, g, b, eps, _)",
    in_formulas=False,
)

register(
    "group_norm_plain",
    group_norm_plain,
    group_norm_plain_backward,
    wrt="x",
    torch="F.group_norm(x, groups, None, None, eps)",
    noun="n",
    examples=[example(x=X, groups=2, eps=1e-5), example(x=ROWS, groups=3, eps=0.01)],
    aten="group_norm.default(x, groups, None, None, eps, _)",
    in_formulas=False,
)


def instance_norm(x, g, b, *, eps):
    s = standardised(x, tuple(range(2, x.ndim)), eps)
    return per_channel(g, x) * s + per_channel(b, x)


def instance_norm_backward(dy, x, g, *, eps):
    places = tuple(range(2, x.ndim))
    dx = standardised_backward(dy * per_channel(g, dy), x, places, eps)
    return dx, over_channel(dy * standardised(x, places, eps)), over_channel(dy)


register(
    "instance_norm",
    instance_norm,
    instance_norm_backward,
    wrt="xgb",
    torch="F.instance_norm(x, None, None, g, b, True, 0.1, eps)",
    noun="n",
    examples=[
        example(x=X, g=G, b=B, eps=1e-5),
        example(x=uniform(-3, 3, (2, 6, 5)), g=G, b=B, eps=0.01),
    ],
    aten="instance_norm.default(x, g, b, None, None, True, _, eps, _)",
    in_formulas=False,
)


def instance_norm_plain(x, *, eps):
    return standardised(x, tuple(range(2, x.ndim)), eps)


def instance_norm_plain_backward(dy, x, *, eps):
    return standardised_backward(dy, x, tuple(range(2, x.ndim)), eps)


register(
    "instance_norm_plain",
    instance_norm_plain,
    instance_norm_plain_backward,
    wrt="x",
    torch="F.instance_norm(x, None, None, None, None, True, 0.1, eps)",
    noun="n",
    examples=[example(x=X, eps=1e-5), example(x=uniform(-3, 3, (2, 6, 5)), eps=0.01)],
    aten="instance_norm.default(x, None, None, None, None, True, _, eps, _)",
    in_formulas=False,
)


def lengths(v, axis):
    # of the weights of each unit along the axis; of all of them for -1
    others = tuple(a for a in range(v.ndim) if axis == -1 or a != axis)
    return np.sqrt((v * v).sum(axis=others, keepdims=axis != -1))


def weight_norm(v, g, *, axis):
    return v * (g / lengths(v, axis))


def weight_norm_backward(dw, v, g, *, axis):
    length = lengths(v, axis)
    direction = v / length
    others = tuple(a for a in range(v.ndim) if axis == -1 or a != axis)
    dg = (dw * direction).sum(axis=others, keepdims=axis != -1)
    return (dw - direction * dg) * (g / length), dg


register(
    "weight_norm",
    weight_norm,
    weight_norm_backward,
    wrt="vg",
    torch="torch._weight_norm(v, g, axis)",
    noun="w",
    output="w",
    examples=[
        example(v=uniform(-1, 1, (4, 3, 2)), g=uniform(0.5, 2, (4, 1, 1)), axis=0),
        example(v=uniform(-1, 1, (4, 3, 2)), g=uniform(0.5, 2, (1, 1, 2)), axis=2),
        example(v=uniform(-1, 1, (4, 3)), g=uniform(0.5, 2, ()), axis=-1),
    ],
    aten="_weight_norm.default(v, g, axis)",
    in_formulas=False,
)
