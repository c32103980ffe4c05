"""Layers with a forward and a backward method, and a dropout that is wrapped around one of them.

A well-known library has had a wrapper that does the same for years.
"""

import numpy as np


class Dense:
    def __init__(self, fan_in, fan_out, rng):
        self.weights = {"W": rng.normal(0, 0.5, (fan_in, fan_out)), "b": np.zeros((1, fan_out))}
        self.slopes = {}

    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.weights["W"] + self.weights["b"]

    def backward(self, slope):
        self.slopes["dW"] = self.inputs.T @ slope
        self.slopes["db"] = slope.sum(axis=0, keepdims=True)
        return slope @ self.weights["W"].T

    def step(self, rate):
        self.weights["W"] = self.weights["W"] - rate * self.slopes["dW"]
        self.weights["b"] = self.weights["b"] - rate * self.slopes["db"]


class Dropped:
    """Drops inputs of a layer."""

    def __init__(self, layer, probability):
        self.layer, self.probability = layer, probability
        self.scale = 1 / (1 - probability)

    def forward(self, inputs):
        kept = np.random.random(inputs.shape) >= self.probability
        return self.scale * self.layer.forward(kept * inputs)

    def backward(self, slope):
        return self.layer.backward(self.scale * slope)

    def step(self, rate):
        self.layer.step(rate)


def softmax(scores):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


np.random.seed(0)
generator = np.random.default_rng(1)
x = np.array(
    [[0.5, -1.2, 0.3], [1.1, 0.4, -0.7], [-0.8, 0.9, 1.5], [0.2, -0.3, 2.0], [1.4, -0.6, 0.1]]
)
y = np.eye(3)[[0, 1, 1, 0, 2]]
hidden, top = Dense(3, 6, generator), Dropped(Dense(6, 3, generator), 0.4)

for epoch in range(30):
    z = hidden.forward(x)
    p = softmax(top.forward(np.maximum(z, 0)))
    loss = -np.sum(y * np.log(p)) / len(x)
    slope = top.backward((p - y) / len(x))
    hidden.backward(slope * (z > 0))
    hidden.step(0.1)
    top.step(0.1)
    if epoch % 10 == 0:
        print(epoch, loss)
