"""What is compared: one situation in which their program and ours compute, and what theirs gave."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Mode = Literal["evaluation", "pass", "training"]
"""A pass without dropout, one with it, or some epochs of training."""

DrawKind = Literal["uniform", "bits", "mask", "order"]
"""Uniform numbers in [0, 1); zeros and ones; a mask that is scaled already; a permutation."""


Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Stage:
    """Inputs and weights with which a program is run."""

    name: str
    data: Arrays
    weights: Arrays


@dataclass(frozen=True)
class Draw:
    """What their program drew at random: one call of a generator.

    `probability` is that of a 1, where the call names it.
    """

    kind: DrawKind
    values: np.ndarray
    probability: float | None = None


@dataclass(frozen=True)
class Seen:
    """An array that they computed, in our layout.

    `half` is half a unit of the last digit printed, 0 where all digits are there. What is `summed`
    over the examples may be divided by their number later on. `earlier` is what it was before it
    was changed once more: a gradient to which the update adds the decay of the weights.
    """

    values: np.ndarray
    half: float = 0.0
    is_summed: bool = False
    earlier: np.ndarray | None = None


@dataclass(frozen=True)
class Scene:
    """Inputs, weights and draws, and what their program made of them.

    `seen` has outputs, `loss`, and derivatives under our names; in training with the epoch behind
    them (`loss@1`, `w1@3`), and `@end` for the last. `draws` is None where theirs are not known:
    then our own seed is used. `data` and `weights` follow the written program.
    """

    name: str
    mode: Mode
    data: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]
    seen: Mapping[str, Seen]
    epochs: int = 0
    draws: tuple[Draw, ...] | None = None
    between: tuple[tuple[str, np.ndarray], ...] = field(default=(), repr=False)
    """What else their program computed on the way, by its own names: in the first epoch alone."""
    notes: tuple[str, ...] = field(default=())
    """What was assumed, for the reader."""
    is_called: bool = False
    """Whether we called it with these data and weights, so that it does not make its own."""
