"""Arrays taken apart: in equal parts, in parts of given sizes, at given places, along an axis.

A part that nobody uses has the plain number 0 for its derivative, which is stretched to the shape
of its part. Source: the pages of torch with these names.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (2, 6, 4))
ROW = uniform(-3, 3, (3,))


def split(x, *, count, axis=0):
    return tuple(np.split(x, count, axis=axis))


def split_backward(*dys, axis=0):
    return np.concatenate(np.broadcast_arrays(*dys), axis=axis)


register(
    "split",
    split,
    split_backward,
    wrt="x",
    torch="torch.tensor_split(x, count, axis)",
    output="*ys",
    examples=[example(x=X, count=2), example(x=X, count=3, axis=1), example(x=X, count=2, axis=-1)],
    aten=[
        "split.Tensor(x, _, axis)",
        "split.sizes(x, _, axis)",
        "split_with_sizes.default(x, _, axis)",
        "chunk.default(x, _, axis)",
        "tensor_split.sections(x, _, axis)",
        "tensor_split.indices(x, _, axis)",
        "unsafe_split.Tensor(x, _, axis)",
        "unsafe_split_with_sizes.default(x, _, axis)",
        "split_with_sizes_copy.default(x, _, axis)",
        "unsafe_chunk.default(x, _, axis)",
    ],
    in_formulas=False,
)


def fill(parts, dys):
    # parts of one array, which are written into
    for part, dy in zip(parts, dys, strict=True):
        part[...] = dy


def split_at(x, *, places, axis=0):
    return tuple(np.split(x, places, axis=axis))


def split_at_backward(*dys, places, axis=0, x_shape):
    dx = np.zeros(x_shape, np.result_type(*dys))
    fill(np.split(dx, places, axis=axis), dys)
    return dx


register(
    "split_at",
    split_at,
    split_at_backward,
    wrt="x",
    torch="torch.tensor_split(x, places, axis)",
    output="*ys",
    examples=[
        example(x=X, places=(1, 3), axis=1),
        example(x=X, places=(3,), axis=-1),
        example(x=X, places=(1, 1, 5), axis=1),
    ],
    aten="tensor_split.indices(x, places, axis)",
    in_formulas=False,
)


def split_sizes(x, *, sizes, axis=0):
    return tuple(np.split(x, np.cumsum(sizes[:-1]), axis=axis))


def split_sizes_backward(*dys, sizes, axis=0, x_shape):
    dx = np.zeros(x_shape, np.result_type(*dys))
    fill(np.split(dx, np.cumsum(sizes[:-1]), axis=axis), dys)
    return dx


register(
    "split_sizes",
    split_sizes,
    split_sizes_backward,
    wrt="x",
    torch="torch.split(x, sizes, axis)",
    output="*ys",
    examples=[
        example(x=X, sizes=(1, 2, 3), axis=1),
        example(x=X, sizes=(3, 1), axis=-1),
        example(x=X, sizes=(2,)),
    ],
    aten=[
        "split_with_sizes.default(x, sizes, axis)",
        "split.sizes(x, sizes, axis)",
        "unsafe_split_with_sizes.default(x, sizes, axis)",
        "split_with_sizes_copy.default(x, sizes, axis)",
    ],
    in_formulas=False,
)


def split_every(x, *, size, axis=0):
    return tuple(np.split(x, range(size, x.shape[axis], size), axis=axis))


def split_every_backward(*dys, size, axis=0, x_shape):
    dx = np.zeros(x_shape, np.result_type(*dys))
    fill(np.split(dx, range(size, x_shape[axis], size), axis=axis), dys)
    return dx


register(
    "split_every",
    split_every,
    split_every_backward,
    wrt="x",
    torch="torch.split(x, size, axis)",
    output="*ys",
    examples=[
        example(x=X, size=4, axis=1),
        example(x=X, size=3, axis=-1),
        example(x=X, size=9),
    ],
    aten=["split.Tensor(x, size, axis)", "unsafe_split.Tensor(x, size, axis)"],
    in_formulas=False,
)


def chunk(x, *, chunks, axis=0):
    size = -(-x.shape[axis] // chunks)
    return tuple(np.split(x, range(size, x.shape[axis], size), axis=axis))


def chunk_backward(*dys, chunks, axis=0, x_shape):
    size = -(-x_shape[axis] // chunks)
    dx = np.zeros(x_shape, np.result_type(*dys))
    fill(np.split(dx, range(size, x_shape[axis], size), axis=axis), dys)
    return dx


register(
    "chunk",
    chunk,
    chunk_backward,
    wrt="x",
    torch="torch.chunk(x, chunks, axis)",
    output="*ys",
    examples=[
        example(x=X, chunks=4, axis=1),
        example(x=uniform(-3, 3, (2, 7)), chunks=3, axis=-1),
    ],
    aten=["chunk.default(x, chunks, axis)", "unsafe_chunk.default(x, chunks, axis)"],
    in_formulas=False,
)


def array_split(x, *, count, axis=0):
    return tuple(np.array_split(x, count, axis=axis))


def array_split_backward(*dys, count, axis=0, x_shape):
    dx = np.zeros(x_shape, np.result_type(*dys))
    fill(np.array_split(dx, count, axis=axis), dys)
    return dx


register(
    "array_split",
    array_split,
    array_split_backward,
    wrt="x",
    torch="torch.tensor_split(x, count, axis)",
    output="*ys",
    examples=[example(x=X, count=4, axis=1), example(x=X, count=3, axis=-1)],
    aten="tensor_split.sections(x, count, axis)",
    in_formulas=False,
)


def hsplit(x, *, places):
    return tuple(np.hsplit(x, places))


def hsplit_backward(*dys, places, x_shape):
    dx = np.zeros(x_shape, np.result_type(*dys))
    fill(np.hsplit(dx, places), dys)
    return dx


register(
    "hsplit",
    hsplit,
    hsplit_backward,
    wrt="x",
    torch="torch.hsplit(x, places)",
    output="*ys",
    examples=[example(x=X, places=3), example(x=ROW, places=(1, 1))],
    aten=["hsplit.int(x, places)", "hsplit.array(x, places)"],
    in_formulas=False,
)


def vsplit(x, *, places):
    return tuple(np.vsplit(x, places))


def vsplit_backward(*dys, places, x_shape):
    dx = np.zeros(x_shape, np.result_type(*dys))
    fill(np.vsplit(dx, places), dys)
    return dx


register(
    "vsplit",
    vsplit,
    vsplit_backward,
    wrt="x",
    torch="torch.vsplit(x, places)",
    output="*ys",
    examples=[example(x=X, places=2), example(x=X, places=(1,))],
    aten=["vsplit.int(x, places)", "vsplit.array(x, places)"],
    in_formulas=False,
)


def dsplit(x, *, places):
    return tuple(np.dsplit(x, places))


def dsplit_backward(*dys, places, x_shape):
    dx = np.zeros(x_shape, np.result_type(*dys))
    fill(np.dsplit(dx, places), dys)
    return dx


register(
    "dsplit",
    dsplit,
    dsplit_backward,
    wrt="x",
    torch="torch.dsplit(x, places)",
    output="*ys",
    examples=[example(x=X, places=2), example(x=X, places=(1, 3))],
    aten=["dsplit.int(x, places)", "dsplit.array(x, places)"],
    in_formulas=False,
)


def unbind(x, *, axis=0):
    return tuple(np.moveaxis(x, axis, 0))


def unbind_backward(*dys, axis=0):
    return np.stack(np.broadcast_arrays(*dys), axis=axis)


register(
    "unbind",
    unbind,
    unbind_backward,
    wrt="x",
    torch="torch.unbind(x, axis)",
    output="*ys",
    examples=[example(x=X), example(x=X, axis=2), example(x=X, axis=-2)],
    aten=["unbind.int(x, axis)", "unbind_copy.int(x, axis)"],
    in_formulas=False,
)
