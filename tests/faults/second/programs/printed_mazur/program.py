# prints
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


x = np.array([[0.05, 0.1]])
y = np.array([[0.01, 0.99]])
w1 = np.array([[0.15, 0.25], [0.2, 0.3]])
b1 = np.array([0.35, 0.35])
w2 = np.array([[0.4, 0.5], [0.45, 0.55]])
b2 = np.array([0.6, 0.6])

h = sigmoid(x @ w1 + b1)
o = sigmoid(h @ w2 + b2)
loss = 0.5 * np.sum((o - y) ** 2)
do = o - y
dz2 = do * o * (1 - o)
dw2 = h.T @ dz2
db2 = dz2.sum(axis=0)
dh = dz2 @ w2.T
dz1 = dh * h * (1 - h)
dw1 = x.T @ dz1
db1 = dz1.sum(axis=0)
w1 = w1 - 0.5 * dw1
w2 = w2 - 0.5 * dw2
b1 = b1 - 0.5 * db1
b2 = b2 - 0.5 * db2
print("h =", h)
print("o =", o)
print("loss =", loss)
print("dw2 =", dw2)
print("dw1 =", dw1)
print("db2 =", db2)
print("db1 =", db1)
print("w1 =", w1)
print("w2 =", w2)
