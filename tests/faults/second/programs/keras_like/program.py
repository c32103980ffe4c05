import numpy as np


class Dense:
    def __init__(self, units, activation=None, weights=None):
        self.units = units
        self.activation = activation
        self.W, self.b = np.array(weights[0]), np.array(weights[1])
        self.vW, self.vb = np.zeros_like(self.W), np.zeros_like(self.b)

    def call(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        if self.activation == "elu":
            return np.where(self.z > 0, self.z, np.exp(self.z) - 1)
        return self.z

    def backprop(self, grad):
        if self.activation == "elu":
            grad = grad * np.where(self.z > 0, 1, np.exp(self.z))
        self.dW = self.x.T @ grad
        self.db = np.sum(grad, axis=0)
        return grad @ self.W.T


class MeanSquaredError:
    def __call__(self, y_true, y_pred):
        return np.mean(np.square(y_pred - y_true))

    def gradient(self, y_true, y_pred):
        return 2 * (y_pred - y_true) / y_true.size


class SGD:
    def __init__(self, learning_rate=0.05, momentum=0.5):
        self.learning_rate = learning_rate
        self.momentum = momentum

    def apply(self, layer):
        layer.vW = self.momentum * layer.vW - self.learning_rate * layer.dW
        layer.vb = self.momentum * layer.vb - self.learning_rate * layer.db
        layer.W += layer.vW
        layer.b += layer.vb


class Sequential:
    def __init__(self, layers):
        self.layers = layers

    def compile(self, optimizer, loss):
        self.optimizer = optimizer
        self.loss = loss

    def predict(self, x):
        for layer in self.layers:
            x = layer.call(x)
        return x

    def train_on_batch(self, x, y):
        y_pred = self.predict(x)
        loss = self.loss(y, y_pred)
        grad = self.loss.gradient(y, y_pred)
        for layer in reversed(self.layers):
            grad = layer.backprop(grad)
        for layer in self.layers:
            self.optimizer.apply(layer)
        return loss

    def fit(self, x, y, epochs, batch_size):
        history = []
        for epoch in range(epochs):
            order = np.random.permutation(len(x))
            x_shuffled, y_shuffled = x[order], y[order]
            for start in range(0, len(x), batch_size):
                x_batch = x_shuffled[start:start + batch_size]
                y_batch = y_shuffled[start:start + batch_size]
                loss = self.train_on_batch(x_batch, y_batch)
            history.append(loss)
            print(f"Epoch {epoch + 1}/{epochs} - loss: {loss:.6f}")
        return history


np.random.seed(42)
x = np.array([[-0.51, -0.98], [-1.25, 0.18], [0.99, -0.01], [-1.12, -0.36], [-2.24, 1.0], [0.83, -0.89]])
y = np.array([[0.54], [0.18], [1.9], [-1.51], [-0.9], [0.46]])
model = Sequential([
    Dense(5, "elu", weights=[[[1.14, 0.13, 0.54, -0.71, 0.16], [0.36, -0.4, -0.63, -0.35, -0.21]], [-0.82, -0.74, 0.04, -0.99, 0.01]]),
    Dense(1, weights=[[[0.5], [-0.81], [0.77], [0.34], [0.35]], [0.3]]),
])
model.compile(SGD(), MeanSquaredError())
history = model.fit(x, y, epochs=20, batch_size=6)
print(model.predict(x))
print([(layer.W, layer.b) for layer in model.layers])
