import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(0, x)


def forward_propagation(X, parameters):
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    A1 = relu(np.dot(W1, X) + b1)
    A2 = relu(np.dot(W2, A1) + b2)
    A3 = sigmoid(np.dot(W3, A2) + b3)
    return A3


def forward_propagation_with_dropout(X, parameters, keep_prob=0.8):
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    W3 = parameters["W3"]
    b3 = parameters["b3"]

    # LINEAR -> RELU -> LINEAR -> RELU -> LINEAR -> SIGMOID
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


def compute_cost(a3, Y):
    m = Y.shape[1]
    logprobs = np.multiply(-np.log(a3), Y) + np.multiply(-np.log(1 - a3), 1 - Y)
    return 1.0 / m * np.nansum(logprobs)


def backward_propagation_with_dropout(X, Y, cache, keep_prob):
    m = X.shape[1]
    (Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3) = cache

    dZ3 = A3 - Y
    dW3 = 1.0 / m * np.dot(dZ3, A2.T)
    db3 = 1.0 / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3)
    dA2 = dA2 * D2
    dA2 = dA2 / keep_prob

    dZ2 = np.multiply(dA2, np.int64(Z2 > 0))
    dW2 = 1.0 / m * np.dot(dZ2, A1.T)
    db2 = 1.0 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dA1 = dA1 * D1
    dA1 = dA1 / keep_prob

    dZ1 = np.multiply(dA1, np.int64(Z1 > 0))
    dW1 = 1.0 / m * np.dot(dZ1, X.T)
    db1 = 1.0 / m * np.sum(dZ1, axis=1, keepdims=True)

    gradients = {
        "dZ3": dZ3, "dW3": dW3, "db3": db3, "dA2": dA2,
        "dZ2": dZ2, "dW2": dW2, "db2": db2, "dA1": dA1,
        "dZ1": dZ1, "dW1": dW1, "db1": db1,
    }
    return gradients


def update_parameters(parameters, grads, learning_rate):
    for k in range(1, 4):
        parameters["W" + str(k)] = parameters["W" + str(k)] - learning_rate * grads["dW" + str(k)]
        parameters["b" + str(k)] = parameters["b" + str(k)] - learning_rate * grads["db" + str(k)]
    return parameters


def model(X, Y, learning_rate=0.3, num_iterations=20, keep_prob=0.8):
    parameters = {
        "W1": np.array([[-0.19, 0.55], [0.44, 0.68], [0.13, -0.91], [-0.54, 0.98], [-1.49, -0.26]]),
        "b1": np.array([[0.3], [0.1], [0.2], [0.4], [0.1]]),
        "W2": np.array([[1.01, 0.24, 0.0, 0.36, 0.3], [-0.28, -0.47, -1.05, -0.38, -0.16], [0.02, 0.0, 0.61, -0.1, -0.15]]),
        "b2": np.array([[0.3], [0.2], [0.4]]),
        "W3": np.array([[0.05, 0.65, -1.17]]),
        "b3": np.array([[0.1]]),
    }
    for i in range(0, num_iterations):
        a3, cache = forward_propagation_with_dropout(X, parameters, keep_prob)
        cost = compute_cost(a3, Y)
        grads = backward_propagation_with_dropout(X, Y, cache, keep_prob)
        parameters = update_parameters(parameters, grads, learning_rate)
        if i % 5 == 0:
            print("Cost after iteration {}: {}".format(i, cost))
    return parameters


np.random.seed(1)
train_X = np.array([[-1.5, -0.31], [0.46, -0.46], [-1.3, 2.79], [0.52, 0.52], [-1.18, -0.76]]).T
train_Y = np.array([[0, 1, 1, 0, 1]])
parameters = model(train_X, train_Y)
probabilities = forward_propagation(train_X, parameters)
print("trained", parameters)
print("probabilities", probabilities)
