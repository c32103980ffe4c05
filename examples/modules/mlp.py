"""A multilayer perceptron with dropout reads handwritten digits; SGD with momentum."""

import torch
from mnist import digits
from torch import nn
from torch.nn import functional as F  # noqa: N812

EPOCHS, BATCH = 5, 64


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 128)
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(128, 10)

    def forward(self, x):
        h = self.dropout(F.relu(self.hidden(x)))
        return self.output(h)


def data():
    """What it is trained on, and what it is tested on."""
    return digits((784,))


def make_model():
    """The network, an input, and what training needs."""
    torch.manual_seed(0)
    (x, y), _ = data()
    model = MLP()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    extras = {"loss": F.cross_entropy, "targets": y[:BATCH], "optimizer": optimizer}
    return model, (x[:BATCH],), extras
