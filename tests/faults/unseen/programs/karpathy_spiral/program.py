# Minimal softmax + hidden layer case study
import numpy as np

X = np.array([[0.5, -1.2], [1.5, 0.3], [-0.7, 0.8], [0.1, 1.9], [-1.4, -0.6], [0.9, -0.4]])
y = np.array([0, 1, 2, 2, 0, 1])
K = 3
D = 2
h = 5

W = np.array([[0.31, -0.42, 0.17, 0.58, -0.29], [-0.44, 0.23, 0.65, -0.12, 0.37]])
b = np.zeros((1, h))
W2 = np.array([[0.21, -0.33, 0.47], [0.55, 0.12, -0.26], [-0.38, 0.41, 0.09], [0.14, -0.52, 0.36], [-0.27, 0.19, 0.43]])
b2 = np.zeros((1, K))

step_size = 0.5
reg = 0.01

num_examples = X.shape[0]
for i in range(40):

    hidden_layer = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden_layer, W2) + b2

    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)

    correct_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(correct_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)
    loss = data_loss + reg_loss
    if i % 10 == 0:
        print("iteration %d: loss %f" % (i, loss))

    dscores = probs.copy()
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples

    dW2 = np.dot(hidden_layer.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden_layer <= 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)

    dW2 += reg * W2
    dW += reg * W

    W += -step_size * dW
    b += -step_size * db
    W2 += -step_size * dW2
    b2 += -step_size * db2

print(W, b, W2, b2)
