"""Cross-entropy whose target gives every class a share `y`, for logits `z` of any number of axes:
[N, C], [N, C, ...] or [C].

Sources: the page of torch.nn.CrossEntropyLoss, on class probabilities.
"""

import numpy as np

from backhand.rules.labels import cross_entropies, cross_entropies_dz
from backhand.rules.register import example, register, uniform
from backhand.rules.softmax import log_softmax

Z = uniform(-4, 4, (4, 3))
SHARES = uniform(0, 1, (4, 3))
PLACES_Z = uniform(-4, 4, (2, 3, 5))
PLACES = uniform(0, 1, (2, 3, 5))
WEIGHTS = uniform(0.2, 3, (3,))


def class_shares(z, y, label_smoothing):
    # every class gets an equal share of what is taken from the target
    return y * (1 - label_smoothing) + label_smoothing / z.shape[min(1, z.ndim - 1)]


def share_losses(z, y, *, label_smoothing):
    return cross_entropies(z, class_shares(z, y, label_smoothing))


def share_losses_backward(dlosses, z, y, *, label_smoothing):
    axis = min(1, z.ndim - 1)
    dshares = -np.expand_dims(dlosses, axis) * log_softmax(z, axis=axis)
    dz = cross_entropies_dz(dlosses, z, class_shares(z, y, label_smoothing))
    return dz, dshares * (1 - label_smoothing)


register(
    "share_losses",
    share_losses,
    share_losses_backward,
    wrt="zy",
    torch='F.cross_entropy(z, y, label_smoothing=label_smoothing, reduction="none")',
    noun="losses",
    output="losses",
    examples=[
        example(z=Z, y=SHARES, label_smoothing=0.1),
        example(z=PLACES_Z, y=PLACES, label_smoothing=0.0),
        example(z=uniform(-4, 4, (3,)), y=uniform(0, 1, (3,)), label_smoothing=0.0),
    ],
    in_formulas=False,
)


def beside_classes(weights, z):
    return weights.reshape(-1, *[1] * (z.ndim - 2))


def weighted_share_losses(z, y, weights, *, label_smoothing):
    return cross_entropies(z, beside_classes(weights, z) * class_shares(z, y, label_smoothing))


def weighted_share_losses_backward(dlosses, z, y, weights, *, label_smoothing):
    axis, beside = min(1, z.ndim - 1), beside_classes(weights, z)
    dshares = -np.expand_dims(dlosses, axis) * log_softmax(z, axis=axis) * beside
    dz = cross_entropies_dz(dlosses, z, beside * class_shares(z, y, label_smoothing))
    return dz, dshares * (1 - label_smoothing)


register(
    "weighted_share_losses",
    weighted_share_losses,
    weighted_share_losses_backward,
    wrt="zy",
    none=["weights"],
    torch='F.cross_entropy(z, y, weights, label_smoothing=label_smoothing, reduction="none")',
    noun="losses",
    output="losses",
    examples=[
        example(z=Z, y=SHARES, weights=WEIGHTS, label_smoothing=0.1),
        example(z=PLACES_Z, y=PLACES, weights=WEIGHTS, label_smoothing=0.0),
    ],
    in_formulas=False,
)
