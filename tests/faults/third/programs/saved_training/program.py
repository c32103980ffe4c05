# saves trained.npz
import numpy as np

rng = np.random.default_rng(0)
X = np.array([[0.7, -0.1], [-0.4, 0.9], [1.1, 0.5]])
T = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
W1 = np.array([[0.4, -0.9, 0.3, 0.7], [0.8, 0.2, -0.6, 0.5]])
b1 = np.array([0.1, 0.2, -0.3, 0.0])
W2 = np.array([[0.6, -0.3, 0.2], [-0.5, 0.4, 0.7], [0.3, 0.8, -0.1], [-0.2, 0.5, 0.9]])
b2 = np.array([0.0, -0.1, 0.1])
params = [W1, b1, W2, b2]
ms = [np.zeros_like(p) for p in params]
vs = [np.zeros_like(p) for p in params]

for t in range(1, 9):
    z1 = X @ W1 + b1
    h = np.where(z1 > 0, z1, 0.01 * z1)
    z2 = h @ W2 + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    probs = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(T * np.log(probs), axis=1))
    if t == 1:
        first_probs, first_loss = probs.copy(), loss

    dz2 = (probs - T) / len(X)
    dW2 = h.T @ dz2
    db2 = dz2.sum(axis=0)
    dz1 = (dz2 @ W2.T) * np.where(z1 > 0, 1, 0.01)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0)
    grads = [dW1, db1, dW2, db2]
    if t == 1:
        first = [g.copy() for g in grads]

    for p, g, m, v in zip(params, grads, ms, vs):
        m *= 0.9
        m += 0.1 * g
        v *= 0.999
        v += 0.001 * g * g
        m_hat = m / (1 - 0.9 ** t)
        v_hat = v / (1 - 0.999 ** t)
        p -= 0.05 * m_hat / (np.sqrt(v_hat) + 1e-8)

np.savez("trained.npz", probs=first_probs, loss=first_loss, dW1=first[0], db1=first[1], dW2=first[2], db2=first[3], W1=W1, b1=b1, W2=W2, b2=b2)
