"""Written programs of modules against PyTorch: results, derivatives, training, files."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (as everybody calls it)

from backhand.errors import BackhandError
from backhand.modules import write
from tests.modules.agreeing import assert_agrees, assert_close, assert_writes, numbers
from tests.modules.cases import CASES


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    torch.manual_seed(0)
    module, args, kwargs, *others = CASES[name]()
    assert_writes(module, args, kwargs, others=others[0] if others else ())


class Dropped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 3)
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(self.norm(torch.relu(self.first(x))), 0.3, self.training)
        return self.last(F.dropout(x, 0.5, self.training))


def dropped() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    return Dropped().double().train(), torch.randn(6, 4).double(), torch.randint(3, (6,))


def test_dropout_draws_what_pytorch_draws() -> None:
    module, x, _ = dropped()
    assert_agrees(write(module, (x,)), module, (x,), seed=7)


def test_predict_is_evaluation() -> None:
    module, x, _ = dropped()
    assert_close(write(module, (x,)).predict(x.numpy()), numbers(module.eval()(x)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_training_is_pytorch_s(dtype: torch.dtype) -> None:
    """Loss by loss, with dropout and batch norm; float32 as far as ten steps of it may drift."""
    module, x, y = dropped()
    module, x = module.to(dtype), x.to(dtype)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.01)
    program = write(module, (x,), loss=F.cross_entropy, targets=y, optimizer=optimizer)
    training = program.training(seed=3)
    ours = [training.step((x.numpy(),), {}, y.numpy()) for _ in range(10)]
    torch.manual_seed(3)
    theirs = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = F.cross_entropy(module(x), y)
        loss.backward()
        optimizer.step()
        theirs.append(loss.item())
    close = 1e-9 if dtype == torch.float64 else 1e-3
    np.testing.assert_allclose(ours, theirs, rtol=close)
    state = {key: torch.from_numpy(a) for key, a in program.to_state_dict().items()}
    for key, wanted in module.state_dict().items():
        torch.testing.assert_close(state[key], wanted, rtol=close, atol=close)
    module.load_state_dict(state, strict=True)


WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; sys.argv = sys.argv[1:]; import runpy; "
WITHOUT_TORCH += "runpy.run_path(sys.argv[0], run_name='__main__')"


def run(*arguments: Any) -> str:
    """Run a program where torch cannot be imported; what it prints."""
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_file_needs_numpy_alone(tmp_path: Path) -> None:
    module, x, y = dropped()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    program = write(module, (x,), loss=F.cross_entropy, targets=y, optimizer=optimizer)
    file, _ = program.save(tmp_path / "net.py")
    (name,), (target,) = program.interface.inputs, program.interface.targets
    np.savez(tmp_path / "x.npz", **{name: x.numpy()})
    np.savez(tmp_path / "data.npz", **{name: x.numpy(), target: y.numpy()})
    assert "DIFFERS" not in run(file, "check")
    run(file, "predict", tmp_path / "x.npz", "--out", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as arrays:
        (made,) = arrays.values()
    assert_close(made, module.eval()(x).detach().numpy())
    run(file, "train", tmp_path / "data.npz", "--epochs", 2, "--out", tmp_path / "trained.npz")
    with np.load(tmp_path / "trained.npz") as arrays:
        assert set(arrays) == set(module.state_dict())


HASHED = """
import torch, backhand.modules
from tests.modules.cases import CASES
for name in ("unet", "tied_loop", "nested_io"):
    torch.manual_seed(0)
    module, args, kwargs, *_ = CASES[name]()
    print(backhand.modules.write(module, args, kwargs).source)
"""


def test_the_same_bytes_in_two_processes() -> None:
    texts = [
        subprocess.run(
            [sys.executable, "-c", HASHED],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert texts[0]
    assert texts[0] == texts[1]


def test_a_loss_with_weights_of_its_own() -> None:
    torch.manual_seed(0)
    weights = torch.rand(3).double()
    module, x, y = nn.Linear(4, 3).double(), torch.randn(5, 4).double(), torch.randint(3, (5,))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, weight=weights)

    found, dp = write(module, (x,), loss=loss, targets=y).gradients((x.numpy(),), {}, y.numpy())
    wanted = loss(module(x), y)
    wanted.backward()
    assert found == pytest.approx(wanted.item(), rel=1e-9)
    assert_close([dp["weight"], dp["bias"]], numbers([module.weight.grad, module.bias.grad]))


def test_cotangents_of_another_tree_are_refused() -> None:
    module = nn.Linear(3, 3).double()
    x = torch.randn(2, 3).double()
    pair = nn.ModuleList([module])

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = pair

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.inner[0](x), x * 2

    with pytest.raises(BackhandError, match="built otherwise"):
        write(Two(), (x,)).vjp((x.numpy(),), {}, np.ones((2, 3)))
