import numpy as np


class Layer_Dense:
    def __init__(self, weights, biases):
        self.weights = np.array(weights)
        self.biases = np.array(biases)

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class Activation_Tanh:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.tanh(inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output ** 2)


class Loss_BinaryCrossentropyLogits:
    def calculate(self, logits, y):
        sample_losses = np.maximum(logits, 0) - logits * y + np.log1p(np.exp(-np.abs(logits)))
        return np.mean(sample_losses)

    def backward(self, logits, y_true):
        samples = len(logits)
        self.dinputs = 1 / (1 + np.exp(-logits)) - y_true
        self.dinputs = self.dinputs / samples


class Optimizer_Adagrad:
    def __init__(self, learning_rate=1.0, decay=0.0, epsilon=1e-7):
        self.learning_rate = learning_rate
        self.current_learning_rate = learning_rate
        self.decay = decay
        self.iterations = 0
        self.epsilon = epsilon

    def pre_update_params(self):
        if self.decay:
            self.current_learning_rate = self.learning_rate * (1.0 / (1.0 + self.decay * self.iterations))

    def update_params(self, layer):
        if not hasattr(layer, "weight_cache"):
            layer.weight_cache = np.zeros_like(layer.weights)
            layer.bias_cache = np.zeros_like(layer.biases)
        layer.weight_cache += layer.dweights ** 2
        layer.bias_cache += layer.dbiases ** 2
        layer.weights += -self.current_learning_rate * layer.dweights / (np.sqrt(layer.weight_cache) + self.epsilon)
        layer.biases += -self.current_learning_rate * layer.dbiases / (np.sqrt(layer.bias_cache) + self.epsilon)

    def post_update_params(self):
        self.iterations += 1


X = np.array([[-0.69, 0.04, 0.68], [-0.78, -1.01, 0.13], [2.08, -0.57, -0.39], [2.44, -0.7, 0.25], [1.07, -0.11, 0.3], [-0.91, 0.45, -0.25]])
y = np.array([[1], [0], [1], [1], [0], [0]])

dense1 = Layer_Dense([[0.55, -0.36, 0.7, -0.36], [-0.96, 0.24, 0.72, 0.63], [0.51, 0.41, -0.13, -0.31]], [[0.51, 0.11, -0.51, -0.27]])
activation1 = Activation_Tanh()
dense2 = Layer_Dense([[-0.26], [-0.72], [-0.27], [0.29]], [[0.0]])
loss_function = Loss_BinaryCrossentropyLogits()
optimizer = Optimizer_Adagrad(learning_rate=0.1, decay=0.05)

for epoch in range(25):
    dense1.forward(X)
    activation1.forward(dense1.output)
    dense2.forward(activation1.output)
    loss = loss_function.calculate(dense2.output, y)
    predictions = (dense2.output > 0) * 1
    accuracy = np.mean(predictions == y)
    if not epoch % 5:
        print(f"epoch: {epoch}, acc: {accuracy:.3f}, loss: {loss:.6f}, lr: {optimizer.current_learning_rate}")

    loss_function.backward(dense2.output, y)
    dense2.backward(loss_function.dinputs)
    activation1.backward(dense2.dinputs)
    dense1.backward(activation1.dinputs)

    optimizer.pre_update_params()
    optimizer.update_params(dense1)
    optimizer.update_params(dense2)
    optimizer.post_update_params()

print(dense1.weights, dense1.biases, dense2.weights, dense2.biases)
