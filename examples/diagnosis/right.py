"""The same network without a mistake."""

import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def forward(x, w1, b1, w2, b2):
    h = np.tanh(x @ w1 + b1)
    return h, softmax(h @ w2 + b2)


def gradients(x, y, w1, b1, w2, b2):
    h, p = forward(x, w1, b1, w2, b2)
    dz2 = (p - y) / len(x)
    dz1 = dz2 @ w2.T * (1 - h * h)
    return x.T @ dz1, dz1.sum(axis=0), h.T @ dz2, dz2.sum(axis=0)
