"""A trace: every value that one run of a program made, by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from backhand.errors import BackhandError
from backhand.experiment import Experiment, Format, Library

LARGEST = 64 * 2**20
"""Bytes of training that a trace keeps at most; beyond, epochs are thinned out evenly."""


@dataclass(frozen=True)
class Trace:
    """What a program computed, and what it printed.

    `evaluation` holds forward values, loss and derivatives at the initial weights without
    dropout; `training` the same for each epoch in `epochs` (counted from 1), stacked along a
    first axis, weights as they stand after that epoch's update. `losses` has every epoch.
    `printed` has the text of every call of `print`.
    """

    library: Library
    precision: Format
    evaluation: Mapping[str, np.ndarray]
    training: Mapping[str, np.ndarray]
    epochs: tuple[int, ...]
    losses: np.ndarray
    printed: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.library}-{self.precision}"


def kept_epochs(experiment: Experiment) -> tuple[int, ...]:
    """The epochs to keep: all that fit, else evenly spread ones, always the first and the last.

    They depend on the network alone, so that traces of both programs keep the same ones.
    """
    epochs = experiment.training.epochs if experiment.training else 0
    batch = len(experiment.arrays[experiment.network.forward.inputs[0].name])
    numbers = sum(
        prod(batch if isinstance(size, str) else size for size in value.shape)
        for kind in experiment.network.kinds
        for value in kind.values()
    )
    room = max(2, LARGEST // (8 * max(numbers, 1)))
    if epochs <= room:
        return tuple(range(1, epochs + 1))
    return tuple(sorted({int(e) for e in np.linspace(1, epochs, room)}))


def save(file: Path, traces: Iterable[Trace]) -> None:
    """Write traces to one `.npz`, keys `numpy-float64/training/z1` and so on."""
    arrays: dict[str, np.ndarray] = {}
    for trace in traces:
        for part in ("evaluation", "training"):
            for name, values in getattr(trace, part).items():
                arrays[f"{trace.name}/{part}/{name}"] = values
        arrays[f"{trace.name}/epochs"] = np.array(trace.epochs, dtype=np.int64)
        arrays[f"{trace.name}/losses"] = trace.losses
        arrays[f"{trace.name}/printed"] = np.array(trace.printed)
    np.savez(file, **arrays)  # type: ignore[arg-type]


def load(file: Path) -> tuple[Trace, ...]:
    """Read what `save` wrote.

    Raises:
        BackhandError: if the file is not such a trace.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        names = dict.fromkeys(key.partition("/")[0] for key in arrays)
        return tuple(_loaded(name, arrays) for name in names)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BackhandError(
            "this is not a trace",
            where=str(file),
            wanted="trace.npz as `backhand run` writes it",
            got=str(error),
        ) from None


def _loaded(name: str, arrays: dict[str, np.ndarray]) -> Trace:
    library, _, precision = name.partition("-")
    return Trace(
        library,  # type: ignore[arg-type]
        precision,  # type: ignore[arg-type]
        _part(f"{name}/evaluation/", arrays),
        _part(f"{name}/training/", arrays),
        tuple(int(e) for e in arrays[f"{name}/epochs"]),
        arrays[f"{name}/losses"],
        tuple(str(text) for text in arrays[f"{name}/printed"]),
    )


def _part(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key.removeprefix(prefix): a for key, a in arrays.items() if key.startswith(prefix)}
