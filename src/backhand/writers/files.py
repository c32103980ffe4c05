"""Programs and weights as files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from backhand.experiment import Experiment, Library
from backhand.writers import numpy_program, shared, torch_program
from backhand.writers.program import Program


def write_programs(experiment: Experiment) -> dict[Library, Program]:
    """The experiment in both hands."""
    return {
        "numpy": numpy_program.write(experiment),
        "torch": torch_program.write(experiment),
    }


def save_programs(experiment: Experiment, folder: Path) -> dict[Library, Program]:
    """Write both programs into a folder, and their arrays beside them if those are large."""
    programs = write_programs(experiment)
    for program in programs.values():
        (folder / program.file).write_text(program.text, encoding="utf-8", newline="\n")
    if not shared.is_inline(experiment):
        np.savez(folder / shared.ARRAYS_FILE, **experiment.arrays)  # type: ignore[arg-type]
    return programs


def save_weights(experiment: Experiment, training: Mapping[str, np.ndarray], file: Path) -> None:
    """Write the weights, as `w1` after training and as `initial/w1` before it."""
    weights = [value.name for value in experiment.network.forward.parameters]
    initial = {f"initial/{name}": experiment.arrays[name] for name in weights}
    trained = {n: training[n][-1] if n in training else experiment.arrays[n] for n in weights}
    np.savez(file, **trained, **initial)  # type: ignore[arg-type]
