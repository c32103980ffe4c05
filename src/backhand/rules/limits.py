"""Numbers kept between limits that are numbers or arrays, on one side or on both.

At a limit the number itself has the derivative. Sources: the page of torch.clamp;
tools/autograd/derivatives.yaml.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (3, 4))
LOW = uniform(-2, 0.5, (4,))
HIGH = uniform(0, 2, (3, 1))


def at_least(x, *, low):
    return np.maximum(x, low)


def at_least_backward(dy, x, *, low):
    return dy * (x >= low)


register(
    "at_least",
    at_least,
    at_least_backward,
    wrt="x",
    torch="torch.clamp(x, min=low)",
    examples=[example(x=X, low=-1)],
    aten=["clamp_min.default(x, low)", "clamp.default(x, low, None)"],
    in_formulas=False,
)


def at_most(x, *, high):
    return np.minimum(x, high)


def at_most_backward(dy, x, *, high):
    return dy * (x <= high)


register(
    "at_most",
    at_most,
    at_most_backward,
    wrt="x",
    torch="torch.clamp(x, max=high)",
    examples=[example(x=X, high=1.5)],
    aten=["clamp_max.default(x, high)", "clamp.default(x, None, high)"],
    in_formulas=False,
)


def at_least_array(x, low):
    return np.maximum(x, low)


def at_least_array_backward(dy, x, low):
    return dy * (x >= low), dy * (x < low)


register(
    "at_least_array",
    at_least_array,
    at_least_array_backward,
    wrt=["x", "low"],
    torch="torch.clamp(x, low)",
    examples=[example(x=X, low=LOW)],
    aten=["clamp_min.Tensor(x, low)", "clamp.Tensor(x, low, None)"],
    in_formulas=False,
)


def at_most_array(x, high):
    return np.minimum(x, high)


def at_most_array_backward(dy, x, high):
    return dy * (x <= high), dy * (x > high)


register(
    "at_most_array",
    at_most_array,
    at_most_array_backward,
    wrt=["x", "high"],
    torch="torch.clamp(x, max=high)",
    examples=[example(x=X, high=HIGH)],
    aten=["clamp_max.Tensor(x, high)", "clamp.Tensor(x, None, high)"],
    in_formulas=False,
)


def clip_arrays(x, low, high):
    return np.clip(x, low, high)


def clip_arrays_backward(dy, x, low, high):
    # where the limits cross, the upper one counts
    is_low = (x < low) & (low < high)
    is_high = (x > high) | (low >= high) & ((x < low) | (x > high))
    return dy * (x >= low) * (x <= high), dy * is_low, dy * is_high


register(
    "clip_arrays",
    clip_arrays,
    clip_arrays_backward,
    wrt=["x", "low", "high"],
    torch="torch.clamp(x, low, high)",
    examples=[example(x=X, low=LOW, high=HIGH)],
    aten="clamp.Tensor(x, low, high)",
    in_formulas=False,
)
