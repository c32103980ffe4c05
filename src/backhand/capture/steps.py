"""An exported program as flat steps of our rules: what lies between PyTorch's graph and ours."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backhand.capture import refused
from backhand.capture.aten import numbered, with_rules
from backhand.capture.identifiers import one_line
from backhand.capture.names import Scoped
from backhand.capture.reading import NUMBERS, Reading
from backhand.capture.signature import NAMELESS, Signature, signature, with_named_outputs
from backhand.capture.tidying import tidied
from backhand.graph import Network

SIZES = {"B": "batch", "T": "sequence"}
"""The sizes that get a name: the first of an input, and the second of one that is a sequence."""


@dataclass(frozen=True)
class Steps:
    """The steps of our rules, and how they hang together with the graph."""

    network: Network
    numbers: Mapping[str, np.ndarray]
    """What parameters, buffers and constants hold."""
    signature: Signature
    now: Mapping[str, str]
    """By the name that a value had as it was read, the name of what stands for it now; values that
    nothing stands for are not in it."""
    gone: frozenset[str]
    """Names of those for which another value stands."""
    updated: Mapping[str, str]
    """For each buffer that the module changes the name of its new value, an output behind the
    module's own."""


def steps_of(
    module: Any, name: str, program: Any, reading: Reading, torch: Any, free: str = ""
) -> Steps:
    """Read an exported program, tidy it and put our rules in the place of PyTorch's operators.

    Args:
        module: what was exported.
        name: what to call it in errors.
        program: PyTorch's.
        reading: new, with the names of sizes that are free.
        torch: PyTorch, which this does not import: it computes the constants.
        free: the letters of those sizes.

    Raises:
        BackhandError: naming all that no rule stands for.
    """
    name = one_line(name)
    found = signature(module, name, program, reading)
    named = {size for value in found.network.forward.inputs for size in value.shape}
    sizes = tuple((letter, SIZES[letter]) for letter in free if letter in named)
    whole = replace(found.network, sizes=sizes)
    network, numbers, instead, changed = tidied(whole, found, reading, torch)
    _check_formats(name, network, reading)
    network, missing = with_rules(network, reading.schemas, reading.shapes, reading.orders)
    if missing:
        raise refused.no_rules(name, missing, reading.schemas)
    before = _names(network)
    network = numbered(with_named_outputs(network, found.outputs, found.names, changed))
    now = dict(zip(before, _names(network), strict=True))
    ends = {gone: end for gone in instead if (end := _end(gone, instead)) in now}
    new = network.forward.outputs[len(network.forward.outputs) - len(changed) :]
    return Steps(
        network,
        numbers,
        found,
        {**now, **{gone: now[end] for gone, end in ends.items()}},
        frozenset(ends),
        {old: value.name for old, value in zip(changed, new, strict=True)},
    )


def constants_named(
    steps: Steps, wishes: Mapping[str, Scoped], taken: Iterable[str]
) -> dict[str, str]:
    """New names for constants, by their names now: what the source calls them, else what they are.

    Args:
        steps: whose constants they are.
        wishes: what the source calls each value.
        taken: names beside those of its values, which nobody else may have.
    """
    names = steps.signature.names
    names.taken.update(taken)
    found = {}
    for value in steps.network.forward.parameters:
        given = [wish.name for wish in wishes.get(value.name, {}).values() if wish.is_given]
        if value.role != "constant":
            continue
        is_nameless = value.name.startswith(NAMELESS)
        wish = given[0] if given else _called(steps.numbers[value.name]) if is_nameless else ""
        if wish and not value.name.startswith(wish):
            found[value.name] = names.give(wish, NAMELESS)
    return found


def _called(array: np.ndarray) -> str:
    """What a constant is that has no name: a mask, which leaves something out, or an index."""
    if array.dtype.kind == "b" or np.isneginf(array).any():
        return "mask"
    return "index" if array.dtype.kind in "iu" else NAMELESS


def _names(network: Network) -> list[str]:
    return [value.name for value in network.forward.values()]


def _end(name: str, instead: Mapping[str, str]) -> str:
    while name in instead:
        name = instead[name]
    return name


def _check_formats(name: str, network: Network, reading: Reading) -> None:
    unfit = {
        value.name: reading.formats[value.name]
        for value in network.forward.values()
        if reading.formats.get(value.name, "float64") not in NUMBERS
    }
    if unfit:
        raise refused.unfit_numbers(name, unfit)
