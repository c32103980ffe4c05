import numpy as np


class word2vec():
    def __init__(self):
        self.n = 3
        self.eta = 0.2
        self.epochs = 15
        self.window = 1

    def initialise(self):
        self.w1 = np.array([[0.2, -0.5, 0.8], [0.7, 0.1, -0.3], [-0.6, 0.9, 0.4], [0.3, -0.2, 0.5]])
        self.w2 = np.array([[0.4, -0.7, 0.1, 0.6], [0.5, 0.3, -0.8, 0.2], [-0.1, 0.9, 0.2, -0.4]])

    def softmax(self, x):
        e_x = np.exp(x - np.max(x))
        return e_x / e_x.sum(axis=0)

    def forward_pass(self, x):
        h = np.dot(x, self.w1)
        u = np.dot(h, self.w2)
        y_c = self.softmax(u)
        return y_c, h, u

    def backprop(self, e, h, x):
        dl_dw2 = np.outer(h, e)
        dl_dw1 = np.outer(x, np.dot(self.w2, e.T))
        self.w1 = self.w1 - (self.eta * dl_dw1)
        self.w2 = self.w2 - (self.eta * dl_dw2)

    def train(self, training_data):
        self.initialise()
        for i in range(self.epochs):
            self.loss = 0
            for w_t, w_c in training_data:
                y_pred, h, u = self.forward_pass(w_t)
                EI = np.sum([np.subtract(y_pred, word) for word in w_c], axis=0)
                self.backprop(EI, h, w_t)
                self.loss += -np.sum([u[list(word).index(1)] for word in w_c]) + len(w_c) * np.log(np.sum(np.exp(u)))
            print('Epoch:', i, "Loss:", self.loss)


# the quick brown fox: "quick" with its two neighbours
training_data = [(np.array([0, 1, 0, 0]), [np.array([1, 0, 0, 0]), np.array([0, 0, 1, 0])])]
w2v = word2vec()
w2v.train(training_data)
print(w2v.w1)
print(w2v.w2)
