"""Truth values: comparisons, and what combines them. None has a derivative."""

import numpy as np

from backhand.rules.register import example, register, truths, uniform, whole

FEW = whole(0, 3, (3, 4))
FEW_ROW = whole(0, 3, (4,))
BOTH = example(a=FEW, b=FEW_ROW)
TRUTHS = example(a=truths((3, 4)), b=truths((4,)))


def equal(a, b):
    return a == b


register(
    "eq",
    equal,
    None,
    wrt="",
    none="ab",
    torch="torch.eq(a, b)",
    examples=[BOTH],
    aten=["eq.Tensor(a, b)", "eq.Scalar(a, b)"],
    in_formulas=False,
)


def not_equal(a, b):
    return a != b


register(
    "ne",
    not_equal,
    None,
    wrt="",
    none="ab",
    torch="torch.ne(a, b)",
    examples=[BOTH],
    aten=["ne.Tensor(a, b)", "ne.Scalar(a, b)"],
    in_formulas=False,
)


def less(a, b):
    return a < b


register(
    "lt",
    less,
    None,
    wrt="",
    none="ab",
    torch="torch.lt(a, b)",
    examples=[BOTH],
    aten=["lt.Tensor(a, b)", "lt.Scalar(a, b)"],
    in_formulas=False,
)


def less_equal(a, b):
    return a <= b


register(
    "le",
    less_equal,
    None,
    wrt="",
    none="ab",
    torch="torch.le(a, b)",
    examples=[BOTH],
    aten=["le.Tensor(a, b)", "le.Scalar(a, b)"],
    in_formulas=False,
)


def greater(a, b):
    return a > b


register(
    "gt",
    greater,
    None,
    wrt="",
    none="ab",
    torch="torch.gt(a, b)",
    examples=[BOTH],
    aten=["gt.Tensor(a, b)", "gt.Scalar(a, b)"],
    in_formulas=False,
)


def greater_equal(a, b):
    return a >= b


register(
    "ge",
    greater_equal,
    None,
    wrt="",
    none="ab",
    torch="torch.ge(a, b)",
    examples=[BOTH],
    aten=["ge.Tensor(a, b)", "ge.Scalar(a, b)"],
    in_formulas=False,
)


def bitwise_and(a, b):
    return a & b


register(
    "bitwise_and",
    bitwise_and,
    None,
    wrt="",
    none="ab",
    torch="a & b",
    examples=[TRUTHS, BOTH],
    aten=[
        "__and__.Tensor(a, b)",
        "__and__.Scalar(a, b)",
        "bitwise_and.Tensor(a, b)",
        "bitwise_and.Scalar(a, b)",
        "bitwise_and.Scalar_Tensor(a, b)",
    ],
    in_formulas=False,
)


def bitwise_or(a, b):
    return a | b


register(
    "bitwise_or",
    bitwise_or,
    None,
    wrt="",
    none="ab",
    torch="a | b",
    examples=[TRUTHS, BOTH],
    aten=[
        "__or__.Tensor(a, b)",
        "__or__.Scalar(a, b)",
        "bitwise_or.Tensor(a, b)",
        "bitwise_or.Scalar(a, b)",
        "bitwise_or.Scalar_Tensor(a, b)",
    ],
    in_formulas=False,
)


def bitwise_xor(a, b):
    return a ^ b


register(
    "bitwise_xor",
    bitwise_xor,
    None,
    wrt="",
    none="ab",
    torch="a ^ b",
    examples=[TRUTHS, BOTH],
    aten=[
        "__xor__.Tensor(a, b)",
        "__xor__.Scalar(a, b)",
        "bitwise_xor.Tensor(a, b)",
        "bitwise_xor.Scalar(a, b)",
        "bitwise_xor.Scalar_Tensor(a, b)",
    ],
    in_formulas=False,
)


def invert(x):
    return ~x


