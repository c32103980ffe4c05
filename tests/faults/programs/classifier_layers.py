# A list of layers, each with its own forward and backward.
import numpy as np


class Linear:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) / np.sqrt(n_in)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class ReLU:
    def forward(self, x):
        self.x = x
        return np.maximum(0, x)

    def backward(self, dout):
        return dout * (self.x > 0)


class MLP:
    def __init__(self, input_size, hidden_size, output_size):
        self.layers = [Linear(input_size, hidden_size), ReLU(), Linear(hidden_size, output_size)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        exps = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.probs = exps / np.sum(exps, axis=1, keepdims=True)
        return self.probs

    def loss(self, probs, y):
        return -np.mean(np.sum(y * np.log(probs), axis=1))

    def backward(self, y):
        grad = (self.probs - y) / y.shape[0]
        for layer in reversed(self.layers):
            grad = layer.backward(grad)

    def step(self, learning_rate):
        for layer in self.layers:
            if hasattr(layer, "W"):
                layer.W -= learning_rate * layer.dW
                layer.b -= learning_rate * layer.db
