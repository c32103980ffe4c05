"""Sums, products, powers, exponentials: the operators that work element by element and broadcast.

A derivative here has the shape that broadcasting gave the result; the deriver undoes that.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

WIDE = uniform(-3, 3, (3, 4))
ROW = uniform(-3, 3, (4,))
POSITIVE = uniform(0.2, 4, (3, 4))
POSITIVE_ROW = uniform(0.5, 2, (4,))


def add(a, b):
    return a + b


def add_backward(dy):
    return dy, dy


register(
    "add", add, add_backward, wrt="ab", torch="a + b", examples=[example(a=WIDE, b=ROW)],
    aten=["add.Tensor(a, b)", "add.Scalar(a, b)"],
)  # fmt: skip


def add_scaled(a, b, *, alpha):
    return a + alpha * b


def add_scaled_backward(dy, *, alpha):
    return dy, dy * alpha


register(
    "add_scaled",
    add_scaled,
    add_scaled_backward,
    wrt="ab",
    torch="torch.add(a, b, alpha=alpha)",
    examples=[example(a=WIDE, b=ROW, alpha=0.3), example(a=ROW, b=WIDE, alpha=-2)],
    aten=["add.Tensor(a, b, alpha=alpha)", "add.Scalar(a, b, alpha=alpha)"],
    in_formulas=False,
)


def sub(a, b):
    return a - b


def sub_backward(dy):
    return dy, -dy


register(
    "sub",
    sub,
    sub_backward,
    wrt="ab",
    torch="a - b",
    examples=[example(a=WIDE, b=ROW)],
    aten=["sub.Tensor(a, b)", "sub.Scalar(a, b)", "rsub.Tensor(b, a)", "rsub.Scalar(b, a)"],
)


def sub_scaled(a, b, *, alpha):
    return a - alpha * b


def sub_scaled_backward(dy, *, alpha):
    return dy, -dy * alpha


register(
    "sub_scaled",
    sub_scaled,
    sub_scaled_backward,
    wrt="ab",
    torch="torch.sub(a, b, alpha=alpha)",
    examples=[example(a=WIDE, b=ROW, alpha=0.3), example(a=ROW, b=WIDE, alpha=-2)],
    aten=[
        "sub.Tensor(a, b, alpha=alpha)",
        "sub.Scalar(a, b, alpha=alpha)",
        "rsub.Tensor(b, a, alpha=alpha)",
        "rsub.Scalar(b, a, alpha=alpha)",
    ],
    in_formulas=False,
)


def mul(a, b):
    return a * b


def mul_backward(dy, a, b):
    return dy * b, dy * a


register(
    "mul",
    mul,
    mul_backward,
    wrt="ab",
    torch="a * b",
    examples=[example(a=WIDE, b=ROW)],
    aten=["mul.Tensor(a, b)", "mul.Scalar(a, b)"],
)


def div(a, b):
    return a / b


def div_backward(dy, b, y):
    return dy / b, -dy * y / b


register(
    "div",
    div,
    div_backward,
    wrt="ab",
    torch="a / b",
    examples=[example(a=WIDE, b=POSITIVE_ROW)],
    aten=[
        "div.Tensor(a, b)",
        "div.Scalar(a, b)",
        "div.Tensor_mode(a, b, rounding_mode=None)",
        "div.Scalar_mode(a, b, rounding_mode=None)",
        "true_divide.Tensor(a, b)",
        "true_divide.Scalar(a, b)",
    ],
)


def neg(x):
    return -x


def neg_backward(dy):
    return -dy


register(
    "neg",
    neg,
    neg_backward,
    wrt="x",
    torch="-x",
    examples=[example(x=WIDE)],
    aten=["neg.default(x)", "negative.default(x)"],
)


def pow_constant(x, *, exponent):
    return x**exponent


def pow_constant_backward(dy, x, *, exponent):
    return dy * exponent * x ** (exponent - 1)


register(
    "pow",
    pow_constant,
    pow_constant_backward,
    wrt="x",
    torch="x ** exponent",
    examples=[
        example(x=WIDE, exponent=2),
        example(x=WIDE, exponent=3),
        example(x=POSITIVE, exponent=0.5),
        example(x=POSITIVE, exponent=-1.5),
    ],
    aten="pow.Tensor_Scalar(x, exponent)",
)


def power(a, b):
    return a**b


def power_backward(dy, a, b, y):
    # 0 ** b stays 0 when b moves; dtype because a may be a plain number, whose log is a float64
    return dy * b * a ** (b - 1), dy * y * np.log(np.where(a == 0, 1, a), dtype=y.dtype)


register(
    "power",
    power,
    power_backward,
    wrt="ab",
    torch="a ** b",
    examples=[example(a=POSITIVE, b=ROW)],
    aten=["pow.Tensor_Tensor(a, b)", "pow.Scalar(a, b)"],
)


def exp(x):
    return np.exp(x)


def exp_backward(dy, y):
    return dy * y


register(
    "exp",
    exp,
    exp_backward,
    wrt="x",
    torch="torch.exp(x)",
    examples=[example(x=WIDE)],
    aten="exp.default(x)",
)


def log(x):
    return np.log(x)


def log_backward(dy, x):
    return dy / x


register(
    "log",
    log,
    log_backward,
    wrt="x",
    torch="torch.log(x)",
    examples=[example(x=POSITIVE)],
    aten="log.default(x)",
)


def sqrt(x):
    return np.sqrt(x)


def sqrt_backward(dy, y):
    return dy / (2 * y)


register(
    "sqrt",
    sqrt,
    sqrt_backward,
    wrt="x",
    torch="torch.sqrt(x)",
    examples=[example(x=POSITIVE)],
    aten="sqrt.default(x)",
)
