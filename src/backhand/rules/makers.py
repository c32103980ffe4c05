"""Arrays that depend on sizes alone. They have no derivative.

`dtype` says what they are made of, `float`, `int` or `bool`. Source: the pages of torch with these
names.
"""

import numpy as np

from backhand.rules.register import example, register, truths, uniform, whole

X = uniform(-3, 3, (2, 3))
TYPED = "dtype=_, layout=_, device=_, pin_memory=_"
LIKE = "layout=_, device=_, pin_memory=_, memory_format=_"
CAST = f"dtype=_, {LIKE}"


def zeros_like(x):
    return np.zeros_like(x)


register(
    "zeros_like",
    zeros_like,
    None,
    wrt="",
    none="x",
    torch="torch.zeros_like(x)",
    examples=[example(x=X), example(x=truths((2, 3)))],
    aten=f"zeros_like.default(x, {LIKE})",
    in_formulas=False,
)


def ones_like(x):
    return np.ones_like(x)


register(
    "ones_like",
    ones_like,
    None,
    wrt="",
    none="x",
    torch="torch.ones_like(x)",
    examples=[example(x=X), example(x=truths((2, 3)))],
    aten=f"ones_like.default(x, {LIKE})",
    in_formulas=False,
)


def full_like(x, *, value):
    return np.full_like(x, value)


register(
    "full_like",
    full_like,
    None,
    wrt="",
    none="x",
    torch="torch.full_like(x, value)",
    examples=[example(x=X, value=-1.5), example(x=whole(0, 9, (2, 3)), value=7)],
    aten=f"full_like.default(x, value, {LIKE})",
    in_formulas=False,
)


def zeros(*, shape, dtype):
    return np.zeros(shape, dtype)


register(
    "zeros",
    zeros,
    None,
    wrt="",
    torch="torch.zeros(shape, dtype=getattr(torch, dtype))",
    examples=[example(shape=(2, 3), dtype="int"), example(shape=(), dtype="bool")],
    aten=[
        f"zeros.default(_, {TYPED})",
        f"new_zeros.default(_, _, {TYPED})",
        # what is made empty is written before it is read: zeros are as good as anything
        f"new_empty.default(_, _, {TYPED})",
        f"empty.memory_format(_, {TYPED}, memory_format=_)",
        f"empty_like.default(_, {CAST})",
        f"zeros_like.default(_, {CAST})",
    ],
    in_formulas=False,
)


def ones(*, shape, dtype):
    return np.ones(shape, dtype)


register(
    "ones",
    ones,
    None,
    wrt="",
    torch="torch.ones(shape, dtype=getattr(torch, dtype))",
    examples=[example(shape=(2, 3), dtype="int"), example(shape=(), dtype="bool")],
    aten=[
        f"ones.default(_, {TYPED})",
        f"new_ones.default(_, _, {TYPED})",
        f"ones_like.default(_, {CAST})",
    ],
    in_formulas=False,
)


def full(*, shape, value, dtype):
    return np.full(shape, value, dtype)


register(
    "full",
    full,
    None,
    wrt="",
    torch="torch.full(shape, value, dtype=getattr(torch, dtype))",
    examples=[
        example(shape=(2, 3), value=7, dtype="int"),
        example(shape=(), value=True, dtype="bool"),
    ],
    aten=[
        f"full.default(_, value, {TYPED})",
        f"new_full.default(_, _, value, {TYPED})",
        f"full_like.default(_, value, {CAST})",
        "fill.Scalar(_, value)",
    ],
    in_formulas=False,
)


def arange(*, start=0, stop, step=1, dtype):
    return np.arange(start, stop, step, dtype=dtype)


register(
    "arange",
    arange,
    None,
    wrt="",
    torch="torch.arange(start, stop, step, dtype=getattr(torch, dtype))",
    examples=[
        example(stop=5, dtype="int"),
        example(start=7, stop=-2, step=-3, dtype="int"),
    ],
    aten=[
        f"arange.default(stop, {TYPED})",
        f"arange.start(start, stop, {TYPED})",
        f"arange.start_step(start, stop, step, {TYPED})",
    ],
    in_formulas=False,
)


def eye(*, rows, columns=None, dtype):
    return np.eye(rows, columns, dtype=dtype)


register(
    "eye",
    eye,
    None,
    wrt="",
    torch="torch.eye(rows, rows if columns is None else columns, dtype=getattr(torch, dtype))",
    examples=[example(rows=3, dtype="int"), example(rows=2, columns=4, dtype="bool")],
    aten=[f"eye.default(rows, {TYPED})", f"eye.m(rows, columns, {TYPED})"],
    in_formulas=False,
)
