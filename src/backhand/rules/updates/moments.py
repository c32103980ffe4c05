"""Adam and its kin: running averages of the derivative and of its square, or size."""

import numpy as np


def adam(
    w,
    dw,
    m,
    v,
    v_max,
    step,
    *,
    learning_rate=0.001,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
    amsgrad=False,
    decoupled_weight_decay=False,
    maximize=False,
):
    """torch.optim.Adam; Kingma and Ba, ICLR 2015 (arXiv:1412.6980); `amsgrad`: Reddi, Kale and
    Kumar, ICLR 2018 (arXiv:1904.09237)."""
    if maximize:
        dw = -dw
    if weight_decay:
        if decoupled_weight_decay:
            # decoupled: the decay acts on the weight itself, not through the derivative
            w *= 1 - learning_rate * weight_decay
        else:
            dw = dw + weight_decay * w
    m += (1 - beta1) * (dw - m)
    v *= beta2
    v += (1 - beta2) * dw * dw
    # m and v begin at 0; dividing by 1 - beta ** step makes up for it
    step_size = learning_rate / (1 - beta1**step)
    if amsgrad:
        v_max[...] = np.maximum(v_max, v)
        root = np.sqrt(v_max) / (1 - beta2**step) ** 0.5
    else:
        root = np.sqrt(v) / (1 - beta2**step) ** 0.5
    w -= step_size * m / (root + eps)


def adamw(
    w,
    dw,
    m,
    v,
    v_max,
    step,
    *,
    learning_rate=0.001,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.01,
    amsgrad=False,
    maximize=False,
):
    """torch.optim.AdamW; Loshchilov and Hutter, ICLR 2019 (arXiv:1711.05101)."""
    if maximize:
        dw = -dw
    # decoupled: the decay acts on the weight itself, not through the derivative
    if weight_decay:
        w *= 1 - learning_rate * weight_decay
    m += (1 - beta1) * (dw - m)
    v *= beta2
    v += (1 - beta2) * dw * dw
    # m and v begin at 0; dividing by 1 - beta ** step makes up for it
    step_size = learning_rate / (1 - beta1**step)
    if amsgrad:
        v_max[...] = np.maximum(v_max, v)
        root = np.sqrt(v_max) / (1 - beta2**step) ** 0.5
    else:
        root = np.sqrt(v) / (1 - beta2**step) ** 0.5
    w -= step_size * m / (root + eps)


def adamax(
    w,
    dw,
    m,
    u,
    step,
    *,
    learning_rate=0.002,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
    maximize=False,
):
    """torch.optim.Adamax; Kingma and Ba, ICLR 2015 (arXiv:1412.6980), section 7.1."""
    # m begins at 0; dividing by 1 - beta1 ** step makes up for it
    rate = learning_rate / (1 - beta1**step)
    if maximize:
        dw = -dw
    if weight_decay:
        dw = dw + weight_decay * w
    m += (1 - beta1) * (dw - m)
    u[...] = np.maximum(beta2 * u, np.abs(dw) + eps)
    w -= rate * m / u


def nadam(
    w,
    dw,
    m,
    v,
    step,
    *,
    learning_rate=0.002,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
    momentum_decay=0.004,
    decoupled_weight_decay=False,
    maximize=False,
):
    """torch.optim.NAdam; Dozat, Incorporating Nesterov momentum into Adam, ICLR workshop 2016."""
    # momentum begins at half of beta1; PyTorch keeps the product of all of it in float32
    mus = [beta1 * (1 - 0.5 * 0.96 ** (i * momentum_decay)) for i in range(1, step + 2)]
    mu, mu_next = mus[-2:]
    product = float(np.prod(mus[:-1], dtype=np.float32))
    if maximize:
        dw = -dw
    if weight_decay:
        if decoupled_weight_decay:
            # decoupled: the decay acts on the weight itself, not through the derivative
            w *= 1 - learning_rate * weight_decay
        else:
            dw = dw + weight_decay * w
    m += (1 - beta1) * (dw - m)
    v *= beta2
    v += (1 - beta2) * dw * dw
    root = np.sqrt(v / (1 - beta2**step)) + eps
    w -= learning_rate * (1 - mu) / (1 - product) * dw / root
    w -= learning_rate * mu_next / (1 - product * mu_next) * m / root


def radam(
    w,
    dw,
    m,
    v,
    step,
    *,
    learning_rate=0.001,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
    decoupled_weight_decay=False,
    maximize=False,
):
    """torch.optim.RAdam; Liu et al., ICLR 2020 (arXiv:1908.03265)."""
    # over how many derivatives v is an average, in effect, and over how many it will be
    most = 2 / (1 - beta2) - 1
    length = most - 2 * step * beta2**step / (1 - beta2**step)
    if maximize:
        dw = -dw
    if weight_decay:
        if decoupled_weight_decay:
            # decoupled: the decay acts on the weight itself, not through the derivative
            w *= 1 - learning_rate * weight_decay
        else:
            dw = dw + weight_decay * w
    m += (1 - beta1) * (dw - m)
    v *= beta2
    v += (1 - beta2) * dw * dw
    change = m / (1 - beta1**step) * learning_rate
    # v of fewer says too little to divide by
    if length > 5:
        change = change * ((1 - beta2**step) ** 0.5 / (np.sqrt(v) + eps))
        rectified = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
        change = change * rectified**0.5
    w -= change
