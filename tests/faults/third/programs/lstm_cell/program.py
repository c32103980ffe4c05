import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


class LSTM:
    """One LSTM cell, unrolled over two words, and a linear read-out."""

    def __init__(self):
        self.Wf = np.array([[0.3, -0.2], [0.5, 0.1]])
        self.Wi = np.array([[-0.4, 0.6], [0.2, 0.3]])
        self.Wg = np.array([[0.7, -0.5], [-0.3, 0.4]])
        self.Wo = np.array([[0.1, 0.8], [-0.6, 0.2]])
        self.Uf = np.array([[0.2, 0.4], [-0.1, 0.3]])
        self.Ui = np.array([[0.5, -0.3], [0.6, 0.1]])
        self.Ug = np.array([[-0.2, 0.7], [0.3, -0.4]])
        self.Uo = np.array([[0.4, 0.1], [-0.5, 0.6]])
        self.V = np.array([[0.9], [-0.7]])

    def cell(self, x, h, c):
        f = sigmoid(x @ self.Wf + h @ self.Uf)
        i = sigmoid(x @ self.Wi + h @ self.Ui)
        g = np.tanh(x @ self.Wg + h @ self.Ug)
        o = sigmoid(x @ self.Wo + h @ self.Uo)
        c_next = f * c + i * g
        h_next = o * np.tanh(c_next)
        return h_next, c_next, (x, h, c, f, i, g, o, c_next)

    def forward(self, x1, x2):
        zero = np.zeros((len(x1), 2))
        h1, c1, self.cache1 = self.cell(x1, zero, zero)
        h2, c2, self.cache2 = self.cell(x2, h1, c1)
        self.h2 = h2
        return h2 @ self.V

    def cell_backward(self, dh_next, dc_next, cache):
        x, h, c, f, i, g, o, c_next = cache
        do = dh_next * np.tanh(c_next)
        dc = dc_next + dh_next * o * (1 - np.tanh(c_next) ** 2)
        df = dc * c
        di = dc * g
        dg = dc * i
        daf = df * f * (1 - f)
        dai = di * i * (1 - i)
        dag = dg * (1 - g ** 2)
        dao = do * o * (1 - o)
        self.dWf += x.T @ daf
        self.dWi += x.T @ dai
        self.dWg += x.T @ dag
        self.dWo += x.T @ dao
        self.dUf += h.T @ daf
        self.dUi += h.T @ dai
        self.dUg += h.T @ dag
        self.dUo += h.T @ dao
        dh = daf @ self.Uf.T + dai @ self.Ui.T + dag @ self.Ug.T + dao @ self.Uo.T
        return dh, dc * f

    def backward(self, pred, y):
        for name in ("Wf", "Wi", "Wg", "Wo", "Uf", "Ui", "Ug", "Uo"):
            setattr(self, "d" + name, np.zeros((2, 2)))
        dpred = 2 * (pred - y) / len(y)
        self.dV = self.h2.T @ dpred
        dh2 = dpred @ self.V.T
        dh1, dc1 = self.cell_backward(dh2, np.zeros_like(dh2), self.cache2)
        self.cell_backward(dh1, dc1, self.cache1)

    def update(self, lr):
        for name in ("Wf", "Wi", "Wg", "Wo", "Uf", "Ui", "Ug", "Uo", "V"):
            weight = getattr(self, name)
            setattr(self, name, weight - lr * getattr(self, "d" + name))


x1 = np.array([[0.5, -1.0], [0.8, 0.3], [-0.6, 0.9]])
x2 = np.array([[1.2, 0.4], [-0.7, 0.5], [0.1, -0.8]])
y = np.array([[0.6], [-0.2], [0.3]])
net = LSTM()
for epoch in range(12):
    pred = net.forward(x1, x2)
    loss = np.mean((pred - y) ** 2)
    net.backward(pred, y)
    net.update(0.5)
    print(epoch, loss)
