import numpy as np


def batchnorm_forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=0)
    xmu = x - mu
    var = np.mean(xmu**2, axis=0)
    ivar = 1.0 / np.sqrt(var + eps)
    xhat = xmu * ivar
    out = gamma * xhat + beta
    return out, (xhat, gamma, ivar)


def batchnorm_backward(dout, cache):
    xhat, gamma, ivar = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    dx = ivar / N * (N * dxhat - dxhat.sum(axis=0) - xhat * np.sum(dxhat * xhat, axis=0))
    return dx, dgamma, dbeta


def forward(x, w1, gamma, beta, w2):
    z = x @ w1
    n, bn_cache = batchnorm_forward(z, gamma, beta)
    h = np.maximum(n, 0)
    s = h @ w2
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p, (x, n, bn_cache, h)


def loss(p, y):
    return -(y * np.log(p)).sum() / len(y)


def backward(p, y, cache, w2):
    x, n, bn_cache, h = cache
    ds = (p - y) / len(y)
    dw2 = h.T @ ds
    dh = ds @ w2.T
    dn = dh * (n > 0)
    dz, dgamma, dbeta = batchnorm_backward(dn, bn_cache)
    dw1 = x.T @ dz
    return dw1, dgamma, dbeta, dw2


x = np.array([[0.5, 1.2, -0.3], [-0.9, 0.4, 0.8], [0.1, -0.7, 1.5], [1.3, 0.2, -0.6], [-0.4, -1.1, 0.3]])
y = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [1, 0]])
w1 = np.array([[0.4, -0.2, 0.7, 0.1], [0.3, 0.6, -0.5, 0.8], [-0.6, 0.5, 0.2, -0.4]])
gamma = np.array([1.0, 0.8, 1.2, 0.9])
beta = np.array([0.1, 0.0, -0.1, 0.2])
w2 = np.array([[0.5, -0.3], [-0.4, 0.6], [0.2, 0.7], [0.8, -0.1]])
for epoch in range(20):
    p, cache = forward(x, w1, gamma, beta, w2)
    print(loss(p, y))
    dw1, dgamma, dbeta, dw2 = backward(p, y, cache, w2)
    w1 -= 0.2 * dw1
    gamma -= 0.2 * dgamma
    beta -= 0.2 * dbeta
    w2 -= 0.2 * dw2
