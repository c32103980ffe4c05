# Adam by hand, in a script.
import numpy as np

X = np.array([[0, 1], [1, 0], [1, 1], [0.5, -0.5]])
Y = np.array([[1], [1], [0], [0]])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


params = {
    "W1": np.array([[0.5, -0.4, 0.9], [0.3, 0.8, -0.2]]),
    "b1": np.array([0.1, 0.0, -0.3]),
    "W2": np.array([[0.6], [-0.5], [0.4]]),
    "b2": np.array([0.2]),
}
m = {k: np.zeros_like(v) for k, v in params.items()}
v = {k: np.zeros_like(w) for k, w in params.items()}
beta1, beta2, eps = 0.9, 0.999, 1e-8
for t in range(1, 13):
    H = sigmoid(X @ params["W1"] + params["b1"])
    y_hat = sigmoid(H @ params["W2"] + params["b2"])
    loss = -np.mean(Y * np.log(y_hat) + (1 - Y) * np.log(1 - y_hat))
    grads = {}
    dz2 = (y_hat - Y) / len(X)
    grads["W2"] = H.T @ dz2
    grads["b2"] = dz2.sum(axis=0)
    dz1 = dz2 @ params["W2"].T * H * (1 - H)
    grads["W1"] = X.T @ dz1
    grads["b1"] = dz1.sum(axis=0)
    for k in params:
        m[k] = beta1 * m[k] + (1 - beta1) * grads[k]
        v[k] = beta2 * v[k] + (1 - beta2) * grads[k] ** 2
        m_hat = m[k] / (1 - beta1**t)
        v_hat = v[k] / (1 - beta2**t)
        params[k] -= 0.05 * m_hat / (np.sqrt(v_hat) + eps)
