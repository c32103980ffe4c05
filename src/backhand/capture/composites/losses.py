"""Losses that become one number: the loss of each element, then its sum or its mean.

Where a mean is no plain mean, of classes with weights or with targets that are ignored, the rule
itself has it (`rules/labels.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backhand.capture.composites.builder import Builder, InexpressibleError
from backhand.graph import Value

Losses = Callable[..., Value]
MEAN = 1
"""PyTorch's number for a mean."""


def reduced(losses: Losses) -> Callable[..., Sequence[Value]]:
    """A recipe: what `losses` makes of the arguments, reduced as they say."""

    def recipe(b: Builder, *, reduction: int, **arguments: Any) -> Sequence[Value]:
        return [b.reduced(losses(b, **arguments), reduction)]

    return recipe


def elementwise(rule: str) -> Losses:
    """The losses of a rule whose inputs are a prediction and a target."""

    def losses(b: Builder, self: Value, target: Value, **options: Any) -> Value:
        return b.step(rule, self, target, wish="losses", **options)

    return losses


def poisson_nll(b: Builder, input: Value, target: Value, **options: Any) -> Value:
    """PyTorch calls its prediction `input` here."""
    return b.step("poisson_losses", input, target, wish="losses", **options)


def smooth_l1(b: Builder, self: Value, target: Value, beta: float) -> Value:
    """Without a parabola at all it is the plain distance."""
    if beta == 0:
        return b.step("absolute_error", self, target, wish="losses")
    return b.step("smooth_l1_error", self, target, wish="losses", beta=beta)


def kl_div(b: Builder, self: Value, target: Value, log_target: bool) -> Value:
    """The target is a probability, or the logarithm of one."""
    rule = "log_kl_losses" if log_target else "kl_losses"
    return b.step(rule, self, target, wish="losses")


def bce(b: Builder, self: Value, target: Value, weight: Value | None) -> Value:
    """Of probabilities, each element with its weight."""
    return _weighted(b, b.step("bce_losses", self, target, wish="losses"), weight)


def bce_with_logits(
    b: Builder, self: Value, target: Value, weight: Value | None, pos_weight: Value | None
) -> Value:
    """Of logits, each element with its weight."""
    if pos_weight is None:
        losses = b.step("bce_logits_losses", self, target, wish="losses")
    else:
        losses = b.step("weighted_bce_logits_losses", self, target, pos_weight, wish="losses")
    return _weighted(b, losses, weight)


def _weighted(b: Builder, losses: Value, weight: Value | None) -> Value:
    return losses if weight is None else b.step("mul", losses, weight, wish="losses")


def margin_ranking(b: Builder, input1: Value, input2: Value, target: Value, margin: float) -> Value:
    """Of two predictions and which of them is to be the larger."""
    return b.step("ranking_losses", input1, input2, target, wish="losses", margin=margin)


def multi_margin(
    b: Builder, self: Value, target: Value, p: float, margin: float, weight: Value | None
) -> Value:
    """Of whole numbers of classes, each class with its weight."""
    if not self.shape or target.shape != self.shape[:-1]:
        raise InexpressibleError  # PyTorch lets a row stand for a batch of one
    options: dict[str, Any] = {"shape": target.shape, "wish": "losses", "p": p, "margin": margin}
    if weight is None:
        return b.step("multi_margin_losses", self, target, **options)
    return b.step("weighted_multi_margin_losses", self, target, weight, **options)


def multilabel_margin(b: Builder, self: Value, target: Value) -> Value:
    """Of several whole numbers of classes for each row."""
    if not self.shape:
        raise InexpressibleError
    shape = target.shape[:-1]
    if len(b.instead_of.output.shape) > len(shape):
        raise InexpressibleError  # of one row alone torch.export takes the loss for a row as well
    return b.step("multilabel_margin_losses", self, target, shape=shape, wish="losses")


def nll(b: Builder, self: Value, target: Value, weight: Value | None, ignore_index: int) -> Value:
    """Of whole numbers of classes; a mean has a rule of its own."""
    options: dict[str, Any] = {"shape": target.shape, "wish": "losses"}
    if weight is None:
        return b.step("nll", self, target, ignore_index=ignore_index, **options)
    return b.step("weighted_nll", self, target, weight, ignore_index=ignore_index, **options)


def cross_entropy(
    b: Builder,
    self: Value,
    target: Value,
    weight: Value | None,
    reduction: int,
    ignore_index: int,
    label_smoothing: float,
) -> Sequence[Value]:
    """Of whole numbers of classes, or of a share for each class."""
    inputs = [self, target] if weight is None else [self, target, weight]
    options: dict[str, Any] = {"label_smoothing": label_smoothing}
    rule = "" if weight is None else "weighted_"
    if target.numbers == "int":
        options["ignore_index"] = ignore_index
        if reduction == MEAN:
            return [b.step(rule + "label_loss", *inputs, shape=(), **options)]
        rule, shape = rule + "label_losses", target.shape
    else:
        axis = min(1, len(target.shape) - 1)
        rule, shape = rule + "share_losses", (*target.shape[:axis], *target.shape[axis + 1 :])
    losses = b.step(rule, *inputs, shape=shape, wish="losses", **options)
    return [b.reduced(losses, reduction)]


LOSSES: Mapping[str, Callable[..., Sequence[Value]]] = {
    "aten.mse_loss.default": reduced(elementwise("squared_error")),
    "aten.l1_loss.default": reduced(elementwise("absolute_error")),
    "aten.smooth_l1_loss.default": reduced(smooth_l1),
    "aten.huber_loss.default": reduced(elementwise("huber_error")),
    "aten.kl_div.default": reduced(kl_div),
    "aten.binary_cross_entropy.default": reduced(bce),
    "aten.binary_cross_entropy_with_logits.default": reduced(bce_with_logits),
    "aten.poisson_nll_loss.default": reduced(poisson_nll),
    "aten.soft_margin_loss.default": reduced(elementwise("soft_margin_losses")),
    "aten.hinge_embedding_loss.default": reduced(elementwise("hinge_losses")),
    "aten.margin_ranking_loss.default": reduced(margin_ranking),
    "aten.multi_margin_loss.default": reduced(multi_margin),
    "aten.multilabel_margin_loss.default": reduced(multilabel_margin),
    "aten.nll_loss_nd.default": reduced(nll),
    "aten.nll_loss.default": reduced(nll),
    "aten.nll_loss2d.default": reduced(nll),
    "aten.cross_entropy_loss.default": cross_entropy,
}
"""A mean of whole numbers of classes has a rule of its own, which was found before."""
