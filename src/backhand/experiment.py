"""An experiment: a network with its numbers, its training, and what to print of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from backhand.graph import Attribute, Network

Library = Literal["numpy", "torch"]
Precision = Literal["float32", "float64"]
Format = Literal["float64", "float32", "bfloat16", "float16"]
"""What PyTorch can compute in; NumPy keeps to the first two."""

LIBRARIES: tuple[Library, ...] = ("torch", "numpy")
"""In the order in which they are printed."""

LIBRARY_NAMES: Mapping[Library, str] = {"numpy": "NumPy", "torch": "PyTorch"}


@dataclass(frozen=True)
class Training:
    """How the weights are changed: the optimiser by name, its options that were set, how long."""

    optimizer: str
    options: tuple[tuple[str, Attribute], ...]
    epochs: int


@dataclass(frozen=True)
class Printing:
    """One thing that the programs print.

    `rows` prints an output or the loss's prediction row by row, `value` as it is, `gradient` the
    derivative of the loss by a weight, `trained` weights after training. `heading` goes on a line
    of its own before, `label` in front of each value, where `{number}` counts rows from 1.
    """

    show: Literal["rows", "value", "gradient", "trained"]
    names: tuple[str, ...]
    title: str = ""
    heading: tuple[tuple[str, str], ...] = ()
    label: tuple[tuple[str, str], ...] = ()
    """Both by library."""

    def heading_for(self, library: Library) -> str:
        return dict(self.heading).get(library, "")

    def label_for(self, library: Library) -> str:
        return dict(self.label).get(library, "")


@dataclass(frozen=True)
class Published:
    """Trained weights that somebody else published, and what is known about them."""

    note: str
    weights: Mapping[str, Mapping[str, np.ndarray]]
    """By library, by weight."""


@dataclass(frozen=True)
class Experiment:
    """Everything that a spec says, checked.

    `arrays` holds inputs, targets and initial weights by name, in float64; a program casts them
    to its precision.
    """

    name: str
    about: str
    network: Network
    arrays: Mapping[str, np.ndarray]
    training: Training | None
    precision: Mapping[Library, Precision]
    seed: int
    printing: tuple[Printing, ...]
    published: Published | None
    source: str
    """The text of the spec."""

    @property
    def draws(self) -> bool:
        """Whether anything random happens in training."""
        return any(value.role == "generator" for value in self.network.forward.inputs)
