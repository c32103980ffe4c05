"""What stands first in an order: sorting, the k largest, the largest of a row and where it is.

A derivative goes back to the place from which a number was taken. Among equal numbers PyTorch takes
one or another; here it is the first. Sources: the pages of torch (sort, topk, max, kthvalue,
median, mode, cummax).
"""

import numpy as np

from backhand.rules.indexing import gather_backward, places
from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (3, 5, 4))
ROWS = uniform(-3, 3, (3, 5))
BOTH = [example(x=X), example(x=X, axis=1)]


def sort(x, *, axis=-1, descending=False):
    i = np.argsort(-x if descending else x, axis=axis, kind="stable")
    return np.take_along_axis(x, i, axis=axis), i


register(
    "sort",
    sort,
    gather_backward,
    wrt="x",
    torch="torch.sort(x, dim=axis, descending=descending, stable=True)",
    output=["y", "i"],
    examples=[*BOTH, example(x=X, axis=0, descending=True)],
    aten=[
        "sort.default(x, axis, descending)",
        "sort.stable(x, stable=_, dim=axis, descending=descending)",
    ],
    in_formulas=False,
)


def argsort(x, *, axis=-1, descending=False):
    return np.argsort(-x if descending else x, axis=axis, kind="stable")


register(
    "argsort",
    argsort,
    None,
    wrt="",
    none="x",
    torch="torch.argsort(x, dim=axis, descending=descending)",
    noun="order",
    examples=[example(x=X), example(x=X, axis=1, descending=True)],
    aten=[
        "argsort.default(x, axis, descending)",
        "argsort.stable(x, stable=_, dim=axis, descending=descending)",
    ],
    in_formulas=False,
)


def topk(x, *, k, axis=-1, largest=True):
    order = np.argsort(-x if largest else x, axis=axis, kind="stable")
    i = np.take(order, range(k), axis=axis)
    return np.take_along_axis(x, i, axis=axis), i


register(
    "topk",
    topk,
    gather_backward,
    wrt="x",
    torch="torch.topk(x, k, axis, largest)",
    noun="top",
    output=["y", "i"],
    examples=[example(x=X, k=2), example(x=X, k=3, axis=1, largest=False)],
    # the k in order are right, too, where PyTorch is asked for any order
    aten="topk.default(x, k, axis, largest, _)",
    in_formulas=False,
)


def kth(x, *, k, axis=-1, keepdims=False):
    i = np.take(np.argsort(x, axis=axis, kind="stable"), [k - 1], axis=axis)
    y = np.take_along_axis(x, i, axis=axis)
    return (y, i) if keepdims else (y.squeeze(axis), i.squeeze(axis))


def taken_backward(dy, i, *, axis=-1, keepdims=False, x_shape):
    dx = np.zeros(x_shape, dy.dtype)
    dx[places(i if keepdims else np.expand_dims(i, axis), axis)] = (
        dy if keepdims else np.expand_dims(dy, axis)
    )
    return dx


register(
    "kthvalue",
    kth,
    taken_backward,
    wrt="x",
    torch="torch.kthvalue(x, k, axis, keepdims)",
    output=["y", "i"],
    examples=[example(x=X, k=2), example(x=X, k=1, axis=0, keepdims=True)],
    aten="kthvalue.default(x, k, axis, keepdims)",
    in_formulas=False,
)


def median(x, *, axis=-1, keepdims=False):
    # of an even count the lower of the two in the middle
    middle = (x.shape[axis] - 1) // 2
    i = np.take(np.argsort(x, axis=axis, kind="stable"), [middle], axis=axis)
    y = np.take_along_axis(x, i, axis=axis)
    return (y, i) if keepdims else (y.squeeze(axis), i.squeeze(axis))


register(
    "median",
    median,
    taken_backward,
    wrt="x",
    torch="torch.median(x, axis, keepdims)",
    output=["y", "i"],
    examples=[example(x=X), example(x=X, axis=1, keepdims=True)],
    aten="median.dim(x, axis, keepdims)",
    in_formulas=False,
)


