# %% cell
import numpy as np
# %% cell
X = np.array([[-0.18, 1.12], [0.25, -1.23], [-0.27, 1.43], [1.3, 1.37], [1.19, 0.85], [0.43, 0.13]])
labels = np.array([0, 1, 1, 2, 0, 2])
Y = np.eye(3)[labels]
X.shape, Y.shape
# %% cell
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def softmax(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def cross_entropy(P, Y):
    return -np.mean(np.sum(Y * np.log(P + 1e-15), axis=1))
# %% cell
def forward(X, W1, b1, W2, b2):
    H = sigmoid(X @ W1 + b1)
    P = softmax(H @ W2 + b2)
    return H, P

def gradients(X, Y, H, P, W2):
    dZ2 = (P - Y) / X.shape[0]
    dW2 = H.T @ dZ2
    db2 = dZ2.sum(axis=0)
    dH = dZ2 @ W2.T
    dZ1 = dH * H * (1 - H)
    dW1 = X.T @ dZ1
    db1 = dZ1.sum(axis=0)
    return [dW1, db1, dW2, db2]
# %% cell
params = [
    np.array([[-0.36, -0.08, -0.41, 0.56, -1.11], [-0.28, 1.38, 0.29, 0.43, 0.63]]),
    np.array([-0.16, 0.06, 0.15, -0.56, 0.34]),
    np.array([[0.3, -0.08, 0.39], [0.91, -0.14, -0.14], [0.95, 0.46, -0.28], [0.33, -0.28, -0.28], [0.15, -1.15, -1.03]]),
    np.array([0.15, -0.55, -0.23]),
]
velocity = [np.zeros_like(p) for p in params]
eta, mu = 0.2, 0.8
history = []
# %% cell
for epoch in range(25):
    W1, b1, W2, b2 = params
    H, P = forward(X, W1, b1, W2, b2)
    loss = cross_entropy(P, Y)
    history.append(loss)
    grads = gradients(X, Y, H, P, W2)
    for k in range(len(params)):
        v_prev = velocity[k]
        velocity[k] = mu * velocity[k] - eta * grads[k]
        params[k] = params[k] - mu * v_prev + (1 + mu) * velocity[k]
    if epoch % 5 == 0:
        print(epoch, loss)
# %% cell
W1, b1, W2, b2 = params
H, P = forward(X, W1, b1, W2, b2)
print("final", cross_entropy(P, Y))
print("accuracy", np.mean(P.argmax(axis=1) == labels))
print(W1)
print(W2)
