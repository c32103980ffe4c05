# A class with everything inside, momentum included.
import numpy as np


class Regressor:
    def __init__(self, n_in=2, n_hidden=3, n_out=1, lr=0.05, momentum=0.9):
        rng = np.random.default_rng(0)
        self.params = {
            "W1": rng.normal(size=(n_in, n_hidden)),
            "b1": np.zeros((1, n_hidden)),
            "W2": rng.normal(size=(n_hidden, n_out)),
            "b2": np.zeros((1, n_out)),
        }
        self.velocity = {k: np.zeros_like(v) for k, v in self.params.items()}
        self.lr, self.momentum = lr, momentum

    def forward(self, X):
        P = self.params
        self.X = X
        self.H = np.tanh(X @ P["W1"] + P["b1"])
        self.out = self.H @ P["W2"] + P["b2"]
        return self.out

    def loss(self, y_pred, y):
        return np.mean((y_pred - y) ** 2)

    def backward(self, y):
        P = self.params
        d = 2 * (self.out - y) / y.size
        self.grads = {}
        self.grads["W2"] = self.H.T @ d
        self.grads["b2"] = d.sum(axis=0, keepdims=True)
        dh = (d @ P["W2"].T) * (1 - self.H**2)
        self.grads["W1"] = self.X.T @ dh
        self.grads["b1"] = dh.sum(axis=0, keepdims=True)
        return self.grads

    def fit(self, X, y, epochs=15):
        for _ in range(epochs):
            self.forward(X)
            self.backward(y)
            for k in self.params:
                self.velocity[k] = self.momentum * self.velocity[k] + self.grads[k]
                self.params[k] -= self.lr * self.velocity[k]
