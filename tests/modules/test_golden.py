"""The programs in examples/modules/written, byte by byte: `make golden` writes them anew."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "modules"
WRITTEN = FOLDER / "written"


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return pytest.importorskip("write")


@pytest.mark.parametrize("name", ["gpt2", "resnet", "names_lstm"])
def test_written_as_it_lies_there(write: Any, name: str) -> None:
    if name == "gpt2":
        pytest.importorskip("transformers")
    assert write.source(name) == (WRITTEN / f"{name}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["gpt2", "resnet", "names_lstm"])
def test_passes_ruff(name: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", str(WRITTEN / f"{name}.py")]
    subprocess.run(command, check=True)
