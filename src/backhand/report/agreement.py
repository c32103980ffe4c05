"""How far apart the two programs are: in sentences, and value by value in a table."""

from dataclasses import dataclass

from backhand.differences import Comparison, Difference, first_not_finite
from backhand.report.wording import element, in_units, scientific, units, within
from backhand.study import Study


@dataclass(frozen=True)
class Row:
    """One value: `start` at the initial weights, `trained` over all epochs, as pairs of the
    largest difference and its units; `epoch` is where in training it is largest."""

    name: str
    start: tuple[str, str]
    trained: tuple[str, str]
    epoch: str


@dataclass(frozen=True)
class Table:
    """A comparison in full."""

    title: str
    sentence: str
    rows: tuple[Row, ...]
    has_training: bool


def tables(study: Study) -> list[Table]:
    """At the same precision, and, where it is another, as printed."""
    found = [_table(study.comparison, study, "At the same precision")]
    if len(study.traces) > 2:
        found.append(_table(study.as_printed, study, "As printed"))
    return found


def _table(comparison: Comparison, study: Study, title: str) -> Table:
    trained = {d.name: d for d in comparison.training}
    start = {d.name: d for d in comparison.evaluation}
    epochs = study.traces[0].epochs
    rows = []
    for name in dict.fromkeys([*start, *trained]):
        later = trained.get(name)
        at = str(epochs[later.index[0]]) if later and later.ulps and later.index else ""
        rows.append(Row(name, _pair(start.get(name)), _pair(later), at))
    sides = f"{within(comparison.first)} and {within(comparison.second)}"
    return Table(f"{title}: {sides}", sentence(comparison, study), tuple(rows), bool(trained))


def _pair(difference: Difference | None) -> tuple[str, str]:
    if difference is None:
        return "", ""
    return scientific(difference.largest), units(difference.ulps)


def sentence(comparison: Comparison, study: Study) -> str:
    """Where the two are farthest apart, and by how much."""
    sides = f"{within(comparison.first)} and {within(comparison.second)}"
    most = comparison.largest
    if most is None:
        return f"{sides} have no value in common."
    if most.ulps == 0:
        return f"{sides} computed the same numbers throughout, to the last bit."
    in_training = any(most is d for d in comparison.training)
    where = element(most.name, most.index)
    if in_training:
        epoch = study.traces[0].epochs[most.index[0]]
        where = f"{element(most.name, most.index[1:])} in epoch {epoch}"
    return (
        f"Largest difference between {sides}: {in_units(most.ulps)} of {comparison.precision}, "
        f"in {where} ({_number(most.ours, comparison)} and {_number(most.theirs, comparison)})."
    )


def _number(value: float, comparison: Comparison) -> str:
    """With enough digits to tell the two apart."""
    return f"{value:.17g}" if comparison.precision == "float64" else f"{value:.9g}"


def in_short(study: Study) -> list[str]:
    """For the head of the page: the trained weights, or all values where nothing is trained."""
    broken = {t.name: first for t in study.traces if (first := first_not_finite(t))}
    found = [_most(study.comparison, not broken)]
    if len(study.traces) > 2:
        found.append(f"As printed, {_most(study.as_printed, not broken)}")
    found += [
        f"{within(trace)}: {name} is no longer a finite number in epoch {epoch}, for the training "
        "diverges."
        for trace, (name, epoch) in broken.items()
    ]
    return found


def _most(comparison: Comparison, after_training: bool) -> str:
    """How far apart the trained weights are; before training, if training led nowhere."""
    first, second = (name.partition("-")[2] for name in (comparison.first, comparison.second))
    sides = f"{within(comparison.first)} and {within(comparison.second)}"
    if first == second:
        sides = f"Both in {first}"
    trained = comparison.trained if after_training else ()
    most = max(trained or comparison.evaluation, key=lambda d: d.ulps, default=None)
    if most is None:
        return f"{sides}: there is no value to compare."
    what = "weights after training" if trained else "values at the initial weights"
    if most.ulps == 0:
        return f"{sides}: the {what} are the same, to the last bit."
    of = "" if first == second else f" of {comparison.precision}"
    return f"{sides}: the {what} differ by at most {in_units(most.ulps)}{of}."