def median_all(x):
    return np.sort(x.ravel())[(x.size - 1) // 2]


def equals_backward(dy, x, y):
    # equal numbers share the derivative evenly
    winners = x == y
    return winners * (dy / winners.sum(dtype=x.dtype))


register(
    "median_all",
    median_all,
    equals_backward,
    wrt="x",
    torch="torch.median(x)",
    examples=[example(x=X), example(x=ROWS)],
    aten="median.default(x)",
    in_formulas=False,
)


def mode(x, *, axis=-1, keepdims=False):
    # in order, the smallest of those that stand there most often, and the last place it has
    rows = np.moveaxis(x, axis, -1)
    ordered = np.sort(rows, axis=-1)
    counts = (ordered[..., None] == ordered[..., None, :]).sum(axis=-1)
    most = np.argmax(counts, axis=-1)[..., None]
    y = np.take_along_axis(ordered, most, axis=-1)
    i = rows.shape[-1] - 1 - np.argmax((rows == y)[..., ::-1], axis=-1)[..., None]
    y, i = np.moveaxis(y, -1, axis), np.moveaxis(i, -1, axis)
    return (y, i) if keepdims else (y.squeeze(axis), i.squeeze(axis))


register(
    "mode",
    mode,
    taken_backward,
    wrt="x",
    torch="torch.mode(x, axis, keepdims)",
    output=["y", "i"],
    examples=[example(x=ROWS), example(x=X, axis=1, keepdims=True)],
    aten="mode.default(x, axis, keepdims)",
    in_formulas=False,
)


def max_and_where(x, *, axis, keepdims=False):
    i = np.argmax(x, axis=axis, keepdims=True)
    y = np.take_along_axis(x, i, axis=axis)
    return (y, i) if keepdims else (y.squeeze(axis), i.squeeze(axis))


register(
    "max_and_where",
    max_and_where,
    taken_backward,
    wrt="x",
    torch="torch.max(x, axis, keepdims)",
    output=["y", "i"],
    examples=[example(x=X, axis=-1), example(x=X, axis=1, keepdims=True)],
    aten="max.dim(x, axis, keepdims)",
    in_formulas=False,
)


def min_and_where(x, *, axis, keepdims=False):
    i = np.argmin(x, axis=axis, keepdims=True)
    y = np.take_along_axis(x, i, axis=axis)
    return (y, i) if keepdims else (y.squeeze(axis), i.squeeze(axis))


register(
    "min_and_where",
    min_and_where,
    taken_backward,
    wrt="x",
    torch="torch.min(x, axis, keepdims)",
    output=["y", "i"],
    examples=[example(x=X, axis=-1), example(x=X, axis=1, keepdims=True)],
    aten="min.dim(x, axis, keepdims)",
    in_formulas=False,
)


def argmax(x, *, axis=None, keepdims=False):
    return np.argmax(x, axis=axis, keepdims=keepdims)


register(
    "argmax",
    argmax,
    None,
    wrt="",
    none="x",
    torch="torch.argmax(x, axis, keepdims)",
    noun="best",
    examples=[example(x=X), example(x=X, axis=1, keepdims=True)],
    aten="argmax.default(x, axis, keepdims)",
    in_formulas=False,
)


def argmin(x, *, axis=None, keepdims=False):
    return np.argmin(x, axis=axis, keepdims=keepdims)


register(
    "argmin",
    argmin,
    None,
    wrt="",
    none="x",
    torch="torch.argmin(x, axis, keepdims)",
    noun="best",
    examples=[example(x=X), example(x=X, axis=1, keepdims=True)],
    aten="argmin.default(x, axis, keepdims)",
    in_formulas=False,
)


def last_places(x, y, axis):
    # where each running extreme was met last
    steps = np.arange(x.shape[axis]).reshape([-1] + [1] * (x.ndim - 1 - axis % x.ndim))
    return np.maximum.accumulate(np.where(x == y, steps, 0), axis=axis)


def cummax(x, *, axis):
    y = np.maximum.accumulate(x, axis=axis)
    return y, last_places(x, y, axis)


register(
    "cummax",
    cummax,
    gather_backward,
    wrt="x",
    torch="torch.cummax(x, axis)",
    output=["y", "i"],
    examples=[example(x=X, axis=1), example(x=ROWS, axis=-1)],
    aten="cummax.default(x, axis)",
    in_formulas=False,
)


def cummin(x, *, axis):
    y = np.minimum.accumulate(x, axis=axis)
    return y, last_places(x, y, axis)


register(
    "cummin",
    cummin,
    gather_backward,
    wrt="x",
    torch="torch.cummin(x, axis)",
    output=["y", "i"],
    examples=[example(x=X, axis=1), example(x=ROWS, axis=-1)],
    aten="cummin.default(x, axis)",
    in_formulas=False,
)
