import numpy as np

x_train = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]).reshape(-1, 1)
y_train = np.array([0.1, 0.35, 0.3, 0.7, 0.75, 1.1]).reshape(-1, 1)

lr = 0.05
momentum = 0.9
n_epochs = 50

w1 = np.array([[-0.03, 0.4, 0.21, -0.78, 0.91, 0.59]])
b1 = np.array([0.61, -0.19, 0.08, 0.17, 0.77, 0.98])
w2 = np.array([[0.84], [0.13], [-0.09], [0.07], [0.36], [1.45]])
b2 = np.zeros(1)

vw1, vb1 = np.zeros_like(w1), np.zeros_like(b1)
vw2, vb2 = np.zeros_like(w2), np.zeros_like(b2)

losses = []
for epoch in range(n_epochs):
    # forward
    z1 = x_train @ w1 + b1
    a1 = np.maximum(z1, 0)
    y_hat = a1 @ w2 + b2
    error = y_hat - y_train
    loss = (error ** 2).mean()
    losses.append(loss)

    # backward
    d_y_hat = 2 * error / len(y_train)
    d_w2 = a1.T @ d_y_hat
    d_b2 = d_y_hat.sum(axis=0)
    d_a1 = d_y_hat @ w2.T
    d_z1 = d_a1 * (z1 > 0)
    d_w1 = x_train.T @ d_z1
    d_b1 = d_z1.sum(axis=0)

    # momentum
    vw1 = momentum * vw1 + d_w1
    vb1 = momentum * vb1 + d_b1
    vw2 = momentum * vw2 + d_w2
    vb2 = momentum * vb2 + d_b2
    w1 = w1 - lr * vw1
    b1 = b1 - lr * vb1
    w2 = w2 - lr * vw2
    b2 = b2 - lr * vb2

    if epoch % 10 == 0:
        print(f"Epoch {epoch}: loss = {loss}")

print("final loss", losses[-1])
print(w1, b1, w2, b2, sep="\n")
