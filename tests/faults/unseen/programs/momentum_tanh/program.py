import numpy as np

x = np.array([[0.1, 0.4, -0.3], [0.8, -0.2, 0.5], [-0.6, 0.9, 0.7], [0.3, 0.3, -0.8]])
t = np.array([[0.2, -0.5], [0.7, 0.1], [-0.3, 0.6], [0.4, 0.4]])

params = {
    "W1": np.array([[0.3, -0.1, 0.5, 0.2], [0.7, 0.4, -0.6, 0.1], [-0.2, 0.8, 0.3, -0.5]]),
    "b1": np.zeros(4),
    "W2": np.array([[0.6, -0.4], [0.1, 0.3], [-0.7, 0.5], [0.2, 0.9]]),
    "b2": np.zeros(2),
}


def forward(x, params):
    z1 = x @ params["W1"] + params["b1"]
    a1 = np.tanh(z1)
    y = a1 @ params["W2"] + params["b2"]
    return y, (z1, a1)


def loss_fn(y, t):
    return np.mean((y - t) ** 2)


def backward(x, t, y, cache, params):
    z1, a1 = cache
    dy = 2 * (y - t) / y.size
    grads = {}
    grads["W2"] = a1.T @ dy
    grads["b2"] = dy.sum(axis=0)
    da1 = dy @ params["W2"].T
    dz1 = da1 * (1 - a1**2)
    grads["W1"] = x.T @ dz1
    grads["b1"] = dz1.sum(axis=0)
    return grads


def train(x, t, params, lr=0.05, mu=0.9, epochs=40):
    v = {k: np.zeros_like(p) for k, p in params.items()}
    for epoch in range(epochs):
        y, cache = forward(x, params)
        grads = backward(x, t, y, cache, params)
        for k in params:
            v[k] = mu * v[k] - lr * grads[k]
            params[k] = params[k] + v[k]
    return params


print("loss before", loss_fn(forward(x, params)[0], t))
params = train(x, t, params)
print("loss after", loss_fn(forward(x, params)[0], t))
