"""Losses of a prediction over classes, whose target is the number of the right class.

Logits `z` and logarithms `logp` are [N, C], or [N, C, ...] with a target for each place, or [C].
`targets` are whole numbers; where one is `ignore_index`, nothing is lost and nothing learnt. A mean
is by what was not ignored, and by the weights of the right classes where classes have `weights`.
`label_smoothing` gives every class an equal share of what it takes from the right one.

Sources: the pages of torch.nn (NLLLoss, CrossEntropyLoss).
"""

from typing import Any

import numpy as np

from backhand.rules.register import example, register, uniform, whole
from backhand.rules.softmax import log_softmax, softmax

Z = uniform(-4, 4, (4, 3))
PLACES_Z = uniform(-4, 4, (2, 3, 5))
ALONE_Z = uniform(-4, 4, (3,))
TARGETS = whole(0, 3, (4,))
PLACES = whole(0, 3, (2, 5))
ALONE = whole(0, 3, ())
SHARES = uniform(0, 1, (4, 3))
WEIGHTS = uniform(0.2, 3, (3,))
EXAMPLES: list[dict[str, Any]] = [
    {"targets": TARGETS, "ignore_index": -100},
    {"targets": PLACES, "ignore_index": 1},
    {"targets": ALONE, "ignore_index": -100},
]
LOGITS = [Z, PLACES_Z, ALONE_Z]
NLL_EXAMPLES = [example(logp=z, **e) for z, e in zip(LOGITS, EXAMPLES, strict=True)]
WEIGHTED_NLL_EXAMPLES = [
    example(logp=z, weights=WEIGHTS, **e) for z, e in zip(LOGITS, EXAMPLES, strict=True)
]
SMOOTH_EXAMPLES = [
    example(z=z, **e, label_smoothing=s)
    for z, e, s in zip(LOGITS, EXAMPLES, (0.1, 0.0, 0.3), strict=True)
]
WEIGHTED_EXAMPLES = [
    example(z=z, weights=WEIGHTS, **e, label_smoothing=s)
    for z, e, s in zip(LOGITS, EXAMPLES, (0.0, 0.2, 0.3), strict=True)
]


def cross_entropy_labels(z, targets, *, ignore_index):
    rows, _ = z.shape
    kept = targets != ignore_index
    log_p = log_softmax(z)
    picked = np.take_along_axis(log_p, np.where(kept, targets, 0).reshape(rows, 1), axis=-1)
    return -np.where(kept, picked[:, 0], 0).sum() / kept.sum(dtype=z.dtype)


def cross_entropy_labels_backward(dloss, z, targets, *, ignore_index):
    kept = targets != ignore_index
    one_hot = np.arange(z.shape[-1]) == targets[:, None]
    # where no target counts nothing gets a derivative
    return dloss * (softmax(z) - one_hot) * kept[:, None] / (kept.sum(dtype=z.dtype) or 1)


register(
    "cross_entropy_labels",
    cross_entropy_labels,
    cross_entropy_labels_backward,
    wrt="z",
    none=["targets"],
    torch="F.cross_entropy(z, targets, ignore_index=ignore_index)",
    noun="loss",
    output="loss",
    examples=[
        example(z=Z, targets=TARGETS, ignore_index=-100),
        example(z=uniform(-90, 90, (9, 3)), targets=whole(0, 3, (9,)), ignore_index=1),
    ],
    aten="cross_entropy_loss.default(z, targets, None, 1, ignore_index, 0.0)",
    in_formulas=False,
)


def picked_classes(logp, targets, kept):
    # the logarithm at each target that counts; the classes lie along axis 1, or alone
    axis = min(1, logp.ndim - 1)
    index = np.expand_dims(np.where(kept, targets, 0), axis)
    return np.where(kept, np.take_along_axis(logp, index, axis=axis).squeeze(axis), 0)


def at_targets(numbers, targets, x):
    # as large as x: the numbers at the targets, 0 elsewhere
    axis = min(1, x.ndim - 1)
    classes = np.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - axis - 1))
    hot = classes == np.expand_dims(targets, axis)
    return np.expand_dims(numbers, axis) * hot


def target_weights(weights, targets, kept):
    return np.where(kept, weights[np.where(kept, targets, 0)], 0)


def nll(logp, targets, *, ignore_index):
    return -picked_classes(logp, targets, targets != ignore_index)


