"""The optimiser of a listing: its options, its steps, and the update that other options give."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from backhand.diagnose.editing import put
from backhand.diagnose.listing import Listing, functions_of, text_of
from backhand.diagnose.mistake import Change
from backhand.experiment import Training
from backhand.rules.updates import UPDATES
from backhand.writers.numpy_training import training_functions


def training_of(listing: Listing) -> Training | None:
    return listing.experiment.training if listing.has("update") else None


def options_of(listing: Listing) -> dict[str, object]:
    """All options of the optimiser, with its defaults."""
    training = training_of(listing)
    if training is None:
        return {}
    return {**UPDATES[training.optimizer].defaults, **dict(training.options)}


def with_options(listing: Listing, optimizer: str = "", **options: Any) -> Iterator[Change]:
    """The update and the loop as they are written with other options, or of another optimiser."""
    training = training_of(listing)
    if training is None:
        return
    chosen = optimizer or training.optimizer
    kept = {k: v for k, v in training.options if k in UPDATES[chosen].options}
    every = {**UPDATES[chosen].defaults, **kept, **options}
    other = replace(training, optimizer=chosen, options=tuple(every.items()))
    experiment = replace(listing.experiment, training=other)
    functions = functions_of("\n\n".join(training_functions(experiment)))
    told = ", ".join(f"{k} = {v}" for k, v in options.items()) or chosen
    yield Change(
        f"{chosen}: {told}", replace(listing, functions={**listing.functions, **functions})
    )


def steps(listing: Listing) -> Iterator[ast.AugAssign]:
    """The statements of `update` that take something from the weight."""
    for statement in listing.statements("update"):
        match statement:
            case ast.AugAssign(target=ast.Name(id="w"), op=ast.Sub()):
                yield statement


def rows_of(listing: Listing) -> int:
    first = listing.experiment.network.forward.inputs[0].name
    return int(listing.experiment.arrays[first].shape[0])


def layers_of(listing: Listing) -> list[tuple[int, ...]]:
    """The places of each matrix of weights with the vectors that follow it, where some do."""
    shapes = [listing.experiment.arrays[name].shape for name in listing.parameters]
    found: list[tuple[int, ...]] = []
    for i, shape in enumerate(shapes):
        if len(shape) >= 2 or not found:
            found.append((i,))
        else:
            found[-1] = (*found[-1], i)
    return [layer for layer in found if len(layer) > 1] if len(found) > 1 else []


def wrapped_step(listing: Listing, statement: ast.AugAssign, form: str) -> Change:
    """What is taken from the weight put into a form."""
    value = form.format(f"({text_of(statement.value)})")
    return put(listing, "update", statement, f"w -= {value}")


def is_adamw(listing: Listing) -> bool:
    training = training_of(listing)
    return training is not None and training.optimizer == "adamw"
