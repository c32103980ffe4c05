"""An LSTM learns how names are spelt, letter by letter; RMSprop."""

import torch
from text import cross_entropy, letters, windows
from torch import nn

EPOCHS, BATCH = 8, 32
NAMES, LENGTH = "names.txt", 24


class NamesLSTM(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.embedding = nn.Embedding(count, 32)
        self.lstm = nn.LSTM(32, 96, batch_first=True)
        self.dropout = nn.Dropout(0.2)
        self.output = nn.Linear(96, count)

    def forward(self, x):
        h, _ = self.lstm(self.embedding(x))
        return self.output(self.dropout(h))


def data():
    """What it is trained on, and what it is tested on."""
    return windows(NAMES, LENGTH)


def make_model():
    """The network, an input, and what training needs."""
    torch.manual_seed(0)
    (x, y), _ = data()
    model = NamesLSTM(len(letters(NAMES)))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.002)
    extras = {"loss": cross_entropy, "targets": y[:BATCH], "optimizer": optimizer}
    return model, (x[:BATCH],), extras
