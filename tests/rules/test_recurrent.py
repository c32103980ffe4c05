"""What the register's examples do not reach: results that nobody uses, and gates far from 0."""

import numpy as np
import pytest
import torch

from backhand.rules.recurrent import gru, lstm, lstm_backward

SHAPES = {"x": (4, 3, 5), "h": (3, 2), "c": (3, 2), "w_ih": (8, 5), "w_hh": (8, 2), "b": (8,)}


@pytest.mark.parametrize("used", ["y", "cells"])
def test_a_result_without_a_derivative_counts_as_zero(used: str) -> None:
    generator = np.random.default_rng(0)
    given = {name: generator.normal(size=shape) for name, shape in SHAPES.items()}
    y, cells, gates = lstm(**given)
    dy, dcells = (y, 0) if used == "y" else (0, np.where(np.arange(4)[:, None, None] == 3, 1.0, 0))
    *arrays, _ = given.values()
    found = lstm_backward(dy, dcells, *arrays, y, cells, gates)

    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in given.items()}
    x, h, c, w_ih, w_hh, b = tensors.values()
    weights = (w_ih, w_hh, b, torch.zeros_like(b))
    ys, _, last = torch.lstm(x, (h[None], c[None]), weights, True, 1, 0.0, True, False, False)
    ((ys * ys.detach()).sum() if used == "y" else last.sum()).backward()
    for part, tensor in zip(found, tensors.values(), strict=True):
        assert tensor.grad is not None
        whole = part.sum(axis=(0, 1)) if part.ndim > tensor.ndim + 1 else part
        assert np.abs(whole - tensor.grad.numpy()).max() <= 1e-13


def test_closed_and_open_gates_neither_overflow_nor_warn() -> None:
    x = np.full((3, 1, 1), 1e4, np.float32)
    state = np.zeros((1, 2), np.float32)
    for sign in (1, -1):
        w_ih, w_hh = sign * np.ones((8, 1), np.float32), np.ones((8, 2), np.float32)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            results = lstm(x, state, state, w_ih, w_hh, np.zeros(8, np.float32))
            more = gru(x, state, w_ih[:6], w_hh[:6], np.float32(0), np.float32(0))
        assert all(np.isfinite(result).all() for result in (*results, *more))
