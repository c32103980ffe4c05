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


def inner(a, b):
    return np.inner(a, b)


def inner_backward(dy, a, b):
    da = np.tensordot(dy, b, axes=b.ndim - 1)
    db = np.tensordot(dy, a, axes=(range(a.ndim - 1), range(a.ndim - 1)))
    return da, db


register(
    "inner",
    inner,
    inner_backward,
    wrt="ab",
    torch="torch.inner(a, b)",
    noun="z",
    examples=[example(a=STACK, b=MATRIX), example(a=VECTOR, b=STACK)],
    in_formulas=False,
)


def tensordot(a, b, *, a_axes, b_axes):
    return np.tensordot(a, b, axes=(a_axes, b_axes))


def tensordot_backward(dy, a, b, *, a_axes, b_axes):
    # the axes that were not summed over are those of dy: first a's, then b's
    summed_a, summed_b = [i % a.ndim for i in a_axes], [i % b.ndim for i in b_axes]
    free_a = [i for i in range(a.ndim) if i not in summed_a]
    free_b = [i for i in range(b.ndim) if i not in summed_b]
    da = np.tensordot(dy, b, axes=(range(len(free_a), dy.ndim), free_b))
    db = np.tensordot(a, dy, axes=(free_a, range(len(free_a))))
    # what was summed over stands now in the other array's order
    order_a = [*free_a, *(i for _, i in sorted(zip(summed_b, summed_a, strict=True)))]
    order_b = [*(i for _, i in sorted(zip(summed_a, summed_b, strict=True))), *free_b]
    return da.transpose(np.argsort(order_a)), db.transpose(np.argsort(order_b))


register(
    "tensordot",
    tensordot,
    tensordot_backward,
    wrt="ab",
    torch="torch.tensordot(a, b, (a_axes, b_axes))",
    noun="z",
    examples=[
        example(a=STACK, b=uniform(-2, 2, (5, 2, 4)), a_axes=(0, 2), b_axes=(1, 0)),
        example(a=STACK, b=COLUMNS, a_axes=(-1,), b_axes=(0,)),
    ],
    aten="tensordot.default(a, b, a_axes, b_axes)",
    in_formulas=False,
)


def einsum_pair(a, b, *, equation, a_equation, b_equation):
    return np.einsum(equation, a, b)


def einsum_pair_backward(dy, a, b, *, equation, a_equation, b_equation):
    return np.einsum(a_equation, dy, b), np.einsum(b_equation, dy, a)


register(
    "einsum_pair",
    einsum_pair,
    einsum_pair_backward,
    wrt="ab",
    torch="torch.einsum(equation, a, b)",
    noun="z",
    examples=[
        example(
            a=uniform(-2, 2, (2, 3, 4)),
            b=uniform(-2, 2, (2, 5, 4)),
            equation="bid,bjd->bij",
            a_equation="bij,bjd->bid",
            b_equation="bij,bid->bjd",
        )
    ],
    in_formulas=False,
)


def einsum(*xs, equation):
    return np.einsum(equation, *xs)


def einsum_backward(dy, *xs, equation):
    # dy times all the others, summed over what x does not have; ones spread what x alone has
    inputs, output = equation.split("->")
    letters = inputs.split(",")
    dxs = []
    for k, x in enumerate(xs):
        others = [dy, *xs[:k], *xs[k + 1 :], np.ones_like(x)]
        names = [output, *letters[:k], *letters[k + 1 :], letters[k]]
        dxs.append(np.einsum(f"{','.join(names)}->{letters[k]}", *others))
    return tuple(dxs)


register(
    "einsum",
    einsum,
    einsum_backward,
    wrt=["xs"],
    torch="torch.einsum(equation, *xs)",
    noun="z",
    examples=[
        example(xs=[STACK], equation="bij->j"),
        example(xs=[MATRIX, COLUMNS, uniform(-2, 2, (4, 3))], equation="ij,jk,kl->il"),
        example(xs=[STACK, VECTOR], equation="bij,k->b"),
    ],
    in_formulas=False,
)


def trace(x):
    return np.trace(x)


def trace_backward(dy, *, x_shape):
    return dy * np.eye(*x_shape, dtype=dy.dtype)


register("trace", trace, trace_backward, wrt="x", torch="torch.trace(x)",
         examples=[example(x=MATRIX)], aten="trace.default(x)", in_formulas=False)  # fmt: skip


def cross(a, b, *, axis):
    return np.cross(a, b, axis=axis)


def cross_backward(dy, a, b, *, axis):
    return np.cross(b, dy, axis=axis), np.cross(dy, a, axis=axis)


register(
    "cross",
    cross,
    cross_backward,
    wrt="ab",
    torch="torch.cross(a, b, dim=axis)",
    examples=[
        example(a=uniform(-2, 2, (4, 3)), b=uniform(-2, 2, (1, 3)), axis=-1),
        example(a=uniform(-2, 2, (3, 4)), b=uniform(-2, 2, (3, 4)), axis=0),
    ],
    aten="linalg_cross.default(a, b, dim=axis)",
    in_formulas=False,
)


def kron(a, b):
    return np.kron(a, b)


def kron_backward(dy, a, b):
    # in blocks, an axis of a stands before each axis of b
    a_shape, b_shape = (1,) * (dy.ndim - a.ndim) + a.shape, (1,) * (dy.ndim - b.ndim) + b.shape
    blocks = dy.reshape([size for pair in zip(a_shape, b_shape, strict=True) for size in pair])
    axes, of_a, of_b = range(dy.ndim), range(0, 2 * dy.ndim, 2), range(1, 2 * dy.ndim, 2)
    da = np.tensordot(blocks, b.reshape(b_shape), axes=(of_b, axes))
    db = np.tensordot(blocks, a.reshape(a_shape), axes=(of_a, axes))
    return da.reshape(a.shape), db.reshape(b.shape)


register(
    "kron",
    kron,
    kron_backward,
    wrt="ab",
    torch="torch.kron(a, b)",
    examples=[example(a=MATRIX, b=uniform(-2, 2, (2, 4))), example(a=VECTOR, b=STACK)],
    aten="kron.default(a, b)",
    in_formulas=False,
)