def nll_backward(dlosses, logp, targets, *, ignore_index):
    return at_targets(-dlosses * (targets != ignore_index), targets, logp)


register(
    "nll",
    nll,
    nll_backward,
    wrt=["logp"],
    none=["targets"],
    torch='F.nll_loss(logp, targets, ignore_index=ignore_index, reduction="none")',
    noun="losses",
    output="losses",
    examples=NLL_EXAMPLES,
    aten=[
        "nll_loss_nd.default(logp, targets, None, 0, ignore_index)",
        "nll_loss.default(logp, targets, None, 0, ignore_index)",
        "nll_loss2d.default(logp, targets, None, 0, ignore_index)",
    ],
    in_formulas=False,
)


def nll_mean(logp, targets, *, ignore_index):
    kept = targets != ignore_index
    return -picked_classes(logp, targets, kept).sum() / kept.sum(dtype=logp.dtype)


def nll_mean_backward(dloss, logp, targets, *, ignore_index):
    kept = targets != ignore_index
    return at_targets(-dloss * kept / (kept.sum(dtype=logp.dtype) or 1), targets, logp)


register(
    "nll_mean",
    nll_mean,
    nll_mean_backward,
    wrt=["logp"],
    none=["targets"],
    torch="F.nll_loss(logp, targets, ignore_index=ignore_index)",
    noun="loss",
    output="loss",
    examples=NLL_EXAMPLES,
    aten=[
        "nll_loss_nd.default(logp, targets, None, 1, ignore_index)",
        "nll_loss.default(logp, targets, None, 1, ignore_index)",
        "nll_loss2d.default(logp, targets, None, 1, ignore_index)",
    ],
    in_formulas=False,
)


def weighted_nll(logp, targets, weights, *, ignore_index):
    kept = targets != ignore_index
    return -target_weights(weights, targets, kept) * picked_classes(logp, targets, kept)


def weighted_nll_backward(dlosses, logp, targets, weights, *, ignore_index):
    share = target_weights(weights, targets, targets != ignore_index)
    return at_targets(-dlosses * share, targets, logp)


register(
    "weighted_nll",
    weighted_nll,
    weighted_nll_backward,
    wrt=["logp"],
    none=["targets", "weights"],
    torch='F.nll_loss(logp, targets, weights, ignore_index=ignore_index, reduction="none")',
    noun="losses",
    output="losses",
    examples=WEIGHTED_NLL_EXAMPLES,
    aten=[
        "nll_loss_nd.default(logp, targets, weights, 0, ignore_index)",
        "nll_loss.default(logp, targets, weights, 0, ignore_index)",
        "nll_loss2d.default(logp, targets, weights, 0, ignore_index)",
    ],
    in_formulas=False,
)


def weighted_nll_mean(logp, targets, weights, *, ignore_index):
    kept = targets != ignore_index
    share = target_weights(weights, targets, kept)
    return -(share * picked_classes(logp, targets, kept)).sum() / share.sum()


def weighted_nll_mean_backward(dloss, logp, targets, weights, *, ignore_index):
    share = target_weights(weights, targets, targets != ignore_index)
    return at_targets(-dloss * share / (share.sum() or 1), targets, logp)


register(
    "weighted_nll_mean",
    weighted_nll_mean,
    weighted_nll_mean_backward,
    wrt=["logp"],
    none=["targets", "weights"],
    torch="F.nll_loss(logp, targets, weights, ignore_index=ignore_index)",
    noun="loss",
    output="loss",
    examples=WEIGHTED_NLL_EXAMPLES,
    aten=[
        "nll_loss_nd.default(logp, targets, weights, 1, ignore_index)",
        "nll_loss.default(logp, targets, weights, 1, ignore_index)",
        "nll_loss2d.default(logp, targets, weights, 1, ignore_index)",
    ],
    in_formulas=False,
)


def smoothed_labels(z, targets, kept, label_smoothing):
    # what each class is to get: nothing where the target is ignored
    axis = min(1, z.ndim - 1)
    ones = kept.astype(z.dtype)
    equal = np.expand_dims(ones * (label_smoothing / z.shape[axis]), axis)
    return at_targets((1 - label_smoothing) * ones, targets, z) + equal


