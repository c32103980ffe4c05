import numpy as np


class Linear:
    def __init__(self, weight, bias):
        self.weight = weight
        self.bias = bias

    def __call__(self, x, train):
        self.x = x
        return x @ self.weight + self.bias

    def backward(self, g):
        self.grad_weight = self.x.T @ g
        self.grad_bias = g.sum(axis=0)
        return g @ self.weight.T


class Tanh:
    def __call__(self, x, train):
        self.y = np.tanh(x)
        return self.y

    def backward(self, g):
        return g * (1 - self.y**2)


class Dropout:
    def __init__(self, p):
        self.p = p

    def __call__(self, x, train):
        if not train:
            return x
        self.mask = np.random.binomial(1, 1 - self.p, size=x.shape)
        return x * self.mask / (1 - self.p)

    def backward(self, g):
        return g * self.mask / (1 - self.p)


class Model:
    def __init__(self):
        self.layers = [
            Linear(
                np.array([[0.3, -0.6, 0.2, 0.8], [0.7, 0.1, -0.4, 0.5], [-0.2, 0.9, 0.6, -0.3]]),
                np.array([0.1, 0.0, -0.2, 0.3]),
            ),
            Tanh(),
            Dropout(0.5),
            Linear(np.array([[0.4], [-0.7], [0.5], [0.2]]), np.array([0.05])),
        ]

    def forward(self, x, train=True):
        for layer in self.layers:
            x = layer(x, train)
        return x

    def backward(self, g):
        for layer in self.layers[::-1]:
            g = layer.backward(g)

    def step(self, lr):
        for layer in self.layers:
            if isinstance(layer, Linear):
                layer.weight = layer.weight - lr * layer.grad_weight
                layer.bias = layer.bias - lr * layer.grad_bias


np.random.seed(4)
x = np.array([[0.6, -0.4, 1.1], [-0.5, 0.9, 0.2], [0.3, 0.7, -0.8], [1.2, -0.1, 0.4]])
y = np.array([[0.5], [-0.2], [0.8], [0.1]])
model = Model()
for epoch in range(20):
    out = model.forward(x, train=True)
    loss = ((out - y) ** 2).mean()
    model.backward(2 * (out - y) / len(y))
    model.step(0.1)
print(model.forward(x, train=False))
print(loss)
