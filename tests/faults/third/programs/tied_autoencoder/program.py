import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class AutoEncoder(object):
    """Tied weights: the decoder is the transpose of the encoder."""

    def __init__(self, W, vbias, hbias):
        self.W = np.asarray(W, dtype=float)
        self.vbias = np.asarray(vbias, dtype=float)
        self.hbias = np.asarray(hbias, dtype=float)

    def get_hidden_values(self, input):
        return sigmoid(np.dot(input, self.W) + self.hbias)

    def get_reconstructed_input(self, hidden):
        return sigmoid(np.dot(hidden, self.W.T) + self.vbias)

    def reconstruct(self, x):
        y = self.get_hidden_values(x)
        z = self.get_reconstructed_input(y)
        return z

    def reconstruction_cross_entropy(self, x):
        z = self.reconstruct(x)
        cross_entropy = -np.mean(np.sum(x * np.log(z) + (1 - x) * np.log(1 - z), axis=1))
        return cross_entropy

    def train(self, x, lr=0.1):
        y = self.get_hidden_values(x)
        z = self.get_reconstructed_input(y)

        L_h2 = x - z
        L_h1 = np.dot(L_h2, self.W) * y * (1 - y)

        L_vbias = L_h2
        L_hbias = L_h1
        L_W = np.dot(x.T, L_h1) + np.dot(L_h2.T, y)

        self.W += lr * L_W / len(x)
        self.hbias += lr * np.mean(L_hbias, axis=0)
        self.vbias += lr * np.mean(L_vbias, axis=0)


if __name__ == "__main__":
    data = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]])
    da = AutoEncoder(
        W=[[0.4, -0.2], [-0.3, 0.6], [0.1, 0.5], [0.7, -0.4]],
        vbias=[0.1, -0.1, 0.2, 0.0],
        hbias=[0.05, -0.15],
    )
    for epoch in range(20):
        da.train(data, lr=0.5)
        cost = da.reconstruction_cross_entropy(data)
        print('Training epoch %d, cost is ' % epoch, cost)
    print(da.reconstruct(data))
