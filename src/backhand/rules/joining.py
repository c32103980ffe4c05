"""Arrays put together, and arrays repeated. Source: the pages of torch with these names."""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (2, 6, 4))
PARTS = [uniform(-3, 3, (2, 3, 4)), uniform(-3, 3, (2, 1, 4)), uniform(-3, 3, (2, 2, 4))]
EQUAL = [uniform(-3, 3, (2, 3))] * 3
SCALARS = [uniform(-3, 3, ())] * 2
ROWS = [uniform(-3, 3, (3,))] * 2


def concatenate(*xs, axis=0):
    return np.concatenate(xs, axis=axis)


def concatenate_backward(dy, *xs, axis=0):
    ends = np.cumsum([x.shape[axis] for x in xs])
    return tuple(np.split(dy, ends[:-1], axis=axis))


register(
    "concatenate",
    concatenate,
    concatenate_backward,
    wrt=["xs"],
    torch="torch.cat(xs, axis)",
    examples=[
        example(xs=PARTS, axis=1),
        example(xs=PARTS, axis=-2),
        example(xs=EQUAL),
        example(xs=ROWS[:1]),
    ],
    aten=[
        "cat.default(xs, axis)",
        "concat.default(xs, axis)",
        "concatenate.default(xs, axis)",
    ],
    in_formulas=False,
)


def concatenate_filled(*xs, axis=0):
    # PyTorch leaves out what is empty and has one axis, whatever the shape of the others
    return np.concatenate([x for x in xs if x.shape != (0,)], axis=axis)


def concatenate_filled_backward(dy, *xs, axis=0):
    ends = np.cumsum([0 if x.shape == (0,) else x.shape[axis] for x in xs])
    parts = np.split(dy, ends[:-1], axis=axis)
    return tuple(part.reshape(x.shape) for part, x in zip(parts, xs, strict=True))


register(
    "concatenate_filled",
    concatenate_filled,
    concatenate_filled_backward,
    wrt=["xs"],
    torch="torch.cat(xs, axis)",
    examples=[example(xs=[uniform(-3, 3, (0,)), *PARTS], axis=1)],
    aten=["cat.default(xs, axis)", "concat.default(xs, axis)"],
    in_formulas=False,
)


def stack(*xs, axis=0):
    return np.stack(xs, axis=axis)


def stack_backward(dy, *, axis=0):
    return tuple(np.moveaxis(dy, axis, 0))


register(
    "stack",
    stack,
    stack_backward,
    wrt=["xs"],
    torch="torch.stack(xs, axis)",
    examples=[
        example(xs=EQUAL),
        example(xs=EQUAL, axis=1),
        example(xs=EQUAL, axis=-1),
        example(xs=SCALARS),
    ],
    aten="stack.default(xs, axis)",
    in_formulas=False,
)


def hstack(*xs):
    return np.hstack(xs)


def hstack_backward(dy, *xs):
    axis = min(1, dy.ndim - 1)
    ends = np.cumsum([np.atleast_1d(x).shape[axis] for x in xs])
    parts = np.split(dy, ends[:-1], axis=axis)
    return tuple(part.reshape(x.shape) for part, x in zip(parts, xs, strict=True))


register(
    "hstack",
    hstack,
    hstack_backward,
    wrt=["xs"],
    torch="torch.hstack(xs)",
    examples=[example(xs=PARTS), example(xs=ROWS), example(xs=SCALARS)],
    aten="hstack.default(xs)",
    in_formulas=False,
)


def vstack(*xs):
    return np.vstack(xs)


def vstack_backward(dy, *xs):
    ends = np.cumsum([len(np.atleast_2d(x)) for x in xs])
    parts = np.split(dy, ends[:-1])
    return tuple(part.reshape(x.shape) for part, x in zip(parts, xs, strict=True))


register(
    "vstack",
    vstack,
    vstack_backward,
    wrt=["xs"],
    torch="torch.vstack(xs)",
    examples=[example(xs=EQUAL), example(xs=ROWS), example(xs=SCALARS)],
    aten="vstack.default(xs)",
    in_formulas=False,
)


def dstack(*xs):
    return np.dstack(xs)


