"""What attention adds to softmax: positions that are not looked at, and rows with none left.

`causal`: each position sees itself and those before it.
"""

import numpy as np

from backhand.rules.register import example, register, uniform

SCORES = uniform(-3, 3, (2, 4, 5))


def causal(scores):
    return np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, -np.inf)


def causal_backward(dy):
    return np.tril(dy)


register(
    "causal",
    causal,
    causal_backward,
    wrt=["scores"],
    torch="scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)",
    noun="scores",
    examples=[example(scores=SCORES), example(scores=uniform(-3, 3, (3, 3)))],
    in_formulas=False,
)


def safe_softmax(x, *, axis=-1):
    # a row that is -inf everywhere attends to nothing: all of it becomes 0
    empty = (x == -np.inf).all(axis=axis, keepdims=True)
    e = np.exp(x - np.where(empty, 0, x.max(axis=axis, keepdims=True)))
    return e / np.where(empty, 1, e.sum(axis=axis, keepdims=True))


def safe_softmax_backward(dy, y, *, axis=-1):
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


register(
    "safe_softmax",
    safe_softmax,
    safe_softmax_backward,
    wrt="x",
    torch="torch.ops.aten._safe_softmax(x, axis)",
    noun="att",
    examples=[example(x=SCORES), example(x=SCORES, axis=1)],
    aten="_safe_softmax.default(x, axis, None)",
    in_formulas=False,
)
