"""Numbers cut to whole ones and their kin, flat but for jumps; and the remainders.

Where a function is flat there is nothing to carry back. Sources: the pages of torch (floor, div
with rounding_mode, remainder, fmod).
"""

import numpy as np

from backhand.rules.register import example, register, uniform

X = uniform(-3, 3, (3, 4))
WIDE = uniform(-9, 9, (3, 4))
DIVISOR = uniform(0.5, 2, (4,))


def floor(x):
    return np.floor(x)


register("floor", floor, None, wrt="", none="x", torch="torch.floor(x)", examples=[example(x=X)],
         aten="floor.default(x)", in_formulas=False)  # fmt: skip


def ceil(x):
    return np.ceil(x)


register("ceil", ceil, None, wrt="", none="x", torch="torch.ceil(x)", examples=[example(x=X)],
         aten="ceil.default(x)", in_formulas=False)  # fmt: skip


def round_half_even(x):
    return np.rint(x)


register("round", round_half_even, None, wrt="", none="x", torch="torch.round(x)",
         examples=[example(x=X)], aten="round.default(x)", in_formulas=False)  # fmt: skip


def trunc(x):
    return np.trunc(x)


register("trunc", trunc, None, wrt="", none="x", torch="torch.trunc(x)", examples=[example(x=X)],
         aten=["trunc.default(x)", "fix.default(x)"], in_formulas=False)  # fmt: skip


def sign(x):
    return np.sign(x)


register("sign", sign, None, wrt="", none="x", torch="torch.sign(x)", examples=[example(x=X)],
         aten=["sign.default(x)", "sgn.default(x)"], in_formulas=False)  # fmt: skip


def heaviside(x, at_0):
    return np.heaviside(x, at_0)


register("heaviside", heaviside, None, wrt="", none=["x", "at_0"], torch="torch.heaviside(x, at_0)",
         examples=[example(x=X, at_0=uniform(0, 1, (4,)))], aten="heaviside.default(x, at_0)",
         in_formulas=False)  # fmt: skip


def floor_divide(a, b):
    return a // b


register(
    "floor_divide",
    floor_divide,
    None,
    wrt="",
    none="ab",
    torch="torch.floor_divide(a, b)",
    examples=[example(a=WIDE, b=DIVISOR)],
    aten=[
        "floor_divide.default(a, b)",
        "floor_divide.Scalar(a, b)",
        "div.Tensor_mode(a, b, rounding_mode='floor')",
        "div.Scalar_mode(a, b, rounding_mode='floor')",
    ],
    in_formulas=False,
)


def truncated_divide(a, b):
    return np.trunc(a / b)


register(
    "truncated_divide",
    truncated_divide,
    None,
    wrt="",
    none="ab",
    torch="torch.div(a, b, rounding_mode='trunc')",
    examples=[example(a=WIDE, b=DIVISOR)],
    aten=[
        "div.Tensor_mode(a, b, rounding_mode='trunc')",
        "div.Scalar_mode(a, b, rounding_mode='trunc')",
    ],
    in_formulas=False,
)


def frac(x):
    return np.fmod(x, 1)


def frac_backward(dy):
    return dy


register("frac", frac, frac_backward, wrt="x", torch="torch.frac(x)", examples=[example(x=X)],
         aten="frac.default(x)", in_formulas=False)  # fmt: skip


def remainder(a, b):
    return a % b


def remainder_backward(dy, a, b):
    return dy, -dy * (a // b)


register(
    "remainder",
    remainder,
    remainder_backward,
    wrt="ab",
    torch="torch.remainder(a, b)",
    examples=[example(a=WIDE, b=DIVISOR)],
    aten=["remainder.Tensor(a, b)", "remainder.Scalar(a, b)", "remainder.Scalar_Tensor(a, b)"],
    in_formulas=False,
)


def fmod(a, b):
    return np.fmod(a, b)


def fmod_backward(dy, a, b):
    return dy, -dy * np.trunc(a / b)


register(
    "fmod",
    fmod,
    fmod_backward,
    wrt="ab",
    torch="torch.fmod(a, b)",
    examples=[example(a=WIDE, b=DIVISOR)],
    aten=["fmod.Tensor(a, b)", "fmod.Scalar(a, b)"],
    in_formulas=False,
)
