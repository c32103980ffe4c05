# saves grads.npz
import numpy as np

x = np.array([[-0.03, 0.96, -0.79], [1.53, 0.08, -1.33], [-1.07, 0.82, -1.57], [-1.5, -0.83, 0.22]])
y = np.array([[0.75, -1.12], [1.93, -2.17], [-0.99, 0.73], [2.31, 1.48]])
W1 = np.array([[-0.45, 0.79, 0.75, -0.96, -0.88], [-1.03, 1.12, 0.05, -0.03, 0.33], [-0.58, -0.11, -0.71, 0.36, -0.57]])
b1 = np.array([0.02, 0.16, -0.24, -0.12, -0.76])
W2 = np.array([[0.35, 0.74], [0.49, -0.48], [0.25, -0.11], [-0.04, -0.34], [-0.06, 0.51]])
b2 = np.array([-0.51, 0.78])
slope = 0.1

z1 = x @ W1 + b1
a1 = np.where(z1 > 0, z1, slope * z1)
z2 = a1 @ W2 + b2
loss = np.mean((z2 - y) ** 2)

dz2 = 2 * (z2 - y) / y.size
dW2 = a1.T @ dz2
db2 = dz2.sum(0)
da1 = dz2 @ W2.T
dz1 = da1 * np.where(z1 > 0, 1, slope)
dW1 = x.T @ dz1
db1 = dz1.sum(0)

np.savez("grads.npz", z1=z1, a1=a1, z2=z2, loss=loss, dW1=dW1, db1=db1, dW2=dW2, db2=db2)
