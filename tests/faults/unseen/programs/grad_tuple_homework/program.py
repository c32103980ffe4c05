import numpy as np

dtype = np.float64


def init():
    W1 = np.linspace(-0.5, 0.5, 12).reshape(3, 4).astype(dtype)
    b1 = np.full(4, 0.1, dtype=dtype)
    W2 = np.linspace(0.6, -0.6, 8).reshape(4, 2).astype(dtype)
    b2 = np.full(2, -0.1, dtype=dtype)
    return [W1, b1, W2, b2]


def net(theta, x):
    W1, b1, W2, b2 = theta
    s = np.log(1 + np.exp(x @ W1 + b1))  # softplus
    return s, s @ W2 + b2


def objective(theta, x, y, lam=0.02):
    _, out = net(theta, x)
    return np.mean(np.abs(out - y)) + lam * np.sum(theta[2] ** 2)


def objective_grad(theta, x, y, lam=0.02):
    W1, b1, W2, b2 = theta
    s, out = net(theta, x)
    dout = np.sign(out - y) / out.size
    dW2 = s.T @ dout + 2 * lam * W2
    db2 = dout.sum(0)
    ds = dout @ W2.T
    dpre = ds * (1 - np.exp(-s))
    return [x.T @ dpre, dpre.sum(0), dW2, db2]


x = np.array([[0.2, 1.0, -0.7], [-0.4, 0.6, 0.9], [1.1, -0.8, 0.3]], dtype=dtype)
y = np.array([[0.4, -0.3], [0.2, 0.8], [-0.6, 0.5]], dtype=dtype)
theta = init()
for k in range(20):
    g = objective_grad(theta, x, y)
    theta = [p - 0.05 * gp for p, gp in zip(theta, g)]
print("final objective", objective(theta, x, y))
for p in theta:
    print(p)
