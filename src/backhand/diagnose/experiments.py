"""Telling tied candidates apart: an experiment in which their numbers differ.

Several mistakes may give the same numbers wherever a program was seen. Here they are run in other
situations, until one is found in which they part. Where the program can be called, it is called
there as well; where it cannot, the experiment is proposed, with the number to look at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backhand.diagnose.candidates import every
from backhand.diagnose.machine import Machine
from backhand.diagnose.mistake import Planted
from backhand.diagnose.scene import Arrays, Mode, Scene, Stage
from backhand.experiment import Experiment
from backhand.graph import Network
from backhand.writers import shared

EPOCHS = 3
APART = 1e-6
"""A relative difference that nobody takes for rounding."""
SPREAD = 0.8
"""The standard deviation of weights: activations lie on both sides of 0, and do not saturate."""
OTHER_SEED = 7


@dataclass(frozen=True)
class Proposal:
    """An experiment: where it is made, and the number that each candidate gives there.

    `stage` has its data and weights, None where it is another kind of experiment. `numbers` has the
    candidates' names, `value` what the number is.
    """

    words: str
    stage: Stage | None
    value: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Trial:
    """A situation in which candidates may part, and the machine of its experiment."""

    words: str
    machine: Machine
    stage: Stage | None
    scene: Scene


def proposal(machine: Machine, tied: Sequence[Planted]) -> Proposal | None:
    """The experiment that tells the first candidate from most of the others; None if none does."""
    best: tuple[int, Proposal] | None = None
    for trial in _trials(machine):
        found = _apart(trial, [_there(machine, trial.machine, one) for one in tied])
        if found and (best is None or found[0] > best[0]):
            best = found
        if best and best[0] == len(tied) - 1:
            break
    return best[1] if best else None


def stages(machine: Machine) -> tuple[Stage, ...]:
    """Where a program that can be called is run, so that every applicable mistake can show: the
    spec's numbers, other weights, and a batch of three."""
    data, weights = given(machine)
    return (
        Stage("at the spec's numbers", data, weights),
        Stage("at other weights", data, other_weights(weights, 1)),
        Stage("on a batch of three", other_data(machine, data, 3), other_weights(weights, 2)),
    )


def given(machine: Machine) -> tuple[Arrays, Arrays]:
    """The spec's own data and weights."""
    arrays = machine.experiment.arrays
    data = tuple(arrays[n] for n in shared.data_names(machine.experiment))
    return data, tuple(arrays[n] for n in machine.correct.parameters)


def other_weights(weights: Arrays, seed: int) -> Arrays:
    """Weights of the same shapes."""
    drawn = np.random.default_rng(seed)
    return tuple(drawn.normal(0.0, SPREAD, w.shape) for w in weights)


def other_data(machine: Machine, data: Arrays, rows: int) -> Arrays:
    """Rows of random inputs, with targets of the kind that the spec has."""
    drawn = np.random.default_rng(rows)
    inputs = len(data) - len(machine.experiment.network.targets)
    found = [drawn.normal(0.0, 1.0, (rows, *a.shape[1:])) for a in data[:inputs]]
    return (*found, *(_target(t, rows, drawn) for t in data[inputs:]))


def _target(target: np.ndarray, rows: int, drawn: np.random.Generator) -> np.ndarray:
    shape = (rows, *target.shape[1:])
    is_binary = set(np.unique(target)) <= {0.0, 1.0}
    if is_binary and target.ndim == 2 and target.shape[1] > 1:
        return np.asarray(np.eye(shape[1])[drawn.permutation(np.arange(rows) % shape[1])])
    if is_binary:
        labels = (np.arange(rows) % 2.0).reshape(rows, *[1] * (target.ndim - 1))
        return np.asarray(labels * np.ones(shape))
    return drawn.normal(0.0, 1.0, shape)


