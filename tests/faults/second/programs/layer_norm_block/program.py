import numpy as np


def layernorm_forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=1, keepdims=True)
    var = x.var(axis=1, keepdims=True)
    std = np.sqrt(var + eps)
    x_norm = (x - mu) / std
    out = gamma * x_norm + beta
    return out, (x_norm, gamma, std)


def layernorm_backward(dout, cache):
    x_norm, gamma, std = cache
    D = x_norm.shape[1]
    dgamma = (dout * x_norm).sum(axis=0)
    dbeta = dout.sum(axis=0)
    dx_norm = dout * gamma
    dx = (1 / D) / std * (
        D * dx_norm
        - dx_norm.sum(axis=1, keepdims=True)
        - x_norm * (dx_norm * x_norm).sum(axis=1, keepdims=True)
    )
    return dx, dgamma, dbeta


def swish_forward(x):
    s = 1 / (1 + np.exp(-x))
    return x * s, (x, s)


def swish_backward(dout, cache):
    x, s = cache
    return dout * (s + x * s * (1 - s))


def linear_forward(x, W, b):
    return x @ W + b, (x, W)


def linear_backward(dout, cache):
    x, W = cache
    return dout @ W.T, x.T @ dout, dout.sum(axis=0)


def train_step(p, x, y, lr, wd):
    z1, c1 = linear_forward(x, p["W1"], p["b1"])
    n1, c2 = layernorm_forward(z1, p["gamma"], p["beta"])
    a1, c3 = swish_forward(n1)
    out, c4 = linear_forward(a1, p["W2"], p["b2"])
    loss = ((out - y) ** 2).mean()

    g = {}
    dout = 2.0 * (out - y) / out.size
    da1, g["W2"], g["b2"] = linear_backward(dout, c4)
    dn1 = swish_backward(da1, c3)
    dz1, g["gamma"], g["beta"] = layernorm_backward(dn1, c2)
    dx, g["W1"], g["b1"] = linear_backward(dz1, c1)

    for name in p:
        p[name] = p[name] - lr * (g[name] + wd * p[name])
    return loss, out


def main():
    x = np.array([[-1.3, 1.2, 0.34], [-1.81, -0.69, 1.98], [-2.91, -0.51, 1.52], [-1.04, -0.81, -0.11]])
    y = np.array([[0.35, -0.56], [-1.61, 2.78], [-1.76, -0.9], [-1.22, 1.96]])
    p = {
        "W1": np.array([[-0.26, 0.26, 0.0, 0.64, 0.12], [0.4, -0.63, -0.77, -0.02, -0.69], [-0.08, 0.61, 0.62, -0.04, -0.36]]),
        "b1": np.array([-0.01, -0.32, -0.17, 0.67, -0.85]),
        "gamma": np.array([1.0, 1.2, 0.8, 1.1, 0.9]),
        "beta": np.array([0.0, 0.1, -0.1, 0.2, 0.05]),
        "W2": np.array([[-1.28, 0.67], [0.02, -0.38], [0.0, -0.73], [0.17, -0.99], [-0.9, 0.16]]),
        "b2": np.array([0.66, -1.19]),
    }
    for i in range(20):
        loss, out = train_step(p, x, y, lr=0.1, wd=0.01)
        print(i, loss)
    for name, value in p.items():
        print(name, value)


if __name__ == "__main__":
    main()
