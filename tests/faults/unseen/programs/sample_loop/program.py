import numpy as np

# one example at a time, no matrix tricks

inputs = np.array([[1.0, 0.5], [0.2, -0.7], [-0.9, 0.3]])
targets = np.array([[0.8], [-0.1], [0.4]])

w_hidden = np.array([[0.15, -0.25, 0.35], [0.45, 0.55, -0.65]])
b_hidden = np.array([0.05, -0.05, 0.1])
w_out = np.array([[0.7], [-0.3], [0.5]])
b_out = np.array([0.2])


def forward(x):
    h = np.zeros(3)
    for j in range(3):
        total = b_hidden[j]
        for i in range(2):
            total = total + x[i] * w_hidden[i, j]
        h[j] = np.tanh(total)
    out = b_out[0]
    for j in range(3):
        out = out + h[j] * w_out[j, 0]
    return h, out


for epoch in range(30):
    dw_hidden = np.zeros_like(w_hidden)
    db_hidden = np.zeros_like(b_hidden)
    dw_out = np.zeros_like(w_out)
    db_out = np.zeros_like(b_out)
    loss = 0.0
    for n in range(len(inputs)):
        x, t = inputs[n], targets[n, 0]
        h, out = forward(x)
        error = out - t
        loss += error**2 / len(inputs)
        d_out = 2 * error / len(inputs)
        db_out[0] += d_out
        for j in range(3):
            dw_out[j, 0] += d_out * h[j]
            d_h = d_out * w_out[j, 0]
            d_z = d_h * (1 - h[j] ** 2)
            db_hidden[j] += d_z
            for i in range(2):
                dw_hidden[i, j] += d_z * x[i]
    w_hidden -= 0.1 * dw_hidden
    b_hidden -= 0.1 * db_hidden
    w_out -= 0.1 * dw_out
    b_out -= 0.1 * db_out

print("loss", loss)
print("w_hidden", w_hidden)
print("w_out", w_out)
