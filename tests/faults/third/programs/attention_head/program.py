import numpy as np


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class AttentionHead:
    """Scaled dot-product attention, one head, no mask."""

    def __init__(self, wq, wk, wv):
        self.wq, self.wk, self.wv = np.array(wq), np.array(wk), np.array(wv)

    def forward(self, x):
        self.x = x
        self.q = x @ self.wq
        self.k = x @ self.wk
        self.v = x @ self.wv
        self.scale = np.sqrt(self.wk.shape[-1])
        scores = self.q @ self.k.transpose(0, 2, 1) / self.scale
        self.attn = softmax(scores)
        return self.attn @ self.v

    def backward(self, dout):
        dv = self.attn.transpose(0, 2, 1) @ dout
        dattn = dout @ self.v.transpose(0, 2, 1)
        dscores = self.attn * (dattn - (dattn * self.attn).sum(axis=-1, keepdims=True))
        dscores = dscores / self.scale
        dq = dscores @ self.k
        dk = dscores.transpose(0, 2, 1) @ self.q
        xt = self.x.transpose(0, 2, 1)
        self.dwq = (xt @ dq).sum(axis=0)
        self.dwk = (xt @ dk).sum(axis=0)
        self.dwv = (xt @ dv).sum(axis=0)
        return dq @ self.wq.T + dk @ self.wk.T + dv @ self.wv.T


def loss_and_grad(out, target):
    diff = out - target
    return (diff ** 2).mean(), 2 * diff / diff.size


x = np.array([[[0.6, -0.4, 1.0], [0.2, 0.9, -0.7], [-1.1, 0.5, 0.3]], [[0.8, 0.1, -0.5], [-0.6, 1.2, 0.4], [0.7, -0.9, 0.2]]])
target = np.array([[[0.5, -0.2], [0.1, 0.7], [-0.4, 0.3]], [[0.9, 0.0], [-0.3, 0.6], [0.2, -0.8]]])
head = AttentionHead(
    wq=[[0.5, -0.7], [0.3, 0.9], [-0.4, 0.6]],
    wk=[[0.8, 0.2], [-0.5, 0.4], [0.7, -0.3]],
    wv=[[-0.6, 0.4], [0.9, 0.1], [0.2, -0.8]],
)
for step in range(10):
    out = head.forward(x)
    loss, dout = loss_and_grad(out, target)
    head.backward(dout)
    for name in ("wq", "wk", "wv"):
        setattr(head, name, getattr(head, name) - 0.8 * getattr(head, "d" + name))
    print(step, loss)
