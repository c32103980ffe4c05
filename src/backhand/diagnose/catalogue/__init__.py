"""The catalogue of known mistakes: one module for each part of a training program.

An entry is a function from a listing to the programs with the mistake in it, one for each place
where it can be made. `known` in `editing.py` says what an entry carries.
"""

from backhand.diagnose.catalogue import (
    accumulated,
    activations,
    adaptive,
    averages,
    backward,
    biases,
    chain,
    counts,
    data,
    drawing,
    dropout,
    filters,
    forward,
    loss,
    moments,
    momentum,
    norms,
    one_by_one,
    other_activations,
    output,
    penalty,
    pooling,
    schedules,
    targets,
    training,
    update,
    wrapped,
)
from backhand.diagnose.mistake import Mistake

__all__ = ["CATALOGUE"]

MODULES = (
    dropout, wrapped, drawing, activations, biases, backward, other_activations, chain, forward,
    filters, pooling, norms, averages, loss, penalty,
    counts, accumulated, output, momentum, moments, adaptive, schedules, update, training,
    one_by_one, data, targets,
)  # fmt: skip
CATALOGUE: tuple[Mistake, ...] = tuple(
    value for module in MODULES for value in vars(module).values() if isinstance(value, Mistake)
)
"""Every known mistake; of two that give the same numbers the first is the one that is named."""
