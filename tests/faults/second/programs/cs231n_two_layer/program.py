import numpy as np


class TwoLayerNet(object):
    """
    A two-layer fully-connected neural network:
    input - fully connected layer - ReLU - fully connected layer - softmax
    """

    def __init__(self):
        self.params = {}
        self.params["W1"] = np.array([[0.0, -0.17, -0.67, -0.01, -0.23, -0.29, -0.91, -0.29, -0.14, -0.39], [0.38, 1.04, 0.18, 0.42, 1.09, 0.26, 0.93, -0.54, -0.08, 0.78], [0.41, 0.02, 0.55, 0.23, 0.31, -0.21, 0.13, 0.2, -0.3, -1.26], [-0.05, 1.47, -1.6, -0.55, -0.14, 0.16, 0.68, 0.63, 0.78, 0.83]])
        self.params["b1"] = np.array([0.8, 0.43, -0.93, -0.01, 0.37, -0.43, 0.16, 0.07, 0.0, -0.1])
        self.params["W2"] = np.array([[1.05, -0.17, -0.29], [-1.59, 0.0, -0.19], [-0.32, 0.19, 0.25], [-0.64, -0.53, -0.29], [0.41, 0.34, -0.78], [-0.67, 0.44, 0.94], [-0.02, -0.41, 0.66], [-0.19, 0.44, 0.93], [0.38, 0.04, 0.44], [-0.39, -0.11, -0.34]])
        self.params["b2"] = np.array([0.28, -0.41, 0.15])

    def loss(self, X, y=None, reg=0.0):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        N, D = X.shape

        # forward pass
        hidden = np.maximum(0, X.dot(W1) + b1)
        scores = hidden.dot(W2) + b2

        if y is None:
            return scores

        # loss
        shifted = scores - np.max(scores, axis=1, keepdims=True)
        exp_scores = np.exp(shifted)
        probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
        correct_logprobs = -np.log(probs[range(N), y])
        data_loss = np.sum(correct_logprobs) / N
        reg_loss = reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        loss = data_loss + reg_loss

        # backward pass
        grads = {}
        dscores = probs.copy()
        dscores[range(N), y] -= 1
        dscores /= N

        grads["W2"] = np.dot(hidden.T, dscores)
        grads["b2"] = np.sum(dscores, axis=0)
        dhidden = np.dot(dscores, W2.T)
        dhidden[hidden <= 0] = 0
        grads["W1"] = np.dot(X.T, dhidden)
        grads["b1"] = np.sum(dhidden, axis=0)

        grads["W2"] += 2 * reg * W2
        grads["W1"] += 2 * reg * W1

        return loss, grads

    def train(self, X, y, learning_rate=1e-1, reg=0.05, num_iters=25, verbose=True):
        loss_history = []
        for it in range(num_iters):
            loss, grads = self.loss(X, y=y, reg=reg)
            loss_history.append(loss)
            self.params["W1"] += -learning_rate * grads["W1"]
            self.params["b1"] += -learning_rate * grads["b1"]
            self.params["W2"] += -learning_rate * grads["W2"]
            self.params["b2"] += -learning_rate * grads["b2"]
            if verbose and it % 5 == 0:
                print("iteration %d / %d: loss %f" % (it, num_iters, loss))
        return {"loss_history": loss_history}

    def predict(self, X):
        return np.argmax(self.loss(X), axis=1)


def init_toy_data():
    X = np.array([[-0.5, -0.65, -0.73, 1.11], [0.67, -0.78, 2.61, -0.24], [-0.38, 0.08, 1.2, -0.64], [-1.84, -0.41, 0.85, -0.16], [0.61, -0.78, 0.43, -0.96]])
    y = np.array([0, 1, 2, 2, 1])
    return X, y


net = TwoLayerNet()
X, y = init_toy_data()

scores = net.loss(X)
print("Your scores:")
print(scores)

loss, grads = net.loss(X, y, reg=0.05)
print("loss:", loss)

stats = net.train(X, y)
print("Final training loss: ", stats["loss_history"][-1])
