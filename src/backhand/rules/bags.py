"""Rows of a table, added up or averaged in bags: `offsets` says where in `ids` each bag begins.

Source: the page of torch.nn.EmbeddingBag.
"""

import numpy as np

from backhand.rules.indexing import added_at
from backhand.rules.register import example, register, uniform, whole

TABLE = uniform(-3, 3, (6, 3))


def bag_of_each(ids, offsets):
    # which bag each number is in, and how many are in that one
    bag = (np.arange(len(ids))[:, None] >= offsets).sum(axis=1) - 1
    ends = np.concatenate((offsets[1:], [len(ids)]))
    return bag, (ends - offsets)[bag]


def embedding_bag(w, ids, offsets, *, average):
    bag, count = bag_of_each(ids, offsets)
    rows = w[ids] / (count[:, None].astype(w.dtype) if average else 1)
    return added_at(bag, rows, (len(offsets), w.shape[1]))


def embedding_bag_backward(dy, ids, offsets, *, average, w_shape):
    bag, count = bag_of_each(ids, offsets)
    return added_at(ids, dy[bag] / (count[:, None].astype(dy.dtype) if average else 1), w_shape)


register(
    "embedding_bag",
    embedding_bag,
    embedding_bag_backward,
    wrt="w",
    none=["ids", "offsets"],
    torch='F.embedding_bag(ids, w, offsets, mode="mean" if average else "sum")',
    noun="x",
    examples=[
        # the first bag is empty, for both begin at 0
        example(w=TABLE, ids=whole(0, 6, (7,)), offsets=whole(0, 1, (2,)), average=average)
        for average in (0, 1)
    ],
    in_formulas=False,
)
