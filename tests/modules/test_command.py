"""The command that a written program is, where something is wrong; and `backhand write` itself."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (as everybody calls it)

from backhand.errors import BackhandError
from backhand.modules import write

X = torch.linspace(-1, 1, 12).reshape(4, 3)
Y = torch.tensor([0, 1, 1, 0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A written program, and data for it, right and wrong."""
    found = tmp_path_factory.mktemp("command")
    module = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=1)
    program = write(module, (X,), loss=F.cross_entropy, targets=Y, optimizer=optimizer)
    program.save(found / "net.py")
    x, y = X.numpy(), Y.numpy()
    np.savez(found / "data.npz", x_input=x, targets=y)
    np.savez(found / "key.npz", x=x, targets=y)
    np.savez(found / "width.npz", x_input=x[:, :2], targets=y)
    np.savez(found / "rank.npz", x_input=x[0], targets=y)
    np.savez(found / "rows.npz", x_input=x, targets=y[:3])
    (found / "text.npz").write_text("no archive", encoding="utf-8")
    np.save(found / "array.npy", x)
    return found


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "net.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("nowhere.npz", "nowhere.npz: [Errno 2] No such file"),
        ("text.npz", "no .npz file can be read from text.npz"),
        ("array.npy", "no .npz file can be read from array.npy"),
        ("key.npz", "key.npz has no array `x_input`, but x, targets"),
        ("width.npz", "the shape of `x_input` is (4, 2), and not (4, 3)"),
        ("rank.npz", "the shape of `x_input` is (3,), and not ('B', 3)"),
        ("rows.npz", "the shape of `targets` is (3,), and not (4,)"),
    ],
)
def test_data_that_does_not_fit_is_one_line(folder: Path, file: str, words: str) -> None:
    found = run(folder, "train", file)
    assert found.returncode == 2
    assert words in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_trained_weights_are_taken_up(folder: Path) -> None:
    """A rate that was written as a whole number may be another one."""
    trained = run(folder, "train", "data.npz", "--epochs", "2", "--lr", "0.5", "--out", "w.npz")
    assert trained.returncode == 0, trained.stderr
    made = run(folder, "predict", "data.npz", "--weights", "w.npz", "--out", "y.npz")
    assert made.returncode == 0, made.stderr
    with np.load(folder / "w.npz") as p, np.load(folder / "y.npz") as arrays:
        (y,) = arrays.values()
        np.testing.assert_allclose(y, X.numpy() @ p["weight"].T + p["bias"], rtol=1e-5)
    assert run(folder, "predict", "data.npz", "--weights", "v.npz").returncode == 2


MODEL = """
import torch
from torch import nn
from torch.nn import functional as F

def lstm():
    return nn.LSTM(3, 4, batch_first=True), (torch.randn(2, 5, 3),)

def encoder():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    module = nn.TransformerEncoder(layer, 1).eval()
    mask = torch.zeros(2, 5, dtype=torch.bool)
    return module, {"src": torch.randn(2, 5, 8), "src_key_padding_mask": mask}
"""


@pytest.mark.parametrize("name", ["lstm", "encoder"])
def test_pytorch_s_asides_are_left_out(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    command = [sys.executable, "-m", "backhand", "write", f"model.py:{name}", "--out", "net.py"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stderr == "This runs your code: model.py\n"


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.mean(x), self.spread(x)
        return mu, logvar


def of_two(outputs: tuple[Tensor, Tensor], targets: Tensor) -> Tensor:
    mean, spread = outputs
    away = mean - targets
    return (away**2 * torch.exp(-spread) + spread).mean()


def of_one(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.mse_loss(outputs, targets)


@pytest.mark.parametrize(
    ("module", "loss", "heading", "returned"),
    [
        (Two(), of_two, "def network_loss(mu, logvar, targets):", "return daway, dlogvar"),
        (nn.Linear(3, 2), of_one, "def network_loss(outputs, targets):", "return doutputs"),
    ],
)
def test_the_loss_has_the_module_s_names_and_no_derivative_by_targets(
    module: nn.Module, loss: Callable[..., Tensor], heading: str, returned: str
) -> None:
    targets = torch.zeros(4, 2)
    program = write(module, (X,), loss=loss, targets=targets)
    assert heading in program.source
    assert f"    {returned}\n" in program.source
    assert "dtargets" not in program.source
    ours, dp = program.gradients((X.numpy(),), {}, targets.numpy())
    theirs = loss(module(X), targets)
    theirs.backward()
    np.testing.assert_allclose(ours, theirs.item(), rtol=1e-5)
    for name, p in module.named_parameters():
        assert p.grad is not None
        np.testing.assert_allclose(dp[name], p.grad.numpy(), rtol=1e-4, atol=1e-6)


class Whole(nn.Module):
    """Its number of rows is built in."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.reshape(4, 3)) + torch.arange(8.0).reshape(4, 2)


def test_data_without_rows_are_one_batch(tmp_path: Path) -> None:
    module = Whole()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    program = write(module, (X.T,), loss=F.cross_entropy, targets=Y, optimizer=optimizer)
    program.save(tmp_path / "net.py")
    np.savez(tmp_path / "data.npz", x=X.T.numpy(), targets=Y.numpy())
    done = run(tmp_path, "train", "data.npz", "--epochs", "3")
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = F.cross_entropy(module(X.T), Y)
        loss.backward()
        optimizer.step()
        losses.append(f"loss {loss.item():.6f}")
    assert [line.partition(": ")[2] for line in done.stdout.splitlines()[:3]] == losses
    assert "batch" not in run(tmp_path, "--help").stdout


def test_targets_that_do_not_fit_are_told_beside_the_result() -> None:
    with pytest.raises(BackhandError) as raised:
        write(nn.Linear(3, 2), (X,), loss=F.cross_entropy, targets=Y[:3])
    assert str(raised.value).startswith(
        "the loss cannot be computed of the module's result and these targets\n"
        "  wanted: targets as the loss takes them beside the result\n"
        "  got: float32 [4, 2], int64 [3]: "
    )
