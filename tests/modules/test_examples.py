"""The networks of examples/modules, trained in small; `make examples` trains them in full."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "modules"
STEPS = 4
FARTHEST = 1e-12
"""Of losses around 3 in float64 after a few steps: some thousand units in the last place. A wrong
digit of a rule, a mask or an update is millions of times as large."""


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return pytest.importorskip("train")


@pytest.mark.parametrize("name", ["mlp", "lenet", "names_lstm", "small_gpt"])
def test_both_trainings_lose_the_same(train: Any, name: str) -> None:
    if name in ("mlp", "lenet"):
        pytest.importorskip("mlxtend")
    found = train.both(name, "float64", STEPS)
    assert found.is_within_bounds
    assert len(found.differences) == STEPS
    assert found.differences.max() <= FARTHEST
    assert found.theirs.losses[-1] < found.theirs.losses[0]
    assert found.accuracy(found.ours) == found.accuracy(found.theirs)


def test_bounds_are_carried_from_step_to_step(train: Any) -> None:
    """Each starts from the errors that the steps before may have left in the weights."""
    pytest.importorskip("mlxtend")
    bounds = train.both("mlp", "float64", STEPS).bounds
    assert len(bounds) == STEPS
    assert (np.diff(bounds) > 0).all()
    assert bounds[-1] > 10 * bounds[0]


def test_another_mask_shows(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same comparison of a training that draws from another seed fails."""
    pytest.importorskip("mlxtend")
    monkeypatch.setattr(train, "SEED", 2)  # of PyTorch's side; by_numpy.py keeps its own
    found = train.both("mlp", "float64", STEPS)
    assert not found.is_within_bounds
    assert found.differences.max() > 1e6 * FARTHEST


def test_the_programs_side_cannot_import_torch() -> None:
    text = "import by_numpy; import torch"
    made = subprocess.run(
        [sys.executable, "-c", text], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert "import of torch halted" in made.stderr
