# prints
import numpy as np
np.set_printoptions(precision=6, suppress=True)

x = np.array([[0.8, -0.4, 0.6], [-0.3, 1.2, 0.5]])
y = np.array([[1.0], [0.0]])
W1 = np.array([[0.5, -0.3], [0.2, 0.7], [-0.6, 0.4]])
b1 = np.array([[0.1, -0.2]])
W2 = np.array([[0.9], [-0.8]])
b2 = np.array([[0.05]])

z1 = x @ W1 + b1
a1 = np.tanh(z1)
z2 = a1 @ W2 + b2
a2 = 1 / (1 + np.exp(-z2))
loss = -np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2))
print("a2 =", a2)
print("loss =", round(loss, 6))

m = x.shape[0]
dz2 = (a2 - y) / m
dW2 = a1.T @ dz2
db2 = np.sum(dz2, axis=0, keepdims=True)
dz1 = dz2 @ W2.T * (1 - a1 ** 2)
dW1 = x.T @ dz1
db1 = np.sum(dz1, axis=0, keepdims=True)
print("dW1 =", dW1)
print("db1 =", db1)
print("dW2 =", dW2)
print("db2 =", db2)
W1 -= 0.3 * dW1
b1 -= 0.3 * db1
W2 -= 0.3 * dW2
b2 -= 0.3 * db2
print("W1 after one step =", W1)
print("W2 after one step =", W2)
