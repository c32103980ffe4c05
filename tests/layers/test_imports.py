"""Who may import whom: the map of docs/architecture.md, and the places that reach PyTorch."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "backhand"
REACHES_TORCH = ("run/reference.py", "capture/exported.py", "modules/", "agreement/modules/")
"""Files and packages that may import torch, within functions."""


def the_map() -> list[str]:
    """Modules and packages in the order of the map, the first table: `errors`, ..., `cli`."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text[text.index("| --- |") :].partition("\n\n")[0]
    return re.findall(r"^\| `(\w+)(?:\.py|/)` \|", table, re.MULTILINE)


def imports(file: Path) -> Iterator[tuple[str, int, bool]]:
    """Every module that a file imports, wherever it does: its name, the line, whether at the top.

    What stands under `if TYPE_CHECKING:` is never run, so it is left out.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    checking = [
        node
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.unparse(test.test)
        for node in ast.walk(test)
    ]
    functions = [
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in checking:
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                assert node.level == 0, f"{file}:{node.lineno} imports relatively"
                names = [node.module or ""]
                if node.module == "backhand":  # `from backhand import draws` is backhand.draws
                    names = [f"backhand.{alias.name}" for alias in node.names]
            for name in names:
                yield name, node.lineno, node not in functions


def wrong_imports(package: Path) -> list[str]:
    """Imports of a layer below or of torch in the wrong place, one line for each."""
    order = the_map()
    found = []
    for file in sorted(package.rglob("*.py")):
        where = file.relative_to(package)
        layer = where.parts[0].removesuffix(".py")
        if layer not in order and where.parts[0] not in ("__init__.py", "__main__.py"):
            found.append(f"{where} is not on the map in docs/architecture.md")
            continue
        for name, line, at_top in imports(file):
            parts = name.split(".")
            if parts[0] == "torch" and (at_top or not where.as_posix().startswith(REACHES_TORCH)):
                found.append(f"{where}:{line} imports torch")
            if parts[0] == "backhand" and len(parts) > 1 and layer in order:
                target = parts[1]
                if target in order and order.index(target) > order.index(layer):
                    found.append(f"{where}:{line} imports {target}, a layer below")
    return found


def test_the_map_is_read() -> None:
    order = the_map()
    assert order[0] == "errors"
    assert order[-1] == "cli"
    assert len(order) == len(set(order)) > 10


def test_each_layer_imports_only_from_layers_above() -> None:
    assert wrong_imports(PACKAGE) == []


def test_a_wrong_import_is_found(tmp_path: Path) -> None:
    planted = tmp_path / "backhand"
    shutil.copytree(PACKAGE, planted, ignore=shutil.ignore_patterns("__pycache__"))
    before = wrong_imports(planted)
    (planted / "graph.py").write_text("def f():\n    from backhand import derive\n")
    (planted / "draws.py").write_text("import backhand.capture.spec\n")
    (planted / "derive.py").write_text("def f():\n    import torch.nn\n")
    (planted / "run" / "reference.py").write_text("import torch\n")
    (planted / "stray.py").write_text("")
    assert [found for found in wrong_imports(planted) if found not in before] == [
        "derive.py:2 imports torch",
        "draws.py:1 imports capture, a layer below",
        "graph.py:2 imports derive, a layer below",
        "run/reference.py:1 imports torch",
        "stray.py is not on the map in docs/architecture.md",
    ]


# --- the same by running it: what is in sys.modules afterwards ---------------------------------

WRITE_THE_HOMEWORK = """
import backhand
from pathlib import Path
from backhand.capture.spec import load
from backhand.writers import numpy_program, torch_program
experiment = load(Path(backhand.__file__).with_name("homework.toml"))
numpy_program.write(experiment)
torch_program.write(experiment)
"""


def loaded(code: str, *folders: Path) -> set[str]:
    """The top-level modules that a new process has loaded after running some code."""
    lines = [f"import sys; sys.path[:0] = {[str(f) for f in folders]!r}", code]
    lines += ["print('loaded:', *{name.partition('.')[0] for name in sys.modules})"]
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    return set(run.stdout.rpartition("loaded:")[2].split())


def test_writing_programs_loads_no_torch() -> None:
    assert not {"torch", "matplotlib", "rich", "typer"} & loaded(WRITE_THE_HOMEWORK)


def test_the_graph_loads_neither_numpy_nor_torch() -> None:
    assert not {"numpy", "torch"} & loaded("import backhand.graph")


@pytest.mark.parametrize("module", ["numpy", "torch"])
def test_a_module_that_is_loaded_is_seen(tmp_path: Path, module: str) -> None:
    """The checks above can fail: a module that imports the forbidden one (a stand-in) is seen."""
    (tmp_path / f"{module}.py").write_text("")
    (tmp_path / "planted.py").write_text(f"import {module}\n")
    assert module in loaded("import backhand.graph\nimport planted", tmp_path)


def test_torch_is_seen_when_the_reference_runs() -> None:
    """The real thing, too: running the PyTorch program does load torch."""
    code = """
import tempfile
from backhand.run.reference import run_torch
experiment = load(Path(backhand.__file__).with_name("homework.toml"))
run_torch(torch_program.write(experiment), experiment, "float32", Path(tempfile.gettempdir()))
"""
    assert "torch" in loaded(WRITE_THE_HOMEWORK + code)
