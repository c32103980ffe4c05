import numpy as np


def make_network(W1, W2):
    weights = [W1, W2]

    def forward(x):
        h = 1 / (1 + np.exp(-x @ weights[0]))
        return h, h @ weights[1]

    def gradients(x, t):
        h, y = forward(x)
        dy = y - t
        dW2 = h.T @ dy
        dh = dy @ weights[1].T
        dW1 = x.T @ (dh * h * (1 - h))
        return [dW1, dW2]

    return weights, forward, gradients


def rmsprop(weights, grads, cache, lr=0.02, decay=0.9, eps=1e-8):
    for i in range(len(weights)):
        cache[i] = decay * cache[i] + (1 - decay) * grads[i] ** 2
        weights[i] -= lr * grads[i] / (np.sqrt(cache[i]) + eps)


x = np.array([[1.0, 0.2, -0.4], [0.3, -0.9, 0.8], [-0.7, 0.5, 0.1]])
t = np.array([[0.6, -0.2], [0.1, 0.9], [-0.8, 0.3]])
W1 = np.array([[0.3, -0.5, 0.8], [0.6, 0.2, -0.1], [-0.4, 0.7, 0.5]])
W2 = np.array([[0.9, -0.3], [0.1, 0.4], [-0.6, 0.2]])

weights, forward, gradients = make_network(W1, W2)
cache = [np.zeros_like(W) for W in weights]
for epoch in range(30):
    rmsprop(weights, gradients(x, t), cache)
_, out = forward(x)
print(0.5 * np.sum((out - t) ** 2))
print(weights)