def _trials(machine: Machine) -> Iterator[Trial]:
    """The cheap ones first, and of each first what a program is most easily asked for."""
    data, weights = given(machine)
    modes: list[Mode] = ["evaluation", "pass"] if machine.experiment.draws else ["evaluation"]
    if machine.experiment.training:
        modes.append("training")
    for stage in (
        Stage("with other weights", data, other_weights(weights, 11)),
        Stage("on a batch of three", other_data(machine, data, 3), other_weights(weights, 12)),
        Stage("with an example of zeros", _with_zeros(machine, data), weights),
    ):
        for mode in modes:
            yield Trial(stage.name, machine, stage, _scene(stage, mode))
    if machine.experiment.draws:
        own = Stage("with masks of another seed", data, weights)
        seeded = replace(machine.experiment, seed=machine.experiment.seed + OTHER_SEED)
        for experiment, words in (
            (seeded, own.name),
            (_with_other_rates(seeded), "with another dropout rate"),
        ):
            other = Machine(experiment, machine.folder)
            for mode in modes[1:]:
                yield Trial(words, other, None, _scene(own, mode))


def _scene(stage: Stage, mode: Mode) -> Scene:
    epochs = EPOCHS if mode == "training" else 0
    return Scene(stage.name, mode, stage.data, stage.weights, {}, epochs)


def _with_zeros(machine: Machine, data: Arrays) -> Arrays:
    """The spec's data with the first example's inputs 0: sums without a bias are then exactly 0."""
    inputs = len(data) - len(machine.experiment.network.targets)
    rows = np.arange(len(data[0]))
    return tuple(
        np.where((rows == 0).reshape(-1, *[1] * (a.ndim - 1)), 0.0, a) if i < inputs else a
        for i, a in enumerate(data)
    )


def _with_other_rates(experiment: Experiment) -> Experiment:
    """The same experiment with half of each dropout rate."""

    def halved(network: Network) -> Network:
        body = tuple(
            replace(
                step,
                attributes=tuple(
                    (n, v / 2 if n == "rate" and isinstance(v, float) else v)
                    for n, v in step.attributes
                ),
            )
            for step in network.forward.body
        )
        return replace(network, forward=replace(network.forward, body=body))

    return replace(experiment, network=halved(experiment.network))


def _there(machine: Machine, other: Machine, planted: Planted) -> Planted | None:
    """The same candidate in another experiment's program; None for a pair there."""
    if machine is other:
        return planted
    place = next((i for i, one in enumerate(every(machine)) if one is planted), None)
    same = tuple(every(other))
    return same[place] if place is not None and place < len(same) else None


def _apart(trial: Trial, tied: Sequence[Planted | None]) -> tuple[int, Proposal] | None:
    """How many of the others part from the first, and by which number one sees most of it."""
    if tied[0] is None:
        return None
    values = [_values(trial, one) for one in tied]
    best: tuple[int, Proposal] | None = None
    for key, first in values[0].items():
        off = [_differs(first, v.get(key)) for v in values[1:]]
        if not any(off) or (best and sum(off) <= best[0]):
            continue
        place = _place(first, [v[key] for v, o in zip(values[1:], off, strict=True) if o])
        numbers = {
            one.name: float(np.asarray(v[key])[place])
            for one, v in zip(tied, values, strict=True)
            if one and key in v and v[key].shape == first.shape
        }
        index = f"[{', '.join(map(str, place))}]" if place else ""
        best = sum(off), Proposal(trial.words, trial.stage, _named(key, index), numbers)
    return best


def _values(trial: Trial, planted: Planted | None) -> dict[str, np.ndarray]:
    if planted is None:
        return {}
    try:
        with np.errstate(all="ignore"):
            found = trial.machine.run(planted.listing, trial.scene)
    except Exception:  # a changed program may raise anything; then it has no numbers
        return {}
    return {k: np.asarray(v) for k, v in found.items() if k != "losses"}


def _differs(a: np.ndarray, b: np.ndarray | None) -> bool:
    if b is None or a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    return bool(np.max(np.abs(a - b), initial=0.0) > APART * np.max(np.abs(a), initial=0.0))


def _place(first: np.ndarray, others: Sequence[np.ndarray]) -> tuple[int, ...]:
    """The element in which they are farthest apart."""
    apart = np.max([np.abs(first - other) for other in others], axis=0)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(apart)), first.shape))


def _named(key: str, index: str) -> str:
    """`w1[0, 1] after epoch 2` for `w1@2`."""
    name, _, epoch = key.partition("@")
    if epoch.isdigit():
        return f"{name}{index} after epoch {epoch}"
    return f"{name}{index} after {EPOCHS} epochs" if epoch else f"{name}{index}"
