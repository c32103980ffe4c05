"""Matrix products, and the linear layer in both layouts that people use."""

from backhand.rules.register import example, register, uniform

X = uniform(-2, 2, (3, 5))
STACKED_X = uniform(-2, 2, (2, 3, 5))
W = uniform(-1, 1, (5, 4))
STORED_W = uniform(-1, 1, (4, 5))
B = uniform(-1, 1, (4,))


def matmul(a, b):
    return a @ b


def matmul_backward(dy, a, b):
    return dy @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ dy


register(
    "matmul",
    matmul,
    matmul_backward,
    wrt="ab",
    torch="a @ b",
    noun="z",
    examples=[
        example(a=X, b=W),
        example(a=STACKED_X, b=W),
        example(a=STACKED_X, b=uniform(-1, 1, (2, 5, 4))),
    ],
    aten=["matmul.default(a, b)", "mm.default(a, b)", "bmm.default(a, b)"],
)


def affine(x, w, b):
    return x @ w + b


def affine_backward(dy, x, w):
    return dy @ w.T, x.reshape(-1, x.shape[-1]).T @ dy.reshape(-1, dy.shape[-1]), dy


register(
    "affine",
    affine,
    affine_backward,
    wrt="xwb",
    torch="x @ w + b",
    noun="z",
    examples=[example(x=X, w=W, b=B), example(x=STACKED_X, w=W, b=B)],
)


def linear(x, w, b):
    return x @ w.T + b


def linear_backward(dy, x, w):
    return dy @ w, dy.reshape(-1, dy.shape[-1]).T @ x.reshape(-1, x.shape[-1]), dy


register(
    "linear",
    linear,
    linear_backward,
    wrt="xwb",
    torch="F.linear(x, w, b)",
    noun="z",
    examples=[example(x=X, w=STORED_W, b=B), example(x=STACKED_X, w=STORED_W, b=B)],
    aten="linear.default(x, w, b)",
)


def linear_no_bias(x, w):
    return x @ w.T


def linear_no_bias_backward(dy, x, w):
    return dy @ w, dy.reshape(-1, dy.shape[-1]).T @ x.reshape(-1, x.shape[-1])


register(
    "linear_no_bias",
    linear_no_bias,
    linear_no_bias_backward,
    wrt="xw",
    torch="F.linear(x, w)",
    noun="z",
    examples=[example(x=X, w=STORED_W), example(x=STACKED_X, w=STORED_W)],
    aten="linear.default(x, w, None)",
)
