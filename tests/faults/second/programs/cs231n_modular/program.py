import numpy as np


def affine_forward(x, w, b):
    N = x.shape[0]
    out = x.reshape(N, -1).dot(w) + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    x, w, b = cache
    N = x.shape[0]
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(N, -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    out = np.maximum(0, x)
    cache = x
    return out, cache


def relu_backward(dout, cache):
    x = cache
    dx = dout * (x > 0)
    return dx


def softmax_loss(x, y):
    shifted_logits = x - np.max(x, axis=1, keepdims=True)
    Z = np.sum(np.exp(shifted_logits), axis=1, keepdims=True)
    log_probs = shifted_logits - np.log(Z)
    probs = np.exp(log_probs)
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = probs.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


def adam(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-2)
    config.setdefault("beta1", 0.9)
    config.setdefault("beta2", 0.999)
    config.setdefault("epsilon", 1e-8)
    config.setdefault("m", np.zeros_like(w))
    config.setdefault("v", np.zeros_like(w))
    config.setdefault("t", 0)

    config["t"] += 1
    config["m"] = config["beta1"] * config["m"] + (1 - config["beta1"]) * dw
    config["v"] = config["beta2"] * config["v"] + (1 - config["beta2"]) * dw**2
    mt = config["m"] / (1 - config["beta1"] ** config["t"])
    vt = config["v"] / (1 - config["beta2"] ** config["t"])
    next_w = w - config["learning_rate"] * mt / (np.sqrt(vt) + config["epsilon"])
    return next_w, config


class TwoLayerNet:
    def __init__(self):
        self.params = {
            "W1": np.array([[-0.43, 0.45, -0.03, 0.27, 0.81], [0.32, 0.81, 0.52, 0.89, -0.63], [-0.47, -0.76, 0.34, -0.15, 0.55]]),
            "b1": np.array([0.93, 0.05, 0.1, -0.04, -1.2]),
            "W2": np.array([[-0.19, 0.2, -0.09], [-0.3, 0.14, -1.06], [-0.66, -0.65, -0.18], [-0.28, -0.12, 0.21], [0.41, 0.25, -0.34]]),
            "b2": np.array([0.08, -0.92, -0.36]),
        }

    def loss(self, X, y=None):
        a, fc_cache1 = affine_forward(X, self.params["W1"], self.params["b1"])
        h, relu_cache = relu_forward(a)
        scores, fc_cache2 = affine_forward(h, self.params["W2"], self.params["b2"])
        if y is None:
            return scores
        grads = {}
        loss, dscores = softmax_loss(scores, y)
        dh, grads["W2"], grads["b2"] = affine_backward(dscores, fc_cache2)
        da = relu_backward(dh, relu_cache)
        dx, grads["W1"], grads["b1"] = affine_backward(da, fc_cache1)
        return loss, grads


class Solver:
    def __init__(self, model, data, num_epochs=15):
        self.model = model
        self.X_train = data["X_train"]
        self.y_train = data["y_train"]
        self.num_epochs = num_epochs
        self.loss_history = []
        self.optim_configs = {}
        for p in self.model.params:
            self.optim_configs[p] = {"learning_rate": 1e-2}

    def _step(self):
        loss, grads = self.model.loss(self.X_train, self.y_train)
        self.loss_history.append(loss)
        for p, w in self.model.params.items():
            dw = grads[p]
            config = self.optim_configs[p]
            next_w, next_config = adam(w, dw, config)
            self.model.params[p] = next_w
            self.optim_configs[p] = next_config

    def train(self):
        for t in range(self.num_epochs):
            self._step()
            print("(Iteration %d / %d) loss: %f" % (t + 1, self.num_epochs, self.loss_history[-1]))


data = {
    "X_train": np.array([[-0.29, -0.74, -0.87], [0.07, 1.21, -0.15], [-1.84, 0.56, -0.67], [-0.25, 2.05, 3.09]]),
    "y_train": np.array([2, 0, 1, 2]),
}
model = TwoLayerNet()
loss, grads = model.loss(data["X_train"], data["y_train"])
solver = Solver(model, data)
solver.train()
for name in sorted(model.params):
    print(name, model.params[name])