def dstack_backward(dy, *xs):
    ends = np.cumsum([np.atleast_3d(x).shape[2] for x in xs])
    parts = np.split(dy, ends[:-1], axis=2)
    return tuple(part.reshape(x.shape) for part, x in zip(parts, xs, strict=True))


register(
    "dstack",
    dstack,
    dstack_backward,
    wrt=["xs"],
    torch="torch.dstack(xs)",
    examples=[example(xs=[X, X]), example(xs=EQUAL), example(xs=ROWS), example(xs=SCALARS)],
    aten="dstack.default(xs)",
    in_formulas=False,
)


def column_stack(*xs):
    return np.column_stack(xs)


def column_stack_backward(dy, *xs):
    ends = np.cumsum([x.shape[1] if x.ndim > 1 else 1 for x in xs])
    parts = np.split(dy, ends[:-1], axis=1)
    return tuple(part.reshape(x.shape) for part, x in zip(parts, xs, strict=True))


register(
    "column_stack",
    column_stack,
    column_stack_backward,
    wrt=["xs"],
    torch="torch.column_stack(xs)",
    examples=[example(xs=PARTS), example(xs=[*EQUAL, uniform(-3, 3, (2,))]), example(xs=ROWS)],
    aten="column_stack.default(xs)",
    in_formulas=False,
)


def repeat(x, *, repeats, axis=None):
    return np.repeat(x, repeats, axis=axis)


def repeat_backward(dy, *, repeats, axis=None, x_shape):
    # all copies of a number stand next to each other
    if axis is None:
        return dy.reshape(*x_shape, repeats).sum(axis=-1)
    axis = axis % len(x_shape)
    apart = dy.reshape(*x_shape[: axis + 1], repeats, *x_shape[axis + 1 :])
    return apart.sum(axis=axis + 1)


register(
    "repeat",
    repeat,
    repeat_backward,
    wrt="x",
    torch="torch.repeat_interleave(x, repeats, axis)",
    examples=[
        example(x=X, repeats=2),
        example(x=X, repeats=3, axis=1),
        example(x=X, repeats=2, axis=-1),
    ],
    aten=[
        "repeat_interleave.self_int(x, repeats, axis, output_size=_)",
    ],
    in_formulas=False,
)


def tile(x, *, repeats):
    return np.tile(x, repeats)


def tile_backward(dy, *, repeats, x_shape):
    # along each axis: the copies, and in each of them the numbers
    axes = max(len(repeats), len(x_shape))
    copies = (1,) * (axes - len(repeats)) + tuple(repeats)
    lengths = (1,) * (axes - len(x_shape)) + tuple(x_shape)
    apart = dy.reshape([n for both in zip(copies, lengths, strict=True) for n in both])
    return apart.sum(axis=tuple(range(0, 2 * axes, 2))).reshape(x_shape)


register(
    "tile",
    tile,
    tile_backward,
    wrt="x",
    torch="torch.tile(x, repeats)",
    examples=[
        example(x=X, repeats=(2, 1, 3)),
        example(x=X, repeats=(2,)),
        example(x=X, repeats=(2, 1, 1, 2)),
    ],
    aten=["repeat.default(x, repeats)", "tile.default(x, repeats)"],
    in_formulas=False,
)


def meshgrid(*xs, indexing="ij"):
    return tuple(np.meshgrid(*xs, indexing=indexing))


def meshgrid_backward(*dys, indexing="ij"):
    # a number stands all along the other axes
    grids = list(np.broadcast_arrays(*dys))
    if indexing == "xy" and len(grids) > 1:
        grids = [grid.swapaxes(0, 1) for grid in grids]
    others = [tuple(j for j in range(len(grids)) if j != i) for i in range(len(grids))]
    return tuple(grid.sum(axis=axes) for grid, axes in zip(grids, others, strict=True))


register(
    "meshgrid",
    meshgrid,
    meshgrid_backward,
    wrt=["xs"],
    torch="torch.meshgrid(xs, indexing=indexing)",
    output="*ys",
    examples=[
        example(xs=[uniform(-3, 3, (n,)) for n in (2, 4, 3)]),
        example(xs=[uniform(-3, 3, (n,)) for n in (2, 4)], indexing="xy"),
    ],
    aten=["meshgrid.indexing(xs, indexing=indexing)", "meshgrid.default(xs)"],
    in_formulas=False,
)
