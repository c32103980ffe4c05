"""Numbers picked from an array by whole numbers: rows of a table, elements along an axis.

Going back, each derivative is added where its number came from, for one place may be read several
times. Sources: the pages of torch (embedding, index_select, gather, take_along_dim, take).
"""

import numpy as np

from backhand.rules.register import example, register, uniform, whole

X = uniform(-3, 3, (4, 5, 3))
TABLE = uniform(-3, 3, (6, 3))
FOUR = whole(0, 3, (4,))
PAIRS = whole(0, 3, (2, 4))


def added_at(index, dy, shape):
    # what is read several times gets the sum
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx, index, dy)
    return dx


def embedding(w, ids):
    return w[ids]


def embedding_backward(dy, ids, *, w_shape):
    return added_at(ids, dy, w_shape)


register(
    "embedding",
    embedding,
    embedding_backward,
    wrt="w",
    none=["ids"],
    torch="F.embedding(ids, w)",
    noun="x",
    examples=[example(w=TABLE, ids=whole(0, 6, (2, 5))), example(w=TABLE, ids=whole(0, 2, (7,)))],
    # -1: no row is left out; whether PyTorch's derivative is sparse makes no difference
    aten="embedding.default(w, ids, -1, False, _)",
    in_formulas=False,
)


def padded_embedding(w, ids, *, padding):
    return w[ids]


def padded_embedding_backward(dy, ids, *, padding, w_shape):
    dw = added_at(ids, dy, w_shape)
    dw[padding] = 0
    return dw


register(
    "padded_embedding",
    padded_embedding,
    padded_embedding_backward,
    wrt="w",
    none=["ids"],
    torch="F.embedding(ids, w, padding)",
    noun="x",
    examples=[example(w=TABLE, ids=whole(0, 4, (2, 5)), padding=1)],
    aten="embedding.default(w, ids, padding, False, _)",
    in_formulas=False,
)


def index(x, *indices):
    return x[indices]


def index_backward(dy, *indices, x_shape):
    return added_at(indices, dy, x_shape)


register(
    "index",
    index,
    index_backward,
    wrt="x",
    none=["indices"],
    torch="x[tuple(indices)]",
    examples=[
        example(x=X, indices=[PAIRS]),
        example(x=X, indices=[FOUR, whole(-3, 3, (4,))]),
        example(x=X, indices=[whole(0, 4, (2, 1)), whole(0, 5, (4,)), FOUR]),
        example(x=X, indices=[whole(0, 4, ())]),
    ],
    in_formulas=False,
)


def index_second(x, i):
    return x[:, i]


def index_second_backward(dy, i, *, x_shape):
    return added_at((slice(None), i), dy, x_shape)


register(
    "index_second",
    index_second,
    index_second_backward,
    wrt="x",
    none="i",
    torch="x[:, i]",
    examples=[example(x=X, i=FOUR), example(x=X, i=PAIRS)],
    in_formulas=False,
)


def index_last(x, i):
    return x[..., i]


def index_last_backward(dy, i, *, x_shape):
    return added_at((..., i), dy, x_shape)


register(
    "index_last",
    index_last,
    index_last_backward,
    wrt="x",
    none="i",
    torch="x[..., i]",
    examples=[example(x=X, i=FOUR), example(x=X, i=PAIRS)],
    in_formulas=False,
)


def index_axes(x, *indices, axes):
    where = [slice(None)] * x.ndim
    for axis, i in zip(axes, indices, strict=True):
        where[axis] = i
    return x[tuple(where)]


def index_axes_backward(dy, *indices, axes, x_shape):
    where = [slice(None)] * len(x_shape)
    for axis, i in zip(axes, indices, strict=True):
        where[axis] = i
    return added_at(tuple(where), dy, x_shape)


register(
    "index_axes",
    index_axes,
    index_axes_backward,
    wrt="x",
    none=["indices"],
    torch="x[tuple(indices[axes.index(d)] if d in axes else slice(None) for d in range(x.ndim))]",
    examples=[
        example(x=X, indices=[whole(0, 5, (2, 1)), whole(0, 3, (4,))], axes=(1, 2)),
        example(x=X, indices=[FOUR, whole(0, 3, (4,))], axes=(0, 2)),
    ],
    in_formulas=False,
)


