import numpy as np

# logistic regression with AdamW

X = np.array([[0.7, -1.1, 0.4], [1.5, 0.2, -0.8], [-0.6, 0.9, 1.2], [0.1, -0.4, -1.3]])
y = np.array([[1.0], [0.0], [1.0], [0.0]])
w = np.array([[0.4], [-0.6], [0.8]])
b = np.array([0.1])

lr = 0.05
beta1 = 0.9
beta2 = 0.999
eps = 1e-8
weight_decay = 0.1
m_w = np.zeros_like(w)
v_w = np.zeros_like(w)
m_b = np.zeros_like(b)
v_b = np.zeros_like(b)

for t in range(1, 26):
    z = np.dot(X, w) + b
    p = 1 / (1 + np.exp(-z))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    dz = (p - y) / len(X)
    dw = np.dot(X.T, dz)
    db = np.sum(dz, axis=0)

    w = w - lr * weight_decay * w
    b = b - lr * weight_decay * b

    m_w = beta1 * m_w + (1 - beta1) * dw
    v_w = beta2 * v_w + (1 - beta2) * dw * dw
    m_b = beta1 * m_b + (1 - beta1) * db
    v_b = beta2 * v_b + (1 - beta2) * db * db

    w = w - lr * (m_w / (1 - beta1**t)) / (np.sqrt(v_w / (1 - beta2**t)) + eps)
    b = b - lr * (m_b / (1 - beta1**t)) / (np.sqrt(v_b / (1 - beta2**t)) + eps)

print("loss:", loss)
print("w:", w)
print("b:", b)
