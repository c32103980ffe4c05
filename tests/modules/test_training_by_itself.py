"""`program.step` and `program.train`, beside PyTorch and beside the command of the program."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  (as everybody calls it)

from backhand.errors import BackhandError
from backhand.modules import Program, write

X = torch.linspace(-1, 1, 30, dtype=torch.float64).reshape(10, 3)
Y = torch.arange(10) % 2


def made() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 2)).double()
    return module, torch.optim.Adam(module.parameters(), lr=0.05)


def written(module: nn.Module, optimizer: torch.optim.Optimizer) -> Program:
    return write(module, (X,), loss=F.cross_entropy, targets=Y, optimizer=optimizer)


def test_steps_are_those_of_pytorch() -> None:
    module, optimizer = made()
    program = written(module, optimizer)
    torch.manual_seed(0)  # the masks of both come from seed 0
    for _ in range(4):
        optimizer.zero_grad()
        loss = F.cross_entropy(module(X), Y)
        loss.backward()
        optimizer.step()
        assert program.step((X.numpy(),), {}, Y.numpy()) == pytest.approx(loss.item(), rel=1e-12)
    for name, weight in module.state_dict().items():
        np.testing.assert_allclose(program.to_state_dict()[name], weight.numpy(), rtol=1e-9)


def test_train_does_what_the_command_does(tmp_path: Path) -> None:
    program = written(*made())
    program.save(tmp_path / "net.py")
    np.savez(tmp_path / "data.npz", x_input=X.numpy(), targets=Y.numpy())
    options = ["--epochs", "3", "--batch", "4", "--seed", "7", "--lr", "0.05"]
    command = [sys.executable, "net.py", "train", "data.npz", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    losses = program.train((X.numpy(),), {}, Y.numpy(), epochs=3, batch=4, seed=7)
    assert [f"{loss:.6f}" for loss in losses] == [
        line.rpartition("loss ")[2] for line in done.stdout.decode().split("\n") if "epoch" in line
    ]
    trained = np.load(tmp_path / "out.npz")
    for name, weight in program.to_state_dict().items():
        assert np.array_equal(trained[name], weight)


def test_without_an_optimiser_nothing_is_trained() -> None:
    program = write(made()[0], (X,), loss=F.cross_entropy, targets=Y)
    with pytest.raises(BackhandError, match="this program has no optimiser"):
        program.train((X.numpy(),), {}, Y.numpy())
    with pytest.raises(BackhandError, match="this program has no optimiser"):
        program.step((X.numpy(),), {}, Y.numpy())
