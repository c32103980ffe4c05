"""homework: forward pass, and backward by autograd, in PyTorch.

run        python torch_program.py
sizes      B batch; the other sizes are numbers
dropout    the masks are those of the NumPy program with the same seed
"""

import torch
import torch.nn.functional as F

PRECISION = torch.float32


def network(x, weights, training=False):
    w1, w2 = weights
    z1 = x @ w1                       # [B, 4]
    a1 = torch.relu(z1)               # [B, 4]
    h = F.dropout(a1, 0.4, training)  # [B, 4]
    z2 = h @ w2                       # [B, 2]
    p = torch.softmax(z2, -1)         # [B, 2]
    return p


def network_loss(p, y):
    return -torch.sum(y * torch.log(p))


def train(x, y, weights, epochs=100, seed=0):
    """Change the weights in place; return the loss of each epoch."""
    torch.manual_seed(seed)
    losses = []
    for epoch in range(epochs):
        p = network(x, weights, training=True)
        loss = network_loss(p, y)
        for w in weights:
            w.grad = None
        loss.backward()
        with torch.no_grad():
            for w in weights:
                w -= 0.01 * w.grad
        losses.append(loss.item())
    return losses


def data():
    """The inputs and targets."""
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=PRECISION)
    y = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=PRECISION)
    return x, y


def initial_weights():
    """The weights to begin with."""
    w1 = torch.tensor(
        [
            [0.1, 0.2, 0.3, 0.4],
            [0.5, 0.6, 0.7, 0.8],
            [0.9, 1.0, 1.1, 1.2],
        ],
        dtype=PRECISION,
        requires_grad=True,
    )
    w2 = torch.tensor(
        [
            [0.2, 0.3],
            [0.4, 0.5],
            [0.6, 0.7],
            [0.8, 0.9],
        ],
        dtype=PRECISION,
        requires_grad=True,
    )
    return w1, w2


def main():
    x, y = data()
    weights = initial_weights()
    p = network(x, weights)
    loss = network_loss(p, y)
    loss.backward()
    w1, w2 = weights
    print("PyTorch Neural Network Output:")
    for number in range(len(p)):
        print(f"output for x{number + 1}:", p[number])
    print(w1.grad)
    train(x, y, weights)
    print(w1)
    print(w2)


if __name__ == "__main__":
    main()
