"""Losses of each element by itself, for modules; a sum or a mean is a step of its own.

`p` is the prediction, `z` a logit, `y` the target; both may have a derivative, where PyTorch gives
them one. Sources: the pages of torch.nn, and of the derivatives torch/csrc/autograd and
tools/autograd/derivatives.yaml.
"""

import numpy as np

from backhand.rules.activations import sigmoid
from backhand.rules.register import example, register, uniform

P = uniform(-4, 4, (4, 3))
Z = uniform(-4, 4, (4, 3))
FAR = uniform(-90, 90, (4, 3))
Y = uniform(0, 1, (4, 3))
SHARES = uniform(0.05, 0.95, (4, 3))
LOG_P = uniform(-4, -0.1, (4, 3))
COUNTS = uniform(0.1, 6, (4, 3))
SIDES = uniform(-1, 1, (4, 3))


def squared_error(p, y):
    return (p - y) ** 2


def squared_error_backward(dlosses, p, y):
    return dlosses * 2 * (p - y), dlosses * 2 * (y - p)


register(
    "squared_error",
    squared_error,
    squared_error_backward,
    wrt="py",
    torch='F.mse_loss(p, y, reduction="none")',
    noun="losses",
    output="losses",
    examples=[example(p=P, y=Y)],
    aten="mse_loss.default(p, y, 0)",
    in_formulas=False,
)


def absolute_error(p, y):
    return np.abs(p - y)


def absolute_error_backward(dlosses, p, y):
    return dlosses * np.sign(p - y), dlosses * np.sign(y - p)


register(
    "absolute_error",
    absolute_error,
    absolute_error_backward,
    wrt="py",
    torch='F.l1_loss(p, y, reduction="none")',
    noun="losses",
    output="losses",
    examples=[example(p=P, y=Y)],
    aten=["l1_loss.default(p, y, 0)", "smooth_l1_loss.default(p, y, 0, 0.0)"],
    in_formulas=False,
)


def smooth_l1_error(p, y, *, beta):
    # a parabola up to beta, a straight line from there on
    off = np.abs(p - y)
    return np.where(off < beta, 0.5 * off * off / beta, off - 0.5 * beta)


def smooth_l1_error_backward(dlosses, p, y, *, beta):
    return dlosses * np.clip((p - y) / beta, -1, 1), dlosses * np.clip((y - p) / beta, -1, 1)


register(
    "smooth_l1_error",
    smooth_l1_error,
    smooth_l1_error_backward,
    wrt="py",
    torch='F.smooth_l1_loss(p, y, beta=beta, reduction="none")',
    noun="losses",
    output="losses",
    examples=[example(p=P, y=Y, beta=1.0), example(p=P, y=Y, beta=2.5)],
    aten="smooth_l1_loss.default(p, y, 0, beta)",
    in_formulas=False,
)


def huber_error(p, y, *, delta):
    # a parabola up to delta, a straight line from there on
    off = np.abs(p - y)
    return np.where(off < delta, 0.5 * off * off, delta * (off - 0.5 * delta))


def huber_error_backward(dlosses, p, y, *, delta):
    return dlosses * np.clip(p - y, -delta, delta), dlosses * np.clip(y - p, -delta, delta)


register(
    "huber_error",
    huber_error,
    huber_error_backward,
    wrt="py",
    torch='F.huber_loss(p, y, delta=delta, reduction="none")',
    noun="losses",
    output="losses",
    examples=[example(p=P, y=Y, delta=1.0), example(p=P, y=Y, delta=2.5)],
    aten="huber_loss.default(p, y, 0, delta)",
    in_formulas=False,
)


def bce_losses(p, y):
    # as PyTorch has it: a logarithm never goes below -100, so that p = 0 costs 100, not infinity
    log_p, log_q = np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)
    return -(y * log_p + (1 - y) * log_q)


def bce_losses_backward(dlosses, p, y):
    # PyTorch's limit is the float32 number nearest to 1e-12, in float64 too
    return (
        dlosses * (p - y) / np.maximum(p * (1 - p), 9.999999960041972e-13),
        dlosses * (np.log1p(-p) - np.log(p)),
    )


