import numpy as np


def conv_forward_naive(x, w, b):
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    out = np.zeros((N, F, H - HH + 1, W - WW + 1))
    for n in range(N):
        for f in range(F):
            for i in range(out.shape[2]):
                for j in range(out.shape[3]):
                    out[n, f, i, j] = np.sum(x[n, :, i : i + HH, j : j + WW] * w[f]) + b[f]
    return out, (x, w)


def conv_backward_naive(dout, cache):
    x, w = cache
    N, F, Ho, Wo = dout.shape
    HH, WW = w.shape[2:]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    db = dout.sum(axis=(0, 2, 3))
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    dw[f] += dout[n, f, i, j] * x[n, :, i : i + HH, j : j + WW]
                    dx[n, :, i : i + HH, j : j + WW] += dout[n, f, i, j] * w[f]
    return dx, dw, db


class ConvNet:
    def __init__(self, params):
        self.params = params

    def loss(self, X, y=None):
        w1, b1, w2, b2 = (self.params[k] for k in ("w1", "b1", "w2", "b2"))
        a, conv_cache = conv_forward_naive(X, w1, b1)
        h = np.maximum(0, a)
        flat = h.reshape(len(X), -1)
        scores = flat @ w2 + b2
        if y is None:
            return scores
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        N = len(X)
        loss = -np.log(p[range(N), y]).sum() / N
        ds = p.copy()
        ds[range(N), y] -= 1
        ds /= N
        dflat = ds @ w2.T
        dh = dflat.reshape(h.shape)
        da = dh * (a > 0)
        _, dw1, db1 = conv_backward_naive(da, conv_cache)
        grads = {"w1": dw1, "b1": db1, "w2": flat.T @ ds, "b2": ds.sum(axis=0)}
        return loss, grads


X = np.array(
    [
        [[[0.1, 0.5, -0.3, 0.8], [0.7, -0.2, 0.4, -0.6], [0.9, 0.3, -0.8, 0.2], [-0.5, 0.6, 0.1, 0.4]]],
        [[[-0.4, 0.2, 0.9, -0.1], [0.3, 0.8, -0.7, 0.5], [-0.9, 0.1, 0.6, 0.7], [0.2, -0.3, 0.4, -0.8]]],
    ]
)
y = np.array([1, 0])
params = {
    "w1": np.array([[[[0.3, -0.5, 0.2], [0.1, 0.7, -0.4], [-0.6, 0.4, 0.8]]], [[[-0.2, 0.6, 0.5], [0.9, -0.3, 0.1], [0.4, -0.7, 0.2]]]]),
    "b1": np.array([0.1, -0.1]),
    "w2": np.linspace(-0.7, 0.7, 16).reshape(8, 2),
    "b2": np.array([0.05, -0.05]),
}
model = ConvNet(params)
for step in range(10):
    loss, grads = model.loss(X, y)
    for k in params:
        model.params[k] -= 0.2 * grads[k]
    print(step, loss)
