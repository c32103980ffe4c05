import numpy as np

images = np.array([[[[-0.84, 0.01, -1.14, 0.39, 0.38], [-0.48, -3.16, 0.24, -0.49, 3.22], [-1.06, -0.48, 0.12, 1.44, 1.41], [0.2, -0.59, -1.0, -0.23, 0.52], [-2.84, -0.45, -0.39, 1.07, -0.48]]], [[[-0.12, 0.31, -0.25, -0.6, 3.33], [0.07, -1.16, 1.12, -1.53, -0.94], [-0.52, -1.53, -0.05, -0.61, -0.34], [-0.03, 0.93, -1.03, 0.74, -0.81], [-0.91, -0.54, -1.32, -1.06, 0.36]]], [[[0.46, 0.58, 0.37, 1.53, 0.05], [-0.66, -1.58, -1.42, 1.4, 0.46], [0.03, -2.13, -0.32, 1.48, 1.98], [-0.07, 0.16, 1.81, -1.67, 1.05], [0.21, 0.18, 2.6, -0.97, 1.1]]]])
labels = np.array([0, 1, 1])

kernels = np.array([[[[-0.5, -0.33, -0.52], [-0.3, 0.61, 0.45], [-0.96, 0.05, 0.02]]], [[[-0.94, 0.11, -0.65], [1.21, -0.12, -0.43], [0.31, -0.15, -0.11]]]])
kernel_bias = np.array([0.1, -0.1])
W = np.array([[0.85, -0.65], [-0.37, -0.45], [0.21, 0.93], [-1.77, 0.82], [0.39, 0.17], [1.77, 0.66], [0.7, 0.86], [-0.11, -0.03], [-0.11, -0.37], [-0.03, -0.38], [-0.17, -0.05], [-0.56, -0.35], [-0.14, -0.6], [0.96, 0.21], [0.12, -0.16], [-0.73, 0.84], [-0.73, 0.41], [-0.59, 0.55]])
b = np.array([0.05, 0.0])


def conv_forward(x, k, c):
    n, ch, h, w = x.shape
    f, _, kh, kw = k.shape
    oh, ow = h - kh + 1, w - kw + 1
    out = np.zeros((n, f, oh, ow))
    for s in range(n):
        for m in range(f):
            for i in range(oh):
                for j in range(ow):
                    patch = x[s, :, i:i + kh, j:j + kw]
                    out[s, m, i, j] = np.sum(patch * k[m]) + c[m]
    return out


def conv_backward(dout, x, k):
    n, f, oh, ow = dout.shape
    _, _, kh, kw = k.shape
    dx = np.zeros_like(x)
    dk = np.zeros_like(k)
    dc = np.zeros(f)
    for s in range(n):
        for m in range(f):
            for i in range(oh):
                for j in range(ow):
                    g = dout[s, m, i, j]
                    dk[m] += g * x[s, :, i:i + kh, j:j + kw]
                    dx[s, :, i:i + kh, j:j + kw] += g * k[m]
                    dc[m] += g
    return dx, dk, dc


lr = 0.05
for epoch in range(8):
    z = conv_forward(images, kernels, kernel_bias)
    a = np.maximum(z, 0)
    flat = a.reshape(a.shape[0], -1)
    scores = flat @ W + b
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(probs[np.arange(3), labels]))

    dscores = probs.copy()
    dscores[np.arange(3), labels] -= 1
    dscores /= 3
    dW = flat.T @ dscores
    db = dscores.sum(axis=0)
    dflat = dscores @ W.T
    da = dflat.reshape(a.shape)
    dz = da * (z > 0)
    dx, dkernels, dkernel_bias = conv_backward(dz, images, kernels)

    W -= lr * dW
    b -= lr * db
    kernels -= lr * dkernels
    kernel_bias -= lr * dkernel_bias
    print("epoch", epoch, "loss", loss)
print(kernels)
