"""Texts as numbers: windows of letters, and after each letter the one that follows it."""

from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent


def letters(file):
    """The different letters of a text, in order."""
    return sorted(set((HERE / file).read_text(encoding="utf-8")))


def windows(file, length):
    """Letters [N, T] and those that follow [N, T]: nine tenths of the text to train on, the end to
    test."""
    text = (HERE / file).read_text(encoding="utf-8")
    number = {letter: n for n, letter in enumerate(letters(file))}
    numbers = torch.tensor([number[letter] for letter in text])
    cut = len(text) * 9 // 10
    order = torch.tensor(np.random.RandomState(0).permutation(cut - length))

    def of(starts):
        rows = starts[:, None] + torch.arange(length)
        return numbers[rows], numbers[rows + 1]

    return of(order), of(torch.arange(cut, len(text) - length, length))


def cross_entropy(logits, targets):
    """The mean over all places of all windows."""
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
