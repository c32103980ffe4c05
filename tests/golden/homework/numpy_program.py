"""homework: forward and backward pass in NumPy.

run        python numpy_program.py
sizes      B batch; the other sizes are numbers
names      dX is the derivative of the loss by X and has the shape of X
dropout    the masks are those of the PyTorch program with the same seed
"""

import numpy as np

PRECISION = np.float64


def dropout_mask(generator, shape, rate, dtype):
    """0 where dropped, 1 / (1 - rate) where kept, as PyTorch draws it; no generator, no dropout."""
    if generator is None or rate == 0:
        return np.ones(shape, dtype)
    if rate == 1:
        return np.zeros(shape, dtype)
    # A 53-bit fraction below 1 - rate is kept; whole numbers compare faster and as exactly.
    kept = generator.randint(2**53, size=shape, dtype=np.int64) < int((1 - rate) * 2**53)
    return kept.astype(dtype) / (1 - rate)


def softmax(x, *, axis=-1):
    # the largest becomes 0, so that exp cannot overflow; the quotient stays the same
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def network(x, weights, generator=None):
    """Without a generator there is no dropout."""
    w1, w2 = weights
    z1 = x @ w1                                              # [B, 4]
    a1 = np.maximum(z1, 0)                                   # [B, 4]
    mask = dropout_mask(generator, a1.shape, 0.4, a1.dtype)  # [B, 4]
    h = a1 * mask                                            # [B, 4]
    z2 = h @ w2                                              # [B, 2]
    p = softmax(z2)                                          # [B, 2]
    return p, (z1, mask, h, p)


def network_loss(p, y):
    return -(y * np.log(p)).sum()


def network_backward(x, y, weights, saved):
    _, w2 = weights
    z1, mask, h, p = saved
    # loss = -(y * np.log(p)).sum(),  p = softmax(z2):  the two derivatives together are p - y,
    # because each row of y sums to 1
    dz2 = p - y           # [B, 2]
    # z2 = h @ w2
    dh = dz2 @ w2.T       # [B, 4]
    dw2 = h.T @ dz2       # [4, 2]
    # h = a1 * mask
    da1 = dh * mask       # [B, 4]
    # a1 = np.maximum(z1, 0)
    dz1 = da1 * (z1 > 0)  # [B, 4]
    # z1 = x @ w1
    dw1 = x.T @ dz1       # [3, 4]
    return dw1, dw2


def update(weights, gradients):
    """One step of SGD, in place."""
    for w, dw in zip(weights, gradients):
        w -= 0.01 * dw


def train(x, y, weights, epochs=100, seed=0):
    """Change the weights in place; return the loss of each epoch."""
    generator = np.random.RandomState(seed)
    losses = []
    for epoch in range(epochs):
        p, saved = network(x, weights, generator)
        losses.append(float(network_loss(p, y)))
        gradients = network_backward(x, y, weights, saved)
        update(weights, gradients)
    return losses


def data():
    """The inputs and targets."""
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=PRECISION)
    y = np.array([[0.0, 1.0], [1.0, 0.0]], dtype=PRECISION)
    return x, y


def initial_weights():
    """The weights to begin with."""
    w1 = np.array(
        [
            [0.1, 0.2, 0.3, 0.4],
            [0.5, 0.6, 0.7, 0.8],
            [0.9, 1.0, 1.1, 1.2],
        ],
        dtype=PRECISION,
    )
    w2 = np.array([[0.2, 0.3], [0.4, 0.5], [0.6, 0.7], [0.8, 0.9]], dtype=PRECISION)
    return w1, w2


def main():
    x, y = data()
    weights = initial_weights()
    p, saved = network(x, weights)
    gradients = network_backward(x, y, weights, saved)
    dw1, _ = gradients
    print("NumPy Neural Network Output:")
    for number in range(len(p)):
        print(f"output for x{number + 1}:", p[number])
    print("Gradient of Loss with respect to w1:\n", dw1)
    train(x, y, weights)
    w1, w2 = weights
    print(w1)
    print(w2)


if __name__ == "__main__":
    main()