register(
    "bitwise_not",
    invert,
    None,
    wrt="",
    none="x",
    torch="~x",
    examples=[example(x=truths((3, 4))), example(x=FEW)],
    aten="bitwise_not.default(x)",
    in_formulas=False,
)


def logical_and(a, b):
    return np.logical_and(a, b)


register(
    "logical_and",
    logical_and,
    None,
    wrt="",
    none="ab",
    torch="torch.logical_and(a, b)",
    examples=[TRUTHS, BOTH],
    aten="logical_and.default(a, b)",
    in_formulas=False,
)


def logical_or(a, b):
    return np.logical_or(a, b)


register(
    "logical_or",
    logical_or,
    None,
    wrt="",
    none="ab",
    torch="torch.logical_or(a, b)",
    examples=[TRUTHS, BOTH],
    aten="logical_or.default(a, b)",
    in_formulas=False,
)


def logical_xor(a, b):
    return np.logical_xor(a, b)


register(
    "logical_xor",
    logical_xor,
    None,
    wrt="",
    none="ab",
    torch="torch.logical_xor(a, b)",
    examples=[TRUTHS, BOTH],
    aten="logical_xor.default(a, b)",
    in_formulas=False,
)


def logical_not(x):
    return np.logical_not(x)


register(
    "logical_not",
    logical_not,
    None,
    wrt="",
    none="x",
    torch="torch.logical_not(x)",
    examples=[example(x=truths((3, 4))), example(x=FEW)],
    aten="logical_not.default(x)",
    in_formulas=False,
)


def isin(x, known):
    return (x[..., None] == known.ravel()).any(axis=-1)


register(
    "isin",
    isin,
    None,
    wrt="",
    none=["x", "known"],
    torch="torch.isin(x, known)",
    examples=[example(x=whole(0, 6, (3, 4)), known=whole(0, 6, (2,)))],
    aten="isin.Tensor_Tensor(x, known)",
    in_formulas=False,
)


def isnan(x):
    return np.isnan(x)


register(
    "isnan",
    isnan,
    None,
    wrt="",
    none="x",
    torch="torch.isnan(x)",
    examples=[example(x=uniform(-3, 3, (3, 4)))],
    aten="isnan.default(x)",
    in_formulas=False,
)


def isinf(x):
    return np.isinf(x)


register(
    "isinf",
    isinf,
    None,
    wrt="",
    none="x",
    torch="torch.isinf(x)",
    examples=[example(x=uniform(-3, 3, (3, 4)))],
    aten="isinf.default(x)",
    in_formulas=False,
)


def isfinite(x):
    return np.isfinite(x)


register(
    "isfinite",
    isfinite,
    None,
    wrt="",
    none="x",
    torch="torch.isfinite(x)",
    examples=[example(x=uniform(-3, 3, (3, 4)))],
    aten="isfinite.default(x)",
    in_formulas=False,
)


def any_of(x, *, axis=None, keepdims=False):
    return np.any(x, axis=axis, keepdims=keepdims)


register(
    "any",
    any_of,
    None,
    wrt="",
    none="x",
    torch="torch.any(x) if axis is None else torch.any(x, axis, keepdims)",
    examples=[example(x=truths((3, 4))), example(x=truths((3, 4)), axis=-1, keepdims=True)],
    aten=["any.default(x)", "any.dim(x, axis, keepdims)", "any.dims(x, axis, keepdims)"],
    in_formulas=False,
)


def all_of(x, *, axis=None, keepdims=False):
    return np.all(x, axis=axis, keepdims=keepdims)


register(
    "all",
    all_of,
    None,
    wrt="",
    none="x",
    torch="torch.all(x) if axis is None else torch.all(x, axis, keepdims)",
    examples=[example(x=truths((3, 4))), example(x=truths((3, 4)), axis=0)],
    aten=["all.default(x)", "all.dim(x, axis, keepdims)", "all.dims(x, axis, keepdims)"],
    in_formulas=False,
)
