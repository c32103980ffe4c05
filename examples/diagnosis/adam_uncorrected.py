"""A class with its weights in a dict, trained by an Adam written from memory."""

import numpy as np


class Classifier:
    def __init__(self, sizes=(3, 6, 3), seed=0):
        generator = np.random.default_rng(seed)
        self.params = {
            "W1": generator.normal(0, 0.4, sizes[:2]),
            "b1": np.zeros(sizes[1]),
            "W2": generator.normal(0, 0.4, sizes[1:]),
            "b2": np.zeros(sizes[2]),
        }
        self.m = {k: np.zeros_like(w) for k, w in self.params.items()}
        self.v = {k: np.zeros_like(w) for k, w in self.params.items()}

    def forward(self, X):
        self.X = X
        self.h = np.tanh(X @ self.params["W1"] + self.params["b1"])
        scores = self.h @ self.params["W2"] + self.params["b2"]
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def loss(self, y):
        return -np.mean(np.log(self.p[np.arange(len(y)), y]))

    def backward(self, y):
        N = len(y)
        dscores = self.p.copy()
        dscores[np.arange(N), y] -= 1
        dscores /= N
        dh = dscores @ self.params["W2"].T
        dz = dh * (1 - self.h**2)
        return {
            "W2": self.h.T @ dscores,
            "b2": dscores.sum(axis=0),
            "W1": self.X.T @ dz,
            "b1": dz.sum(axis=0),
        }

    def step(self, grads, lr=0.05, beta1=0.9, beta2=0.999, eps=1e-8):
        for k in self.params:
            self.m[k] = beta1 * self.m[k] + (1 - beta1) * grads[k]
            self.v[k] = beta2 * self.v[k] + (1 - beta2) * grads[k] ** 2
            self.params[k] -= lr * self.m[k] / (np.sqrt(self.v[k]) + eps)


X = np.array(
    [[0.5, -1.2, 0.3], [1.1, 0.4, -0.7], [-0.8, 0.9, 1.5], [0.2, -0.3, 2.0], [1.4, -0.6, 0.1]]
)
labels = np.array([0, 1, 1, 0, 2])

model = Classifier()
for epoch in range(40):
    model.forward(X)
    if epoch % 10 == 0:
        print(epoch, model.loss(labels))
    model.step(model.backward(labels))
