import numpy as np


class FullyConnected:
    def __init__(self, W, b, act_fn):
        self.act_fn = act_fn
        self.parameters = {"W": np.array(W), "b": np.array(b)}
        self.derived_variables = {}
        self.gradients = {}
        self.trainable = True

    def forward(self, X):
        Z = X @ self.parameters["W"] + self.parameters["b"]
        Y = np.tanh(Z) if self.act_fn == "tanh" else 1 / (1 + np.exp(-Z))
        self.derived_variables = {"X": X, "Z": Z, "Y": Y}
        return Y

    def backward(self, dLdy):
        Y = self.derived_variables["Y"]
        if self.act_fn == "tanh":
            dZ = dLdy * (1 - Y ** 2)
        else:
            dZ = dLdy * Y * (1 - Y)
        self.gradients["W"] = self.derived_variables["X"].T @ dZ
        self.gradients["b"] = dZ.sum(axis=0)
        return dZ @ self.parameters["W"].T

    def update(self, lr):
        for k in self.parameters:
            self.parameters[k] = self.parameters[k] - lr * self.gradients[k]


class Dropout:
    """A wrapper: drops inputs of the layer that it is wrapped around."""

    def __init__(self, wrapped_layer, p):
        self.p = p
        self._base_layer = wrapped_layer
        self.trainable = True

    def forward(self, X):
        if not self.trainable:
            return self._base_layer.forward(X)
        scaler = 1.0 / (1.0 - self.p)
        self.mask = np.random.rand(*X.shape) >= self.p
        X = scaler * self.mask * X
        return self._base_layer.forward(X)

    def backward(self, dLdy):
        scaler = 1.0 / (1.0 - self.p)
        dX = self._base_layer.backward(dLdy)
        return scaler * self.mask * dX

    def update(self, lr):
        self._base_layer.update(lr)

    def freeze(self):
        self.trainable = False


def bce(y, p):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def bce_grad(y, p):
    return (p - y) / (p * (1 - p)) / y.size


X = np.array([[1.77, -1.58, 0.7], [0.58, 0.41, 0.71], [-0.84, -0.32, -0.61], [1.26, 1.53, -0.65], [0.11, -1.02, -0.61], [-0.98, -0.15, -0.39]])
y = np.array([[1], [0], [1], [0], [0], [1]])

np.random.seed(3)
layers = [
    FullyConnected([[0.15, -0.45, -0.94, -0.28, -0.21, -0.77], [0.17, 0.59, 0.29, 0.27, 0.45, -0.31], [-0.42, -0.25, -0.14, 1.09, -1.26, 0.62]], [-1.13, -0.25, -0.46, -0.55, -0.85, 0.48], "tanh"),
    Dropout(FullyConnected([[0.41], [0.91], [-0.31], [0.69], [-0.35], [-0.46]], [0.1], "sigmoid"), 0.25),
]
for epoch in range(20):
    out = X
    for layer in layers:
        out = layer.forward(out)
    loss = bce(y, out)
    grad = bce_grad(y, out)
    for layer in reversed(layers):
        grad = layer.backward(grad)
    for layer in layers:
        layer.update(0.5)
    if epoch % 5 == 0:
        print("epoch", epoch, "loss", loss)

layers[1].freeze()
prediction = layers[1].forward(layers[0].forward(X))
print("prediction", prediction.ravel())
