"""Recurrent layers, one direction of one layer: over time goes the only loop.

`x` is [T, B, inputs]; `h` and `c` [B, H] are the states before the first time, `y` and `cells`
[T, B, H] those after each. What the inputs add to the gates is one product for all times, and so
are, after the loop of a backward pass, the derivatives of the weights. Where PyTorch has two biases
that are only added, `b` is their sum.

The gates stand in PyTorch's order. Sources: Hochreiter and Schmidhuber, Long Short-Term Memory
(1997), with the forget gate of Gers et al. (2000); Cho et al., Learning Phrase Representations
(2014), where PyTorch resets after the product; Elman, Finding Structure in Time (1990).
"""

import numpy as np

from backhand.rules.register import Example, Sample, example, register, uniform

X = uniform(-2, 2, (4, 3, 5))
ONE = uniform(-2, 2, (1, 1, 3))


def at_all_times(x, w):
    # x @ w.T as one product of two matrices, which takes less time than one for each time
    return (x.reshape(-1, x.shape[-1]) @ w.T).reshape(*x.shape[:-1], len(w))


def over_time(dz, x):
    # dw of z = x @ w.T, for all times and the whole batch
    return dz.reshape(-1, dz.shape[-1]).T @ x.reshape(-1, x.shape[-1])


def before_each(h, y):
    # the states before each time, from the first and those after each
    return np.concatenate([h[None], y[:-1]])


def gate(z):
    # the sigmoid without a choice for each element, over which processors stumble; neither
    # exponent is above 0
    return np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))


def lstm(x, h, c, w_ih, w_hh, b):
    # sigmoid(z) = tanh(z / 2) / 2 + 1 / 2, so that one tanh makes all four gates
    half = np.repeat(np.array([0.5, 0.5, 1, 0.5], w_hh.dtype), h.shape[-1])
    rest, w, b = 1 - half, w_hh.T * half, b * half
    gates = at_all_times(x, w_ih * half[:, None])  # what the inputs add
    y, cells = np.empty_like(x, shape=(2, *x.shape[:2], h.shape[-1]))
    for t in range(len(x)):
        gates[t] = np.tanh(gates[t] + h @ w + b) * half + rest
        i, f, g, o = np.split(gates[t], 4, axis=-1)
        c = cells[t] = f * c + i * g
        h = y[t] = o * np.tanh(c)
    return y, cells, gates


def lstm_backward(dy, dcells, x, h, c, w_ih, w_hh, y, cells, gates):
    dy, dcells, before = dy + np.zeros_like(y), dcells + np.zeros_like(y), before_each(c, cells)
    dh, dc, dz = np.zeros_like(h), np.zeros_like(c), np.empty_like(gates)
    for t in reversed(range(len(x))):
        i, f, g, o = np.split(gates[t], 4, axis=-1)
        tanh_c = np.tanh(cells[t])
        dh = dh + dy[t]
        dc = dc + dcells[t] + dh * o * (1 - tanh_c * tanh_c)
        di, df, dg = dc * g * i * (1 - i), dc * before[t] * f * (1 - f), dc * i * (1 - g * g)
        dz[t] = np.concatenate([di, df, dg, dh * tanh_c * o * (1 - o)], axis=-1)
        dh, dc = dz[t] @ w_hh, dc * f
    return at_all_times(dz, w_ih.T), dh, dc, over_time(dz, x), over_time(dz, before_each(h, y)), dz


def _example(gates: int, x: Sample, size: int, *, cell: bool = False, biases: int = 1) -> Example:
    state = uniform(-1, 1, (x.shape[1], size))
    bias = uniform(-1, 1, (gates * size,))
    return example(
        x=x,
        h=state,
        **({"c": state} if cell else {}),
        w_ih=uniform(-1, 1, (gates * size, x.shape[-1])),
        w_hh=uniform(-1, 1, (gates * size, size)),
        **({"b": bias} if biases == 1 else {"b_ih": bias, "b_hh": bias}),
    )


register(
    "lstm",
    lstm,
    lstm_backward,
    wrt=["x", "h", "c", "w_ih", "w_hh", "b"],
    torch="(y := torch.lstm(x, (h[None], c[None]), (w_ih, w_hh, b, b * 0), "
    "True, 1, 0.0, True, False, False)[0], "
    "torch.cat([torch.lstm(x[:n], (h[None], c[None]), (w_ih, w_hh, b, b * 0), "
    "True, 1, 0.0, True, False, False)[2] for n in range(1, len(x) + 1)]), "
    "torch.cat([a.tanh() if i == 2 else a.sigmoid() for i, a in enumerate((x @ w_ih.T + "
    "torch.cat([h[None], y[:-1]]) @ w_hh.T + b).chunk(4, -1))], -1).detach())",
    noun="h",
    output=("y", "cells", "gates"),
    examples=[_example(4, X, 2, cell=True), _example(4, ONE, 4, cell=True)],
    in_formulas=False,
)


