# Plain functions over plain arrays, and a training function that returns the weights.
import numpy as np


def softmax(s):
    e = np.exp(s - s.max(axis=1)[:, None])
    return e / e.sum(axis=1)[:, None]


def forward(x, w1, b1, w2, b2):
    z1 = x @ w1 + b1
    a1 = z1 * (z1 > 0)
    return z1, a1, softmax(a1 @ w2 + b2)


def loss(p, y):
    return -(y * np.log(p)).sum() / len(y)


def backward(x, y, z1, a1, p, w2):
    dz2 = (p - y) / len(y)
    dw2 = a1.T @ dz2
    db2 = dz2.sum(0)
    da1 = dz2 @ w2.T
    dz1 = da1 * (z1 > 0)
    dw1 = x.T @ dz1
    db1 = dz1.sum(0)
    return dw1, db1, dw2, db2


def train(x, y, w1, b1, w2, b2, lr=0.1, epochs=20):
    for _ in range(epochs):
        z1, a1, p = forward(x, w1, b1, w2, b2)
        dw1, db1, dw2, db2 = backward(x, y, z1, a1, p, w2)
        w1 = w1 - lr * dw1
        b1 = b1 - lr * db1
        w2 = w2 - lr * dw2
        b2 = b2 - lr * db2
    return w1, b1, w2, b2
