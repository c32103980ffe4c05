"""Matrix products with a sum, and products over any axes.

Sources: the pages of torch (addmm, baddbmm, outer, tensordot, einsum). `linear` has the matrix
product itself, `dots` its forms with vectors.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

MATRIX = uniform(-2, 2, (3, 5))
STACK = uniform(-2, 2, (2, 3, 5))
VECTOR = uniform(-2, 2, (5,))
COLUMNS = uniform(-2, 2, (5, 4))
STACKED_COLUMNS = uniform(-2, 2, (2, 5, 4))


def outer(a, b):
    return np.outer(a, b)


def outer_backward(dy, a, b):
    return dy @ b, a @ dy


register(
    "outer",
    outer,
    outer_backward,
    wrt="ab",
    torch="torch.outer(a, b)",
    noun="z",
    examples=[example(a=VECTOR, b=uniform(-2, 2, (3,)))],
    aten=["outer.default(a, b)", "ger.default(a, b)"],
    in_formulas=False,
)


def addmm(c, a, b):
    return c + a @ b


def addmm_backward(dy, a, b):
    return dy, dy @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ dy


register(
    "addmm",
    addmm,
    addmm_backward,
    wrt="cab",
    torch="c + a @ b",
    noun="z",
    examples=[
        example(c=uniform(-1, 1, (4,)), a=MATRIX, b=COLUMNS),
        example(c=uniform(-1, 1, (3, 4)), a=STACK, b=STACKED_COLUMNS),
    ],
    aten=["addmm.default(c, a, b)", "baddbmm.default(c, a, b)"],
    in_formulas=False,
)


def addmm_scaled(c, a, b, *, beta, alpha):
    return beta * c + alpha * (a @ b)


def addmm_scaled_backward(dy, a, b, *, beta, alpha):
    return beta * dy, alpha * dy @ b.swapaxes(-1, -2), alpha * a.swapaxes(-1, -2) @ dy


register(
    "addmm_scaled",
    addmm_scaled,
    addmm_scaled_backward,
    wrt="cab",
    torch="torch.baddbmm(c, a, b, beta=beta, alpha=alpha)",
    noun="z",
    examples=[example(c=uniform(-1, 1, (3, 4)), a=STACK, b=STACKED_COLUMNS, beta=0.5, alpha=-2)],
    aten=[
        "addmm.default(c, a, b, beta=beta, alpha=alpha)",
        "baddbmm.default(c, a, b, beta=beta, alpha=alpha)",
    ],
    in_formulas=False,
)
