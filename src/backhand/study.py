"""A study: an experiment written out, run in both hands, and compared. What the report tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from platform import python_version

from backhand.agreement.comparing import LIFTED, agreement, shifted, watched
from backhand.agreement.result import Agreement
from backhand.agreement.training import OverTraining, over_training
from backhand.differences import Comparison, compare
from backhand.experiment import Experiment, Format, Library, Precision
from backhand.run.probes import Progress
from backhand.run.program import run_numpy
from backhand.run.trace import Trace
from backhand.writers.program import Program


@dataclass(frozen=True)
class Study:
    """Everything there is to tell about one experiment.

    `traces` are the NumPy program's at its precision, the PyTorch program's at its own, and, if
    the two differ, the PyTorch program's at NumPy's as well: that one, the last, is what
    `comparison` holds against NumPy's, so that only rounding is left between them. `agreement`
    says of each step whether it is, and `over` follows it through training.
    """

    experiment: Experiment
    programs: Mapping[Library, Program]
    traces: tuple[Trace, ...]
    comparison: Comparison
    as_printed: Comparison
    agreement: Agreement
    over: OverTraining | None
    versions: Mapping[str, str]

    def trace(self, library: Library) -> Trace:
        """The trace of a program at the precision that the spec gives it."""
        return next(trace for trace in self.traces if trace.library == library)


def formats_run(experiment: Experiment) -> tuple[Format, ...]:
    """What the PyTorch program is run in: its own precision, NumPy's, and float64."""
    wanted = (experiment.precision["torch"], experiment.precision["numpy"], LIFTED)
    return tuple(dict.fromkeys(wanted))


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
    epochs = experiment.training.epochs if experiment.training else 0
    own, ours = experiment.precision["torch"], experiment.precision["numpy"]
    first = run_numpy(programs["numpy"], experiment, ours, folder, progress)
    runs = {}
    for number, precision in enumerate(formats_run(experiment), 1):
        told = shifted(progress, number * epochs)
        runs[precision] = watched(experiment, programs, folder, precision, told)
    traces = (first, *(runs[p].trace for p in dict.fromkeys((own, ours))))
    weights = [value.name for value in experiment.network.forward.parameters]
    return Study(
        experiment,
        programs,
        traces,
        compare(traces[0], traces[-1], weights),
        compare(traces[0], traces[1], weights),
        agreement(experiment, programs, folder, [runs[p] for p in dict.fromkeys((LIFTED, own))]),
        _over(experiment, programs["numpy"], ours, folder, traces),
        _versions(),
    )


def _over(
    experiment: Experiment,
    program: Program,
    precision: Precision,
    folder: Path,
    traces: tuple[Trace, ...],
) -> OverTraining | None:
    if experiment.training is None or not experiment.network.forward.parameters:
        return None
    return over_training(program, experiment, precision, folder, traces[0], traces[-1])


def _versions() -> dict[str, str]:
    names = {"backhand": "backhand", "NumPy": "numpy", "PyTorch": "torch"}
    return {"Python": python_version(), **{name: version(p) for name, p in names.items()}}
