import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

signals = np.array([
    [0.5, -0.2, 0.8, 1.1, -0.6, 0.3, 0.9],
    [-0.7, 0.4, 0.1, -0.9, 1.2, 0.6, -0.3],
    [0.2, 0.9, -1.1, 0.4, 0.7, -0.8, 0.5],
    [1.0, -0.4, 0.3, 0.6, -0.2, 1.1, -0.9],
])
labels = np.array([0, 1, 1, 0])

weights = {
    "kernel": np.array([[0.4, -0.6, 0.3], [0.7, 0.2, -0.5]]),
    "kernel_bias": np.array([0.1, -0.05]),
    "dense": np.array([[0.8, -0.3], [-0.4, 0.6]]),
    "dense_bias": np.array([0.0, 0.1]),
}


def forward(weights, signals):
    windows = sliding_window_view(signals, 3, axis=1)
    conv = windows @ weights["kernel"].T + weights["kernel_bias"]
    act = np.tanh(conv)
    pooled = act.mean(axis=1)
    logits = pooled @ weights["dense"] + weights["dense_bias"]
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs = e / e.sum(axis=1, keepdims=True)
    return probs, (windows, act, pooled)


def loss_fn(probs, labels):
    return -np.log(probs[np.arange(len(labels)), labels]).mean()


def backward(weights, cache, probs, labels):
    windows, act, pooled = cache
    d_logits = probs.copy()
    d_logits[np.arange(len(labels)), labels] -= 1
    d_logits /= len(labels)
    d_pooled = d_logits @ weights["dense"].T
    d_act = np.repeat(d_pooled[:, None, :], act.shape[1], axis=1) / act.shape[1]
    d_conv = d_act * (1 - act ** 2)
    return {
        "kernel": np.tensordot(d_conv, windows, axes=([0, 1], [0, 1])),
        "kernel_bias": d_conv.sum(axis=(0, 1)),
        "dense": pooled.T @ d_logits,
        "dense_bias": d_logits.sum(axis=0),
    }


def train(weights, signals, labels, lr=0.4, epochs=15):
    losses = []
    for _ in range(epochs):
        probs, cache = forward(weights, signals)
        losses.append(loss_fn(probs, labels))
        grads = backward(weights, cache, probs, labels)
        for name in weights:
            weights[name] = weights[name] - lr * grads[name]
    return losses


if __name__ == "__main__":
    print(train(weights, signals, labels))
    print(weights)
