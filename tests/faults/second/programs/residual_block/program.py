import numpy as np

x = np.array([[0.14, 0.77, 0.66], [0.21, 0.24, -1.26], [2.6, 0.41, 0.43], [1.31, 0.88, 0.27]])
t = np.array([1, 0, 1, 2])

w0 = np.array([[-0.17, 0.07, 0.75, -0.82], [0.06, -0.03, -0.21, -0.65], [-0.21, 1.55, -0.3, -0.35]])
b0 = np.array([0.31, -0.76, 0.14, -0.48])
w1 = np.array([[0.12, 0.7, -1.24, -0.38], [0.6, 1.44, -0.32, 0.45], [-1.29, -0.18, -0.24, -0.37], [-0.07, -0.32, 0.55, -1.24]])
b1 = np.array([-1.11, -0.65, 0.05, -0.81])
w2 = np.array([[-0.97, -0.06, -1.09], [0.16, 0.16, -0.23], [0.0, 0.2, 0.54], [-0.22, 0.99, -0.71]])
b2 = np.array([-0.62, 0.36, 0.66])


def forward():
    h0 = np.tanh(x.dot(w0) + b0)
    pre = h0.dot(w1) + b1
    h1 = np.maximum(pre, 0)
    h2 = h0 + h1
    logits = h2.dot(w2) + b2
    return h0, pre, h1, h2, logits


def softmax(logits):
    logits = logits - logits.max(axis=1)[:, None]
    e = np.exp(logits)
    return e / e.sum(axis=1)[:, None]


def nll(probs):
    return -np.log(probs[np.arange(len(t)), t]).mean()


def backward(h0, pre, h1, h2, probs):
    onehot = np.zeros_like(probs)
    onehot[np.arange(len(t)), t] = 1.0
    dlogits = (probs - onehot) / len(t)
    dw2 = h2.T.dot(dlogits)
    db2 = dlogits.sum(0)
    dh2 = dlogits.dot(w2.T)
    dh1 = dh2
    dpre = dh1.copy()
    dpre[pre <= 0] = 0
    dw1 = h0.T.dot(dpre)
    db1 = dpre.sum(0)
    dh0 = dpre.dot(w1.T) + dh2
    dz0 = dh0 * (1 - h0 * h0)
    dw0 = x.T.dot(dz0)
    db0 = dz0.sum(0)
    return dw0, db0, dw1, db1, dw2, db2


for epoch in range(20):
    h0, pre, h1, h2, logits = forward()
    probs = softmax(logits)
    loss = nll(probs)
    dw0, db0, dw1, db1, dw2, db2 = backward(h0, pre, h1, h2, probs)
    w0 -= 0.2 * dw0
    b0 -= 0.2 * db0
    w1 -= 0.2 * dw1
    b1 -= 0.2 * db1
    w2 -= 0.2 * dw2
    b2 -= 0.2 * db2
    print("epoch %2d  loss %.6f" % (epoch, loss))
print(w0, w1, w2)
