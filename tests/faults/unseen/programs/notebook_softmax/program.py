# %% cell
import numpy as np

X = np.array([[0.2, 0.9, -0.4, 0.1], [0.8, -0.3, 0.5, 0.7], [-0.6, 0.4, 0.3, -0.9], [0.5, 0.5, -0.8, 0.2]])
labels = np.array([0, 2, 1, 0])
Y = np.eye(3)[labels]
# %% cell
W = np.array([[0.1, -0.2, 0.3], [0.4, 0.2, -0.5], [-0.3, 0.6, 0.1], [0.2, -0.1, 0.5]])
b = np.array([0.0, 0.1, -0.1])
alpha = 0.4
# %% cell
def softmax(z):
    ez = np.exp(z - z.max(axis=1, keepdims=True))
    return ez / ez.sum(axis=1, keepdims=True)


def predict(X, W, b):
    return softmax(X @ W + b)


def cost(P, Y):
    return -np.mean(np.log(P[Y == 1]))


def grad(X, Y, P):
    d = (P - Y) / len(X)
    return X.T @ d, d.sum(axis=0)
# %% cell
history = []
for epoch in range(50):
    P = predict(X, W, b)
    history.append(cost(P, Y))
    dW, db = grad(X, Y, P)
    W -= alpha * dW
    b -= alpha * db
# %% cell
print(history[0], history[-1])
print(W)
print(b)
