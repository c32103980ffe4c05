# A dropout that wraps a layer, as teaching libraries have it.
import numpy as np


class Dense:
    def __init__(self, n_in, n_out, act):
        self.W = np.random.randn(n_in, n_out)
        self.act = act

    def forward(self, X):
        self.X = X
        self.Z = X @ self.W
        return np.maximum(self.Z, 0) if self.act == "relu" else self.Z

    def backward(self, dY):
        dZ = dY * (self.Z > 0) if self.act == "relu" else dY
        self.dW = self.X.T @ dZ
        return dZ @ self.W.T


class Dropout:
    def __init__(self, layer, p):
        self.layer = layer
        self.p = p
        self.trainable = True

    def forward(self, X):
        Y = self.layer.forward(X)
        self.scale, self.mask = 1.0, np.ones(Y.shape)
        if self.trainable:
            self.mask = (np.random.rand(*Y.shape) >= self.p).astype(float)
            self.scale = 1.0 / (1.0 - self.p)
        return self.scale * self.mask * Y

    def backward(self, dY):
        return self.layer.backward(dY * self.mask * self.scale)


class Network:
    def __init__(self):
        self.layers = [Dropout(Dense(3, 4, "relu"), 0.4), Dense(4, 2, "none")]

    def forward(self, X, train=True):
        self.layers[0].trainable = train
        for layer in self.layers:
            X = layer.forward(X)
        e = np.exp(X - X.max(axis=-1, keepdims=True))
        self.P = e / e.sum(axis=-1, keepdims=True)
        return self.P

    def loss(self, Y):
        return -(Y * np.log(self.P)).sum()

    def backward(self, Y):
        grad = self.P - Y
        for layer in reversed(self.layers):
            grad = layer.backward(grad)

    def update(self, lr):
        for layer in self.layers:
            layer = getattr(layer, "layer", layer)
            layer.W -= lr * layer.dW
