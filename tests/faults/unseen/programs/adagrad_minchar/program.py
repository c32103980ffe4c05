"""Gradient by hand, Adagrad memory variables, all in globals."""

import numpy as np

x = np.array([[0.1, 0.8], [0.9, -0.4], [-0.5, 0.3]])
y = np.array([1, 0, 1])
Wxh = np.array([[0.3, -0.8, 0.5], [0.6, 0.2, -0.4]])
bh = np.zeros(3)
Why = np.array([[0.7, -0.1], [-0.3, 0.4], [0.2, 0.9]])
by = np.zeros(2)


def lossFun(inputs, targets):
    hs = np.tanh(np.dot(inputs, Wxh) + bh)
    ys = np.dot(hs, Why) + by
    ps = np.exp(ys) / np.sum(np.exp(ys), axis=1, keepdims=True)
    loss = np.sum(-np.log(ps[np.arange(len(targets)), targets]))
    dy = np.copy(ps)
    dy[np.arange(len(targets)), targets] -= 1
    dWhy = np.dot(hs.T, dy)
    dby = dy.sum(axis=0)
    dh = np.dot(dy, Why.T)
    dhraw = (1 - hs * hs) * dh
    dbh = dhraw.sum(axis=0)
    dWxh = np.dot(inputs.T, dhraw)
    for dparam in [dWxh, dWhy, dbh, dby]:
        np.clip(dparam, -5, 5, out=dparam)
    return loss, dWxh, dWhy, dbh, dby


n = 0
mWxh, mWhy = np.zeros_like(Wxh), np.zeros_like(Why)
mbh, mby = np.zeros_like(bh), np.zeros_like(by)
while n < 25:
    loss, dWxh, dWhy, dbh, dby = lossFun(x, y)
    for param, dparam, mem in zip([Wxh, Why, bh, by], [dWxh, dWhy, dbh, dby], [mWxh, mWhy, mbh, mby]):
        mem += dparam * dparam
        param += -0.1 * dparam / (np.sqrt(mem) + 1e-10)
    n += 1
print(loss)
print(Wxh, Why, bh, by)
