import numpy as np


def relu(z):
    return np.maximum(0, z)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward_propagation_with_dropout(X, parameters, keep_prob=0.8):
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    W3 = parameters["W3"]
    b3 = parameters["b3"]

    Z1 = np.dot(W1, X) + b1
    A1 = relu(Z1)
    D1 = np.random.rand(A1.shape[0], A1.shape[1])
    D1 = (D1 < keep_prob).astype(int)
    A1 = A1 * D1
    A1 = A1 / keep_prob
    Z2 = np.dot(W2, A1) + b2
    A2 = relu(Z2)
    D2 = np.random.rand(A2.shape[0], A2.shape[1])
    D2 = (D2 < keep_prob).astype(int)
    A2 = A2 * D2
    A2 = A2 / keep_prob
    Z3 = np.dot(W3, A2) + b3
    A3 = sigmoid(Z3)
    cache = (Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3)
    return A3, cache


def compute_cost(A3, Y):
    m = Y.shape[1]
    return -np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3)) / m


def backward_propagation_with_dropout(X, Y, cache, keep_prob=0.8):
    m = X.shape[1]
    (Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3) = cache

    dZ3 = A3 - Y
    dW3 = 1.0 / m * np.dot(dZ3, A2.T)
    db3 = 1.0 / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3)
    dA2 = dA2 * D2
    dA2 = dA2 / keep_prob
    dZ2 = np.multiply(dA2, np.int64(A2 > 0))
    dW2 = 1.0 / m * np.dot(dZ2, A1.T)
    db2 = 1.0 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dA1 = dA1 * D1
    dA1 = dA1 / keep_prob
    dZ1 = np.multiply(dA1, np.int64(A1 > 0))
    dW1 = 1.0 / m * np.dot(dZ1, X.T)
    db1 = 1.0 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW3": dW3, "db3": db3, "dW2": dW2, "db2": db2, "dW1": dW1, "db1": db1}


def update_parameters(parameters, grads, learning_rate):
    for l in range(1, 4):
        parameters["W" + str(l)] = (
            parameters["W" + str(l)] - learning_rate * grads["dW" + str(l)]
        )
        parameters["b" + str(l)] = (
            parameters["b" + str(l)] - learning_rate * grads["db" + str(l)]
        )
    return parameters


np.random.seed(1)
X = np.array([[0.6, -0.5, 1.2, 0.3, -0.9], [0.2, 0.8, -0.4, 1.1, 0.7]])
Y = np.array([[1, 0, 1, 0, 1]])
parameters = {
    "W1": np.array([[0.4, -0.3], [0.2, 0.6], [-0.5, 0.7], [0.8, 0.1]]),
    "b1": np.array([[0.1], [0.0], [0.2], [0.05]]),
    "W2": np.array([[0.3, 0.5, -0.2, 0.4], [-0.6, 0.1, 0.7, 0.2], [0.4, 0.3, 0.2, -0.1]]),
    "b2": np.array([[0.1], [0.15], [-0.05]]),
    "W3": np.array([[0.5, -0.7, 0.6]]),
    "b3": np.array([[0.0]]),
}
for i in range(15):
    a3, cache = forward_propagation_with_dropout(X, parameters)
    cost = compute_cost(a3, Y)
    grads = backward_propagation_with_dropout(X, Y, cache)
    parameters = update_parameters(parameters, grads, 0.3)
    print(i, cost)
