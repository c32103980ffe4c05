"""Numbers of another kind: truths and whole numbers as floats, floats cut to whole numbers.

There is no derivative: what changes the kind of numbers is flat, or starts from what is no float.
Source: the page of torch.Tensor.to.
"""

from backhand.rules.register import example, register, truths, uniform, whole


def astype(x, *, dtype):
    return x.astype(dtype)


register(
    "astype",
    astype,
    None,
    wrt="",
    none="x",
    torch="x.to(getattr(torch, dtype))",
    noun="x",
    examples=[example(x=truths((3, 4)), dtype="int64")],
    in_formulas=False,
)


def astype_like(x, other):
    return x.astype(other.dtype)


register(
    "astype_like",
    astype_like,
    None,
    wrt="",
    none=["x", "other"],
    torch="x.type_as(other)",
    noun="x",
    examples=[
        example(x=truths((3, 4)), other=uniform(-3, 3, (2,))),
        example(x=whole(0, 5, (3, 4)), other=uniform(-3, 3, (2,))),
    ],
    in_formulas=False,
)
