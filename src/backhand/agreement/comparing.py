"""The comparison: PyTorch's run is watched epoch by epoch, the NumPy program fed with it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import numpy as np

from backhand.agreement.edited import blaming, edited
from backhand.agreement.feeding import FedProgram, Values
from backhand.agreement.formulas import torch_formulas
from backhand.agreement.ledger import Ledger, agreement_of
from backhand.agreement.result import Agreement
from backhand.agreement.scenes import Scene, Stage
from backhand.agreement.units import uses
from backhand.agreement.unseen import undetected
from backhand.capture.spec import load
from backhand.errors import BackhandError, did_you_mean, shown
from backhand.experiment import LIBRARY_NAMES, Experiment, Format, Library, Precision
from backhand.rounding import arithmetic
from backhand.run.probes import Progress
from backhand.run.reference import run_torch
from backhand.run.trace import Trace
from backhand.writers.files import save_programs
from backhand.writers.program import Program

LIFTED: Precision = "float64"
LIKELY_UNTIL = Stage.LAST
"""The epoch up to which the statistical bound is carried too, and slips are measured: that costs as
much as the certain bound, and tells the same of every epoch."""


@dataclass(frozen=True)
class Watched:
    """One run of the PyTorch program: what it made, and how each step of it compares."""

    trace: Trace
    ledger: Ledger
    scenes: tuple[Scene, ...]


def watched(
    experiment: Experiment,
    programs: Mapping[Library, Program],
    folder: Path,
    precision: Format,
    progress: Progress | None = None,
    file: Path | None = None,
) -> Watched:
    """Run the PyTorch program in one format and compare each of its epochs as it comes.

    Args:
        experiment: what both programs were written from.
        programs: both hands; the NumPy one may have been edited.
        folder: where they lie, with their arrays if they need any.
        precision: what PyTorch computes in.
        progress: told after each epoch.
        file: where the NumPy program was read from, if it was edited: it is blamed for its errors.
    """
    network = experiment.network
    ours: Precision = "float32" if precision == "float32" else "float64"
    formulas = torch_formulas(network)
    program = programs["numpy"]
    with blaming(file, program):
        fed = FedProgram(program, experiment, ours, folder, formulas, likely=True)
    ledger, stage = Ledger(precision), Stage()
    weights = [value.name for value in network.forward.parameters]

    def watch(number: int, values: Values) -> None:
        if ledger.broken:
            return
        if number and (bad := _not_finite(values, ["loss", *weights])):
            ledger.broken = (bad, number)
            return
        if number == LIKELY_UNTIL + 1:
            fed.be_certain()
        with in_format(precision), blaming(file, program):
            ledger.enter(stage.take(fed, number, values), values)
        ledger.compared = number

    with np.errstate(all="ignore"):
        trace = run_torch(
            programs["torch"], experiment, precision, folder, progress, watch, uses(network)
        )
    return Watched(trace, ledger, tuple(stage.scenes))


def in_format(precision: Format) -> AbstractContextManager[None]:
    """Inside, bounds are those of PyTorch's arithmetic in this format."""
    is_narrow = precision in ("bfloat16", "float16")
    return arithmetic(precision) if is_narrow else nullcontext()


def _not_finite(values: Values, names: list[str]) -> str:
    """The first of these values that is not all finite numbers; empty if they are."""
    held = (name for name in names if name in values)
    return next((name for name in held if not np.isfinite(values[name]).all()), "")


def agreement(
    experiment: Experiment,
    programs: Mapping[Library, Program],
    folder: Path,
    runs: Sequence[Watched],
) -> Agreement:
    """What watched runs come to, the one in float64 first, and what could not have been seen."""
    sides = (LIBRARY_NAMES["numpy"], LIBRARY_NAMES["torch"])
    ledgers = [run.ledger for run in runs]
    found = agreement_of(experiment, programs, ledgers, sides, folder)
    if not runs[0].scenes or found.first:
        return found
    tried, unseen = undetected(runs[0].scenes, programs["numpy"], experiment, folder)
    return replace(found, slips=tried, undetected=unseen)


def formats(experiment: Experiment, precision: Format | None = None) -> tuple[Format, ...]:
    """What is computed in: float64, and PyTorch's own format where that is another."""
    own = precision or experiment.precision["torch"]
    return (LIFTED, *([own] if own != LIFTED else []))


def as_format(word: str) -> Format:
    """A word from outside as a format.

    Raises:
        BackhandError: if it is none.
    """
    known = get_args(Format)
    if word not in known:
        raise BackhandError(
            "unknown precision",
            where="--precision",
            wanted=f"one of {', '.join(known)}",
            got=shown(word),
            repair=did_you_mean(word, known),
        )
    found: Format = next(name for name in known if name == word)
    return found


def shifted(progress: Progress | None, done: int) -> Progress | None:
    """For a run that begins when this many epochs of others are done."""
    return (lambda epoch: progress(done + epoch)) if progress else None


def compare(
    spec: str | Path | Experiment,
    *,
    precision: Format | None = None,
    epochs: int | None = None,
    program: str | Path | None = None,
    progress: Progress | None = None,
) -> Agreement:
    """Hold a network's NumPy program against its PyTorch program, step by step.

    Each step of the forward pass, the loss, the backward pass and the update is fed PyTorch's
    numbers and compared with what PyTorch makes of them, dropout on, against a bound of what
    rounding can do: in float64 first, where a wrong formula shows by a factor of a million, then
    in PyTorch's own precision.

    Args:
        spec: a spec's file, or what was read from one.
        precision: of PyTorch, one of float64, float32, float16, bfloat16; else the spec's.
        epochs: of training to compare, at most; else the spec's.
        program: the file of a NumPy program to take in place of ours: ours with changes. It is run.
        progress: told after each epoch of each run how many are done in all.

    Raises:
        BackhandError: for a spec, a program or a precision that cannot be used.
    """
    experiment = spec if isinstance(spec, Experiment) else load(Path(spec))
    experiment = shortened(experiment, epochs)
    with TemporaryDirectory() as place:
        programs = save_programs(experiment, Path(place))
        file = None if program is None else Path(program)
        if file is not None:
            programs["numpy"] = edited(programs["numpy"], file, experiment)
        chosen = None if precision is None else as_format(precision)
        each = experiment.training.epochs if experiment.training else 0
        told = [shifted(progress, number * each) for number in (0, 1)]
        kinds = formats(experiment, chosen)
        folder = Path(place)
        runs = [
            watched(experiment, programs, folder, kind, tell, file)
            for kind, tell in zip(kinds, told, strict=False)
        ]
        return agreement(experiment, programs, folder, runs)


def shortened(experiment: Experiment, epochs: int | None) -> Experiment:
    """The experiment with this many epochs of training."""
    if epochs is None or experiment.training is None:
        return experiment
    if epochs < 0:
        raise BackhandError(
            "there are no negative epochs", where="epochs", wanted="0 or more", got=str(epochs)
        )
    training = replace(experiment.training, epochs=epochs) if epochs else None
    return replace(experiment, training=training)
