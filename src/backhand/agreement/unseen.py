"""The slips that went unseen, why, and other inputs at which they would show."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from backhand.agreement.feeding import FedProgram, Values
from backhand.agreement.formulas import torch_formulas
from backhand.agreement.result import Unseen
from backhand.agreement.scenes import Scene, Stage
from backhand.agreement.sight import Sight
from backhand.agreement.slips import Slip
from backhand.experiment import Experiment
from backhand.run.program import run_numpy
from backhand.writers import shared
from backhand.writers.program import Program

Arrays = Mapping[str, np.ndarray]
ROWS = 3
OTHER_ARRAYS = "other.npz"


def undetected(
    scenes: Sequence[Scene], program: Program, experiment: Experiment, folder: Path
) -> tuple[int, tuple[Unseen, ...]]:
    """How many known slips were run on the scenes, and those that would pass as rounding there.

    Args:
        scenes: of the comparison in float64, where the bounds are the smallest.
        program: the NumPy program.
        experiment: its network, data and training.
        folder: where it lies.
    """
    sight = Sight(program, experiment, "float64", folder)
    shown = {slip: sight.shows(slip, scenes) for slip in sight.slips}
    hidden = {slip: share for slip, share in shown.items() if share <= 1}
    cures = _cures(hidden, sight) if hidden else {}
    found = [
        Unseen(
            slip.kind,
            slip.what,
            slip.function,
            sight.line(slip),
            _because(share),
            cures.get(slip, ""),
        )
        for slip, share in hidden.items()
    ]
    return len(sight.slips), tuple(found)


def _because(share: float) -> str:
    if share == 0:
        return "it changes no number here"
    if share < 1e-3:
        return "what it changes is below a thousandth of the rounding bound"
    return f"what it changes is {share:.0%} of the rounding bound"


def _cures(slips: Mapping[Slip, float], sight: Sight) -> dict[Slip, str]:
    """By slip, the first of the other inputs at which it shows."""
    cures: dict[Slip, str] = {}
    for words, change in OTHERS.items():
        left = [slip for slip in slips if slip not in cures]
        if not left:
            break
        arrays = change(sight.experiment, np.random.default_rng(0))
        with TemporaryDirectory() as place:
            scenes = _scenes_at(arrays, sight, Path(place))
        cures |= {slip: words for slip in left if sight.shows(slip, scenes) > 1}
    return cures


def _scenes_at(arrays: Arrays, sight: Sight, folder: Path) -> list[Scene]:
    """The program's own numbers at other data and weights, with their bounds."""
    experiment = replace(sight.experiment, arrays=dict(arrays))
    program = _at(arrays, sight.program, experiment, folder)
    formulas = torch_formulas(experiment.network)
    fed = FedProgram(program, experiment, "float64", folder, formulas)
    stage = Stage()
    last = Stage.LAST if experiment.training else 0  # an edited program may train on

    def watch(epoch: int, values: Values) -> None:
        stage.take(fed, epoch, values)
        if epoch == last:
            raise _EnoughError

    with np.errstate(all="ignore"), suppress(_EnoughError):
        run_numpy(program, experiment, "float64", folder, watch=watch)
    return stage.scenes


class _EnoughError(Exception):
    """The scenes are there: the program's own training goes on for longer."""


def _at(arrays: Arrays, program: Program, experiment: Experiment, folder: Path) -> Program:
    """The program with other data and initial weights."""
    np.savez(folder / OTHER_ARRAYS, **arrays)  # type: ignore[arg-type]
    weights = shared.names(experiment.network.forward.parameters)
    functions = {"data": shared.data_names(experiment), "initial_weights": weights}
    more = [
        f"\n\ndef {name}():\n"
        f"    held = np.load(__file__.replace({program.file!r}, {OTHER_ARRAYS!r}))\n"
        f"    return tuple(held[name].astype(PRECISION) for name in {tuple(names)!r})\n"
        for name, names in functions.items()
    ]
    return replace(program, text=program.text + "".join(more))


# --- other inputs ---------------------------------------------------------------------------------


def _random(experiment: Experiment, draw: np.random.Generator) -> Arrays:
    targets = set(shared.names(experiment.network.targets))
    return {
        name: array if name in targets else draw.normal(size=array.shape)
        for name, array in experiment.arrays.items()
    }


def _three_rows(experiment: Experiment, draw: np.random.Generator) -> Arrays:
    weights = set(shared.names(experiment.network.forward.parameters))
    rows = {
        name: array if name in weights else np.resize(array, (ROWS, *array.shape[1:]))
        for name, array in experiment.arrays.items()
    }
    return _random(replace(experiment, arrays=rows), draw)


def _far_apart(experiment: Experiment, draw: np.random.Generator) -> Arrays:
    inputs = set(shared.input_names(experiment))
    drawn = _three_rows(experiment, draw)
    scales = np.array([1.0, 1000.0, 0.0])
    return {
        name: a * scales.reshape(-1, *[1] * (a.ndim - 1)) if name in inputs else a
        for name, a in drawn.items()
    }


def _small(experiment: Experiment, draw: np.random.Generator) -> Arrays:
    targets = set(shared.names(experiment.network.targets))
    drawn = _three_rows(experiment, draw)
    return {name: a if name in targets else 1e-3 * a for name, a in drawn.items()}


OTHERS: Mapping[str, Callable[[Experiment, np.random.Generator], Arrays]] = {
    "inputs and weights from a standard normal distribution": _random,
    f"{ROWS} rows, inputs and weights from a standard normal distribution": _three_rows,
    f"{ROWS} normal rows, the second times 1000, the third zeros": _far_apart,
    f"{ROWS} rows, inputs and weights around 0.001": _small,
}
"""What may separate a slip from rounding, from the nearest to the farthest."""
