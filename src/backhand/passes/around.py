"""What is known of a flat network while its steps are written as a person would."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backhand.graph import Network, Step, Value


@dataclass(frozen=True)
class Around:
    """Who makes each value, who reads it, and the numbers of constants."""

    makers: Mapping[str, Step]
    readers: Mapping[str, Step]
    """The last step that reads each value."""
    uses: Counter[str]
    """How often each is read; to be an output is one time."""
    constants: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, network: Network, arrays: Mapping[str, np.ndarray]) -> "Around":
        """Of a network, with the numbers of its parameters and constants by their names."""
        body = network.forward.body
        makers = {value.name: step for step in body for value in step.made()}
        readers = {value.name: step for step in body for value in step.inputs}
        uses = Counter(value.name for step in body for value in step.inputs)
        uses.update(value.name for value in network.forward.outputs)
        constants = {v.name for v in network.forward.parameters if v.role == "constant"}
        numbers = {n: array for n, array in arrays.items() if n in constants}
        return cls(makers, readers, uses, numbers)

    def alone(self, value: Value, function: str) -> Step | None:
        """The step of this function that makes a value which only one step reads."""
        step = self.makers.get(value.name)
        fits = step is not None and step.function == function and self.uses[value.name] == 1
        return step if fits else None

    def reader(self, value: Value) -> Step | None:
        """The step that alone reads a value."""
        return self.readers.get(value.name) if self.uses[value.name] == 1 else None
