import numpy as np

# weights and biases in lists, any depth, full batch


def elu(z):
    return np.where(z > 0, z, np.exp(z) - 1)


def elu_prime(z):
    return np.where(z > 0, 1, np.exp(z))


Ws = [
    np.array([[0.4, -0.9, 0.3], [-0.7, 0.5, 0.8]]),
    np.array([[0.2, 0.6, -0.5], [0.9, -0.3, 0.1], [-0.4, 0.7, 0.5]]),
    np.array([[0.6], [-0.2], [0.8]]),
]
bs = [np.array([0.1, -0.3, 0.2]), np.array([0.0, 0.2, -0.1]), np.array([0.3])]


def forward(X):
    zs, activations = [], [X]
    for W, b in zip(Ws[:-1], bs[:-1]):
        zs.append(activations[-1] @ W + b)
        activations.append(elu(zs[-1]))
    zs.append(activations[-1] @ Ws[-1] + bs[-1])
    return zs, activations, zs[-1]


def backprop(X, Y):
    zs, activations, out = forward(X)
    delta = (out - Y) / len(X)
    dWs, dbs = [], []
    for l in reversed(range(len(Ws))):
        dWs.insert(0, activations[l].T @ delta)
        dbs.insert(0, delta.sum(axis=0))
        if l > 0:
            delta = (delta @ Ws[l].T) * elu_prime(zs[l - 1])
    return dWs, dbs


def half_mse(out, Y):
    return 0.5 * np.sum((out - Y) ** 2) / len(Y)


X = np.array([[0.5, -0.6], [-0.9, 0.3], [0.7, 0.8], [-0.2, -0.4]])
Y = np.array([[0.4], [-0.8], [0.9], [0.1]])
for epoch in range(30):
    dWs, dbs = backprop(X, Y)
    for l in range(3):
        Ws[l] -= 0.15 * dWs[l]
        bs[l] -= 0.15 * dbs[l]
print(half_mse(forward(X)[-1], Y))
