import numpy as np


def get_im2col_indices(x_shape, field_height, field_width, padding=1, stride=1):
    N, C, H, W = x_shape
    out_height = (H + 2 * padding - field_height) // stride + 1
    out_width = (W + 2 * padding - field_width) // stride + 1
    i0 = np.repeat(np.arange(field_height), field_width)
    i0 = np.tile(i0, C)
    i1 = stride * np.repeat(np.arange(out_height), out_width)
    j0 = np.tile(np.arange(field_width), field_height * C)
    j1 = stride * np.tile(np.arange(out_width), out_height)
    i = i0.reshape(-1, 1) + i1.reshape(1, -1)
    j = j0.reshape(-1, 1) + j1.reshape(1, -1)
    k = np.repeat(np.arange(C), field_height * field_width).reshape(-1, 1)
    return (k, i, j)


def im2col_indices(x, field_height, field_width, padding=1, stride=1):
    p = padding
    x_padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), mode="constant")
    k, i, j = get_im2col_indices(x.shape, field_height, field_width, padding, stride)
    cols = x_padded[:, k, i, j]
    C = x.shape[1]
    return cols.transpose(1, 2, 0).reshape(field_height * field_width * C, -1)


def col2im_indices(cols, x_shape, field_height=3, field_width=3, padding=1, stride=1):
    N, C, H, W = x_shape
    H_padded, W_padded = H + 2 * padding, W + 2 * padding
    x_padded = np.zeros((N, C, H_padded, W_padded), dtype=cols.dtype)
    k, i, j = get_im2col_indices(x_shape, field_height, field_width, padding, stride)
    cols_reshaped = cols.reshape(C * field_height * field_width, -1, N)
    cols_reshaped = cols_reshaped.transpose(2, 0, 1)
    np.add.at(x_padded, (slice(None), k, i, j), cols_reshaped)
    return x_padded[:, :, padding:-padding, padding:-padding]


def conv_forward_im2col(x, w, b):
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    x_cols = im2col_indices(x, HH, WW, 1, 1)
    res = w.reshape((F, -1)).dot(x_cols) + b.reshape(-1, 1)
    out = res.reshape(F, H, W, N).transpose(3, 0, 1, 2)
    return out, (x, w, b, x_cols)


def conv_backward_im2col(dout, cache):
    x, w, b, x_cols = cache
    db = np.sum(dout, axis=(0, 2, 3))
    F, _, HH, WW = w.shape
    dout_reshaped = dout.transpose(1, 2, 3, 0).reshape(F, -1)
    dw = dout_reshaped.dot(x_cols.T).reshape(w.shape)
    dx_cols = w.reshape(F, -1).T.dot(dout_reshaped)
    dx = col2im_indices(dx_cols, x.shape, HH, WW, 1, 1)
    return dx, dw, db


def max_pool_forward(x):
    N, C, H, W = x.shape
    x_reshaped = x.reshape(N, C, H // 2, 2, W // 2, 2)
    out = x_reshaped.max(axis=3).max(axis=4)
    return out, (x, x_reshaped, out)


def max_pool_backward(dout, cache):
    x, x_reshaped, out = cache
    N, C, H, W = x.shape
    dx = np.zeros_like(x)
    for n in range(N):
        for c in range(C):
            for i in range(H // 2):
                for j in range(W // 2):
                    window = x[n, c, 2 * i:2 * i + 2, 2 * j:2 * j + 2]
                    best = np.unravel_index(np.argmax(window), window.shape)
                    dx[n, c, 2 * i + best[0], 2 * j + best[1]] += dout[n, c, i, j]
    return dx


def softmax_loss(x, y):
    probs = np.exp(x - np.max(x, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    N = x.shape[0]
    loss = -np.sum(np.log(probs[np.arange(N), y])) / N
    dx = probs.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


def convnet(X, model, y=None):
    W1, b1, W2, b2 = model["W1"], model["b1"], model["W2"], model["b2"]
    conv, conv_cache = conv_forward_im2col(X, W1, b1)
    relu = np.maximum(0, conv)
    pool, pool_cache = max_pool_forward(relu)
    flat = pool.reshape(X.shape[0], -1)
    scores = flat.dot(W2) + b2
    if y is None:
        return scores
    loss, dscores = softmax_loss(scores, y)
    dW2 = flat.T.dot(dscores)
    db2 = dscores.sum(axis=0)
    dflat = dscores.dot(W2.T)
    dpool = max_pool_backward(dflat.reshape(pool.shape), pool_cache)
    dconv = dpool * (conv > 0)
    dX, dW1, db1 = conv_backward_im2col(dconv, conv_cache)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


model = {
    "W1": np.array([[[[0.68, 0.09, -0.67], [0.74, -0.09, -0.36], [0.21, 0.73, -0.5]]], [[[-0.67, -0.31, -0.66], [-0.98, -1.01, 0.42], [-1.43, -0.45, -0.63]]]]),
    "b1": np.array([0.1, 0.2]),
    "W2": np.array([[-0.57, 0.12, -0.92], [0.5, 0.24, 0.11], [0.24, 0.28, 0.02], [0.28, 0.37, 0.01], [0.28, 0.84, -0.25], [-0.26, 1.15, 0.18], [-0.31, -0.16, -0.72], [0.1, 0.1, 0.99]]),
    "b2": np.array([0.0, 0.1, -0.1]),
}
X = np.array([[[[-0.79, 1.68, -0.71, 0.13], [0.1, -3.39, 0.62, 0.61], [0.24, -0.09, 1.75, -2.35], [1.81, -0.03, -0.91, 1.81]]], [[[1.35, 0.94, -1.4, 0.33], [1.55, 0.78, -1.7, -0.03], [-0.26, 0.8, -0.67, 0.74], [-1.08, -0.59, 0.96, -0.92]]], [[[2.04, -2.24, 0.04, -1.48], [-1.5, 1.06, 0.71, -1.61], [0.66, 2.65, -2.95, -1.01], [-1.68, 2.24, 0.23, -0.87]]]])
y = np.array([2, 0, 1])
step_cache = {}
for it in range(8):
    cost, grads = convnet(X, model, y)
    for p in model:
        if p not in step_cache:
            step_cache[p] = np.zeros(grads[p].shape)
        dx = 0.9 * step_cache[p] - 0.1 * grads[p]
        step_cache[p] = dx
        model[p] += dx
    print("iteration", it, "cost", cost)
print(model["W1"], model["b1"])
print(model["W2"], model["b2"])
