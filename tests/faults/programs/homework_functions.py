import numpy as np


def init_params():
    W1 = np.array([[0.1,0.2,0.3,0.4],[0.5,0.6,0.7,0.8],[0.9,1.0,1.1,1.2]])
    W2 = np.array([[0.2,0.3],[0.4,0.5],[0.6,0.7],[0.8,0.9]])
    return {"W1": W1, "W2": W2}
def forward(X, params, train=False, p_drop=0.4):
    z1 = X.dot(params["W1"]); a1 = np.maximum(z1,0)
    if train:
        mask = np.random.binomial(1, 1-p_drop, size=a1.shape)/(1-p_drop)
    else:
        mask = np.ones_like(a1)
    h = a1*mask
    z2 = h.dot(params["W2"])
    e = np.exp(z2); probs = e/e.sum(axis=1, keepdims=True)
    return probs, (X, z1, a1, mask, h)
def loss_fn(probs, y): return -np.sum(y*np.log(probs))
def backward(probs, y, params, cache):
    X, z1, a1, mask, h = cache
    dz2 = probs - y
    grads = {}
    grads["W2"] = h.T.dot(dz2)
    dh = dz2.dot(params["W2"].T)
    dz1 = dh*mask
    dz1[z1<=0] = 0
    grads["W1"] = X.T.dot(dz1)
    return grads
def train(X, y, params, lr=0.01, epochs=100):
    for _ in range(epochs):
        probs, cache = forward(X, params, train=True)
        grads = backward(probs, y, params, cache)
        for k in params: params[k] -= lr*grads[k]
    return params
