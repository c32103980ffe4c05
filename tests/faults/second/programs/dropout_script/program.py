import numpy as np

np.random.seed(7)
p_drop = 0.5
x = np.array([[-1.23, -0.27, 1.96, -0.5], [-0.76, -1.2, 1.12, 0.16], [0.68, -0.2, 1.29, -0.87], [0.52, 0.24, -0.2, -1.23], [-2.64, -2.54, 3.95, -0.45], [-1.28, -0.47, 0.17, -0.05]])
y = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [0, 1], [1, 0]])
w1 = np.array([[0.22, 0.08, 0.32, -0.22, 1.05, 0.23, 0.11, 0.41], [-0.73, 0.74, -0.29, -0.67, 0.86, -0.32, -0.55, -0.55], [-1.1, -0.6, -0.77, -0.7, -0.48, 0.44, -0.18, 0.05], [0.36, -0.07, -0.14, 0.95, -0.8, -0.5, 0.27, -0.61]])
b1 = np.array([0.06, 1.32, 0.57, 0.04, 0.64, 0.6, -0.56, 0.44])
w2 = np.array([[-1.02, 0.0], [-0.26, -0.15], [-0.18, 0.02], [-0.04, -0.72], [-0.11, -0.53], [-0.15, 0.4], [0.21, -0.38], [-0.12, -0.52]])
b2 = np.array([0.1, -0.1])


def relu(z):
    return z * (z > 0)


def softmax(z):
    z = np.exp(z - z.max(1, keepdims=True))
    return z / z.sum(1, keepdims=True)


def predict(x):
    return softmax(relu(x @ w1 + b1) @ w2 + b2)


print("before training", predict(x))
for i in range(25):
    z1 = x @ w1 + b1
    h = relu(z1)
    mask = np.random.binomial(1, 1 - p_drop, size=h.shape) / (1 - p_drop)
    h_drop = h * mask
    p = softmax(h_drop @ w2 + b2)
    loss = -np.sum(y * np.log(p)) / len(x)

    dz2 = (p - y) / len(x)
    dw2 = h_drop.T @ dz2
    db2 = dz2.sum(0)
    dh = dz2 @ w2.T * mask
    dz1 = dh * (z1 > 0)
    dw1 = x.T @ dz1
    db1 = dz1.sum(0)

    w1 -= 0.2 * dw1
    b1 -= 0.2 * db1
    w2 -= 0.2 * dw2
    b2 -= 0.2 * db2
print("after training", predict(x))
print(w1, b1, w2, b2)
