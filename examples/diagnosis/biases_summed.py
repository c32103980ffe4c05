"""A network in columns with random weights of its own, as many tutorials on digits have it."""

import numpy as np

X = np.array(
    [[0.5, -1.2, 0.3], [1.1, 0.4, -0.7], [-0.8, 0.9, 1.5], [0.2, -0.3, 2.0], [1.4, -0.6, 0.1]]
).T
labels = np.array([0, 1, 1, 0, 2])


def start():
    rng = np.random.default_rng(4)
    return (
        rng.uniform(-0.5, 0.5, (6, 3)),
        rng.uniform(-0.5, 0.5, (6, 1)),
        rng.uniform(-0.5, 0.5, (3, 6)),
        rng.uniform(-0.5, 0.5, (3, 1)),
    )


def forward(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(Z1, 0)
    scores = np.exp(W2.dot(A1) + b2)
    return Z1, A1, scores / sum(scores)


def backward(Z1, A1, A2, W2, X, labels):
    m = labels.size
    dZ2 = A2 - np.eye(3)[labels].T
    dW2 = dZ2.dot(A1.T) / m
    db2 = np.sum(dZ2) / m
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    dW1 = dZ1.dot(X.T) / m
    db1 = np.sum(dZ1) / m
    return dW1, db1, dW2, db2


def descend(X, labels, alpha, iterations):
    W1, b1, W2, b2 = start()
    for i in range(iterations):
        Z1, A1, A2 = forward(W1, b1, W2, b2, X)
        dW1, db1, dW2, db2 = backward(Z1, A1, A2, W2, X, labels)
        W1 = W1 - alpha * dW1
        b1 = b1 - alpha * db1
        W2 = W2 - alpha * dW2
        b2 = b2 - alpha * db2
        if i % 10 == 0:
            print(i, np.mean(A2.argmax(axis=0) == labels))
    return W1, b1, W2, b2


descend(X, labels, 0.1, 30)
