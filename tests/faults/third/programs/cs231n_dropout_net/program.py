import numpy as np


def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    return np.where(cache > 0, dout, 0)


def dropout_forward(x, dropout_param):
    p, mode = dropout_param["p"], dropout_param["mode"]
    mask = None
    if mode == "train":
        mask = (np.random.rand(*x.shape) < p) / p
        out = x * mask
    else:
        out = x
    return out, (dropout_param, mask)


def dropout_backward(dout, cache):
    dropout_param, mask = cache
    if dropout_param["mode"] == "train":
        return dout * mask
    return dout


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


class FullyConnectedNet:
    def __init__(self, hidden_dims, input_dim, num_classes, dropout_keep_ratio=1, reg=0.0, weight_scale=1e-2):
        self.reg = reg
        self.num_layers = 1 + len(hidden_dims)
        self.params = {}
        dims = [input_dim, *hidden_dims, num_classes]
        for i in range(self.num_layers):
            self.params[f"W{i + 1}"] = weight_scale * np.random.randn(dims[i], dims[i + 1])
            self.params[f"b{i + 1}"] = np.zeros(dims[i + 1])
        self.dropout_param = {"mode": "train", "p": dropout_keep_ratio}

    def loss(self, X, y=None):
        mode = "test" if y is None else "train"
        self.dropout_param["mode"] = mode
        caches = []
        out = X
        for i in range(1, self.num_layers):
            out, fc_cache = affine_forward(out, self.params[f"W{i}"], self.params[f"b{i}"])
            out, relu_cache = relu_forward(out)
            out, do_cache = dropout_forward(out, self.dropout_param)
            caches.append((fc_cache, relu_cache, do_cache))
        L = self.num_layers
        scores, last_cache = affine_forward(out, self.params[f"W{L}"], self.params[f"b{L}"])
        if mode == "test":
            return scores

        grads = {}
        loss, dout = softmax_loss(scores, y)
        for i in range(1, L + 1):
            loss += 0.5 * self.reg * np.sum(self.params[f"W{i}"] ** 2)
        dout, grads[f"W{L}"], grads[f"b{L}"] = affine_backward(dout, last_cache)
        grads[f"W{L}"] += self.reg * self.params[f"W{L}"]
        for i in range(L - 1, 0, -1):
            fc_cache, relu_cache, do_cache = caches.pop()
            dout = dropout_backward(dout, do_cache)
            dout = relu_backward(dout, relu_cache)
            dout, grads[f"W{i}"], grads[f"b{i}"] = affine_backward(dout, fc_cache)
            grads[f"W{i}"] += self.reg * self.params[f"W{i}"]
        return loss, grads


def sgd_momentum(w, dw, config):
    v = config.get("velocity", np.zeros_like(w))
    v = config["momentum"] * v - config["learning_rate"] * dw
    config["velocity"] = v
    return w + v, config


np.random.seed(231)
X = np.array([[1.1, -0.4, 0.6, 0.2], [-0.7, 0.8, 0.1, -1.2], [0.3, 0.5, -0.9, 0.7]])
y = np.array([2, 0, 1])
model = FullyConnectedNet([5], 4, 3, dropout_keep_ratio=0.75, reg=0.1)
model.params["W1"] = np.array([[0.4, -0.3, 0.6, 0.1, -0.5], [0.2, 0.7, -0.4, 0.3, 0.6], [-0.8, 0.1, 0.5, -0.2, 0.3], [0.3, -0.6, 0.2, 0.9, -0.1]])
model.params["b1"] = np.array([0.1, 0.2, -0.1, 0.0, 0.3])
model.params["W2"] = np.array([[0.5, -0.2, 0.3], [-0.4, 0.6, 0.1], [0.2, 0.3, -0.7], [0.1, -0.5, 0.4], [0.6, 0.2, -0.3]])
model.params["b2"] = np.array([0.05, -0.05, 0.0])
optim_configs = {p: {"learning_rate": 0.1, "momentum": 0.9} for p in model.params}
for it in range(10):
    loss, grads = model.loss(X, y)
    for p, w in model.params.items():
        next_w, next_config = sgd_momentum(w, grads[p], optim_configs[p])
        model.params[p] = next_w
        optim_configs[p] = next_config
    print("(Iteration %d / %d) loss: %f" % (it + 1, 10, loss))
print(model.loss(X))
