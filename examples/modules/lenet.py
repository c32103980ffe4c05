"""A LeNet with batch norm and dropout reads handwritten digits; Adam.

After LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document Recognition
(1998), with today's ReLU, maxima and normalisation.
"""

import torch
from mnist import digits
from torch import nn
from torch.nn import functional as F  # noqa: N812

EPOCHS, BATCH = 3, 64


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5, padding=2)
        self.norm1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.norm2 = nn.BatchNorm2d(16)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.dropout = nn.Dropout(0.25)
        self.output = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        h = F.relu(self.fc1(x.flatten(1)))
        h = self.dropout(F.relu(self.fc2(h)))
        return self.output(h)


def data():
    """What it is trained on, and what it is tested on."""
    return digits((1, 28, 28))


def make_model():
    """The network, an input, and what training needs."""
    torch.manual_seed(0)
    (x, y), _ = data()
    model = LeNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    extras = {"loss": F.cross_entropy, "targets": y[:BATCH], "optimizer": optimizer}
    return model, (x[:BATCH],), extras
