"""Specs for the benchmarks, and the programs written from them as modules."""

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from backhand.capture.spec import load
from backhand.cli import HOMEWORK
from backhand.writers.files import save_programs

MLP = """
seed = 0
precision = "float32"

[inputs]
x = {{ init = "normal", shape = [128, 784] }}

[targets]
y = {{ classes = {classes}, of = 10 }}

[weights]
w1 = {{ init = "kaiming_uniform", shape = [784, 512] }}
b1 = {{ init = "fill", shape = [512] }}
w2 = {{ init = "kaiming_uniform", shape = [512, 512] }}
b2 = {{ init = "fill", shape = [512] }}
w3 = {{ init = "kaiming_uniform", shape = [512, 10] }}
b3 = {{ init = "fill", shape = [10] }}

[network]
steps = [
  "a1 = relu(x @ w1 + b1)",
  "a2 = relu(a1 @ w2 + b2)",
  "z3 = a2 @ w3 + b3",
]
loss = "cross_entropy_logits(z3, y)"

[training]
learning_rate = 0.01
epochs = 1
"""


def mlp_spec(folder: Path) -> Path:
    """Write the spec of a 784-512-512-10 network, batch 128."""
    file = folder / "mlp.toml"
    file.write_text(MLP.format(classes=[i % 10 for i in range(128)]), encoding="utf-8")
    return file


def modules(spec: Path | None = None) -> tuple[ModuleType, ModuleType]:
    """The written NumPy and PyTorch programs of a spec (default: the homework), imported."""
    folder = Path(tempfile.mkdtemp())
    experiment = load(spec or HOMEWORK)
    programs = save_programs(experiment, folder)
    return tuple(_imported(folder / programs[name].file) for name in ("numpy", "torch"))  # type: ignore[return-value,index]


def _imported(file: Path) -> ModuleType:
    name = f"{file.parent.name}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
