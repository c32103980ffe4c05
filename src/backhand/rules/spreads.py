"""Spreads over any axes, norms of any order, and what runs along an axis.

Sources: the pages of torch (var, std, linalg.vector_norm, cumprod, logcumsumexp, diff). Unlike
those of `axes`, these are not for formulas.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (3, 4, 2))
ROWS = uniform(-3, 3, (3, 5))
EXAMPLES = [
    example(x=X),
    example(x=X, axis=-1, keepdims=True),
    example(x=X, axis=(0, 2), correction=0),
    example(x=X, axis=(0, 1), keepdims=True),
]


def variance(x, *, axis=None, correction=1, keepdims=False):
    return np.var(x, axis=axis, ddof=correction, keepdims=keepdims)


def variance_backward(dy, x, *, axis=None, correction=1, keepdims=False):
    count = max(x.size // max(dy.size, 1) - correction, 0)
    share = dy * 2 / count
    share = share if axis is None or keepdims else np.expand_dims(share, axis)
    return (x - x.mean(axis=axis, keepdims=True)) * share


register(
    "variance",
    variance,
    variance_backward,
    wrt="x",
    torch="torch.var(x, axis, correction=correction, keepdim=keepdims)",
    noun="var",
    examples=EXAMPLES,
    aten=[
        "var.correction(x, [axis], correction=correction, keepdim=keepdims)",
        "var.correction(x, axis, correction=correction, keepdim=keepdims)",
        "var.correction(x, [axis], keepdim=keepdims)",
        "var.correction(x, axis, keepdim=keepdims)",
        "var.dim(x, [axis], True, keepdims)",
        "var.dim(x, axis, True, keepdims)",
        "var.default(x, True)",
    ],
    in_formulas=False,
)


def deviation(x, *, axis=None, correction=1, keepdims=False):
    return np.std(x, axis=axis, ddof=correction, keepdims=keepdims)


def deviation_backward(dy, x, y, *, axis=None, correction=1, keepdims=False):
    # equal numbers, whose deviation is 0, get no derivative
    count = max(x.size // max(dy.size, 1) - correction, 0)
    share = np.where(y == 0, 0, dy / np.where(y == 0, 1, y)) / count
    share = share if axis is None or keepdims else np.expand_dims(share, axis)
    return (x - x.mean(axis=axis, keepdims=True)) * share


register(
    "deviation",
    deviation,
    deviation_backward,
    wrt="x",
    torch="torch.std(x, axis, correction=correction, keepdim=keepdims)",
    noun="std",
    examples=EXAMPLES,
    aten=[
        "std.correction(x, [axis], correction=correction, keepdim=keepdims)",
        "std.correction(x, axis, correction=correction, keepdim=keepdims)",
        "std.correction(x, [axis], keepdim=keepdims)",
        "std.correction(x, axis, keepdim=keepdims)",
        "std.dim(x, [axis], True, keepdims)",
        "std.dim(x, axis, True, keepdims)",
        "std.default(x, True)",
    ],
    in_formulas=False,
)


def p_norm(x, *, order, axis=None, keepdims=False):
    return (np.abs(x) ** order).sum(axis=axis, keepdims=keepdims) ** (1 / order)


def p_norm_backward(dy, x, y, *, order, axis=None, keepdims=False):
    # where all numbers are 0 there is no derivative
    share = np.where(y == 0, 0, dy / np.where(y == 0, 1, y) ** (order - 1))
    share = share if axis is None or keepdims else np.expand_dims(share, axis)
    size = np.where(x == 0, 1, np.abs(x))
    return np.sign(x) * size ** (order - 1) * share


register(
    "p_norm",
    p_norm,
    p_norm_backward,
    wrt="x",
    torch="torch.linalg.vector_norm(x, order, axis, keepdims)",
    noun="norm",
    examples=[
        example(x=ROWS, order=3),
        example(x=X, order=1.5, axis=(0, 1), keepdims=True),
        example(x=X, order=0.7, axis=1),
    ],
    in_formulas=False,
)


def cumprod(x, *, axis):
    return np.cumprod(x, axis=axis)


def cumprod_backward(dy, x, *, axis):
    # row k of others holds the running products without number k, from k on
    rows, dys = np.moveaxis(x, axis, -1), np.moveaxis(dy, axis, -1)
    alone = np.eye(rows.shape[-1], dtype=bool)
    others = np.cumprod(np.where(alone, 1, rows[..., None, :]), axis=-1)
    dx = (np.triu(others) * dys[..., None, :]).sum(axis=-1)
    return np.moveaxis(dx, -1, axis)


register(
    "cumprod",
    cumprod,
    cumprod_backward,
    wrt="x",
    torch="torch.cumprod(x, axis)",
    examples=[example(x=X, axis=1), example(x=ROWS, axis=-1)],
    aten="cumprod.default(x, axis)",
    in_formulas=False,
)


def logcumsumexp(x, *, axis):
    return np.logaddexp.accumulate(x, axis=axis)


def logcumsumexp_backward(dy, x, y, *, axis):
    # number k has the share exp(x_k - y_i) in each later y_i
    rows, ys, dys = (np.moveaxis(a, axis, -1) for a in (x, y, dy))
    later = np.tri(rows.shape[-1], dtype=bool).T
    shares = np.exp(np.where(later, rows[..., None] - ys[..., None, :], -np.inf))
    return np.moveaxis((shares * dys[..., None, :]).sum(axis=-1), -1, axis)


register(
    "logcumsumexp",
    logcumsumexp,
    logcumsumexp_backward,
    wrt="x",
    torch="torch.logcumsumexp(x, axis)",
    examples=[example(x=X, axis=1), example(x=ROWS, axis=-1)],
    aten="logcumsumexp.default(x, axis)",
    in_formulas=False,
)


def diff(x, *, axis=-1):
    return np.diff(x, axis=axis)


def diff_backward(dy, *, axis=-1, x_shape):
    # the axis stands first while it is added to, which changes dx
    dx = np.zeros(x_shape, dy.dtype)
    front, rows = np.moveaxis(dx, axis, 0), np.moveaxis(dy, axis, 0)
    front[1:] += rows
    front[:-1] -= rows
    return dx


register(
    "diff",
    diff,
    diff_backward,
    wrt="x",
    torch="torch.diff(x, dim=axis)",
    examples=[example(x=X), example(x=X, axis=0)],
    aten="diff.default(x, 1, axis, None, None)",
    in_formulas=False,
)
