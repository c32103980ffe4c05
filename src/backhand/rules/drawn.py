"""Numbers that are drawn within a network, and what is made of drawn masks beside plain dropout.

Noise is drawn in evaluation too: without a generator from NumPy's own, unseeded, as PyTorch would.

Sources: Klambauer et al., Self-Normalizing Neural Networks (2017), on alpha dropout; Tompson et
al., Efficient Object Localization Using Convolutional Networks (2015), on whole channels; for the
order of the draws, PyTorch's Dropout.cpp, Activation.cpp and DistributionTemplates.h.
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
    return normal(generator or np.random, x.shape, 0, 1, x.dtype)


def uniform_like(x, generator):
    return uniform(generator or np.random, x.shape, 0, 1, x.dtype)


def exponential_like(x, generator):
    return -np.log1p(-uniform(generator or np.random, x.shape, 0, 1, float)).astype(x.dtype)


def normal_numbers(generator, *, size, dtype):
    return normal(generator or np.random, size, 0, 1, dtype)


def uniform_numbers(generator, *, size, dtype):
    return uniform(generator or np.random, size, 0, 1, dtype)


def whole_numbers(generator, *, low, high, size):
    drawn = (generator or np.random).randint(2**32, size=size, dtype=np.uint64)
    return low + (drawn % (high - low)).astype(np.int64)


def bernoulli(p, generator):
    return (uniform(generator or np.random, p.shape, 0, 1, p.dtype) < p).astype(p.dtype)


def bernoulli_like(x, generator, *, chance):
    # always drawn in float64
    return (uniform(generator or np.random, x.shape, 0, 1, float) < chance).astype(x.dtype)


def random_slopes(x, generator, *, low, high):
    # drawn where x is not above 0 alone, one after the other, in float64
    slopes, drawn = np.ones_like(x), x <= 0
    slopes[drawn] = uniform(generator or np.random, (int(drawn.sum()),), low, high, float)
    return slopes


for _draw, _noun, _none in (
    (feature_mask, "mask", "x"),
    (normal_like, "noise", "x"),
    (uniform_like, "noise", "x"),
    (exponential_like, "noise", "x"),
    (normal_numbers, "noise", ""),
    (uniform_numbers, "noise", ""),
    (whole_numbers, "drawn", ""),
    (bernoulli, "drawn", "p"),
    (bernoulli_like, "mask", "x"),
    (random_slopes, "slopes", "x"),
):
    register(
        _draw.__name__,
        _draw,
        None,
        wrt="",
        none=_none,
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
