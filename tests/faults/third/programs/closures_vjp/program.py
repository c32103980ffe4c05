import numpy as np


def dense(x, w, b):
    out = x @ w + b

    def vjp(g):
        return g @ w.T, x.T @ g, g.sum(axis=0)

    return out, vjp


def swish(x):
    s = 1.0 / (1.0 + np.exp(-x))

    def vjp(g):
        return g * (s + x * s * (1.0 - s))

    return x * s, vjp


def softmax_xent(logits, onehot):
    m = logits.max(axis=1, keepdims=True)
    lse = m + np.log(np.exp(logits - m).sum(axis=1, keepdims=True))
    logp = logits - lse
    n = logits.shape[0]

    def vjp(g=1.0):
        return g * (np.exp(logp) - onehot) / n

    return -(onehot * logp).sum() / n, vjp


def value_and_grad(params, x, onehot):
    z1, dense1_vjp = dense(x, params["w1"], params["b1"])
    h, swish_vjp = swish(z1)
    z2, dense2_vjp = dense(h, params["w2"], params["b2"])
    loss, loss_vjp = softmax_xent(z2, onehot)

    g = loss_vjp()
    g, gw2, gb2 = dense2_vjp(g)
    g = swish_vjp(g)
    _, gw1, gb1 = dense1_vjp(g)
    return loss, {"w1": gw1, "b1": gb1, "w2": gw2, "b2": gb2}


def rmsprop(lr, decay=0.9, eps=1e-8):
    def init(params):
        return {k: np.zeros_like(v) for k, v in params.items()}

    def update(params, grads, state):
        state = {k: decay * state[k] + (1 - decay) * grads[k] ** 2 for k in params}
        params = {k: params[k] - lr * grads[k] / (np.sqrt(state[k]) + eps) for k in params}
        return params, state

    return init, update


params = {
    "w1": np.array([[0.6, -0.3, 0.4], [-0.5, 0.8, 0.2]]),
    "b1": np.array([0.1, -0.2, 0.3]),
    "w2": np.array([[0.5, -0.4], [0.3, 0.7], [-0.6, 0.2]]),
    "b2": np.array([0.05, -0.1]),
}
x = np.array([[0.4, -0.9], [1.2, 0.3], [-0.7, 0.6], [0.2, 1.1]])
onehot = np.eye(2)[[0, 1, 1, 0]]
init, update = rmsprop(0.02)
state = init(params)
for step in range(25):
    loss, grads = value_and_grad(params, x, onehot)
    params, state = update(params, grads, state)
    print(step, loss)
