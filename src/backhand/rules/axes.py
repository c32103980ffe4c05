"""Sizes and spreads along an axis, and running sums.

Sources: the pages of torch (logsumexp, prod, var, std, linalg.vector_norm, cumsum); where a root
of 0 has no derivative, torch/csrc/autograd/FunctionsManual.cpp, which takes 0.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (3, 4))
EXAMPLES = [example(x=X), example(x=X, axis=0), example(x=X, axis=-1, keepdims=True)]


def logsumexp(x, *, axis=-1, keepdims=False):
    # the largest becomes 0, so that exp cannot overflow; an infinite one stays
    largest = x.max(axis=axis, keepdims=True)
    largest = np.where(np.isinf(largest), 0, largest)
    y = largest + np.log(np.exp(x - largest).sum(axis=axis, keepdims=True))
    return y if keepdims else y.squeeze(axis)


def logsumexp_backward(dy, x, y, *, axis=-1, keepdims=False):
    # softmax(x) times dy
    return np.exp(x - (y if keepdims else np.expand_dims(y, axis))) * (
        dy if keepdims else np.expand_dims(dy, axis)
    )


register(
    "logsumexp",
    logsumexp,
    logsumexp_backward,
    wrt="x",
    torch="torch.logsumexp(x, axis, keepdim=keepdims)",
    means="np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))",
    examples=[
        example(x=X, axis=0),
        example(x=X, keepdims=True),
        example(x=uniform(-300, 300, (3, 5)), keepdims=True),
    ],
    aten=["logsumexp.default(x, [axis], keepdims)", "logsumexp.default(x, axis, keepdims)"],
)


def prod(x, *, axis=None, keepdims=False):
    return np.prod(x, axis=axis, keepdims=keepdims)


def prod_backward(dy, x, *, axis=None, keepdims=False):
    # the product of all others: where one number is 0, only that one has a derivative
    nonzero = np.where(x == 0, 1, x)
    zeros = (x == 0).sum(axis=axis, keepdims=True)
    rest = np.prod(nonzero, axis=axis, keepdims=True) / nonzero
    others = rest * (zeros == (x == 0))
    return others * (dy if axis is None or keepdims else np.expand_dims(dy, axis))


register(
    "prod",
    prod,
    prod_backward,
    wrt="x",
    torch="torch.prod(x) if axis is None and not keepdims else "
    "torch.prod(x).reshape((1,) * x.ndim) if axis is None else torch.prod(x, axis, keepdims)",
    examples=EXAMPLES,
    aten=["prod.default(x)", "prod.dim_int(x, axis, keepdims)"],
)


def var(x, *, axis=None, correction=1, keepdims=False):
    return ((x - x.mean(axis=axis, keepdims=True)) ** 2).sum(axis=axis, keepdims=keepdims) / (
        (x.size if axis is None else x.shape[axis]) - correction
    )


def var_backward(dy, x, *, axis=None, correction=1, keepdims=False):
    return (
        (x - x.mean(axis=axis, keepdims=True))
        * 2
        * (dy if axis is None or keepdims else np.expand_dims(dy, axis))
        / ((x.size if axis is None else x.shape[axis]) - correction)
    )


register(
    "var",
    var,
    var_backward,
    wrt="x",
    torch="torch.var(x, axis, correction=correction, keepdim=keepdims)",
    examples=[*EXAMPLES, example(x=X, axis=-1, correction=0, keepdims=True)],
)


def std(x, *, axis=None, correction=1, keepdims=False):
    return np.sqrt(
        ((x - x.mean(axis=axis, keepdims=True)) ** 2).sum(axis=axis, keepdims=keepdims)
        / ((x.size if axis is None else x.shape[axis]) - correction)
    )


def std_backward(dy, x, y, *, axis=None, correction=1, keepdims=False):
    # equal numbers, whose deviation is 0, get no derivative
    count = x.size if axis is None else x.shape[axis]
    share = np.where(y == 0, 0, dy / np.where(y == 0, 1, y)) / (count - correction)
    share = share if axis is None or keepdims else np.expand_dims(share, axis)
    return (x - x.mean(axis=axis, keepdims=True)) * share


register(
    "std",
    std,
    std_backward,
    wrt="x",
    torch="torch.std(x, axis, correction=correction, keepdim=keepdims)",
    examples=[*EXAMPLES, example(x=X, axis=-1, correction=0, keepdims=True)],
)


def norm(x, *, axis=None, keepdims=False):
    return np.sqrt((x * x).sum(axis=axis, keepdims=keepdims))


def norm_backward(dy, x, y, *, axis=None, keepdims=False):
    # where all numbers are 0 there is no derivative
    share = np.where(y == 0, 0, dy / np.where(y == 0, 1, y))
    return x * (share if axis is None or keepdims else np.expand_dims(share, axis))


register(
    "norm",
    norm,
    norm_backward,
    wrt="x",
    torch="torch.linalg.vector_norm(x, dim=axis, keepdim=keepdims)",
    examples=EXAMPLES,
    aten=[
        "linalg_vector_norm.default(x, 2, [axis], keepdims)",
        "linalg_vector_norm.default(x, 2, None, keepdims)",
        "linalg_vector_norm.default(x, 2, axis, keepdims)",
        "norm.Scalar(x, 2)",
        "norm.ScalarOpt_dim(x, 2, [axis], keepdims)",
        "norm.ScalarOpt_dim(x, 2, axis, keepdims)",
        "norm.ScalarOpt_dim(x, None, [axis], keepdims)",
        "norm.ScalarOpt_dim(x, None, axis, keepdims)",
    ],
)


def cumsum(x, *, axis=-1):
    return np.cumsum(x, axis)


def cumsum_backward(dy, *, axis=-1):
    # each number is in its own sum and in all later ones
    return np.flip(np.cumsum(np.flip(dy, axis), axis), axis)


register(
    "cumsum",
    cumsum,
    cumsum_backward,
    wrt="x",
    torch="torch.cumsum(x, axis)",
    examples=[example(x=X), example(x=X, axis=0)],
    aten="cumsum.default(x, axis)",
)
