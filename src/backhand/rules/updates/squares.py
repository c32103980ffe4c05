"""RMSprop, Adagrad, Adadelta: steps divided by the root of the derivative's mean or total square.

As PyTorch's kernels do, `a * b / c` multiplies before it divides.
"""

import numpy as np


def rmsprop(
    w,
    dw,
    v,
    mean,
    velocity,
    *,
    learning_rate=0.01,
    alpha=0.99,
    eps=1e-8,
    weight_decay=0.0,
    momentum=0.0,
    centered=False,
    maximize=False,
):
    """torch.optim.RMSprop; Hinton, Neural networks for machine learning, lecture 6e, 2012;
    `centered`: Graves, Generating sequences with recurrent neural networks (arXiv:1308.0850)."""
    if maximize:
        dw = -dw
    if weight_decay:
        dw = dw + weight_decay * w
    v *= alpha
    v += (1 - alpha) * dw * dw
    if centered:
        mean += (1 - alpha) * (dw - mean)
        root = np.sqrt(v - mean * mean) + eps
    else:
        root = np.sqrt(v) + eps
    if momentum:
        velocity *= momentum
        velocity += dw / root
        w -= learning_rate * velocity
    else:
        w -= learning_rate * dw / root


def adagrad(
    w,
    dw,
    total,
    step,
    *,
    learning_rate=0.01,
    learning_rate_decay=0.0,
    weight_decay=0.0,
    initial_accumulator_value=0.0,
    eps=1e-10,
    maximize=False,
):
    """torch.optim.Adagrad; Duchi, Hazan and Singer, Adaptive subgradient methods for online
    learning and stochastic optimization, JMLR 12 (2011)."""
    if learning_rate_decay:
        rate = learning_rate / (1 + (step - 1) * learning_rate_decay)
    if maximize:
        dw = -dw
    if weight_decay:
        dw = dw + weight_decay * w
    total += dw * dw
    if learning_rate_decay:
        w -= rate * dw / (np.sqrt(total) + eps)
    else:
        w -= learning_rate * dw / (np.sqrt(total) + eps)


def everywhere_initial_value(w, *, initial_accumulator_value):
    return (
        np.full_like(w, initial_accumulator_value)
        if initial_accumulator_value
        else np.zeros_like(w)
    )


def adadelta(
    w,
    dw,
    v,
    u,
    *,
    learning_rate=1.0,
    rho=0.9,
    eps=1e-6,
    weight_decay=0.0,
    maximize=False,
):
    """torch.optim.Adadelta; Zeiler, ADADELTA: an adaptive learning rate method, 2012
    (arXiv:1212.5701)."""
    if maximize:
        dw = -dw
    if weight_decay:
        dw = dw + weight_decay * w
    v *= rho
    v += (1 - rho) * dw * dw
    # u is of the changes what v is of the derivatives
    change = np.sqrt(u + eps) / np.sqrt(v + eps) * dw
    u *= rho
    u += (1 - rho) * change * change
    w -= learning_rate * change