def gru(x, h, w_ih, w_hh, b_ih, b_hh):
    gates = at_all_times(x, w_ih)  # what the inputs add
    y, hidden = np.empty_like(x, shape=(2, *x.shape[:2], h.shape[-1]))
    for t in range(len(x)):
        xr, xz, xn = np.split(gates[t] + b_ih, 3, axis=-1)
        hr, hz, hn = np.split(h @ w_hh.T + b_hh, 3, axis=-1)
        r, z = gate(xr + hr), gate(xz + hz)
        n = np.tanh(xn + r * hn)
        h = (1 - z) * n + z * h
        y[t], gates[t], hidden[t] = h, np.concatenate([r, z, n], axis=-1), hn
    return y, gates, hidden


def gru_backward(dy, x, h, w_ih, w_hh, y, gates, hidden):
    before = before_each(h, y)
    dh, dx_part, dh_part = np.zeros_like(h), np.empty_like(gates), np.empty_like(gates)
    for t in reversed(range(len(x))):
        r, z, n = np.split(gates[t], 3, axis=-1)
        dh = dh + dy[t]
        dn = dh * (1 - z) * (1 - n * n)
        dr, dz = dn * hidden[t] * r * (1 - r), dh * (before[t] - n) * z * (1 - z)
        dx_part[t] = np.concatenate([dr, dz, dn], axis=-1)
        dh_part[t] = np.concatenate([dr, dz, dn * r], axis=-1)
        dh = dh * z + dh_part[t] @ w_hh
    dw_ih, dw_hh = over_time(dx_part, x), over_time(dh_part, before)
    return at_all_times(dx_part, w_ih.T), dh, dw_ih, dw_hh, dx_part, dh_part


register(
    "gru",
    gru,
    gru_backward,
    wrt=["x", "h", "w_ih", "w_hh", "b_ih", "b_hh"],
    torch="(y := torch.gru(x, h[None], (w_ih, w_hh, b_ih, b_hh), "
    "True, 1, 0.0, True, False, False)[0], "
    "torch.cat([((x @ w_ih.T + b_ih) + (a := torch.cat([h[None], y[:-1]]) @ w_hh.T + b_hh))"
    "[..., : 2 * h.shape[-1]].sigmoid(), "
    "((x @ w_ih.T + b_ih)[..., 2 * h.shape[-1] :] + ((x @ w_ih.T + b_ih) + a)"
    "[..., : h.shape[-1]].sigmoid() * a[..., 2 * h.shape[-1] :]).tanh()], -1).detach(), "
    "a[..., 2 * h.shape[-1] :].detach())",
    noun="h",
    output=("y", "gates", "hidden"),
    examples=[_example(3, X, 2, biases=2), _example(3, ONE, 4, biases=2)],
    in_formulas=False,
)


def rnn_tanh(x, h, w_ih, w_hh, b):
    y = at_all_times(x, w_ih) + b  # what the inputs add
    for t in range(len(x)):
        h = y[t] = np.tanh(y[t] + h @ w_hh.T)
    return y


def rnn_tanh_backward(dy, x, h, w_ih, w_hh, y):
    dh, dz = np.zeros_like(h), np.empty_like(y)
    for t in reversed(range(len(x))):
        dz[t] = (dy[t] + dh) * (1 - y[t] * y[t])
        dh = dz[t] @ w_hh
    return at_all_times(dz, w_ih.T), dh, over_time(dz, x), over_time(dz, before_each(h, y)), dz


register(
    "rnn_tanh",
    rnn_tanh,
    rnn_tanh_backward,
    wrt=["x", "h", "w_ih", "w_hh", "b"],
    torch="torch.rnn_tanh(x, h[None], (w_ih, w_hh, b, b * 0), True, 1, 0.0, True, False, False)[0]",
    noun="h",
    examples=[_example(1, X, 2), _example(1, ONE, 4)],
    in_formulas=False,
)


def rnn_relu(x, h, w_ih, w_hh, b):
    y = at_all_times(x, w_ih) + b  # what the inputs add
    for t in range(len(x)):
        h = y[t] = np.maximum(y[t] + h @ w_hh.T, 0)
    return y


def rnn_relu_backward(dy, x, h, w_ih, w_hh, y):
    dh, dz = np.zeros_like(h), np.empty_like(y)
    for t in reversed(range(len(x))):
        dz[t] = (dy[t] + dh) * (y[t] > 0)
        dh = dz[t] @ w_hh
    return at_all_times(dz, w_ih.T), dh, over_time(dz, x), over_time(dz, before_each(h, y)), dz


register(
    "rnn_relu",
    rnn_relu,
    rnn_relu_backward,
    wrt=["x", "h", "w_ih", "w_hh", "b"],
    torch="torch.rnn_relu(x, h[None], (w_ih, w_hh, b, b * 0), True, 1, 0.0, True, False, False)[0]",
    noun="h",
    examples=[_example(1, X, 2), _example(1, ONE, 4)],
    in_formulas=False,
)
