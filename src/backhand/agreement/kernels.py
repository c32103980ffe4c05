# mypy: disable-error-code="no-untyped-def, no-untyped-call"
"""What PyTorch computes where its formula is not the rule's: by the function of a step.

Equal in exact arithmetic, two formulas round differently, and overflow differently. Each function
of the table takes what the rule's own takes. Sources: PyTorch 2.13, aten/src/ATen/native
(Activation.cpp, Linear.cpp, Loss.cpp, LossNLL.cpp, layer_norm.cpp; cpu/Activation.cpp, Elu.h,
PowKernel.cpp, SoftMaxKernel.cpp, UnaryOpsKernel.cpp, batch_norm_kernel.cpp,
layer_norm_kernel.cpp), and for derivatives tools/autograd/derivatives.yaml and
torch/csrc/autograd/FunctionsManual.cpp. A comment says what one could not read off the formula.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.rules.special import erf


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x / (1 + np.exp(-x))


def silu_backward(dy, x):
    s = 1 / (1 + np.exp(-x))
    return dy * s * (1 + x * (1 - s))


def elu(x, *, alpha=1.0):
    # Elu.h before PyTorch 2.11; since then expm1, as the rule has it, to which the bound extends
    return np.where(x >= 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def softplus_backward(dy, x, *, beta=1, threshold=20):
    e = np.exp(np.minimum(beta * x, threshold))
    return np.where(beta * x > threshold, dy, dy * e / (e + 1))


def gelu(x):
    # oneDNN halves last, and overflows one power of two earlier
    return x * (1 + erf(x / 2**0.5)) * 0.5


def gelu_backward(dy, x):
    cdf = 0.5 * (1 + erf(x / 2**0.5))
    return dy * (cdf + x * (np.exp(-0.5 * x * x) / (2 * np.pi) ** 0.5))


def celu_backward(dy, x, *, alpha=1.0):
    # derivatives.yaml: the slope is one over the float32 number nearest to alpha, times alpha
    inverse = 1 / float(np.float32(alpha))
    return np.where(x > 0, dy, dy * inverse * alpha * np.exp(np.minimum(x, 0) * inverse))


def mish(x):
    # above 40 the tanh is 1 to the last digit, where exp may overflow
    return x * np.tanh(np.log1p(np.exp(np.minimum(x, 40))))


def mish_backward(dy, x):
    t = np.tanh(np.log1p(np.exp(np.minimum(x, 40))))
    return dy * (t + x * (1 / (1 + np.exp(-x))) * (1 - t * t))


def softsign_backward(dy, x):
    # made of other operators: one part through x, one through |x|, which nearly cancel far from 0
    below = 1 + np.abs(x)
    return dy / below - dy * ((x / below) / below) * np.sign(x)


def tanhshrink_backward(dy, x):
    t = np.tanh(x)
    return dy - dy * (1 - t * t)


def logsigmoid_backward(dy, x):
    e = np.exp(-np.abs(x))
    q = e / (1 + e)
    return dy * np.where(x < 0, 1 - q, q)


def softmin(x, *, axis=-1):
    return softmax(-x, axis=axis)


def glu(x, *, axis=-1):
    a, b = np.split(x, 2, axis=axis)
    return a * (1 / (1 + np.exp(-b)))


def glu_backward(dy, x, *, axis=-1):
    a, b = np.split(x, 2, axis=axis)
    s = 1 / (1 + np.exp(-b))
    return np.concatenate((s * dy, (1 - s) * s * a * dy), axis=axis)


def div_backward_b(dy, b, y):
    # -grad * ((self / other) / other)
    return -dy * (y / b)


def number_div(a, b):
    # torch/_tensor.py: other / self is self.reciprocal() * other
    return (1 / b) * a


def number_div_backward_b(dy, b, y, *, number):
    # of the reciprocal: -grad * (result * result)
    r = 1 / b
    return -(dy * number) * (r * r)


def power_of(x, *, exponent):
    # PowKernel.cpp: a few exponents by products and roots, whose parts may overflow
    if exponent == 3:
        return x * x * x
    if exponent == -2:
        return 1 / (x * x)
    if exponent == -0.5:
        return 1 / np.sqrt(x)
    return x**exponent


def power_of_backward(dy, x, *, exponent):
    # grad * (exponent * self.pow(exponent - 1)), and 0 for the exponent 0
    if exponent == 0:
        return dy * np.zeros_like(x)
    return dy * (exponent * power_of(x, exponent=exponent - 1))


def power_backward_a(dy, a, b):
    return np.where(b == 0, 0, dy * (b * a ** (b - 1)))


def power_backward_b(dy, a, y):
    return dy * (y * np.log(np.where(a == 0, 1.0, a), dtype=y.dtype))


def reciprocal_backward(dy, y):
    return -dy * (y * y)


def rsqrt_backward(dy, y):
    return -0.5 * dy * (y * y * y)


def softmax(x, *, axis=-1):
    # _vec_softmax_lastdim: times one over the sum
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e * (1 / e.sum(axis=axis, keepdims=True))


def layer_norm(x, g, b, *, eps=1e-5):
    mean, inverse = moments(x, -1, eps)
    return (x - mean) * inverse * g + b


def layer_norm_backward_x(dy, x, g, *, eps=1e-5):
    # a multiple of dy, one of x, and a constant: for rows far from 0 they nearly cancel
    mean, inverse = moments(x, -1, eps)
    per = np.ones_like(mean) / x.shape[-1]
    by_x = (dy * x * g).sum(axis=-1, keepdims=True)
    total = (dy * g).sum(axis=-1, keepdims=True)
    slope = (total * mean - by_x) * inverse * inverse * inverse * per
    return inverse * dy * g + slope * x + (-slope * mean - total * inverse * per)


def layer_norm_backward_g(dy, x, *, eps=1e-5):
    mean, inverse = moments(x, -1, eps)
    return dy * (inverse * x + -inverse * mean)


def layer_norm_backward_b(dy):
    return dy


def batch_norm(x, g, b, *, eps=1e-5):
    # batch_norm_cpu_collect_linear_and_constant_terms
    mean, inverse = moments(x, tuple(range(x.ndim - 1)), eps)
    alpha = inverse * g
    return x * alpha + (b - mean * alpha)


def batch_norm_backward_x(dy, x, g, *, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    mean, inverse = moments(x, axes, eps)
    rows = x.size // x.shape[-1]
    by_x = ((x - mean) * dy).sum(axis=axes, keepdims=True)
    slope = by_x * inverse * inverse / rows
    away = dy - dy.sum(axis=axes, keepdims=True) / rows
    return (away - (x - mean) * slope) * inverse * g


def batch_norm_backward_g(dy, x, *, eps=1e-5):
    mean, inverse = moments(x, tuple(range(x.ndim - 1)), eps)
    return (x - mean) * dy * inverse


def moments(x, axis, eps):
    # layer_norm's variance is Welford's (moments_utils.h), whose errors are of the order of these
    # and smaller; it begins with nothing at 0, times the square of the mean
    mean = x.mean(axis=axis, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=axis, keepdims=True) + 0 * (mean * mean)
    return mean, 1 / np.sqrt(variance + eps)


def rms_norm(x, g, *, eps=1e-6):
    return x * (1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)) * g


def rms_norm_backward_x(dy, x, g, *, eps=1e-6):
    # made of other operators: rsqrt's derivative is -0.5 * grad * result.pow(3)
    inverse = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)
    by_x = (dy * g * x).sum(axis=-1, keepdims=True)
    dmean = -0.5 * by_x * (inverse * inverse * inverse)
    return dy * g * inverse + dmean / x.shape[-1] * (2 * x)


def rms_norm_backward_g(dy, x, *, eps=1e-6):
    return dy * (x * (1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)))


def cross_entropy_backward(dloss, p, y, *, reduction="mean"):
    share = np.full_like(p, dloss) / (len(p) if reduction == "mean" else 1)
    return -share * y / p


def mse_backward(dloss, p, y, *, reduction="mean"):
    # norm * (input - target) * grad, norm = 2 / numel
    norm = np.full_like(p, 2) / (p.size if reduction == "mean" else 1)
    return norm * (p - y) * dloss


def bce_logits(z, y, *, reduction="mean"):
    losses = (1 - y) * z - (np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z))))
    return losses.mean() if reduction == "mean" else losses.sum()


def bce_logits_backward(dloss, z, y, *, reduction="mean"):
    return (1 / (1 + np.exp(-z)) - y) * dloss / (z.size if reduction == "mean" else 1)


def soft_margin(z, y, *, reduction="mean"):
    # Loss.cpp: exp may overflow
    losses = np.log(np.exp(-z * y) + 1)
    return losses.mean() if reduction == "mean" else losses.sum()


def soft_margin_backward(dloss, z, y, *, reduction="mean"):
    norm = np.full_like(z, 1) / (z.size if reduction == "mean" else 1)
    e = np.exp(-y * z)
    return -norm * (y * e) / (e + 1) * dloss


def cross_entropy_logits_backward(dloss, z, y, *, reduction="mean"):
    shifted = z - z.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    share = np.full_like(z, dloss) / (len(z) if reduction == "mean" else 1)
    dlog_p = -share * y
    return dlog_p - np.exp(log_p) * dlog_p.sum(axis=-1, keepdims=True)


def hardsigmoid_backward(dy, x):
    # Activation.cpp: a sixth is the float32 number nearest to it
    return dy * float(np.float32(1) / np.float32(6)) * (x > -3) * (x < 3)


FORMULAS: dict[str, Callable[..., Any]] = {
    "sigmoid": sigmoid,
    "silu": silu,
    "silu.dx": silu_backward,
    "elu": elu,
    "softplus.dx": softplus_backward,
    "celu.dx": celu_backward,
    "mish": mish,
    "mish.dx": mish_backward,
    "softsign.dx": softsign_backward,
    "tanhshrink.dx": tanhshrink_backward,
    "logsigmoid.dx": logsigmoid_backward,
    "softmin": softmin,
    "hardsigmoid.dx": hardsigmoid_backward,
    "glu": glu,
    "glu.dx": glu_backward,
    "gelu": gelu,
    "gelu.dx": gelu_backward,
    "div.db": div_backward_b,
    "number / x": number_div,
    "number / x.db": number_div_backward_b,
    "pow": power_of,
    "pow.dx": power_of_backward,
    "power.da": power_backward_a,
    "power.db": power_backward_b,
    "reciprocal.dx": reciprocal_backward,
    "rsqrt.dx": rsqrt_backward,
    "softmax": softmax,
    "soft_margin": soft_margin,
    "soft_margin.dz": soft_margin_backward,
    "layer_norm": layer_norm,
    "layer_norm.dx": layer_norm_backward_x,
    "layer_norm.dg": layer_norm_backward_g,
    "layer_norm.db": layer_norm_backward_b,
    "batch_norm": batch_norm,
    "batch_norm.dx": batch_norm_backward_x,
    "batch_norm.dg": batch_norm_backward_g,
    "rms_norm": rms_norm,
    "rms_norm.dx": rms_norm_backward_x,
    "rms_norm.dg": rms_norm_backward_g,
    "cross_entropy.dp": cross_entropy_backward,
    "mse.dp": mse_backward,
    "bce_logits": bce_logits,
    "bce_logits.dz": bce_logits_backward,
    "cross_entropy_logits.dz": cross_entropy_logits_backward,
    "+cross_entropy_logits.dx": cross_entropy_logits_backward,
}
"""By a step's function: what PyTorch does in its place. Of your own rule, you may add it here."""

