"""Two or three arrays at once: a sum with a product or a quotient, and what lies between two.

Sources: the pages of torch (addcmul, addcdiv, lerp).
"""

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (3, 4))
ROW = uniform(-3, 3, (4,))
DIVISOR = uniform(0.5, 2, (4,))


def addcmul(x, a, b, *, value=1):
    return x + value * a * b


def addcmul_backward(dy, a, b, *, value=1):
    return dy, dy * value * b, dy * value * a


register(
    "addcmul",
    addcmul,
    addcmul_backward,
    wrt="xab",
    torch="torch.addcmul(x, a, b, value=value)",
    examples=[example(x=X, a=X, b=ROW), example(x=ROW, a=X, b=X, value=0.3)],
    aten=["addcmul.default(x, a, b)", "addcmul.default(x, a, b, value=value)"],
    in_formulas=False,
)


def addcdiv(x, a, b, *, value=1):
    return x + value * a / b


def addcdiv_backward(dy, a, b, *, value=1):
    return dy, dy * value / b, -dy * value * a / b / b


register(
    "addcdiv",
    addcdiv,
    addcdiv_backward,
    wrt="xab",
    torch="torch.addcdiv(x, a, b, value=value)",
    examples=[example(x=X, a=X, b=DIVISOR), example(x=ROW, a=X, b=DIVISOR, value=0.3)],
    aten=["addcdiv.default(x, a, b)", "addcdiv.default(x, a, b, value=value)"],
    in_formulas=False,
)


def lerp(a, b, weight):
    return a + weight * (b - a)


def lerp_backward(dy, a, b, weight):
    return dy * (1 - weight), dy * weight, dy * (b - a)


register(
    "lerp",
    lerp,
    lerp_backward,
    wrt=["a", "b", "weight"],
    torch="torch.lerp(a, b, weight)",
    examples=[example(a=X, b=uniform(-3, 3, (3, 4)), weight=uniform(0, 1, (4,)))],
    aten=["lerp.Tensor(a, b, weight)", "lerp.Scalar(a, b, weight)"],
    in_formulas=False,
)
