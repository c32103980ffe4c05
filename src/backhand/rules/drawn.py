"""Numbers that are drawn within a network, and what is made of drawn masks beside plain dropout.

Sources: Klambauer et al., Self-Normalizing Neural Networks (2017), on alpha dropout; Tompson et
al., Efficient Object Localization Using Convolutional Networks (2015), on whole channels; for the
order of the draws, PyTorch's Dropout.cpp and Activation.cpp.
"""

import numpy as np

from backhand.draws import dropout_mask, normal, uniform
from backhand.rules import register as samples
from backhand.rules.register import example, register

X = samples.uniform(-3, 3, (3, 5))
MASK = samples.uniform(0, 2, (3, 5))


def feature_mask(x, generator, *, rate):
    # one number for each channel of x [N, channels, ...]
    return dropout_mask(generator, (*x.shape[:2], *[1] * (x.ndim - 2)), rate, x.dtype)


def normal_like(x, generator):
    return normal(generator, x.shape, 0, 1, x.dtype)


def uniform_like(x, generator):
    return uniform(generator, x.shape, 0, 1, x.dtype)


def random_slopes(x, generator, *, low, high):
    # drawn where x is not above 0 alone, one after the other, in float64
    slopes, drawn = np.ones_like(x), x <= 0
    slopes[drawn] = uniform(generator, (int(drawn.sum()),), low, high, float)
    return slopes


for _draw, _noun in (
    (feature_mask, "mask"),
    (normal_like, "noise"),
    (uniform_like, "noise"),
    (random_slopes, "slopes"),
):
    register(
        _draw.__name__,
        _draw,
        None,
        wrt="",
        none="x",
        torch="",
        noun=_noun,
        examples=[],
        in_formulas=False,
    )


def alpha_dropout(x, mask, *, rate):
    # what is dropped becomes -alpha, and all is brought back to mean 0 and variance 1
    alpha = 1.7580993408473766
    a = ((alpha * alpha * rate + 1) * (1 - rate)) ** -0.5
    return a * np.where(mask > 0, x, -alpha) + a * alpha * rate


def alpha_dropout_backward(dy, mask, *, rate):
    a = ((1.7580993408473766**2 * rate + 1) * (1 - rate)) ** -0.5
    return a * dy * (mask > 0)


register(
    "alpha_dropout",
    alpha_dropout,
    alpha_dropout_backward,
    wrt="x",
    none=["mask"],
    torch="torch.where(mask > 0, x, torch.full_like(x, -1.7580993408473766)) "
    "* ((1.7580993408473766**2 * rate + 1) * (1 - rate)) ** -0.5 "
    "+ ((1.7580993408473766**2 * rate + 1) * (1 - rate)) ** -0.5 * 1.7580993408473766 * rate",
    noun="kept",
    examples=[example(x=X, mask=samples.uniform(-1, 1, (3, 5)), rate=0.4)],
    in_formulas=False,
)
