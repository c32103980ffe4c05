"""Angles, hyperbolic functions and logarithms to other bases.

Sources: the pages of torch; derivatives as in tools/autograd/derivatives.yaml.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (3, 4))
INSIDE = uniform(-0.9, 0.9, (3, 4))
POSITIVE = uniform(0.2, 4, (3, 4))


def sinh(x):
    return np.sinh(x)


def sinh_backward(dy, x):
    return dy * np.cosh(x)


register("sinh", sinh, sinh_backward, wrt="x", torch="torch.sinh(x)", examples=[example(x=X)],
         aten="sinh.default(x)", in_formulas=False)  # fmt: skip


def cosh(x):
    return np.cosh(x)


def cosh_backward(dy, x):
    return dy * np.sinh(x)


register("cosh", cosh, cosh_backward, wrt="x", torch="torch.cosh(x)", examples=[example(x=X)],
         aten="cosh.default(x)", in_formulas=False)  # fmt: skip


def arcsin(x):
    return np.arcsin(x)


def arcsin_backward(dy, x):
    return dy / np.sqrt(1 - x * x)


register("asin", arcsin, arcsin_backward, wrt="x", torch="torch.asin(x)",
         examples=[example(x=INSIDE)], aten=["asin.default(x)", "arcsin.default(x)"],
         in_formulas=False)  # fmt: skip


def arccos(x):
    return np.arccos(x)


def arccos_backward(dy, x):
    return -dy / np.sqrt(1 - x * x)


register("acos", arccos, arccos_backward, wrt="x", torch="torch.acos(x)",
         examples=[example(x=INSIDE)], aten=["acos.default(x)", "arccos.default(x)"],
         in_formulas=False)  # fmt: skip


def arctan(x):
    return np.arctan(x)


def arctan_backward(dy, x):
    return dy / (1 + x * x)


register("atan", arctan, arctan_backward, wrt="x", torch="torch.atan(x)", examples=[example(x=X)],
         aten=["atan.default(x)", "arctan.default(x)"], in_formulas=False)  # fmt: skip


def arcsinh(x):
    return np.arcsinh(x)


def arcsinh_backward(dy, x):
    return dy / np.sqrt(1 + x * x)


register("asinh", arcsinh, arcsinh_backward, wrt="x", torch="torch.asinh(x)",
         examples=[example(x=X)], aten=["asinh.default(x)", "arcsinh.default(x)"],
         in_formulas=False)  # fmt: skip


def arccosh(x):
    return np.arccosh(x)


def arccosh_backward(dy, x):
    return dy / np.sqrt(x * x - 1)


register("acosh", arccosh, arccosh_backward, wrt="x", torch="torch.acosh(x)",
         examples=[example(x=uniform(1.2, 4, (3, 4)))],
         aten=["acosh.default(x)", "arccosh.default(x)"], in_formulas=False)  # fmt: skip


def arctanh(x):
    return np.arctanh(x)


def arctanh_backward(dy, x):
    return dy / (1 - x * x)


register("atanh", arctanh, arctanh_backward, wrt="x", torch="torch.atanh(x)",
         examples=[example(x=INSIDE)], aten=["atanh.default(x)", "arctanh.default(x)"],
         in_formulas=False)  # fmt: skip


def arctan2(y, x):
    return np.arctan2(y, x)


def arctan2_backward(dangle, y, x):
    return dangle * x / (x * x + y * y), -dangle * y / (x * x + y * y)


register("atan2", arctan2, arctan2_backward, wrt="yx", torch="torch.atan2(y, x)", output="angle",
         examples=[example(y=X, x=uniform(0.5, 3, (4,))), example(y=POSITIVE, x=X)],
         aten=["atan2.default(y, x)", "arctan2.default(y, x)"], in_formulas=False)  # fmt: skip


def hypot(a, b):
    return np.hypot(a, b)


def hypot_backward(dy, a, b, y):
    return dy * a / y, dy * b / y


register("hypot", hypot, hypot_backward, wrt="ab", torch="torch.hypot(a, b)",
         examples=[example(a=X, b=uniform(0.2, 3, (4,)))], aten="hypot.default(a, b)",
         in_formulas=False)  # fmt: skip


def exp2(x):
    return np.exp2(x)


def exp2_backward(dy, y):
    return dy * y * 0.6931471805599453  # the logarithm of 2


register("exp2", exp2, exp2_backward, wrt="x", torch="torch.exp2(x)", examples=[example(x=X)],
         aten=["exp2.default(x)", "special_exp2.default(x)"], in_formulas=False)  # fmt: skip


def log2(x):
    return np.log2(x)


def log2_backward(dy, x):
    return dy / (x * 0.6931471805599453)  # the logarithm of 2


register("log2", log2, log2_backward, wrt="x", torch="torch.log2(x)",
         examples=[example(x=POSITIVE)], aten="log2.default(x)", in_formulas=False)  # fmt: skip


def log10(x):
    return np.log10(x)


def log10_backward(dy, x):
    return dy / (x * 2.302585092994046)  # the logarithm of 10


register("log10", log10, log10_backward, wrt="x", torch="torch.log10(x)",
         examples=[example(x=POSITIVE)], aten="log10.default(x)", in_formulas=False)  # fmt: skip


def logaddexp(a, b):
    return np.logaddexp(a, b)


def logaddexp_backward(dy, a, b, y):
    return dy * np.exp(a - y), dy * np.exp(b - y)


register("logaddexp", logaddexp, logaddexp_backward, wrt="ab", torch="torch.logaddexp(a, b)",
         examples=[example(a=X, b=uniform(-3, 3, (4,)))], aten="logaddexp.default(a, b)",
         in_formulas=False)  # fmt: skip


def xlogy(a, b):
    # 0 where a is 0, whatever b is
    return np.where(a == 0, 0, a * np.log(np.where(a == 0, 1, b)))


def xlogy_backward(dy, a, b):
    return dy * np.where((a == 0) & (b <= 0), 0, np.log(np.where(a == 0, 1, b))), dy * a / b


register("xlogy", xlogy, xlogy_backward, wrt="ab", torch="torch.xlogy(a, b)",
         examples=[example(a=X, b=uniform(0.3, 3, (4,)))],
         aten=["xlogy.Tensor(a, b)", "xlogy.Scalar_Other(a, b)", "xlogy.Scalar_Self(a, b)"],
         in_formulas=False)  # fmt: skip


def logit(x):
    return np.log(x / (1 - x))


def logit_backward(dy, x):
    return dy / (x * (1 - x))


register("logit", logit, logit_backward, wrt="x", torch="torch.logit(x)",
         examples=[example(x=uniform(0.05, 0.95, (3, 4)))], aten="logit.default(x, None)",
         in_formulas=False)  # fmt: skip


def sinc(x):
    far = np.where(x == 0, 1, np.pi * x)
    return np.where(x == 0, 1, np.sin(far) / far)


def sinc_backward(dy, x):
    far = np.where(x == 0, 1, np.pi * x)
    slope = (np.cos(far) * far - np.sin(far)) / (far * far) * np.pi
    return dy * np.where(x == 0, 0, slope)


register("sinc", sinc, sinc_backward, wrt="x", torch="torch.sinc(x)",
         examples=[example(x=uniform(0.3, 3, (3, 4)))],
         aten=["sinc.default(x)", "special_sinc.default(x)"], in_formulas=False)  # fmt: skip
