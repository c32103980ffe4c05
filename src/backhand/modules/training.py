"""A written program in training: what its optimiser keeps, and how far it has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from backhand.modules.program import Program

NO_ARGUMENTS: Mapping[str, Any] = {}


@dataclass
class Training:
    """Steps of a program's optimiser, which change its parameters in place."""

    program: "Program"
    state: Any
    generator: np.random.RandomState
    steps: int = 0

    def step(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = NO_ARGUMENTS,
        targets: Any = (),
    ) -> float:
        """One step; the loss before it."""
        return self._step(self.program.data_of(args, kwargs, targets))

    def epoch(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = NO_ARGUMENTS,
        targets: Any = (),
        *,
        batch: int = 64,
    ) -> float:
        """A step for each batch of the shuffled examples; the mean of their losses."""
        data = self.program.data_of(args, kwargs, targets)
        shapes = self.program.namespace["SHAPES"]
        rows = [name for name in data if shapes[name][:1] == ("B",)]
        if not {*rows} & {*self.program.interface.inputs}:
            return self._step(data)
        order = self.generator.permutation(len(data[rows[0]]))
        starts = range(0, len(order), batch)
        losses = [self._step(_some(data, rows, order[at : at + batch])) for at in starts]
        return float(np.mean(losses))

    def _step(self, data: Mapping[str, np.ndarray]) -> float:
        loss, dp = self.program.gradients_of(data, self.generator)
        self.steps += 1
        update = self.program.namespace["update"]
        update(self.program.parameters, dp, self.state, self.steps)
        return loss


def _some(
    data: Mapping[str, np.ndarray], rows: Sequence[str], some: np.ndarray
) -> dict[str, np.ndarray]:
    """The data with these examples alone."""
    return {name: array[some] if name in rows else array for name, array in data.items()}
