"""A study: an experiment written out, run in both hands, and compared. What the report tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from platform import python_version

from backhand.differences import Comparison, compare
from backhand.experiment import Experiment, Library, Precision
from backhand.run.probes import Progress
from backhand.run.program import run_numpy
from backhand.run.reference import run_torch
from backhand.run.trace import Trace
from backhand.write.program import Program


@dataclass(frozen=True)
class Study:
    """Everything there is to tell about one experiment.

    `traces` are the NumPy program's at its precision, the PyTorch program's at its own, and, if
    the two differ, the PyTorch program's at NumPy's as well: that one, the last, is what
    `comparison` holds against NumPy's, so that only rounding is left between them.
    """

    experiment: Experiment
    programs: Mapping[Library, Program]
    traces: tuple[Trace, ...]
    comparison: Comparison
    as_printed: Comparison
    versions: Mapping[str, str]

    def trace(self, library: Library) -> Trace:
        """The trace of a program at the precision that the spec gives it."""
        return next(trace for trace in self.traces if trace.library == library)


def runs(experiment: Experiment) -> tuple[tuple[Library, Precision], ...]:
    """Which program runs at which precision."""
    ours, theirs = experiment.precision["numpy"], experiment.precision["torch"]
    again: tuple[tuple[Library, Precision], ...] = (("torch", ours),) if ours != theirs else ()
    return (("numpy", ours), ("torch", theirs), *again)


def study(
    experiment: Experiment,
    programs: Mapping[Library, Program],
    folder: Path,
    progress: Progress | None = None,
) -> Study:
    """Run both programs, as they lie in `folder`, and compare what they made.

    Args:
        experiment: what the programs were written from.
        programs: both hands.
        folder: where the programs lie, with their arrays if they need any.
        progress: told after each epoch of each run how many are done in all.
    """
    traces: list[Trace] = []
    epochs = experiment.training.epochs if experiment.training else 0
    for number, (library, precision) in enumerate(runs(experiment)):
        run = run_numpy if library == "numpy" else run_torch
        told = _shifted(progress, number * epochs)
        traces.append(run(programs[library], experiment, precision, folder, told))
    weights = [value.name for value in experiment.network.forward.parameters]
    return Study(
        experiment,
        programs,
        tuple(traces),
        compare(traces[0], traces[-1], weights),
        compare(traces[0], traces[1], weights),
        _versions(),
    )


def _shifted(progress: Progress | None, done: int) -> Progress | None:
    return (lambda epoch: progress(done + epoch)) if progress else None


def _versions() -> dict[str, str]:
    names = {"backhand": "backhand", "NumPy": "numpy", "PyTorch": "torch"}
    return {"Python": python_version(), **{name: version(p) for name, p in names.items()}}
