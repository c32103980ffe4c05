import torch

torch.set_default_dtype(torch.float64)

X = torch.tensor([[-0.66, 1.55, 0.59, 0.69], [-0.65, 1.38, -0.13, 0.41], [-0.97, 0.13, -0.11, 0.55], [-0.49, -2.39, -0.42, 1.06], [-0.76, -0.73, -0.91, -0.82]])
Y = torch.tensor([1, 3, 0, 2, 1])
W1 = torch.tensor([[0.51, -0.67, 0.69, 0.4, -0.28, 0.64], [0.86, -0.4, -0.59, -0.62, -0.35, 0.06], [0.67, -0.23, -0.65, 0.04, 0.74, -0.2], [0.39, -0.14, 0.47, -0.57, 0.28, -0.99]])
b1 = torch.tensor([-0.08, -0.28, 0.4, -0.8, -0.33, -0.44])
W2 = torch.tensor([[0.11, 1.43, 0.6, -0.79], [0.11, -1.06, -0.87, -0.84], [0.49, 0.78, 0.57, -0.14], [-0.38, -0.39, -0.23, -1.06], [0.97, -0.53, -0.3, 0.54], [0.02, 1.09, -0.68, -0.28]])
b2 = torch.tensor([-0.36, -0.36, 0.27, -0.37])
params = [W1, b1, W2, b2]
ms = [torch.zeros_like(p) for p in params]
vs = [torch.zeros_like(p) for p in params]
N = X.shape[0]

for t in range(1, 13):
    z1 = X @ W1 + b1
    a1 = torch.clamp(z1, min=0)
    logits = a1 @ W2 + b2
    logp = logits - torch.logsumexp(logits, 1, keepdim=True)
    loss = -logp[torch.arange(N), Y].mean()

    dlogits = torch.exp(logp)
    dlogits[torch.arange(N), Y] -= 1
    dlogits /= N
    dW2 = a1.T @ dlogits
    db2 = dlogits.sum(0)
    da1 = dlogits @ W2.T
    dz1 = da1 * (z1 > 0)
    dW1 = X.T @ dz1
    db1 = dz1.sum(0)

    for p, g, m, v in zip(params, [dW1, db1, dW2, db2], ms, vs):
        g = g + 0.1 * p
        m.mul_(0.9).add_(0.1 * g)
        v.mul_(0.999).add_(0.001 * g * g)
        m_hat = m / (1 - 0.9**t)
        v_hat = v / (1 - 0.999**t)
        p -= 0.02 * m_hat / (v_hat.sqrt() + 1e-8)
    if t % 4 == 0:
        print(t, loss.item())
print(W1, b1, W2, b2)
