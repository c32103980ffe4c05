import numpy as np


class Net:
    def __init__(self, n_in, n_hidden, n_out, lr=0.01, p=0.4):
        self.W1 = np.random.randn(n_hidden, n_in)*0.1
        self.W2 = np.random.randn(n_out, n_hidden)*0.1
        self.lr = lr; self.p = p
    def forward(self, X, training=False):
        self.X = X
        self.z1 = self.W1 @ X.T
        self.a1 = np.maximum(self.z1, 0)
        if training:
            self.mask = (np.random.rand(*self.a1.shape) > self.p)/(1-self.p)
            self.h = self.a1*self.mask
        else:
            self.mask = np.ones_like(self.a1)
            self.h = self.a1
        z2 = self.W2 @ self.h
        e = np.exp(z2 - z2.max(axis=0))
        self.out = (e/e.sum(axis=0)).T
        return self.out
    def backward(self, y):
        d = (self.out - y).T
        self.dW2 = d @ self.h.T
        dh = self.W2.T @ d
        dz = dh*self.mask*(self.z1>0)
        self.dW1 = dz @ self.X
    def step(self):
        self.W1 -= self.lr*self.dW1
        self.W2 -= self.lr*self.dW2
