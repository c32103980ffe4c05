import numpy as np

X = np.array([[0.4, -0.6, 0.9], [0.7, 0.1, -0.5]])
T = np.array([[0.3, 0.8], [-0.4, 0.2]])

Wa = np.array([[0.5, -0.2, 0.3, 0.7], [0.1, 0.6, -0.4, 0.2], [-0.3, 0.4, 0.8, -0.1]])
Wb = np.array([[0.2, 0.5, -0.3, 0.1], [-0.6, 0.4, 0.2, 0.3], [0.7, -0.1, 0.5, -0.2], [0.3, 0.2, -0.4, 0.6]])
Wc = np.array([[0.4, -0.5], [0.3, 0.6], [-0.2, 0.1], [0.8, 0.2]])
lr = 0.1


def step(Wa, Wb, Wc):
    h = np.tanh(X @ Wa)
    g = np.tanh(h @ Wb)
    r = h + g  # skip connection
    out = r @ Wc
    loss = np.mean((out - T) ** 2)

    dout = 2 * (out - T) / out.size
    dWc = r.T @ dout
    dr = dout @ Wc.T
    dg = dr * (1 - g**2)
    dWb = h.T @ dg
    dh = dr + dg @ Wb.T
    dWa = X.T @ (dh * (1 - h**2))
    return loss, dWa, dWb, dWc


losses = []
for _ in range(30):
    loss, dWa, dWb, dWc = step(Wa, Wb, Wc)
    losses.append(loss)
    Wa = Wa - lr * dWa
    Wb = Wb - lr * dWb
    Wc = Wc - lr * dWc
print(losses[0], losses[-1])
print(Wa)
print(Wb)
print(Wc)