register(
    "bce_losses",
    bce_losses,
    bce_losses_backward,
    wrt="py",
    torch='F.binary_cross_entropy(p, y, reduction="none")',
    noun="losses",
    output="losses",
    examples=[example(p=SHARES, y=Y)],
    aten="binary_cross_entropy.default(p, y, None, 0)",
    in_formulas=False,
)


def bce_logits_losses(z, y):
    minus_log_p = np.maximum(-z, 0) + np.log1p(np.exp(-np.abs(z)))
    return (1 - y) * z + minus_log_p


def bce_logits_losses_backward(dlosses, z, y):
    return dlosses * (sigmoid(z) - y), -dlosses * z


register(
    "bce_logits_losses",
    bce_logits_losses,
    bce_logits_losses_backward,
    wrt="zy",
    torch='F.binary_cross_entropy_with_logits(z, y, reduction="none")',
    noun="losses",
    output="losses",
    examples=[example(z=Z, y=Y), example(z=FAR, y=Y)],
    aten="binary_cross_entropy_with_logits.default(z, y, None, None, 0)",
    in_formulas=False,
)


def weighted_bce_logits_losses(z, y, pos_weight):
    # a yes counts pos_weight times
    minus_log_p = np.maximum(-z, 0) + np.log1p(np.exp(-np.abs(z)))
    return (1 - y) * z + (1 + (pos_weight - 1) * y) * minus_log_p


def weighted_bce_logits_losses_backward(dlosses, z, y, pos_weight):
    minus_log_p = np.maximum(-z, 0) + np.log1p(np.exp(-np.abs(z)))
    dz = (1 + (pos_weight - 1) * y) * sigmoid(z) - pos_weight * y
    return dlosses * dz, dlosses * ((pos_weight - 1) * minus_log_p - z)


register(
    "weighted_bce_logits_losses",
    weighted_bce_logits_losses,
    weighted_bce_logits_losses_backward,
    wrt="zy",
    none=["pos_weight"],
    torch='F.binary_cross_entropy_with_logits(z, y, pos_weight=pos_weight, reduction="none")',
    noun="losses",
    output="losses",
    examples=[
        example(z=Z, y=Y, pos_weight=uniform(0.2, 3, (3,))),
        example(z=FAR, y=Y, pos_weight=uniform(0.2, 3, (4, 3))),
    ],
    aten="binary_cross_entropy_with_logits.default(z, y, None, pos_weight, 0)",
    in_formulas=False,
)


def kl_losses(logp, y):
    # 0 * log(0) is 0
    return y * np.log(np.where(y == 0, 1, y)) - y * logp


def kl_losses_backward(dlosses, logp, y):
    return -dlosses * y, dlosses * (np.log(np.where(y == 0, 1, y)) + 1 - logp)


register(
    "kl_losses",
    kl_losses,
    kl_losses_backward,
    wrt=["logp", "y"],
    torch='F.kl_div(logp, y, reduction="none")',
    noun="losses",
    output="losses",
    examples=[example(logp=LOG_P, y=SHARES)],
    aten="kl_div.default(logp, y, 0, log_target=False)",
    in_formulas=False,
)


def log_kl_losses(logp, logy):
    return np.exp(logy) * (logy - logp)


def log_kl_losses_backward(dlosses, logp, logy):
    return -dlosses * np.exp(logy), dlosses * np.exp(logy) * (logy - logp + 1)


register(
    "log_kl_losses",
    log_kl_losses,
    log_kl_losses_backward,
    wrt=["logp", "logy"],
    torch='F.kl_div(logp, logy, reduction="none", log_target=True)',
    noun="losses",
    output="losses",
    examples=[example(logp=LOG_P, logy=LOG_P)],
    aten="kl_div.default(logp, logy, 0, log_target=True)",
    in_formulas=False,
)


