"""Numbers put into a copy of an array: over what was there, or added to it.

Where one place is written several times, PyTorch does not say which number stays, nor what the
derivatives are. Sources: the pages of torch (scatter, scatter_add, scatter_reduce, index_put,
index_add, index_copy, select_scatter, slice_scatter).
"""

import numpy as np

from backhand.rules.indexing import places
from backhand.rules.register import example, register, truths, uniform, whole

X = uniform(-3, 3, (4, 5, 3))
ROWS = uniform(-3, 3, (4, 5))


def corner(x, shape):
    # as much of x as i has numbers
    return x[tuple(map(slice, shape))]


def scatter(x, source, i, *, axis):
    y = x.copy()
    y[places(i, axis)] = corner(source, i.shape)
    return y


def scatter_backward(dy, i, *, axis, source_shape):
    dx, dsource = dy.copy(), np.zeros(source_shape, dy.dtype)
    dx[places(i, axis)] = 0
    corner(dsource, i.shape)[...] = dy[places(i, axis)]
    return dx, dsource


register(
    "scatter",
    scatter,
    scatter_backward,
    wrt=["x", "source"],
    none="i",
    torch="torch.scatter(x, axis, i, source)",
    # each place once, or PyTorch does not say what the derivatives are
    examples=[example(x=ROWS, source=uniform(-3, 3, (1, 4)), i=whole(0, 4, (1, 4)), axis=0)],
    aten="scatter.src(x, axis, i, source)",
    in_formulas=False,
)


def scatter_value(x, i, value, *, axis):
    y = x.copy()
    y[places(i, axis)] = value
    return y


def scatter_value_backward(dy, i, *, axis):
    dx = dy.copy()
    dx[places(i, axis)] = 0
    return dx


register(
    "scatter_value",
    scatter_value,
    scatter_value_backward,
    wrt="x",
    none=["i", "value"],
    torch="torch.scatter(x, axis, i, value.item())",
    examples=[example(x=ROWS, i=whole(0, 4, (2, 3)), value=uniform(-1, 1, ()), axis=0)],
    aten="scatter.value(x, axis, i, value)",
    in_formulas=False,
)


def scatter_add(x, source, i, *, axis):
    y = x.copy()
    np.add.at(y, places(i, axis), corner(source, i.shape))
    return y


def scatter_add_backward(dy, i, *, axis, source_shape):
    dsource = np.zeros(source_shape, dy.dtype)
    corner(dsource, i.shape)[...] = dy[places(i, axis)]
    return dy, dsource


register(
    "scatter_add",
    scatter_add,
    scatter_add_backward,
    wrt=["x", "source"],
    none="i",
    torch="torch.scatter_add(x, axis, i, source)",
    examples=[
        example(x=ROWS, source=uniform(-3, 3, (3, 6)), i=whole(0, 5, (3, 6)), axis=1),
        example(x=X, source=X, i=whole(0, 4, (4, 5, 3)), axis=0),
    ],
    aten=[
        "scatter_add.default(x, axis, i, source)",
        "scatter.reduce(x, axis, i, source, reduce='add')",
        "scatter_reduce.two(x, axis, i, source, 'sum')",
    ],
    in_formulas=False,
)


def index_add(x, i, source, *, axis, alpha=1):
    y = x.copy()
    np.add.at(np.moveaxis(y, axis, 0), i, alpha * np.moveaxis(source, axis, 0))
    return y


def index_add_backward(dy, i, *, axis, alpha=1):
    return dy, alpha * np.take(dy, i, axis=axis)


register(
    "index_add",
    index_add,
    index_add_backward,
    wrt=["x", "source"],
    none="i",
    torch="torch.index_add(x, axis, i, source, alpha=alpha)",
    examples=[
        example(x=X, i=whole(0, 5, (6,)), source=uniform(-3, 3, (4, 6, 3)), axis=1),
        example(x=ROWS, i=whole(0, 4, (3,)), source=uniform(-3, 3, (3, 5)), axis=0, alpha=-2),
    ],
    aten=[
        "index_add.default(x, axis, i, source)",
        "index_add.default(x, axis, i, source, alpha=alpha)",
    ],
    in_formulas=False,
)


def index_copy(x, i, source, *, axis):
    y = x.copy()
    np.moveaxis(y, axis, 0)[i] = np.moveaxis(source, axis, 0)
    return y


def index_copy_backward(dy, i, *, axis):
    # the axis stands first while zeros are written, which changes dx
    dx = dy.copy()
    np.moveaxis(dx, axis, 0)[i] = 0
    return dx, np.take(dy, i, axis=axis)


register(
    "index_copy",
    index_copy,
    index_copy_backward,
    wrt=["x", "source"],
    none="i",
    torch="torch.index_copy(x, axis, i, source)",
    examples=[
        example(x=X, i=whole(0, 5, (1,)), source=uniform(-3, 3, (4, 1, 3)), axis=1),
        example(x=ROWS, i=whole(0, 4, (1,)), source=uniform(-3, 3, (1, 5)), axis=0),
    ],
    aten="index_copy.default(x, axis, i, source)",
    in_formulas=False,
)


def index_fill(x, i, value, *, axis):
    y = x.copy()
    np.moveaxis(y, axis, 0)[i] = value
    return y


def index_fill_backward(dy, i, *, axis):
    dx = dy.copy()
    np.moveaxis(dx, axis, 0)[i] = 0
    return dx, (dy - dx).sum()


