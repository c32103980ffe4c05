import numpy as np


class Adam:
    def __init__(self, lr=0.02, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m, self.v, self.t = {}, {}, 0

    def update(self, params, grads):
        self.t += 1
        for key in params:
            g = grads[key]
            self.m[key] = self.beta1 * self.m.get(key, 0) + (1 - self.beta1) * g
            self.v[key] = self.beta2 * self.v.get(key, 0) + (1 - self.beta2) * g**2
            m_hat = self.m[key] / (1 - self.beta1**self.t)
            v_hat = self.v[key] / (1 - self.beta2**self.t)
            params[key] -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


def forward(X, params):
    h = np.tanh(X @ params["w1"] + params["b1"])
    return h, h @ params["w2"] + params["b2"]


def compute_loss(y_hat, y):
    return np.mean((y_hat - y) ** 2)


def backward(X, y, params):
    h, y_hat = forward(X, params)
    d = 2 * (y_hat - y) / y.size
    grads = {"w2": h.T @ d, "b2": d.sum(0)}
    dh = (d @ params["w2"].T) * (1 - h * h)
    grads["w1"] = X.T @ dh
    grads["b1"] = dh.sum(0)
    return grads


X = np.linspace(-1, 1, 6).reshape(-1, 1)
y = np.array([[0.9], [0.1], [-0.6], [-0.4], [0.3], [1.1]])
params = {
    "w1": np.array([[0.8, -0.5, 0.3]]),
    "b1": np.array([0.1, 0.2, -0.3]),
    "w2": np.array([[0.4], [-0.9], [0.7]]),
    "b2": np.array([0.05]),
}
optimizer = Adam()
for epoch in range(30):
    grads = backward(X, y, params)
    optimizer.update(params, grads)
    if epoch % 10 == 0:
        print(epoch, compute_loss(forward(X, params)[1], y))
print(params)
