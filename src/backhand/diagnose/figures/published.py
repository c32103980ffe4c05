"""Weights that somebody published: which they are, and how far their printing may have moved them.

Figures are read from JSON at any depth: wherever an object has the names of weights as keys, with
arrays of their shapes, it is a set of figures, and the keys that lead to it are its title.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

from backhand.errors import BackhandError, did_you_mean
from backhand.experiment import Experiment, Precision

MOST_NUMBERS = 60
"""Weights that are looked at; of more, this many, evenly spread."""

Weights = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Figures:
    """The numbers, how far each may be off, and the decimals they were rounded to.

    `names` says which array each is from, `places` which numbers of the simulated arrays they are.
    """

    title: str
    numbers: np.ndarray
    off: np.ndarray
    units: np.ndarray
    names: tuple[str, ...]
    chosen: np.ndarray

    def of_runs(self, weights: Weights) -> np.ndarray:
        """The same numbers of simulated weights, [runs, numbers]."""
        rows = [weights[name].reshape(len(weights[name]), -1) for name in self.names]
        return np.hstack(rows)[:, self.chosen]

    def rounded(self, runs: np.ndarray) -> np.ndarray:
        """Runs as they would have been printed."""
        made: np.ndarray = np.round(runs / self.units) * self.units
        return made


def figures(
    weights: Weights, experiment: Experiment, precision: Precision = "float32", title: str = ""
) -> Figures:
    """Published weights, of all parameters or of some.

    Args:
        weights: by the names of the experiment's weights, in their shapes.
        experiment: what they are said to come from.
        precision: what was computed in; float32 also covers float64.
        title: what to call them.

    Raises:
        BackhandError: for a name or a shape that the experiment has not, or numbers not finite.
    """
    known = {v.name: experiment.arrays[v.name] for v in experiment.network.forward.parameters}
    for name, array in weights.items():
        _check(name, np.asarray(array), known, title)
    names = tuple(name for name in known if name in weights)
    if not names or experiment.training is None:
        raise BackhandError(
            "there are no trained weights to look at",
            where=title,
            wanted="a spec with [training], and weights named " + ", ".join(known),
        )
    arrays = [np.asarray(weights[name], dtype=np.float64) for name in names]
    numbers = np.concatenate([array.ravel() for array in arrays])
    units = np.concatenate([printed_units(array).ravel() for array in arrays])
    # each epoch rounds each weight once, and what it is changed by is far smaller
    noise = experiment.training.epochs * float(np.finfo(precision).eps) * np.abs(numbers)
    count = min(len(numbers), MOST_NUMBERS)
    chosen = np.unique(np.linspace(0, len(numbers) - 1, count).round().astype(int))
    off = units / 2 + noise
    return Figures(title, numbers[chosen], off[chosen], units[chosen], names, chosen)


def _check(name: str, array: np.ndarray, known: Weights, title: str) -> None:
    if name not in known:
        raise BackhandError(
            f"the network has no weight `{name}`",
            where=title,
            wanted=", ".join(known),
            repair=did_you_mean(name, known),
        )
    if array.shape != known[name].shape or not np.isfinite(array).all():
        raise BackhandError(
            f"`{name}` cannot be compared",
            where=title,
            wanted=f"finite numbers of shape {list(known[name].shape)}",
            got=f"shape {list(array.shape)}"
            + ("" if np.isfinite(array).all() else ", with numbers that are not finite"),
        )


def printed_units(array: np.ndarray) -> np.ndarray:
    """The unit in the last printed digit of each number.

    NumPy and PyTorch print the numbers of an array with equally many decimals, or, in scientific
    notation, equally many digits; zeros at the end are lost on the way. So the most decimals and
    the most digits are taken of all, and of the two units that this gives the larger one: rather
    too large a unit, which accuses nobody, than too small a one.
    """
    digits = [_digits(number) for number in np.ravel(array).tolist()]
    decimals = max(places for _, places in digits)
    count = max(whole for whole, _ in digits)
    sizes = np.floor(np.log10(np.abs(np.where(array == 0, 1, array))))
    made: np.ndarray = np.maximum(
        10.0**-decimals, np.where(array == 0, 0, 10.0 ** (sizes - count + 1))
    )
    return made


def _digits(number: float) -> tuple[int, int]:
    """How many digits a number has as Python shows it, and how many behind the point."""
    shown = Decimal(repr(float(number))).normalize().as_tuple()
    assert isinstance(shown.exponent, int)
    return len(shown.digits), max(0, -shown.exponent)


def read_figures(file: Path, experiment: Experiment) -> tuple[Figures, ...]:
    """All sets of figures of a JSON file.

    Raises:
        BackhandError: if it cannot be read, or has no weights of this experiment.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackhandError("cannot be read as JSON", where=str(file), got=str(error)) from None
    names = {value.name for value in experiment.network.forward.parameters}
    found = tuple(
        figures(weights, experiment, _precision(title, experiment), title)
        for title, weights in _sets(content, names, ())
    )
    if not found:
        raise BackhandError(
            "there are no weights of this network in it",
            where=str(file),
            wanted='an object such as {"' + '": [...], "'.join(sorted(names)) + '": [...]}',
        )
    return found


def _sets(content: object, names: set[str], path: tuple[str, ...]) -> Iterator[tuple[str, Weights]]:
    if not isinstance(content, dict):
        return
    here = {name: part for name, part in content.items() if name in names}
    if here:
        yield ".".join(path), {name: _array(name, part) for name, part in here.items()}
    for name, part in content.items():
        yield from _sets(part, names, (*path, str(name)))


def _array(name: str, part: object) -> np.ndarray:
    try:
        return np.array(part, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BackhandError(f"`{name}` is not an array of numbers", got=str(error)) from None


def _precision(title: str, experiment: Experiment) -> Precision:
    """What the library computes in whose name leads to the figures; the coarser if none does."""
    named = [part for part in title.split(".") if part in experiment.precision]
    return experiment.precision[named[-1]] if named else "float32"  # type: ignore[index]
