import numpy as np


class TwoLayerNet:
    """Affine - ReLU - affine - softmax, loss and gradients in one method."""

    def __init__(self, input_size, hidden_size, output_size, std=1e-1):
        self.params = {}
        self.params["W1"] = std * np.random.randn(input_size, hidden_size)
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = std * np.random.randn(hidden_size, output_size)
        self.params["b2"] = np.zeros(output_size)

    def loss(self, X, y=None, reg=0.05):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        N, D = X.shape

        z1 = X.dot(W1) + b1
        a1 = np.maximum(z1, 0)
        scores = a1.dot(W2) + b2
        if y is None:
            return scores

        scores = scores - scores.max(axis=1, keepdims=True)
        exp = np.exp(scores)
        p = exp / exp.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(N), y]).mean()
        loss += reg * (np.sum(W1 * W1) + np.sum(W2 * W2))

        grads = {}
        dscores = p.copy()
        dscores[np.arange(N), y] -= 1
        dscores /= N
        grads["W2"] = a1.T.dot(dscores) + 2 * reg * W2
        grads["b2"] = dscores.sum(axis=0)
        da1 = dscores.dot(W2.T)
        dz1 = da1 * (z1 > 0)
        grads["W1"] = X.T.dot(dz1) + 2 * reg * W1
        grads["b1"] = dz1.sum(axis=0)
        return loss, grads

    def train(self, X, y, learning_rate=0.2, reg=0.05, num_iters=15):
        loss_history = []
        for it in range(num_iters):
            loss, grads = self.loss(X, y=y, reg=reg)
            loss_history.append(loss)
            for name in ("W1", "b1", "W2", "b2"):
                self.params[name] -= learning_rate * grads[name]
        return {"loss_history": loss_history}

    def predict(self, X):
        return np.argmax(self.loss(X), axis=1)


def init_toy_model():
    np.random.seed(0)
    return TwoLayerNet(4, 10, 3, std=1e-1)


def init_toy_data():
    np.random.seed(1)
    X = 10 * np.random.randn(5, 4)
    y = np.array([0, 1, 2, 2, 1])
    return X, y


if __name__ == "__main__":
    net = init_toy_model()
    X, y = init_toy_data()
    stats = net.train(X, y)
    print("Final training loss: ", stats["loss_history"][-1])
