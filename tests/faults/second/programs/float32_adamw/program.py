import numpy as np

DTYPE = np.float32
C = DTYPE(np.sqrt(2.0 / np.pi))


def gelu(x):
    return DTYPE(0.5) * x * (1 + np.tanh(C * (x + DTYPE(0.044715) * x**3)))


def gelu_grad(x):
    t = np.tanh(C * (x + DTYPE(0.044715) * x**3))
    dt = (1 - t * t) * C * (1 + 3 * DTYPE(0.044715) * x**2)
    return DTYPE(0.5) * (1 + t) + DTYPE(0.5) * x * dt


class AdamW:
    def __init__(self, params, lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1):
        self.params = params
        self.lr = lr
        self.b1, self.b2 = betas
        self.eps = eps
        self.wd = weight_decay
        self.m = {k: np.zeros_like(v) for k, v in params.items()}
        self.v = {k: np.zeros_like(v) for k, v in params.items()}
        self.t = 0

    def step(self, grads):
        self.t += 1
        for k in self.params:
            g = grads[k]
            self.params[k] -= DTYPE(self.lr * self.wd) * self.params[k]
            self.m[k] = self.b1 * self.m[k] + (1 - self.b1) * g
            self.v[k] = self.b2 * self.v[k] + (1 - self.b2) * g * g
            mhat = self.m[k] / (1 - self.b1**self.t)
            vhat = self.v[k] / (1 - self.b2**self.t)
            self.params[k] -= (self.lr * mhat / (np.sqrt(vhat) + self.eps)).astype(DTYPE)


x = np.array([[-1.79, -1.48, -0.03, -0.7], [0.09, -0.06, 1.81, -0.28], [-0.08, -0.41, -0.18, -0.39], [0.45, 1.42, -0.66, 0.62], [-0.9, -0.87, -0.78, -0.7], [-2.17, 0.6, -0.91, 1.01]], dtype=DTYPE)
y = np.array([[-2.19], [-0.53], [0.49], [-0.34], [0.12], [0.05]], dtype=DTYPE)
params = {
    "w1": np.array([[-0.6, -0.64, -0.38, 0.64, -0.09, 0.66], [-1.24, 0.42, 1.0, -0.24, 1.39, -0.6], [-0.34, -1.2, -0.22, -0.75, 1.22, 0.36], [0.94, 1.11, -0.67, -0.92, 0.99, -0.55]], dtype=DTYPE),
    "b1": np.array([-0.63, -0.49, 0.4, 1.09, -0.86, 0.14], dtype=DTYPE),
    "w2": np.array([[-0.94], [-0.02], [-0.37], [-0.88], [0.85], [-0.29]], dtype=DTYPE),
    "b2": np.array([0.1], dtype=DTYPE),
}
opt = AdamW(params)

for step in range(20):
    z = x @ params["w1"] + params["b1"]
    h = gelu(z)
    out = h @ params["w2"] + params["b2"]
    diff = out - y
    loss = np.mean(diff**2)

    dout = DTYPE(2.0 / diff.size) * diff
    grads = {}
    grads["w2"] = h.T @ dout
    grads["b2"] = dout.sum(axis=0)
    dh = dout @ params["w2"].T
    dz = dh * gelu_grad(z)
    grads["w1"] = x.T @ dz
    grads["b1"] = dz.sum(axis=0)
    opt.step(grads)
    if step % 5 == 0:
        print("step", step, "loss", loss)

for k, v in params.items():
    print(k, v)
