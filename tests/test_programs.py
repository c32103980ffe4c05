"""The written programs as files: exact, clean, and running alone, the NumPy ones without torch.

After a change of the writers, BACKHAND_UPDATE_GOLDEN=1 writes the homework's programs again; read
the difference before you commit it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backhand.capture.spec import load, parse
from backhand.cli import HOMEWORK
from backhand.experiment import Experiment
from backhand.writers.files import save_programs
from tests.random_specs import EVERYTHING

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden" / "homework"
PUBLISHED = json.loads(
    (Path(__file__).parent / "data" / "homework_published.json").read_text(encoding="utf-8")
)
SPECS = {
    "homework": HOMEWORK,
    "starter": HOMEWORK.parent / "capture" / "starter.toml",
    **{file.stem: file for file in sorted((ROOT / "examples").glob("*.toml"))},
    "everything": None,
}

# python -I sees neither the working folder nor PYTHONPATH; a module that is None cannot be imported
RUN_WITHOUT = """
import runpy, sys
sys.modules["torch"] = None
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def experiment(name: str) -> Experiment:
    file = SPECS[name]
    return load(file) if file else parse(EVERYTHING, "everything.toml", Path())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By spec, the folder with its two programs."""
    folders = {name: tmp_path_factory.mktemp(name) for name in SPECS}
    for name, folder in folders.items():
        save_programs(experiment(name), folder)
    return folders


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, timeout=60
    )


def run_without_torch(program: Path) -> subprocess.CompletedProcess[str]:
    return run("-I", "-W", "error", "-c", RUN_WITHOUT, program)


@pytest.mark.parametrize("file", ["numpy_program.py", "torch_program.py"])
def test_the_homework_is_written_as_it_was(file: str, written: dict[str, Path]) -> None:
    text = (written["homework"] / file).read_bytes()
    if "BACKHAND_UPDATE_GOLDEN" in os.environ:
        (GOLDEN / file).write_bytes(text)
    assert text.decode() == (GOLDEN / file).read_bytes().decode()


def test_ruff_finds_nothing_in_any_program(written: dict[str, Path]) -> None:
    """With ruff's own defaults, and none of this project's settings."""
    programs = [folder / f"{lib}_program.py" for folder in written.values()
                for lib in ("numpy", "torch")]  # fmt: skip
    found = run("-m", "ruff", "check", "--isolated", "--no-cache", *programs)
    assert found.returncode == 0, found.stdout


def test_lines_are_at_most_a_hundred_columns_wide(written: dict[str, Path]) -> None:
    for folder in written.values():
        for program in folder.glob("*.py"):
            lines = program.read_text(encoding="utf-8").splitlines()
            assert max(map(len, lines)) <= 100, program


def test_ruff_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "numpy_program.py"
    bad.write_text("import numpy as np\nimport torch\n")
    assert run("-m", "ruff", "check", "--isolated", "--no-cache", bad).returncode == 1


@pytest.mark.parametrize("name", SPECS)
def test_a_numpy_program_runs_alone_without_torch(name: str, written: dict[str, Path]) -> None:
    done = run_without_torch(written[name] / "numpy_program.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("name", SPECS)
def test_a_torch_program_runs_alone(name: str, written: dict[str, Path]) -> None:
    done = run("-I", "-W", "error", written[name] / "torch_program.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_block_blocks(written: dict[str, Path]) -> None:
    done = run_without_torch(written["homework"] / "torch_program.py")
    assert done.returncode == 1
    assert "import of torch halted" in done.stderr


@pytest.mark.parametrize("name", SPECS)
def test_a_numpy_program_imports_numpy_only(name: str, written: dict[str, Path]) -> None:
    lines = (written[name] / "numpy_program.py").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "import" in line.split()] == ["import numpy as np"]


def test_the_homework_prints_the_published_characters(written: dict[str, Path]) -> None:
    numpy = run_without_torch(written["homework"] / "numpy_program.py").stdout
    rows = [f"output for x{i}: {row}\n" for i, row in enumerate(PUBLISHED["task1"]["numpy"], 1)]
    first = "NumPy Neural Network Output:\n" + "".join(rows) + PUBLISHED["task2"]["numpy"] + "\n"
    assert numpy.startswith(first)

    torch = run(written["homework"] / "torch_program.py").stdout
    rows = [f"output for x{i}: {row}\n" for i, row in enumerate(PUBLISHED["task1"]["torch"], 1)]
    first = "PyTorch Neural Network Output:\n" + "".join(rows) + PUBLISHED["task2"]["torch"] + "\n"
    assert torch.startswith(first)


def test_other_numbers_would_not_be_the_published_ones(tmp_path: Path) -> None:
    text = HOMEWORK.read_text(encoding="utf-8")
    assert text.count("[[1, 2, 3], [4, 5, 6]]") == 1
    changed = text.replace("[[1, 2, 3], [4, 5, 6]]", "[[1, 2, 3], [4, 5, 6.0001]]")
    save_programs(parse(changed, "homework.toml", tmp_path), tmp_path)
    printed = run_without_torch(tmp_path / "numpy_program.py").stdout
    assert PUBLISHED["task1"]["numpy"][0] in printed
    assert PUBLISHED["task1"]["numpy"][1] not in printed