def take(x, i, *, axis=0):
    return np.take(x, i, axis=axis)


def take_backward(dy, i, *, axis=0, x_shape):
    # the axis stands first while it is added to, which changes dx
    dx = np.zeros(x_shape, dy.dtype)
    np.add.at(np.moveaxis(dx, axis, 0), i, np.moveaxis(dy, axis, 0))
    return dx


register(
    "take",
    take,
    take_backward,
    wrt="x",
    none="i",
    torch="torch.index_select(x, axis, i)",
    examples=[example(x=X, i=FOUR), example(x=X, i=whole(0, 5, (7,)), axis=-2)],
    aten="index_select.default(x, axis, i)",
    in_formulas=False,
)


def places(i, axis):
    # what each number of i points to: its own place, but along the axis
    where = list(np.indices(i.shape, sparse=True))
    where[axis] = i
    return tuple(where)


def gather(x, i, *, axis):
    return np.take_along_axis(x, i, axis=axis)


def gather_backward(dy, i, *, axis, x_shape):
    return added_at(places(i, axis), dy, x_shape)


register(
    "gather",
    gather,
    gather_backward,
    wrt="x",
    none="i",
    torch="torch.gather(x, axis, i)",
    examples=[
        example(x=X, i=whole(0, 3, (4, 5, 2)), axis=-1),
        example(x=X, i=whole(0, 4, (6, 5, 3)), axis=0),
    ],
    aten="gather.default(x, axis, i, sparse_grad=_)",
    in_formulas=False,
)


def gather_corner(x, i, *, axis):
    return x[places(i, axis)]


register(
    "gather_corner",
    gather_corner,
    gather_backward,
    wrt="x",
    none="i",
    torch="torch.gather(x, axis, i)",
    examples=[example(x=X, i=whole(0, 3, (2, 4, 6)), axis=-1)],
    aten="gather.default(x, axis, i, sparse_grad=_)",
    in_formulas=False,
)


def take_along(x, i, *, axis):
    return np.take_along_axis(x, i, axis=axis)


def take_along_backward(dy, i, *, axis, x_shape):
    # x and i may be stretched to each other, but for the axis
    shape = list(np.broadcast_shapes(x_shape, np.take(dy, [0], axis=axis).shape))
    shape[axis] = x_shape[axis]
    return added_at(places(np.broadcast_to(i, dy.shape), axis), dy, shape)


register(
    "take_along",
    take_along,
    take_along_backward,
    wrt="x",
    none="i",
    torch="torch.take_along_dim(x, i, axis)",
    examples=[
        example(x=X, i=whole(0, 3, (1, 5, 2)), axis=-1),
        example(x=uniform(-3, 3, (1, 5, 3)), i=whole(0, 5, (4, 2, 1)), axis=1),
    ],
    aten="take_along_dim.default(x, i, axis)",
    in_formulas=False,
)


def take_flat(x, i):
    return np.take(x, i)


def take_flat_backward(dy, i, *, x_shape):
    return added_at(i, dy, np.prod(x_shape, dtype=int)).reshape(x_shape)


register(
    "take_flat",
    take_flat,
    take_flat_backward,
    wrt="x",
    none="i",
    torch="torch.take(x, i)",
    examples=[example(x=X, i=whole(-60, 60, (3, 5)))],
    aten=["take.default(x, i)", "take_along_dim.default(x, i, None)"],
    in_formulas=False,
)


def one_hot(i, *, classes):
    return (i[..., None] == np.arange(classes)).astype(i.dtype)


register(
    "one_hot",
    one_hot,
    None,
    wrt="",
    none="i",
    torch="F.one_hot(i, classes)",
    examples=[example(i=whole(0, 5, (2, 3)), classes=5)],
    aten="one_hot.default(i, classes)",
    in_formulas=False,
)