register(
    "index_fill",
    index_fill,
    index_fill_backward,
    wrt=["x", "value"],
    none="i",
    torch="torch.index_fill(x, axis, i, value)",
    examples=[
        example(x=X, i=whole(0, 5, (1,)), value=uniform(-1, 1, ()), axis=1),
    ],
    aten=[
        "index_fill.int_Scalar(x, axis, i, value)",
        "index_fill.int_Tensor(x, axis, i, value)",
    ],
    in_formulas=False,
)


def index_put(x, values, *indices):
    y = x.copy()
    y[indices] = values
    return y


def index_put_backward(dy, *indices):
    dx = dy.copy()
    dx[indices] = 0
    return dx, dy[indices]


register(
    "index_put",
    index_put,
    index_put_backward,
    wrt=["x", "values"],
    none=["indices"],
    torch="torch.index_put(x, indices, values)",
    examples=[
        example(x=X, values=uniform(-3, 3, (1, 5, 3)), indices=[whole(0, 4, (1,))]),
        example(x=X, values=uniform(-3, 3, ()), indices=[truths((4, 5))]),
    ],
    in_formulas=False,
)


def index_put_add(x, values, *indices):
    y = x.copy()
    np.add.at(y, indices, values)
    return y


def index_put_add_backward(dy, *indices):
    return dy, dy[indices]


register(
    "index_put_add",
    index_put_add,
    index_put_add_backward,
    wrt=["x", "values"],
    none=["indices"],
    torch="torch.index_put(x, indices, values, accumulate=True)",
    examples=[
        example(x=X, values=uniform(-3, 3, (5, 3)), indices=[whole(0, 4, (6,))]),
        example(
            x=X,
            values=uniform(-3, 3, (6, 3)),
            indices=[whole(0, 4, (6,)), whole(0, 5, (6,))],
        ),
    ],
    in_formulas=False,
)


def along(indices, axes, ndim):
    where = [slice(None)] * ndim
    for axis, i in zip(axes, indices, strict=True):
        where[axis] = i
    return tuple(where)


def index_put_axes(x, values, *indices, axes):
    y = x.copy()
    y[along(indices, axes, x.ndim)] = values
    return y


def index_put_axes_backward(dy, *indices, axes):
    dx = dy.copy()
    dx[along(indices, axes, dy.ndim)] = 0
    return dx, dy[along(indices, axes, dy.ndim)]


register(
    "index_put_axes",
    index_put_axes,
    index_put_axes_backward,
    wrt=["x", "values"],
    none=["indices"],
    torch="torch.ops.aten.index_put(x, [indices[axes.index(d)] if d in axes else None "
    "for d in range(x.ndim)], values)",
    examples=[
        example(x=X, values=uniform(-3, 3, (4, 1, 3)), indices=[whole(0, 5, (1,))], axes=(1,))
    ],
    in_formulas=False,
)


def index_put_add_axes(x, values, *indices, axes):
    y = x.copy()
    np.add.at(y, along(indices, axes, x.ndim), values)
    return y


def index_put_add_axes_backward(dy, *indices, axes):
    return dy, dy[along(indices, axes, dy.ndim)]


register(
    "index_put_add_axes",
    index_put_add_axes,
    index_put_add_axes_backward,
    wrt=["x", "values"],
    none=["indices"],
    torch="torch.ops.aten.index_put(x, [indices[axes.index(d)] if d in axes else None "
    "for d in range(x.ndim)], values, True)",
    examples=[
        example(x=X, values=uniform(-3, 3, (4, 6, 3)), indices=[whole(0, 5, (6,))], axes=(1,))
    ],
    in_formulas=False,
)


def select_scatter(x, source, *, axis, index):
    y = x.copy()
    np.moveaxis(y, axis, 0)[index] = source
    return y


def select_scatter_backward(dy, *, axis, index):
    dx = dy.copy()
    np.moveaxis(dx, axis, 0)[index] = 0
    return dx, np.take(dy, index, axis=axis)


register(
    "select_scatter",
    select_scatter,
    select_scatter_backward,
    wrt=["x", "source"],
    torch="torch.select_scatter(x, source, axis, index)",
    examples=[
        example(x=X, source=uniform(-3, 3, (4, 3)), axis=1, index=-2),
        example(x=X, source=uniform(-3, 3, (5, 3)), axis=0, index=1),
    ],
    aten="select_scatter.default(x, source, axis, index)",
    in_formulas=False,
)


def slice_scatter(x, source, *, axis=0, start=None, stop=None, step=1):
    y = x.copy()
    np.moveaxis(y, axis, 0)[start:stop:step] = np.moveaxis(source, axis, 0)
    return y


def slice_scatter_backward(dy, *, axis=0, start=None, stop=None, step=1):
    dx = dy.copy()
    np.moveaxis(dx, axis, 0)[start:stop:step] = 0
    return dx, np.moveaxis(np.moveaxis(dy, axis, 0)[start:stop:step], 0, axis)


register(
    "slice_scatter",
    slice_scatter,
    slice_scatter_backward,
    wrt=["x", "source"],
    torch="torch.slice_scatter(x, source, axis, start, stop, step)",
    examples=[
        example(x=X, source=uniform(-3, 3, (4, 2, 3)), axis=1, start=1, stop=3),
        example(x=ROWS, source=uniform(-3, 3, (2, 5)), start=0, stop=4, step=2),
    ],
    aten="slice_scatter.default(x, source, axis, start, stop, step)",
    in_formulas=False,
)
