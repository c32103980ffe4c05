"""A small GPT reads Shakespeare's sonnets; AdamW, no decay of biases and norms, clipped norm.

After Radford et al., Language Models are Unsupervised Multitask Learners (2019).
"""

import torch
from text import cross_entropy, letters, windows
from torch import nn
from torch.nn import functional as F  # noqa: N812

EPOCHS, BATCH = 3, 32
SONNETS, LENGTH = "sonnets.txt", 32


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(0.1)

    def attended(self, x):
        batch, length, width = x.shape
        shape = (batch, length, self.heads, width // self.heads)
        q, k, v = (part.view(shape).transpose(1, 2) for part in self.attention(x).chunk(3, dim=-1))
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.projection(heads.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x):
        x = x + self.dropout(self.attended(self.norm1(x)))
        return x + self.dropout(self.down(F.gelu(self.up(self.norm2(x)))))


class SmallGPT(nn.Module):
    def __init__(self, count, width=64, heads=4, layers=3):
        super().__init__()
        self.tokens = nn.Embedding(count, width)
        self.places = nn.Embedding(LENGTH, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, count, bias=False)
        for table in (self.tokens, self.places):
            nn.init.normal_(table.weight, std=0.02)
        self.head.weight = self.tokens.weight

    def forward(self, x):
        places = torch.arange(x.shape[1], device=x.device)
        x = self.tokens(x) + self.places(places)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def data():
    """What it is trained on, and what it is tested on."""
    return windows(SONNETS, LENGTH)


def make_model():
    """The network, an input, and what training needs."""
    torch.manual_seed(0)
    (x, y), _ = data()
    model = SmallGPT(len(letters(SONNETS)))
    groups = [
        {"params": [w for w in model.parameters() if w.ndim > 1]},
        {"params": [w for w in model.parameters() if w.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.002, weight_decay=0.1)
    extras = {"loss": cross_entropy, "targets": y[:BATCH], "optimizer": optimizer}
    return model, (x[:BATCH],), extras | {"clip_norm": 1.0}
