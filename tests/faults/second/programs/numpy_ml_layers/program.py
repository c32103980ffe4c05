from abc import ABC, abstractmethod

import numpy as np


class ReLU:
    def fn(self, z):
        return np.clip(z, 0, np.inf)

    def grad(self, x):
        return (x > 0).astype(int)


class Identity:
    def fn(self, z):
        return z

    def grad(self, x):
        return np.ones_like(x)


class RMSProp:
    def __init__(self, lr=0.01, decay=0.9, eps=1e-7):
        self.lr = lr
        self.decay = decay
        self.eps = eps
        self.cache = {}

    def __call__(self, param, param_grad, param_name):
        if param_name not in self.cache:
            self.cache[param_name] = np.zeros_like(param_grad)
        C = self.cache[param_name]
        C = self.decay * C + (1 - self.decay) * param_grad ** 2
        self.cache[param_name] = C
        update = self.lr * param_grad / (np.sqrt(C) + self.eps)
        return param - update


class LayerBase(ABC):
    def __init__(self, optimizer=None):
        self.X = []
        self.act_fn = None
        self.trainable = True
        self.optimizer = optimizer
        self.gradients = {}
        self.parameters = {}
        self.derived_variables = {}

    @abstractmethod
    def forward(self, X, retain_derived=True):
        raise NotImplementedError

    @abstractmethod
    def backward(self, dLdy, retain_grads=True):
        raise NotImplementedError

    def flush_gradients(self):
        self.X = []
        for k, v in self.derived_variables.items():
            self.derived_variables[k] = []
        for k, v in self.gradients.items():
            self.gradients[k] = np.zeros_like(v)

    def update(self, name):
        for k, v in self.gradients.items():
            if k in self.parameters:
                self.parameters[k] = self.optimizer(self.parameters[k], v, name + "_" + k)
        self.flush_gradients()


class FullyConnected(LayerBase):
    def __init__(self, W, b, act_fn, optimizer):
        super().__init__(optimizer)
        self.act_fn = act_fn
        self.parameters = {"W": np.array(W), "b": np.array([b])}
        self.derived_variables = {"Z": []}
        self.gradients = {
            "W": np.zeros_like(self.parameters["W"]),
            "b": np.zeros_like(self.parameters["b"]),
        }

    def forward(self, X, retain_derived=True):
        W = self.parameters["W"]
        b = self.parameters["b"]
        Z = X @ W + b
        Y = self.act_fn.fn(Z)
        if retain_derived:
            self.X.append(X)
            self.derived_variables["Z"].append(Z)
        return Y

    def backward(self, dLdy, retain_grads=True):
        if not isinstance(dLdy, list):
            dLdy = [dLdy]
        dX = []
        X = self.X
        for dy, x in zip(dLdy, X):
            dx, dw, db = self._bwd(dy, x)
            dX.append(dx)
            if retain_grads:
                self.gradients["W"] += dw
                self.gradients["b"] += db
        return dX[0] if len(X) == 1 else dX

    def _bwd(self, dLdy, X):
        W = self.parameters["W"]
        b = self.parameters["b"]
        Z = X @ W + b
        dZ = dLdy * self.act_fn.grad(Z)
        dX = dZ @ W.T
        dW = X.T @ dZ
        dB = dZ.sum(axis=0, keepdims=True)
        return dX, dW, dB


class SquaredError:
    def loss(self, y, y_pred):
        return np.linalg.norm(y_pred - y) ** 2 / len(y)

    def grad(self, y, y_pred):
        return 2 * (y_pred - y) / len(y)


class Network:
    def __init__(self):
        opt = RMSProp()
        self.layers = {
            "FC1": FullyConnected([[-0.76, 0.92, -0.58, 0.28], [-0.06, 0.18, -1.04, 0.95], [0.08, -0.66, 0.95, 0.06]], [-0.25, -0.2, 0.05, -0.47], ReLU(), opt),
            "FC2": FullyConnected([[-0.21, 0.59], [0.35, 0.04], [0.47, 0.35], [0.88, 1.0]], [-0.19, -0.96], Identity(), opt),
        }
        self.criterion = SquaredError()

    def forward(self, X):
        out = X
        for k, v in self.layers.items():
            out = v.forward(out)
        return out

    def backward(self, grad):
        for k, v in reversed(list(self.layers.items())):
            grad = v.backward(grad)
        return grad

    def update(self):
        for k, v in self.layers.items():
            v.update(k)

    def fit(self, X, Y, n_epochs=15):
        for e in range(n_epochs):
            out = self.forward(X)
            loss = self.criterion.loss(Y, out)
            self.backward(self.criterion.grad(Y, out))
            self.update()
            print(f"[Epoch {e}] Avg. loss: {loss:.8f}")


X = np.array([[0.39, -0.96, 1.68], [-1.86, 1.4, 1.38], [0.16, 0.52, -1.04], [0.03, -1.82, -0.98], [-0.27, -3.16, 0.06]])
Y = np.array([[-1.36, 0.46], [1.8, -0.43], [-0.95, -0.55], [-0.07, -0.43], [-0.88, -1.42]])
net = Network()
net.fit(X, Y)
for name, layer in net.layers.items():
    print(name, layer.parameters)
