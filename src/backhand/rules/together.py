"""Derivatives that are simpler than the rules' own, where something is known.

Two steps' derivatives together may be simpler than one after the other: the homework's softmax with
cross-entropy is the famous pair. A loss alone may have a simpler one too. Each is used only where
its condition is known to hold; the sentence that says so goes into the program as a comment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backhand.rules.register import Function
from backhand.rules.softmax import softmax


@dataclass(frozen=True)
class Pair:
    """`loss(activation(x), y)` and the derivative of the loss by x, skipping the activation.

    An empty `activation` means the loss alone, and the derivative by its own first input.
    `condition` must stand among the facts of `y`; empty if none is needed. `because` speaks of
    `{p}` and `{y}`, the loss's inputs.
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


def one_hot_logits_backward(dloss, p, y, *, reduction="mean"):
    return dloss * (softmax(p) - y) / (len(p) if reduction == "mean" else 1)


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
            "the two derivatives together are {p} - {y}, because each row of {y} sums to 1",
        ),
        _pair(
            "sigmoid",
            "bce",
            sigmoid_bce_backward,
            "",
            "the two derivatives together are {p} - {y}, since the sigmoid's {p} (1 - {p}) cancels",
        ),
        _pair(
            "",
            "cross_entropy_logits",
            one_hot_logits_backward,
            "rows sum to one",
            "softmax({p}) - {y}, because each row of {y} sums to 1",
        ),
    )
}
