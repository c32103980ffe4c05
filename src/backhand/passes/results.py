"""Results that only a derivative reads: what a rule's backward asks for by name gets a value."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from backhand.graph import Network, Step, Value, check
from backhand.rules.register import rule


def with_asked_results(network: Network) -> Network:
    """The flat network whose steps make all that their rules' derivatives read.

    PyTorch does not show such a result (a layer's saved statistics), so its shape is not known.
    """
    taken = {value.name for value in network.forward.values()}
    fresh = (name for n in count(1) if (name := f"%kept{n}") not in taken)
    body = tuple(_with_results(step, fresh) for step in network.forward.body)
    return check(replace(network, forward=replace(network.forward, body=body)), named=False)


def _with_results(step: Step, fresh: Iterator[str]) -> Step:
    known = rule(step.function)
    if known.backward is None or len(known.outputs) < 2:
        return step
    asked = {*known.backward.parameters, *known.backward.attributes}
    outputs = tuple(
        Value(next(fresh), ()) if value is None and name in asked else value
        for name, value in zip(known.outputs, step.outputs, strict=True)
    )
    return replace(step, outputs=outputs)
