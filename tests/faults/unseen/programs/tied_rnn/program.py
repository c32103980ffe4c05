"""A two-step recurrent net without inputs after the first step: Whh is used twice."""

import numpy as np


class TinyRNN:
    def __init__(self):
        self.Wxh = np.array([[0.6, -0.3, 0.2], [0.4, 0.5, -0.7]])
        self.Whh = np.array([[0.3, 0.8, -0.1], [-0.5, 0.2, 0.6], [0.7, -0.4, 0.1]])
        self.Why = np.array([[0.5, -0.2], [0.3, 0.9], [-0.6, 0.4]])

    def forward(self, x):
        self.x = x
        self.h1 = np.tanh(x @ self.Wxh)
        self.h2 = np.tanh(self.h1 @ self.Whh)
        self.h3 = np.tanh(self.h2 @ self.Whh)
        scores = self.h3 @ self.Why
        e = np.exp(scores - scores.max(1, keepdims=True))
        self.p = e / e.sum(1, keepdims=True)
        return self.p

    def loss(self, y):
        return -np.sum(y * np.log(self.p))

    def backward(self, y):
        dscores = self.p - y
        self.dWhy = self.h3.T @ dscores
        self.dWhh = np.zeros_like(self.Whh)
        dh3 = dscores @ self.Why.T
        da3 = dh3 * (1 - self.h3**2)
        self.dWhh += self.h2.T @ da3
        dh2 = da3 @ self.Whh.T
        da2 = dh2 * (1 - self.h2**2)
        self.dWhh += self.h1.T @ da2
        dh1 = da2 @ self.Whh.T
        da1 = dh1 * (1 - self.h1**2)
        self.dWxh = self.x.T @ da1

    def update(self, lr):
        self.Wxh -= lr * self.dWxh
        self.Whh -= lr * self.dWhh
        self.Why -= lr * self.dWhy


if __name__ == "__main__":
    x = np.array([[0.5, 1.0], [-0.8, 0.3], [0.2, -0.9]])
    y = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    rnn = TinyRNN()
    for i in range(25):
        rnn.forward(x)
        print(i, rnn.loss(y))
        rnn.backward(y)
        rnn.update(0.1)
