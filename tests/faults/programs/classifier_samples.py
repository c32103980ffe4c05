# Loops over the examples, one at a time, and adds the gradients up.
import numpy as np

X = np.array([[0.5, -1.2, 0.3], [1.1, 0.4, -0.7], [-0.8, 0.9, 1.5], [0.2, -0.3, 2.0]])
labels = [0, 1, 1, 0]
W1 = np.array([[0.3, -0.5, 0.8, 0.1], [-0.2, 0.7, 0.4, -0.6], [0.5, 0.2, -0.3, 0.9]])
b1 = np.array([0.1, 0.05, -0.1, 0.2])
W2 = np.array([[0.6, -0.4], [-0.3, 0.8], [0.2, 0.5], [-0.7, 0.1]])
b2 = np.array([0.05, -0.05])
n = len(X)
for epoch in range(20):
    dW1, db1 = np.zeros_like(W1), np.zeros_like(b1)
    dW2, db2 = np.zeros_like(W2), np.zeros_like(b2)
    loss = 0.0
    for i in range(n):
        x_i = X[i]
        z_1 = x_i @ W1 + b1
        a_1 = np.where(z_1 > 0, z_1, 0)
        z_2 = a_1 @ W2 + b2
        e = np.exp(z_2 - z_2.max())
        prob = e / e.sum()
        target = np.zeros(2)
        target[labels[i]] = 1
        loss += -np.log(prob[labels[i]]) / n
        delta2 = (prob - target) / n
        dW2 += np.outer(a_1, delta2)
        db2 += delta2
        delta1 = (W2 @ delta2) * (z_1 > 0)
        dW1 += np.outer(x_i, delta1)
        db1 += delta1
    W1 -= 0.1 * dW1
    b1 -= 0.1 * db1
    W2 -= 0.1 * dW2
    b2 -= 0.1 * db2
