"""Activations made of straight pieces, and the sides that PyTorch takes where two pieces meet.

Sources: the pages of torch.nn (Hardtanh, ReLU6, Hardsigmoid, Hardswish, Hardshrink, Softshrink,
Threshold, PReLU); at the kinks, aten/src/ATen/native/cpu/Activation.cpp.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-4, 4, (3, 5))
FAR = uniform(-60, 60, (3, 5))


def hardtanh(x, *, low=-1.0, high=1.0):
    return np.clip(x, low, high)


def hardtanh_backward(dy, x, *, low=-1.0, high=1.0):
    return dy * (x > low) * (x < high)


register(
    "hardtanh",
    hardtanh,
    hardtanh_backward,
    wrt="x",
    torch="F.hardtanh(x, low, high)",
    noun="a",
    examples=[example(x=X), example(x=X, low=-0.5, high=2.5)],
    aten="hardtanh.default(x, low, high)",
)


def relu6(x):
    return np.clip(x, 0, 6)


def relu6_backward(dy, x):
    return dy * (x > 0) * (x < 6)


register(
    "relu6",
    relu6,
    relu6_backward,
    wrt="x",
    torch="F.relu6(x)",
    noun="a",
    examples=[example(x=X), example(x=FAR)],
    aten="relu6.default(x)",
)


def hardsigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


def hardsigmoid_backward(dy, x):
    return dy / 6 * (x > -3) * (x < 3)


register(
    "hardsigmoid",
    hardsigmoid,
    hardsigmoid_backward,
    wrt="x",
    # F.hardsigmoid itself takes the float32 number nearest to 1/6 for its derivative, always
    torch="F.relu6(x + 3) / 6",
    noun="a",
    examples=[example(x=X), example(x=FAR)],
    aten="hardsigmoid.default(x)",
)


def hardswish(x):
    return x * np.clip(x + 3, 0, 6) / 6


def hardswish_backward(dy, x):
    return np.where(x < 3, dy * (x / 3 + 0.5) * (x > -3), dy)


register(
    "hardswish",
    hardswish,
    hardswish_backward,
    wrt="x",
    torch="F.hardswish(x)",
    noun="a",
    examples=[example(x=X), example(x=FAR)],
    aten="hardswish.default(x)",
)


def hardshrink(x, *, lambd=0.5):
    return x * (np.abs(x) > lambd)


def hardshrink_backward(dy, x, *, lambd=0.5):
    return dy * (np.abs(x) > lambd)


register(
    "hardshrink",
    hardshrink,
    hardshrink_backward,
    wrt="x",
    torch="F.hardshrink(x, lambd)",
    noun="a",
    examples=[example(x=X), example(x=X, lambd=1.5)],
    aten="hardshrink.default(x, lambd)",
)


def softshrink(x, *, lambd=0.5):
    return x - np.clip(x, -lambd, lambd)


def softshrink_backward(dy, x, *, lambd=0.5):
    return dy * (np.abs(x) > lambd)


register(
    "softshrink",
    softshrink,
    softshrink_backward,
    wrt="x",
    torch="F.softshrink(x, lambd)",
    noun="a",
    examples=[example(x=X), example(x=X, lambd=1.5)],
    aten="softshrink.default(x, lambd)",
)


def threshold(x, *, threshold, value):
    return np.where(x > threshold, x, value)


def threshold_backward(dy, x, *, threshold):
    return dy * (x > threshold)


register(
    "threshold",
    threshold,
    threshold_backward,
    wrt="x",
    torch="F.threshold(x, threshold, value)",
    noun="a",
    examples=[example(x=X, threshold=0.1, value=-2.0), example(x=X, threshold=-1, value=20)],
    aten="threshold.default(x, threshold, value)",
)


def prelu(x, slope):
    return np.where(x > 0, x, slope * x)


def prelu_backward(dy, x, slope):
    return np.where(x > 0, dy, dy * slope), dy * np.minimum(x, 0)


register(
    "prelu",
    prelu,
    prelu_backward,
    wrt=["x", "slope"],
    torch="F.prelu(x, slope) if x.ndim < 3 else F.prelu(x.flatten(0, -2), slope).view_as(x)",
    noun="a",
    examples=[
        example(x=X, slope=uniform(0.1, 0.4, (5,))),
        example(x=X, slope=uniform(0.1, 0.4, (1,))),
        example(x=uniform(-4, 4, (2, 3, 5)), slope=uniform(-0.4, 0.4, (5,))),
    ],
)


def beside_channels(slope, x):
    # one number for all of x, or one for each channel of x [N, channels, ...]
    return slope.reshape(-1, *[1] * (x.ndim - 2))


def prelu_channels(x, slope):
    return np.where(x > 0, x, beside_channels(slope, x) * x)


def prelu_channels_backward(dy, x, slope):
    others = tuple(axis for axis in range(x.ndim) if slope.size == 1 or axis != 1)
    dslope = (dy * np.minimum(x, 0)).sum(axis=others).reshape(slope.shape)
    return np.where(x > 0, dy, dy * beside_channels(slope, x)), dslope


register(
    "prelu_channels",
    prelu_channels,
    prelu_channels_backward,
    wrt=["x", "slope"],
    torch="F.prelu(x, slope)",
    noun="a",
    examples=[
        example(x=X, slope=uniform(0.1, 0.4, (5,))),
        example(x=X, slope=uniform(0.1, 0.4, (1,))),
        example(x=uniform(-4, 4, (2, 3, 5)), slope=uniform(-0.4, 0.4, (3,))),
        example(x=uniform(-4, 4, (6,)), slope=uniform(-0.4, 0.4, ())),
    ],
    aten="prelu.default(x, slope)",
    in_formulas=False,
)
