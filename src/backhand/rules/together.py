"""Pairs of steps whose derivatives together are simpler than one after the other.

The homework's softmax with cross-entropy is the famous one. A pair is used only where its
condition is known to hold; the sentence that says so goes into the program as a comment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backhand.rules.register import Function


@dataclass(frozen=True)
class Pair:
    """`loss(activation(x), y)` and the derivative of the loss by x, skipping the activation.

    `condition` must stand among the facts of `y`; empty if none is needed.
    """

    activation: str
    loss: str
    backward: Function
    condition: str
    because: str


def softmax_cross_entropy_backward(dloss, p, y, *, reduction="mean"):
    return dloss * (p - y) / (len(p) if reduction == "mean" else 1)


def sigmoid_bce_backward(dloss, p, y, *, reduction="mean"):
    return dloss * (p - y) / (p.size if reduction == "mean" else 1)


def _pair(
    activation: str, loss: str, backward: Callable[..., Any], condition: str, because: str
) -> Pair:
    return Pair(activation, loss, Function(backward.__name__, backward), condition, because)


PAIRS = {
    (pair.activation, pair.loss): pair
    for pair in (
        _pair(
            "softmax",
            "cross_entropy",
            softmax_cross_entropy_backward,
            "rows sum to one",
            "the two derivatives together are p - y, because each row of y sums to 1",
        ),
        _pair(
            "sigmoid",
            "bce",
            sigmoid_bce_backward,
            "",
            "the two derivatives together are p - y, since the sigmoid's p (1 - p) cancels",
        ),
    )
}