def weighted_labels(z, targets, weights, kept, label_smoothing):
    beside = weights.reshape(-1, *[1] * (z.ndim - 2))
    return beside * smoothed_labels(z, targets, kept, label_smoothing)


def cross_entropies(z, shares):
    # a class that gets nothing costs nothing, however unlikely it is
    axis = min(1, z.ndim - 1)
    return -(shares * np.where(shares == 0, 0, log_softmax(z, axis=axis))).sum(axis=axis)


def cross_entropies_dz(dlosses, z, shares):
    axis = min(1, z.ndim - 1)
    total = shares.sum(axis=axis, keepdims=True)
    return np.expand_dims(dlosses, axis) * (softmax(z, axis=axis) * total - shares)


def label_losses(z, targets, *, ignore_index, label_smoothing):
    kept = targets != ignore_index
    return cross_entropies(z, smoothed_labels(z, targets, kept, label_smoothing))


def label_losses_backward(dlosses, z, targets, *, ignore_index, label_smoothing):
    kept = targets != ignore_index
    return cross_entropies_dz(dlosses, z, smoothed_labels(z, targets, kept, label_smoothing))


register(
    "label_losses",
    label_losses,
    label_losses_backward,
    wrt="z",
    none=["targets"],
    torch="F.cross_entropy(z, targets, ignore_index=ignore_index, "
    'label_smoothing=label_smoothing, reduction="none")',
    noun="losses",
    output="losses",
    examples=SMOOTH_EXAMPLES,
    in_formulas=False,
)


def label_loss(z, targets, *, ignore_index, label_smoothing):
    kept = targets != ignore_index
    losses = cross_entropies(z, smoothed_labels(z, targets, kept, label_smoothing))
    return losses.sum() / kept.sum(dtype=z.dtype)


def label_loss_backward(dloss, z, targets, *, ignore_index, label_smoothing):
    kept = targets != ignore_index
    each = np.full(targets.shape, dloss / (kept.sum(dtype=z.dtype) or 1))
    return cross_entropies_dz(each, z, smoothed_labels(z, targets, kept, label_smoothing))


register(
    "label_loss",
    label_loss,
    label_loss_backward,
    wrt="z",
    none=["targets"],
    torch="F.cross_entropy(z, targets, ignore_index=ignore_index, label_smoothing=label_smoothing)",
    noun="loss",
    output="loss",
    examples=SMOOTH_EXAMPLES,
    in_formulas=False,
)


def weighted_label_losses(z, targets, weights, *, ignore_index, label_smoothing):
    kept = targets != ignore_index
    return cross_entropies(z, weighted_labels(z, targets, weights, kept, label_smoothing))


def weighted_label_losses_backward(dlosses, z, targets, weights, *, ignore_index, label_smoothing):
    kept = targets != ignore_index
    shares = weighted_labels(z, targets, weights, kept, label_smoothing)
    return cross_entropies_dz(dlosses, z, shares)


register(
    "weighted_label_losses",
    weighted_label_losses,
    weighted_label_losses_backward,
    wrt="z",
    none=["targets", "weights"],
    torch="F.cross_entropy(z, targets, weights, ignore_index=ignore_index, "
    'label_smoothing=label_smoothing, reduction="none")',
    noun="losses",
    output="losses",
    examples=WEIGHTED_EXAMPLES,
    in_formulas=False,
)


def weighted_label_loss(z, targets, weights, *, ignore_index, label_smoothing):
    kept = targets != ignore_index
    losses = cross_entropies(z, weighted_labels(z, targets, weights, kept, label_smoothing))
    return losses.sum() / target_weights(weights, targets, kept).sum()


def weighted_label_loss_backward(dloss, z, targets, weights, *, ignore_index, label_smoothing):
    kept = targets != ignore_index
    each = np.full(targets.shape, dloss / (target_weights(weights, targets, kept).sum() or 1))
    shares = weighted_labels(z, targets, weights, kept, label_smoothing)
    return cross_entropies_dz(each, z, shares)


register(
    "weighted_label_loss",
    weighted_label_loss,
    weighted_label_loss_backward,
    wrt="z",
    none=["targets", "weights"],
    torch="F.cross_entropy(z, targets, weights, ignore_index=ignore_index, "
    "label_smoothing=label_smoothing)",
    noun="loss",
    output="loss",
    examples=WEIGHTED_EXAMPLES,
    in_formulas=False,
)
