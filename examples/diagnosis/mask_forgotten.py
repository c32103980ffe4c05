"""The homework by hand: 3-4-2, ReLU, dropout, softmax, cross-entropy."""

import numpy as np

x = np.array([[1.0, 2, 3], [4, 5, 6]])
y = np.array([[0.0, 1], [1, 0]])
w1 = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 1.1, 1.2]])
w2 = np.array([[0.2, 0.3], [0.4, 0.5], [0.6, 0.7], [0.8, 0.9]])
rate, lr = 0.4, 0.01


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


for epoch in range(100):
    z1 = x @ w1
    a1 = np.maximum(0, z1)
    mask = (np.random.rand(*a1.shape) > rate) / (1 - rate)
    h = a1 * mask
    p = softmax(h @ w2)
    if epoch % 20 == 0:
        print(epoch, -np.sum(y * np.log(p)))

    dz2 = p - y
    dw2 = h.T @ dz2
    da1 = dz2 @ w2.T
    dz1 = da1 * (z1 > 0)
    dw1 = x.T @ dz1
    w1 -= lr * dw1
    w2 -= lr * dw2

print(w1)
print(w2)
