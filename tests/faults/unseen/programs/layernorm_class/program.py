import numpy as np


class LayerNormNet:
    def __init__(self, W1, b1, g, b, W2):
        self.W1, self.b1, self.g, self.b, self.W2 = W1, b1, g, b, W2

    def forward(self, X):
        self.X = X
        self.z = X @ self.W1 + self.b1
        mean = self.z.mean(axis=1, keepdims=True)
        var = self.z.var(axis=1, keepdims=True)
        self.inv = 1 / np.sqrt(var + 1e-5)
        self.xhat = (self.z - mean) * self.inv
        self.n = self.g * self.xhat + self.b
        self.h = np.tanh(self.n)
        return self.h @ self.W2

    def backward(self, d):
        self.dW2 = self.h.T @ d
        dn = (d @ self.W2.T) * (1 - self.h**2)
        self.dg = np.sum(dn * self.xhat, axis=0)
        self.db = np.sum(dn, axis=0)
        dxhat = dn * self.g
        dz = self.inv * (
            dxhat
            - dxhat.mean(axis=1, keepdims=True)
            - self.xhat * np.mean(dxhat * self.xhat, axis=1, keepdims=True)
        )
        self.dW1 = self.X.T @ dz
        self.db1 = dz.sum(axis=0)


def mse(pred, target):
    return np.mean((pred - target) ** 2)


X = np.array([[1.0, -0.5], [0.3, 0.8], [-1.2, 0.4]])
target = np.array([[0.5], [-0.3], [0.9]])
net = LayerNormNet(
    np.array([[0.4, -0.7, 0.2, 0.9], [0.6, 0.1, -0.5, 0.3]]),
    np.array([0.1, -0.2, 0.3, 0.0]),
    np.array([1.0, 1.1, 0.9, 1.2]),
    np.array([0.0, 0.1, -0.1, 0.05]),
    np.array([[0.3], [-0.8], [0.5], [0.2]]),
)
for epoch in range(20):
    pred = net.forward(X)
    loss = mse(pred, target)
    net.backward(2 * (pred - target) / pred.size)
    for name in ["W1", "b1", "g", "b", "W2"]:
        setattr(net, name, getattr(net, name) - 0.1 * getattr(net, "d" + name))
print(loss)
