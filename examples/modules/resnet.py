"""A small residual network; SGD with momentum.

After He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition (2015).
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


class ResidualBlock(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Identity()
        if stride > 1 or before != after:
            self.shortcut = nn.Conv2d(before, after, 1, stride=stride, bias=False)

    def forward(self, x):
        h = F.relu(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        return F.relu(h + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        sizes = ((8, 8, 1), (8, 8, 1), (8, 16, 2), (16, 16, 1))
        self.blocks = nn.ModuleList(ResidualBlock(*size) for size in sizes)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classes = nn.Linear(16, 10)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.classes(self.pool(x).flatten(1))


def make_model():
    """The network, an input, and what training needs."""
    torch.manual_seed(0)
    model, x, y = ResNet(), torch.randn(4, 3, 16, 16), torch.arange(4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    return model, (x,), {"loss": F.cross_entropy, "targets": y, "optimizer": optimizer}
