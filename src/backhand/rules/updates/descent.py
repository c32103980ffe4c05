"""Plain descent, with momentum, averaged, or by signs alone: no squares of derivatives are kept."""

# ruff: noqa: SIM108  (an option is a branch of its own, so that the writer can leave it out)

import numpy as np


def sgd(
    w,
    dw,
    velocity,
    step,
    *,
    learning_rate,
    momentum=0.0,
    dampening=0.0,
    nesterov=False,
    weight_decay=0.0,
    maximize=False,
):
    """torch.optim.SGD; Sutskever, Martens, Dahl and Hinton, On the importance of initialization
    and momentum in deep learning, ICML 2013."""
    if maximize:
        dw = -dw
    if weight_decay:
        dw = dw + weight_decay * w
    if momentum:
        velocity *= momentum
        if dampening:
            # the first step is not dampened
            velocity += dw if step == 1 else (1 - dampening) * dw
        else:
            velocity += dw
        if nesterov:
            dw = dw + momentum * velocity
        else:
            dw = velocity
    w -= learning_rate * dw


def asgd(
    w,
    dw,
    average,
    step,
    *,
    learning_rate=0.01,
    lambd=1e-4,
    alpha=0.75,
    t0=1e6,
    weight_decay=0.0,
    maximize=False,
):
    """torch.optim.ASGD; Polyak and Juditsky, Acceleration of stochastic approximation by
    averaging, SIAM J. Control Optim. 30 (1992)."""
    # PyTorch keeps these two in float32, whatever the weights are in
    if lambd:
        eta = float(np.float32(learning_rate / (1 + lambd * learning_rate * (step - 1)) ** alpha))
    else:
        eta = float(np.float32(learning_rate))
    mu = float(np.float32(1 / max(1, step - 1 - t0)))
    if maximize:
        dw = -dw
    if weight_decay:
        dw = dw + weight_decay * w
    if lambd:
        w *= 1 - lambd * eta
    w -= eta * dw
    # the average is kept beside the weights; it begins behind step t0
    if mu == 1:
        average[...] = w
    else:
        average += mu * (w - average)


def rprop(
    w,
    dw,
    before,
    step_size,
    *,
    learning_rate=0.01,
    eta_minus=0.5,
    eta_plus=1.2,
    step_size_min=1e-6,
    step_size_max=50.0,
    maximize=False,
):
    """torch.optim.Rprop; Riedmiller and Braun, A direct adaptive method for faster backpropagation
    learning, ICNN 1993. Step sizes begin as the learning rate."""
    if maximize:
        dw = -dw
    # steps grow where the derivative keeps its sign, and shrink where it has turned
    kept = dw * before
    grown = np.where(kept > 0, eta_plus * step_size, step_size)
    changed = np.where(kept < 0, eta_minus * step_size, grown)
    step_size[...] = np.clip(changed, step_size_min, step_size_max)
    # where it has turned the weight stays, and the next step neither grows nor shrinks
    dw = np.where(kept < 0, 0, dw)
    w -= np.sign(dw) * step_size
    before[...] = dw


def everywhere_learning_rate(w, *, learning_rate):
    return np.full_like(w, learning_rate)
