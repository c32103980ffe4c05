"""Scenes: all numbers of one epoch, with the bound that each was judged by."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backhand.agreement.feeding import FedProgram, Seen, Values
from backhand.agreement.judging import Part, Sight


@dataclass(frozen=True, eq=False)
class Scene:
    """What the lines of a program read and make in one epoch; 0 is the evaluation.

    Attributes:
        epoch: its number.
        values: data, weights before the update, and all that the reference made, by name.
        bounds: how far each value may be from the reference's.
        states: what the optimiser keeps, before the update.
        after: weights and states after it; empty in the evaluation.
        stale: weights and derivatives of the epoch before.
    """

    epoch: int
    values: Values
    bounds: Mapping[tuple[Part, str], np.ndarray]
    states: Values
    after: Values
    stale: Values


class Stage:
    """Takes down scenes while a program is fed: the evaluation and the first two epochs.

    The second is the first in which what is stale differs from what is not.
    """

    LAST = 2

    def __init__(self) -> None:
        self.scenes: list[Scene] = []
        self.earlier: dict[str, np.ndarray] = {}

    def take(self, fed: FedProgram, epoch: int, reference: Values) -> Seen:
        """Feed one epoch; the scene is kept if it is among the first."""
        if epoch > self.LAST:
            return fed.epoch(epoch, reference)
        before = {name: np.array(w if epoch == 0 else w.value) for name, w in fed.weights.items()}
        states = {
            fed.key(kind, name): fed.state(kind, name).value
            for name in fed.weights
            for kind in fed.kept
            if epoch
        }
        seen = fed.epoch(epoch, reference) if epoch else fed.evaluation(reference)
        data = {name: array.value for name, array in fed.data.items()}
        carried = {name: array.value for name, array in fed.feeder.known.items()}
        begun = before if epoch else {}
        self.scenes.append(
            Scene(
                epoch,
                {**carried, **data, **reference, **begun},
                {key: s.bound for key, s in seen.shown.items() if isinstance(s, Sight)},
                states,
                dict(reference) if epoch else {},
                self.earlier,
            )
        )
        self.earlier = {**before, **{n: a for n, a in reference.items() if n.startswith("d")}}
        return seen
