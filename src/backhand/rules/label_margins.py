"""Margin losses of a prediction over classes, whose target is the number of the right class, or
the numbers of several. `z` is [N, C] or [C].

Sources: the pages of torch.nn (MultiMarginLoss, MultiLabelMarginLoss).
"""

import numpy as np

from backhand.rules.register import example, register, uniform, whole

Z = uniform(-2, 2, (4, 5))
TARGETS = whole(0, 5, (4,))
ALONE = whole(0, 5, ())
WEIGHTS = uniform(0.2, 3, (5,))


def lacking(z, targets, margin):
    # what the right class lacks of the margin over each other one
    right = np.take_along_axis(z, targets[..., None], axis=-1)
    others = np.arange(z.shape[-1]) != targets[..., None]
    return np.where(others, np.maximum(margin - right + z, 0), 0)


def multi_margin_losses(z, targets, *, p, margin):
    return (lacking(z, targets, margin) ** p).sum(axis=-1) / z.shape[-1]


def multi_margin_losses_backward(dlosses, z, targets, *, p, margin):
    lack = lacking(z, targets, margin)
    slope = dlosses[..., None] * (p * lack ** (p - 1) * (lack > 0)) / z.shape[-1]
    one_hot = np.arange(z.shape[-1]) == targets[..., None]
    return slope - one_hot * slope.sum(axis=-1, keepdims=True)


register(
    "multi_margin_losses",
    multi_margin_losses,
    multi_margin_losses_backward,
    wrt="z",
    none=["targets"],
    torch='F.multi_margin_loss(z, targets, p, margin, reduction="none")',
    noun="losses",
    output="losses",
    examples=[
        example(z=Z, targets=TARGETS, p=1, margin=1.0),
        example(z=Z, targets=TARGETS, p=2, margin=0.5),
        example(z=uniform(-2, 2, (5,)), targets=ALONE, p=1, margin=1.0),
    ],
    aten="multi_margin_loss.default(z, targets, p, margin, None, 0)",
    in_formulas=False,
)


def weighted_multi_margin_losses(z, targets, weights, *, p, margin):
    return weights[targets] * multi_margin_losses(z, targets, p=p, margin=margin)


def weighted_multi_margin_losses_backward(dlosses, z, targets, weights, *, p, margin):
    return multi_margin_losses_backward(dlosses * weights[targets], z, targets, p=p, margin=margin)


register(
    "weighted_multi_margin_losses",
    weighted_multi_margin_losses,
    weighted_multi_margin_losses_backward,
    wrt="z",
    none=["targets", "weights"],
    torch='F.multi_margin_loss(z, targets, p, margin, weights, reduction="none")',
    noun="losses",
    output="losses",
    examples=[
        example(z=Z, targets=TARGETS, weights=WEIGHTS, p=1, margin=1.0),
        example(z=Z, targets=TARGETS, weights=WEIGHTS, p=2, margin=0.5),
    ],
    aten="multi_margin_loss.default(z, targets, p, margin, weights, 0)",
    in_formulas=False,
)


def right_and_wrong(z, targets):
    # a row's targets are those before its first -1; [..., targets, classes]: is it one to compare
    given = np.cumsum(targets < 0, axis=-1) == 0
    named = (targets[..., None] == np.arange(z.shape[-1])) & given[..., None]
    return named, given[..., None] & ~named.any(axis=-2)[..., None, :]


def multilabel_lacking(z, targets):
    # what each right class lacks of being 1 above each wrong one
    _, compared = right_and_wrong(z, targets)
    right = np.take_along_axis(z, np.maximum(targets, 0), axis=-1)
    return np.where(compared, np.maximum(1 - right[..., None] + z[..., None, :], 0), 0)


def multilabel_margin_losses(z, targets):
    return multilabel_lacking(z, targets).sum(axis=(-2, -1)) / z.shape[-1]


def multilabel_margin_losses_backward(dlosses, z, targets):
    named, _ = right_and_wrong(z, targets)
    slope = dlosses[..., None, None] * (multilabel_lacking(z, targets) > 0) / z.shape[-1]
    return (slope - named * slope.sum(axis=-1, keepdims=True)).sum(axis=-2)


register(
    "multilabel_margin_losses",
    multilabel_margin_losses,
    multilabel_margin_losses_backward,
    wrt="z",
    none=["targets"],
    torch='F.multilabel_margin_loss(z, targets, reduction="none")',
    noun="losses",
    output="losses",
    examples=[
        example(z=Z, targets=whole(-1, 5, (4, 5))),
        example(z=uniform(-2, 2, (5,)), targets=whole(-1, 5, (5,))),
    ],
    aten="multilabel_margin_loss.default(z, targets, 0)",
    in_formulas=False,
)
