import numpy as np


class TwoHeadNet:
    def __init__(self):
        self.Wt = np.array([[-0.08, -0.12, -1.01, -0.48, 0.92], [1.34, -1.57, 0.46, 1.05, -1.01], [-0.16, -0.87, -0.56, -0.05, -0.42]])
        self.bt = np.array([-0.46, -1.26, -0.49, 0.0, -1.02])
        self.Wr = np.array([[-1.0], [0.34], [0.25], [-0.96], [0.38]])
        self.br = np.array([0.1])
        self.Wc = np.array([[-0.55], [-0.35], [0.7], [-0.75], [-1.19]])
        self.bc = np.array([-0.2])

    def forward(self, x):
        self.x = x
        self.z = x @ self.Wt + self.bt
        self.h = np.maximum(0, self.z)
        self.v = self.h @ self.Wr + self.br
        self.s = 1 / (1 + np.exp(-(self.h @ self.Wc + self.bc)))
        return self.v, self.s

    def loss(self, value, label):
        self.loss_value = np.mean((self.v - value) ** 2)
        self.loss_label = -np.mean(label * np.log(self.s) + (1 - label) * np.log(1 - self.s))
        return self.loss_value + 0.5 * self.loss_label

    def backward(self, value, label):
        n = len(value)
        self.dv = 2 * (self.v - value) / n
        self.ds = 0.5 * (self.s - label) / n
        self.dWr = self.h.T @ self.dv
        self.dbr = self.dv.sum(axis=0)
        self.dWc = self.h.T @ self.ds
        self.dbc = self.ds.sum(axis=0)
        self.dh = self.dv @ self.Wr.T + self.ds @ self.Wc.T
        self.dz = self.dh * (self.z > 0)
        self.dWt = self.x.T @ self.dz
        self.dbt = self.dz.sum(axis=0)

    def step(self, lr):
        for name in ["Wt", "bt", "Wr", "br", "Wc", "bc"]:
            param = getattr(self, name)
            grad = getattr(self, "d" + name)
            setattr(self, name, param - lr * grad)


x = np.array([[-0.01, 1.45, 0.78], [-0.92, -0.65, 0.19], [-0.11, -0.64, 0.13], [-1.25, -0.59, 1.52], [-0.35, -0.13, 0.65]])
value = np.array([[0.18], [2.43], [-0.51], [2.77], [0.75]])
label = np.array([[1], [0], [0], [1], [1]])

net = TwoHeadNet()
for epoch in range(20):
    v, s = net.forward(x)
    loss = net.loss(value, label)
    net.backward(value, label)
    net.step(0.1)
    if epoch % 4 == 0:
        print(epoch, loss, net.loss_value, net.loss_label)
print(net.Wt)
print(net.Wr.ravel(), net.br, net.Wc.ravel(), net.bc)
