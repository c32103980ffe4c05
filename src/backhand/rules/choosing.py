"""One of two numbers, element by element, as a truth value says.

Sources: the pages of torch (where, masked_fill).
"""

import numpy as np

from backhand.rules.register import example, register, truths, uniform

X = uniform(-3, 3, (3, 4))
ROW = uniform(-3, 3, (4,))


def where(condition, a, b):
    return np.where(condition, a, b)


def where_backward(dy, condition):
    return np.where(condition, dy, 0), np.where(condition, 0, dy)


register(
    "where",
    where,
    where_backward,
    wrt="ab",
    none=["condition"],
    torch="torch.where(condition, a, b)",
    examples=[
        example(condition=truths((3, 4)), a=X, b=ROW),
        example(condition=truths((3, 1)), a=ROW, b=uniform(-1, 1, ())),
    ],
    aten=[
        "where.self(condition, a, b)",
        "where.ScalarSelf(condition, a, b)",
        "where.ScalarOther(condition, a, b)",
        "masked_fill.Scalar(b, condition, a)",
        "masked_fill.Tensor(b, condition, a)",
    ],
    in_formulas=False,
)