ALIKE = {
    "relu", "relu.dx", "leaky_relu", "leaky_relu.dx", "elu.dx", "tanh", "tanh.dx", "sigmoid.dx",
    "softplus", "gelu_tanh", "gelu_tanh.dx", "add", "add.da", "add.db", "sub", "sub.da", "sub.db",
    "mul", "mul.da", "mul.db", "div.da", "neg", "neg.dx", "power", "exp", "exp.dx", "log",
    "log.dx", "sqrt", "sqrt.dx", "abs", "abs.dx", "square", "square.dx", "reciprocal", "rsqrt",
    "sin", "sin.dx", "cos", "cos.dx", "expm1", "expm1.dx", "log1p", "log1p.dx", "erf", "celu",
    "selu", "selu.dx", "softsign", "tanhshrink", "logsigmoid", "softmin.dx",
    "maximum", "maximum.da", "maximum.db", "minimum", "minimum.da", "minimum.db", "matmul",
    "matmul.da", "matmul.db", "affine", "affine.dx", "affine.dw", "affine.db", "linear.dx",
    "linear.dw", "linear.db", "linear_no_bias", "linear_no_bias.dx", "linear_no_bias.dw",
    "dropout_mask", "dropout", "dropout.dx", "softmax.dx", "log_softmax", "log_softmax.dx",
    "batch_norm.db", "cross_entropy", "cross_entropy_logits", "mse", "bce", "bce.dp", "sum",
    "sum.dx", "mean", "mean.dx", "max", "max.dx", "flatten", "flatten.dx", "swapaxes",
    "swapaxes.dx",
}  # fmt: skip
"""Functions that PyTorch computes as the rule does, read in its sources: the same operations, or as
many roundings of numbers of the same size. Of any other that has no formula here, it is not known
how PyTorch computes it, and a difference beyond the rule's own bound is no proof of a mistake."""

ALIKE_UPDATES = ("sgd", "adam", "adamw")
"""The same of optimisers."""
