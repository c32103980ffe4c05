import numpy as np

ALPHA = 0.1


def leaky_relu(z):
    return np.where(z > 0, z, ALPHA * z)


def d_leaky_relu(z):
    return np.where(z > 0, 1.0, ALPHA)


def softmax(z):
    z = z - np.max(z, axis=-1, keepdims=True)
    return np.exp(z) / np.sum(np.exp(z), axis=-1, keepdims=True)


def forward(X, W1, b1, W2, b2, W3, b3):
    z1 = X @ W1 + b1
    a1 = leaky_relu(z1)
    z2 = a1 @ W2 + b2
    a2 = leaky_relu(z2)
    z3 = a2 @ W3 + b3
    a3 = softmax(z3)
    return z1, a1, z2, a2, z3, a3


def cross_entropy(a3, Y):
    return -np.sum(Y * np.log(a3)) / len(Y)


def backward(X, Y, z1, a1, z2, a2, a3, W2, W3):
    m = len(X)
    dz3 = (a3 - Y) / m
    dW3 = a2.T @ dz3
    db3 = np.sum(dz3, axis=0)
    da2 = dz3 @ W3.T
    dz2 = da2 * d_leaky_relu(z2)
    dW2 = a1.T @ dz2
    db2 = np.sum(dz2, axis=0)
    da1 = dz2 @ W2.T
    dz1 = da1 * d_leaky_relu(z1)
    dW1 = X.T @ dz1
    db1 = np.sum(dz1, axis=0)
    return dW1, db1, dW2, db2, dW3, db3


def main():
    X = np.array([[0.3, -1.0], [-0.8, 0.5], [1.1, 0.2], [0.4, 0.9]])
    Y = np.eye(3)[np.array([2, 0, 1, 2])]
    W1 = np.array([[0.5, -0.3, 0.8, 0.1], [-0.2, 0.6, 0.4, -0.7]])
    b1 = np.array([0.1, -0.1, 0.0, 0.2])
    W2 = np.array([[0.2, -0.5, 0.3, 0.7], [0.6, 0.1, -0.4, 0.2], [-0.3, 0.8, 0.5, -0.1], [0.4, -0.2, 0.1, 0.9]])
    b2 = np.array([0.0, 0.1, -0.2, 0.05])
    W3 = np.array([[0.3, -0.6, 0.2], [0.1, 0.4, -0.5], [-0.2, 0.7, 0.6], [0.5, -0.1, 0.3]])
    b3 = np.array([0.0, 0.0, 0.1])
    for epoch in range(30):
        z1, a1, z2, a2, z3, a3 = forward(X, W1, b1, W2, b2, W3, b3)
        loss = cross_entropy(a3, Y)
        dW1, db1, dW2, db2, dW3, db3 = backward(X, Y, z1, a1, z2, a2, a3, W2, W3)
        W1 -= 0.3 * dW1
        b1 -= 0.3 * db1
        W2 -= 0.3 * dW2
        b2 -= 0.3 * db2
        W3 -= 0.3 * dW3
        b3 -= 0.3 * db3
    print(loss)
    print(W1)


if __name__ == "__main__":
    main()