def poisson_losses(p, y, *, log_input, full, eps):
    losses = np.exp(p) - y * p if log_input else p - y * np.log(p + eps)
    if full:
        # Stirling's formula for log(y!), from y = 1 on
        above = np.where(y > 1, y, 1)
        stirling = above * np.log(above) - above + 0.5 * np.log(2 * np.pi * above)
        losses = losses + np.where(y > 1, stirling, 0)
    return losses


def poisson_losses_backward(dlosses, p, y, *, log_input, full, eps):
    dp = np.exp(p) - y if log_input else 1 - y / (p + eps)
    dy = -p if log_input else -np.log(p + eps)
    if full:
        above = np.where(y > 1, y, 1)
        dy = dy + np.where(y > 1, np.log(above) + 0.5 / above, 0)
    return dlosses * dp, dlosses * dy


register(
    "poisson_losses",
    poisson_losses,
    poisson_losses_backward,
    wrt="py",
    torch='F.poisson_nll_loss(p, y, log_input, full, eps=eps, reduction="none")',
    noun="losses",
    output="losses",
    examples=[
        example(p=P, y=COUNTS, log_input=True, full=False, eps=1e-8),
        example(p=COUNTS, y=COUNTS, log_input=False, full=False, eps=1e-8),
        example(p=P, y=COUNTS, log_input=True, full=True, eps=1e-8),
    ],
    aten="poisson_nll_loss.default(p, y, log_input, full, eps, 0)",
    in_formulas=False,
)


def soft_margin_losses(z, y):
    # log(1 + exp(-y z)), with exp only of numbers below 0, so that it cannot overflow
    return np.maximum(-y * z, 0) + np.log1p(np.exp(-np.abs(y * z)))


def soft_margin_losses_backward(dlosses, z, y):
    return -dlosses * y * sigmoid(-y * z)


register(
    "soft_margin_losses",
    soft_margin_losses,
    soft_margin_losses_backward,
    wrt="z",
    none="y",
    torch='F.soft_margin_loss(z, y, reduction="none")',
    noun="losses",
    output="losses",
    examples=[example(z=Z, y=SIDES), example(z=FAR, y=SIDES)],
    aten="soft_margin_loss.default(z, y, 0)",
    in_formulas=False,
)


def hinge_losses(z, y, *, margin):
    # y = 1: the distance itself; y = -1: what it lacks of the margin; any other y: both
    return np.where(y != -1, z, 0) + np.where(y != 1, np.maximum(margin - z, 0), 0)


def hinge_losses_backward(dlosses, z, y, *, margin):
    return np.where(y != -1, dlosses, 0) - np.where((y != 1) & (z <= margin), dlosses, 0)


register(
    "hinge_losses",
    hinge_losses,
    hinge_losses_backward,
    wrt="z",
    none="y",
    torch='F.hinge_embedding_loss(z, y, margin, reduction="none")',
    noun="losses",
    output="losses",
    examples=[
        example(z=Z, y=uniform(1, 1, (4, 3)), margin=1.0),
        example(z=Z, y=uniform(-1, -1, (4, 3)), margin=2.0),
        example(z=Z, y=SIDES, margin=0.5),
    ],
    aten="hinge_embedding_loss.default(z, y, margin, 0)",
    in_formulas=False,
)


def ranking_losses(a, b, y, *, margin):
    return np.maximum(margin - y * (a - b), 0)


def ranking_losses_backward(dlosses, a, b, y, *, margin):
    return (
        -dlosses * y * (y * (a - b) <= margin),
        dlosses * y * (y * (a - b) <= margin),
        dlosses * (b - a) * (y * (a - b) <= margin),
    )


register(
    "ranking_losses",
    ranking_losses,
    ranking_losses_backward,
    wrt="aby",
    torch='F.margin_ranking_loss(a, b, y, margin, reduction="none")',
    noun="losses",
    output="losses",
    examples=[example(a=Z, b=P, y=SIDES, margin=0.0), example(a=Z, b=P, y=SIDES, margin=0.5)],
    aten="margin_ranking_loss.default(a, b, y, margin, 0)",
    in_formulas=False,
)
