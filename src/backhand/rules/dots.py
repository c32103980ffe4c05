"""Products of which one side, or both, is a vector.

PyTorch has one operator for these and for matrices, told apart by the shapes. Each function here
gives another shape for matrices, so that it is not taken for them; and as the register is asked in
order, this module must come before `linear`. Source: the page of torch.matmul.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

MATRIX = uniform(-2, 2, (3, 5))
STACK = uniform(-2, 2, (2, 3, 5))
VECTOR = uniform(-2, 2, (5,))
COLUMNS = uniform(-2, 2, (5, 4))
STACKED_COLUMNS = uniform(-2, 2, (2, 5, 4))


def dot(a, b):
    return np.vdot(a, b)


def dot_backward(dy, a, b):
    return dy * b, dy * a


register(
    "dot",
    dot,
    dot_backward,
    wrt="ab",
    torch="torch.dot(a, b)",
    noun="z",
    examples=[example(a=VECTOR, b=VECTOR)],
    aten=["dot.default(a, b)", "vdot.default(a, b)", "matmul.default(a, b)"],
    in_formulas=False,
)


def matvec(a, b):
    return a @ b.ravel()


def matvec_backward(dy, a, b):
    return dy[..., None] * b, a.reshape(-1, len(b)).T @ dy.ravel()


register(
    "matvec",
    matvec,
    matvec_backward,
    wrt="ab",
    torch="torch.matmul(a, b)",
    noun="z",
    examples=[example(a=MATRIX, b=VECTOR), example(a=STACK, b=VECTOR)],
    aten=["mv.default(a, b)", "matmul.default(a, b)"],
    in_formulas=False,
)


def vecmat(a, b):
    return a.ravel() @ b


def vecmat_backward(dy, a, b):
    return (b * dy[..., None, :]).sum(axis=-1), a[:, None] * dy[..., None, :]


register(
    "vecmat",
    vecmat,
    vecmat_backward,
    wrt="ab",
    torch="torch.matmul(a, b)",
    noun="z",
    examples=[example(a=VECTOR, b=COLUMNS), example(a=VECTOR, b=STACKED_COLUMNS)],
    aten="matmul.default(a, b)",
    in_formulas=False,
)
