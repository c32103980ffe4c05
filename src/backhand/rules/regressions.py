"""Losses of numbers that are to meet numbers, or to come from a distribution.

`p` is the prediction, `y` the target. All average over elements, as PyTorch's do, except that
`kl_div` divides by the number of rows unless told otherwise: its page says why. Sources: the pages
of torch.nn (L1Loss, SmoothL1Loss, HuberLoss, KLDivLoss, PoissonNLLLoss, GaussianNLLLoss).
"""

import numpy as np

from backhand.rules.register import example, register, uniform

P = uniform(-4, 4, (4, 3))
Y = uniform(0, 1, (4, 3))
LOG_P = uniform(-4, -0.1, (4, 3))
COUNTS = uniform(0, 6, (4, 3))
VAR = uniform(0.1, 2, (4, 3))


def l1(p, y, *, reduction="mean"):
    return np.abs(p - y).sum() / (p.size if reduction == "mean" else 1)


def l1_backward(dloss, p, y, *, reduction="mean"):
    return dloss * np.sign(p - y) / (p.size if reduction == "mean" else 1)


register(
    "l1",
    l1,
    l1_backward,
    wrt="p",
    none="y",
    torch="F.l1_loss(p, y, reduction=reduction)",
    noun="loss",
    output="loss",
    examples=[example(p=P, y=Y), example(p=P, y=Y, reduction="sum")],
)


def smooth_l1(p, y, *, beta=1.0, reduction="mean"):
    # a parabola up to beta, a straight line from there on
    off = np.abs(p - y)
    losses = np.where(off < beta, 0.5 * off * off / beta, off - 0.5 * beta)
    return losses.mean() if reduction == "mean" else losses.sum()


def smooth_l1_backward(dloss, p, y, *, beta=1.0, reduction="mean"):
    return dloss * np.clip((p - y) / beta, -1, 1) / (p.size if reduction == "mean" else 1)


register(
    "smooth_l1",
    smooth_l1,
    smooth_l1_backward,
    wrt="p",
    none="y",
    torch="F.smooth_l1_loss(p, y, beta=beta, reduction=reduction)",
    noun="loss",
    output="loss",
    examples=[example(p=P, y=Y), example(p=P, y=Y, beta=2.5, reduction="sum")],
)


def huber(p, y, *, delta=1.0, reduction="mean"):
    # a parabola up to delta, a straight line from there on
    off = np.abs(p - y)
    losses = np.where(off < delta, 0.5 * off * off, delta * (off - 0.5 * delta))
    return losses.mean() if reduction == "mean" else losses.sum()


def huber_backward(dloss, p, y, *, delta=1.0, reduction="mean"):
    return dloss * np.clip(p - y, -delta, delta) / (p.size if reduction == "mean" else 1)


register(
    "huber",
    huber,
    huber_backward,
    wrt="p",
    none="y",
    torch="F.huber_loss(p, y, reduction=reduction, delta=delta)",
    noun="loss",
    output="loss",
    examples=[example(p=P, y=Y), example(p=P, y=Y, delta=2.5, reduction="sum")],
)


def kl_div(logp, y, *, log_target=False, reduction="batchmean"):
    # 0 * log(0) is 0
    logy = y if log_target else np.log(np.where(y > 0, y, 1))
    total = ((np.exp(y) if log_target else y) * (logy - logp)).sum()
    return total / (
        len(logp) if reduction == "batchmean" else logp.size if reduction == "mean" else 1
    )


def kl_div_backward(dloss, logp, y, *, log_target=False, reduction="batchmean"):
    return (
        -dloss
        * (np.exp(y) if log_target else y)
        / (len(logp) if reduction == "batchmean" else logp.size if reduction == "mean" else 1)
    )


register(
    "kl_div",
    kl_div,
    kl_div_backward,
    wrt=["logp"],
    none="y",
    torch="F.kl_div(logp, y, reduction=reduction, log_target=log_target)",
    noun="loss",
    output="loss",
    examples=[
        example(logp=LOG_P, y=Y),
        example(logp=LOG_P, y=Y, reduction="sum"),
        example(logp=LOG_P, y=LOG_P, log_target=True, reduction="mean"),
    ],
)


def poisson_nll(p, y, *, log_input=True, full=False, eps=1e-8, reduction="mean"):
    losses = np.exp(p) - y * p if log_input else p - y * np.log(p + eps)
    if full:
        # Stirling's formula for log(y!), which the target alone decides
        above = np.where(y > 1, y, 1)
        stirling = above * np.log(above) - above + 0.5 * np.log(2 * np.pi * above)
        losses = losses + np.where(y > 1, stirling, 0)
    return losses.mean() if reduction == "mean" else losses.sum()


def poisson_nll_backward(dloss, p, y, *, log_input=True, eps=1e-8, reduction="mean"):
    return (
        dloss
        * (np.exp(p) - y if log_input else 1 - y / (p + eps))
        / (p.size if reduction == "mean" else 1)
    )


register(
    "poisson_nll",
    poisson_nll,
    poisson_nll_backward,
    wrt="p",
    none="y",
    torch="F.poisson_nll_loss(p, y, log_input, full, eps=eps, reduction=reduction)",
    noun="loss",
    output="loss",
    examples=[
        example(p=P, y=COUNTS),
        example(p=VAR, y=COUNTS, log_input=False, reduction="sum"),
        example(p=P, y=COUNTS, full=True),
    ],
)


def gaussian_nll(p, y, var, *, full=False, eps=1e-6, reduction="mean"):
    # a variance below eps counts as eps, and gets the derivative that eps would get
    v = np.maximum(var, eps)
    losses = 0.5 * (np.log(v) + (p - y) ** 2 / v)
    if full:
        losses = losses + 0.9189385332046727  # log(2 pi) / 2
    return losses.mean() if reduction == "mean" else losses.sum()


def gaussian_nll_backward(dloss, p, y, var, *, eps=1e-6, reduction="mean"):
    return (
        dloss * (p - y) / np.maximum(var, eps) / (p.size if reduction == "mean" else 1),
        dloss
        * 0.5
        * (1 - (p - y) ** 2 / np.maximum(var, eps))
        / np.maximum(var, eps)
        / (p.size if reduction == "mean" else 1),
    )


register(
    "gaussian_nll",
    gaussian_nll,
    gaussian_nll_backward,
    wrt=["p", "var"],
    none="y",
    torch="F.gaussian_nll_loss(p, y, var, full, eps, reduction)",
    noun="loss",
    output="loss",
    examples=[
        example(p=P, y=Y, var=VAR),
        example(p=P, y=Y, var=VAR, reduction="sum"),
        example(p=P, y=Y, var=uniform(0.1, 2, (4, 1)), full=True, eps=0.5),
    ],
)
