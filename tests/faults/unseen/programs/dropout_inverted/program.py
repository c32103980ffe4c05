import numpy as np

np.random.seed(12)

X = np.array([[0.5, -0.2, 0.9, 0.4], [-0.7, 0.8, 0.1, -0.3], [0.2, 0.6, -0.5, 1.0]])
Y = np.array([[1, 0], [0, 1], [1, 0]])
W1 = np.array(
    [
        [0.2, -0.4, 0.6, 0.3, -0.1],
        [0.5, 0.7, -0.2, 0.1, 0.4],
        [-0.3, 0.2, 0.8, -0.6, 0.5],
        [0.1, 0.3, -0.5, 0.9, -0.2],
    ]
)
W2 = np.array([[0.3, -0.6], [0.5, 0.2], [-0.4, 0.7], [0.1, -0.8], [0.6, 0.4]])
keep_prob = 0.75


def forward(X, W1, W2, train=True):
    z1 = X @ W1
    a1 = np.maximum(0, z1)
    mask = None
    if train:
        mask = (np.random.rand(*a1.shape) < keep_prob) / keep_prob
        a1 = a1 * mask
    z2 = a1 @ W2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    probs = e / e.sum(axis=1, keepdims=True)
    return probs, (z1, a1, mask)


def loss(probs, Y):
    return -np.mean(np.sum(Y * np.log(probs), axis=1))


def backward(X, Y, probs, cache, W2):
    z1, a1, mask = cache
    dz2 = (probs - Y) / X.shape[0]
    dW2 = a1.T @ dz2
    da1 = dz2 @ W2.T
    if mask is not None:
        da1 = da1 * mask
    dz1 = da1 * (z1 > 0)
    dW1 = X.T @ dz1
    return dW1, dW2


for epoch in range(20):
    probs, cache = forward(X, W1, W2)
    dW1, dW2 = backward(X, Y, probs, cache, W2)
    W1 = W1 - 0.2 * dW1
    W2 = W2 - 0.2 * dW2

probs, _ = forward(X, W1, W2, train=False)
print(loss(probs, Y))
print(W1)
print(W2)
