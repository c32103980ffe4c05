import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        limit = np.sqrt(6 / (n_in + n_out))
        self.W = np.random.uniform(-limit, limit, (n_in, n_out))
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T

    def step(self, lr):
        self.W -= lr * self.dW
        self.b -= lr * self.db


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask

    def step(self, lr):
        pass


class SoftmaxCrossEntropy:
    def forward(self, logits, targets):
        z = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(z)
        self.probs = e / e.sum(axis=1, keepdims=True)
        self.targets = targets
        return -np.sum(targets * np.log(self.probs)) / len(logits)

    def backward(self):
        return (self.probs - self.targets) / len(self.targets)


class Net:
    def __init__(self, sizes):
        self.layers = []
        for i in range(len(sizes) - 1):
            self.layers.append(Dense(sizes[i], sizes[i + 1]))
            if i < len(sizes) - 2:
                self.layers.append(ReLU())
        self.criterion = SoftmaxCrossEntropy()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self):
        grad = self.criterion.backward()
        for layer in reversed(self.layers):
            grad = layer.backward(grad)

    def step(self, lr):
        for layer in self.layers:
            layer.step(lr)


if __name__ == "__main__":
    np.random.seed(10)
    X = np.array([[0.1, 0.9, -0.4], [0.7, -0.6, 0.2], [-0.3, 0.5, 1.1], [1.2, 0.4, -0.9]])
    Y = np.eye(2)[[0, 1, 1, 0]]
    net = Net([3, 5, 4, 2])
    for epoch in range(25):
        logits = net.forward(X)
        loss = net.criterion.forward(logits, Y)
        net.backward()
        net.step(0.2)
        print(epoch, loss)
