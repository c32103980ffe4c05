"""The study as lines for a terminal: each task as both programs print it, then how they compare."""

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from backhand.agreement.telling import headline
from backhand.differences import Comparison, first_not_finite
from backhand.experiment import LIBRARIES, LIBRARY_NAMES, Experiment, Library, Printing
from backhand.study import Study


def show(study: Study, console: Console) -> None:
    """Print the whole study."""
    pages = {
        library: printed_by_task(study.experiment, library, study.trace(library).printed)
        for library in LIBRARIES
    }
    title = None
    for number, printing in enumerate(study.experiment.printing):
        if printing.title != title or not printing.title:
            title = printing.title
            console.print(f"\n{title}\n", style="bold", markup=False, highlight=False)
        for library in LIBRARIES:
            console.out("\n".join(pages[library][number]), highlight=False)
            console.print()
    for sentence in agreement(study):
        console.print(sentence, markup=False, highlight=False)
    if study.experiment.published:
        console.print()
        _show_published(study, console)


def printed_by_task(
    experiment: Experiment, library: Library, printed: Sequence[str]
) -> list[list[str]]:
    """What a program printed, in one list for each [[print]] of the spec.

    Programs print what is trained last, so the calls are dealt out in that order.
    """
    calls = iter(printed)
    dealt: dict[int, list[str]] = {}
    last = sorted(enumerate(experiment.printing), key=lambda item: item[1].show == "trained")
    for number, printing in last:
        dealt[number] = [next(calls) for _ in range(_calls(printing, experiment, library))]
    return [dealt[number] for number in range(len(experiment.printing))]


def _calls(printing: Printing, experiment: Experiment, library: Library) -> int:
    rows = len(experiment.arrays[experiment.network.forward.inputs[0].name])
    each = rows if printing.show == "rows" else 1
    return bool(printing.heading_for(library)) + len(printing.names) * each


def agreement(study: Study) -> list[str]:
    """How far the two programs are apart, in plain sentences with numbers."""
    sentences = [headline(study.agreement), _apart(study.comparison)]
    if len(study.traces) > 2:
        sentences.append(f"As printed above, {_apart(study.as_printed)}")
    if study.experiment.draws and study.experiment.training:
        sentences.append(_masks(study))
    for trace in study.traces:
        if broken := first_not_finite(trace):
            name, epoch = broken
            sentences.append(
                f"{_side(trace.name)}: {name} is no longer a finite number in epoch {epoch}: "
                "the training diverges; a smaller learning_rate may help."
            )
    return [sentence[0].upper() + sentence[1:] for sentence in sentences]


def _apart(comparison: Comparison) -> str:
    what = "trained weights" if comparison.trained else "values"
    differences = comparison.trained or comparison.evaluation
    most = max(differences, key=lambda d: d.ulps)
    sides = f"{_side(comparison.first)} and {_side(comparison.second)}"
    return (
        f"{sides}: the {what} differ by at most {max(d.largest for d in differences):.1e}, "
        f"{most.ulps:.1f} units in the last place of {comparison.precision} ({most.name})."
    )


def _side(name: str) -> str:
    library, _, precision = name.partition("-")
    return f"{LIBRARY_NAMES[library]} in {precision}"  # type: ignore[index]


def _masks(study: Study) -> str:
    steps = study.experiment.network.forward.body
    names = [step.output.name for step in steps if step.function == "dropout_mask"]
    same = all(
        np.array_equal(study.traces[0].training[n] != 0, study.traces[-1].training[n] != 0)
        for n in names
    )
    count = sum(study.traces[0].training[n].size for n in names)
    answer = "the same in both" if same else "NOT the same in both"
    return f"the dropout masks, {count:,} numbers drawn by each program, are {answer}."


def _show_published(study: Study, console: Console) -> None:
    """Our trained weights beside the published ones, row by row, and the note."""
    published, trace = study.experiment.published, study.trace("numpy")
    assert published is not None
    libraries = [library for library in LIBRARIES if library in published.weights]
    table = Table("", "ours", *(f"published, {LIBRARY_NAMES[lib]}" for lib in libraries))
    for value in study.experiment.network.forward.parameters:
        ours = trace.training[value.name][-1]
        for row in range(len(ours)):
            theirs = [published.weights[lib].get(value.name) for lib in libraries]
            cells = [_numbers(array[row]) if array is not None else "" for array in theirs]
            table.add_row(f"{value.name}[{row}]", _numbers(ours[row]), *cells)
    console.print(table)
    console.print(" ".join(published.note.split()), markup=False, highlight=False)


def _numbers(row: np.ndarray) -> str:
    return " ".join(f"{number:.4f}" for number in np.ravel(row))
