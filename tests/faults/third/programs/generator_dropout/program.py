"""Two-layer classifier with inverted dropout."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass
class Linear:
    weight: Array
    grad: Array | None = None
    _input: Array | None = field(default=None, repr=False)

    def __call__(self, x: Array) -> Array:
        self._input = x
        return x @ self.weight

    def backward(self, grad_out: Array) -> Array:
        self.grad = self._input.T @ grad_out
        return grad_out @ self.weight.T


@dataclass
class ReLU:
    _on: NDArray[np.bool_] | None = field(default=None, repr=False)

    def __call__(self, x: Array) -> Array:
        self._on = x > 0
        return np.where(self._on, x, 0.0)

    def backward(self, grad_out: Array) -> Array:
        return np.where(self._on, grad_out, 0.0)


@dataclass
class Dropout:
    rate: float
    rng: np.random.Generator
    training: bool = True
    _keep: Array | None = field(default=None, repr=False)

    def __call__(self, x: Array) -> Array:
        if not self.training:
            return x
        self._keep = (self.rng.random(x.shape) >= self.rate) / (1.0 - self.rate)
        return x * self._keep

    def backward(self, grad_out: Array) -> Array:
        return grad_out * self._keep if self.training else grad_out


@dataclass
class Network:
    fc1: Linear
    act: ReLU
    drop: Dropout
    fc2: Linear

    def forward(self, x: Array) -> Array:
        logits = self.fc2(self.drop(self.act(self.fc1(x))))
        z = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return z / z.sum(axis=-1, keepdims=True)

    def backward(self, probs: Array, target: Array) -> None:
        grad = probs - target
        for layer in (self.fc2, self.drop, self.act, self.fc1):
            grad = layer.backward(grad)

    def step(self, lr: float) -> None:
        for layer in (self.fc1, self.fc2):
            layer.weight -= lr * layer.grad


def cross_entropy(probs: Array, target: Array) -> float:
    return float(-(target * np.log(probs)).sum())


def main() -> None:
    x = np.array([[1.0, -2.0, 0.5], [0.3, 0.8, -1.2], [-0.6, 0.4, 0.9]])
    target = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    net = Network(
        fc1=Linear(np.array([[0.3, -0.4, 0.6, 0.2, 0.5], [0.5, 0.2, -0.1, 0.7, -0.3], [-0.2, 0.8, 0.4, 0.1, 0.6]])),
        act=ReLU(),
        drop=Dropout(0.2, np.random.default_rng(7)),
        fc2=Linear(np.array([[0.2, -0.3], [0.4, 0.5], [-0.6, 0.7], [0.8, 0.1], [-0.2, 0.6]])),
    )
    for epoch in range(30):
        probs = net.forward(x)
        loss = cross_entropy(probs, target)
        net.backward(probs, target)
        net.step(lr=0.05)
        if epoch % 10 == 0:
            print(f"{epoch=} {loss=:.6f}")
    net.drop.training = False
    print(net.forward(x))


if __name__ == "__main__":
    main()
