"""Dropout, in two steps: a mask is drawn, then multiplied with.

The mask is a value like any other, so that the backward pass, the trace and the report see it.
PyTorch draws and multiplies in one call; the drawing step is therefore not written there.
"""

from backhand.draws import dropout_mask
from backhand.rules.register import example, register, uniform


def draw_mask(x, generator, *, rate):
    return dropout_mask(generator, x.shape, rate, x.dtype)


register(
    "dropout_mask",
    draw_mask,
    None,
    wrt="",
    none="x",
    torch="",
    noun="mask",
    examples=[],
)


def dropout(x, mask, *, rate):
    return x * mask


def dropout_backward(dy, mask):
    return dy * mask


register(
    "dropout",
    dropout,
    dropout_backward,
    wrt="x",
    none=["mask"],
    torch="F.dropout(x, rate, training)",
    noun="kept",
    examples=[example(x=uniform(-3, 3, (3, 5)), mask=uniform(0, 2, (3, 5)), rate=0.4)],
    aten="dropout.default(x, rate, True)",
)
