# Globals for weights, and functions without arguments for the parameters.
import numpy as np

W1 = np.array([[0.5, -0.4, 0.9], [0.3, 0.8, -0.2]])
B1 = np.array([0.1, 0.0, -0.3])
W2 = np.array([[0.6], [-0.5], [0.4]])
B2 = np.array([0.2])


def sigma(u):
    return np.exp(u) / (1 + np.exp(u))


def predict(inputs):
    hidden = sigma(inputs @ W1 + B1)
    return hidden, sigma(hidden @ W2 + B2)


def cost(prediction, targets):
    n = targets.shape[0]
    return -(targets * np.log(prediction) + (1 - targets) * np.log(1 - prediction)).sum() / n


def gradients(inputs, targets):
    hidden, prediction = predict(inputs)
    n = targets.shape[0]
    d_out = (prediction - targets) / n
    grad_W2 = hidden.T @ d_out
    grad_B2 = d_out.sum(axis=0)
    d_hidden = d_out @ W2.T
    d_sum = d_hidden * hidden * (1 - hidden)
    grad_W1 = inputs.T @ d_sum
    grad_B1 = d_sum.sum(axis=0)
    return grad_W1, grad_B1, grad_W2, grad_B2
