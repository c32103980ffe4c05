"""The homework's training step written straight by hand, as the peer of the written program."""

import numpy as np


def train(x, y, w1, w2, epochs, seed=0):
    """[B, 3], [B, 2], [3, 4], [4, 2]; changes the weights, returns the losses."""
    generator = np.random.RandomState(seed)
    losses = []
    for _ in range(epochs):
        z1 = x @ w1
        a1 = np.maximum(z1, 0)
        kept = generator.randint(2**53, size=a1.size, dtype=np.int64) < 0.6 * 2**53
        mask = kept.reshape(a1.shape) / 0.6
        h = a1 * mask
        z2 = h @ w2
        e = np.exp(z2 - z2.max(axis=-1, keepdims=True))
        p = e / e.sum(axis=-1, keepdims=True)
        losses.append(float(-(y * np.log(p)).sum()))
        dz2 = p - y
        dw2 = h.T @ dz2
        dw1 = x.T @ (dz2 @ w2.T * mask * (z1 > 0))
        w1 -= 0.01 * dw1
        w2 -= 0.01 * dw2
    return losses
