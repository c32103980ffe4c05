"""Parts of an array: an index or a slice of an axis, diagonals, triangles, windows.

The derivative of a part is that part among zeros. Axes may be counted from the end: those before
the axis, or those behind it, are taken whole. Source: the pages of torch with these names.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (2, 3, 4))
ROW = uniform(-3, 3, (7,))


def placed(part, index, shape):
    whole = np.zeros(shape, part.dtype)
    whole[index] = part
    return whole


def select(x, *, axis, index):
    return x[
        ((slice(None),) * axis if axis >= 0 else (...,)) + (index,) + (slice(None),) * (-1 - axis)
    ]


def select_backward(dy, *, axis, index, x_shape):
    return placed(
        dy,
        ((slice(None),) * axis if axis >= 0 else (...,)) + (index,) + (slice(None),) * (-1 - axis),
        x_shape,
    )


register(
    "select",
    select,
    select_backward,
    wrt="x",
    torch="torch.select(x, axis, index)",
    examples=[
        example(x=X, axis=0, index=1),
        example(x=X, axis=1, index=-1),
        example(x=X, axis=-1, index=2),
        example(x=X, axis=-2, index=-3),
    ],
    aten=["select.int(x, axis, index)", "select_copy.int(x, axis, index)"],
    in_formulas=False,
)


def slice_axis(x, *, axis=0, start=None, stop=None, step=1):
    return x[
        ((slice(None),) * axis if axis >= 0 else (...,))
        + (slice(start, stop, step),)
        + (slice(None),) * (-1 - axis)
    ]


def slice_axis_backward(dy, *, axis=0, start=None, stop=None, step=1, x_shape):
    return placed(
        dy,
        ((slice(None),) * axis if axis >= 0 else (...,))
        + (slice(start, stop, step),)
        + (slice(None),) * (-1 - axis),
        x_shape,
    )


register(
    "slice",
    slice_axis,
    slice_axis_backward,
    wrt="x",
    torch="torch.ops.aten.slice.Tensor(x, axis, start, stop, step)",
    examples=[
        example(x=X, axis=1, stop=2),
        example(x=X, axis=-1, start=1, step=2),
        example(x=X, axis=-2, start=-2),
        example(x=X, start=-5, stop=9),
        example(x=X, axis=2, start=1, stop=-1),
        example(x=X, axis=1, start=3),
    ],
    aten=[
        "slice.Tensor(x, axis, start, 9223372036854775807, step)",
        "slice.Tensor(x, axis, start, stop, step)",
    ],
    in_formulas=False,
)


def narrow(x, *, axis, start, length):
    return x[
        ((slice(None),) * axis if axis >= 0 else (...,))
        + (slice(start, (start + length or None) if start < 0 else start + length),)
        + (slice(None),) * (-1 - axis)
    ]


def narrow_backward(dy, *, axis, start, length, x_shape):
    return placed(
        dy,
        ((slice(None),) * axis if axis >= 0 else (...,))
        + (slice(start, (start + length or None) if start < 0 else start + length),)
        + (slice(None),) * (-1 - axis),
        x_shape,
    )


register(
    "narrow",
    narrow,
    narrow_backward,
    wrt="x",
    torch="torch.narrow(x, axis, start, length)",
    examples=[
        example(x=X, axis=1, start=0, length=2),
        example(x=X, axis=-1, start=1, length=3),
        example(x=X, axis=2, start=-2, length=2),
        example(x=X, axis=1, start=0, length=0),
    ],
    aten=[
        "narrow.default(x, axis, start, length)",
        "narrow_copy.default(x, axis, start, length)",
    ],
    in_formulas=False,
)


def diagonal(x, *, offset=0, first=0, second=1):
    return np.diagonal(x, offset, first, second)


def diagonal_backward(dy, *, offset=0, first=0, second=1, x_shape):
    dx = np.zeros(x_shape, dy.dtype)
    rows = np.arange(dy.shape[-1]) + max(-offset, 0)
    columns = np.arange(dy.shape[-1]) + max(offset, 0)
    np.moveaxis(dx, (first, second), (-2, -1))[..., rows, columns] = dy
    return dx


register(
    "diagonal",
    diagonal,
    diagonal_backward,
    wrt="x",
    torch="torch.diagonal(x, offset, first, second)",
    examples=[
        example(x=X),
        example(x=X, offset=1, first=-2, second=-1),
        example(x=X, offset=-1, first=2, second=0),
        example(x=X, offset=4, first=1, second=2),
    ],
    aten=[
        "diagonal.default(x, offset, first, second)",
        "diagonal_copy.default(x, offset, first, second)",
        "linalg_diagonal.default(x, offset=offset, dim1=first, dim2=second)",
        "diag.default(x, offset)",
    ],
    in_formulas=False,
)


def diag_embed(x, *, offset=0, first=-2, second=-1):
    count = x.shape[-1]
    size = count + abs(offset)
    y = np.zeros((*x.shape[:-1], size, size), x.dtype)
    y[..., np.arange(count) + max(-offset, 0), np.arange(count) + max(offset, 0)] = x
    return np.moveaxis(y, (-2, -1), (first, second))


def diag_embed_backward(dy, *, offset=0, first=-2, second=-1):
    return np.diagonal(dy, offset, first, second)


register(
    "diag_embed",
    diag_embed,
    diag_embed_backward,
    wrt="x",
    torch="torch.diag_embed(x, offset, first, second)",
    examples=[
        example(x=X),
        example(x=ROW, offset=-2),
        example(x=X, offset=1, first=0, second=2),
        example(x=X, offset=1, first=2, second=0),
    ],
    aten=["diag_embed.default(x, offset, first, second)", "diag.default(x, offset)"],
    in_formulas=False,
)


def diagflat(x, *, offset=0):
    return np.diagflat(x, offset)


def diagflat_backward(dy, *, offset=0, x_shape):
    return np.diagonal(dy, offset).reshape(x_shape)


register(
    "diagflat",
    diagflat,
    diagflat_backward,
    wrt="x",
    torch="torch.diagflat(x, offset)",
    examples=[example(x=X), example(x=ROW, offset=-2)],
    aten="diagflat.default(x, offset)",
    in_formulas=False,
)


def tril(x, *, offset=0):
    return np.tril(x, offset)


def tril_backward(dy, *, offset=0):
    return np.tril(dy, offset)


def triu(x, *, offset=0):
    return np.triu(x, offset)


def triu_backward(dy, *, offset=0):
    return np.triu(dy, offset)


TRIANGLES = [example(x=X), example(x=X, offset=1), example(x=X, offset=-1)]

register(
    "tril",
    tril,
    tril_backward,
    wrt="x",
    torch="torch.tril(x, offset)",
    examples=TRIANGLES,
    aten="tril.default(x, offset)",
    in_formulas=False,
)

register(
    "triu",
    triu,
    triu_backward,
    wrt="x",
    torch="torch.triu(x, offset)",
    examples=TRIANGLES,
    aten="triu.default(x, offset)",
    in_formulas=False,
)


def unfold(x, *, axis, size, step):
    # windows along an axis, each of them along a new last axis
    seen = np.lib.stride_tricks.sliding_window_view(x, size, axis)
    return np.moveaxis(np.moveaxis(seen, axis - (axis < 0), 0)[::step], 0, axis - (axis < 0))


def unfold_backward(dy, *, axis, size, step, x_shape):
    # place i of every window lies `step` apart from place i of the next
    dx = np.zeros(x_shape, dy.dtype)
    parts, along = np.moveaxis(dy, axis - (axis < 0), 0), np.moveaxis(dx, axis, 0)
    for i in range(size):
        along[i : i + len(parts) * step : step] += parts[..., i]
    return dx


register(
    "unfold",
    unfold,
    unfold_backward,
    wrt="x",
    torch="x.unfold(axis, size, step)",
    examples=[
        example(x=X, axis=2, size=2, step=1),
        example(x=X, axis=-2, size=2, step=1),
        example(x=ROW, axis=0, size=3, step=2),
        example(x=ROW, axis=-1, size=2, step=3),
    ],
    aten=["unfold.default(x, axis, size, step)", "unfold_copy.default(x, axis, size, step)"],
    in_formulas=False,
)
