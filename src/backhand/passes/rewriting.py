"""What every pass over a flat function does: values replaced by others, or by new names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from backhand.graph import Network, Step, Value, check


def replaced(step: Step, instead: Mapping[str, Value]) -> Step:
    """The step, reading `instead` of the values of those names."""
    return replace(step, inputs=tuple(instead.get(v.name, v) for v in step.inputs))


def rebuilt(
    network: Network,
    body: Sequence[Step],
    instead: Mapping[str, Value],
    parameters: Sequence[Value] | None = None,
) -> Network:
    """The network with another body of its forward function, checked.

    The function's outputs are read through `instead`; parameters stay unless others are given.
    """
    forward = network.forward
    kind = replace(
        forward,
        body=tuple(body),
        parameters=forward.parameters if parameters is None else tuple(parameters),
        outputs=tuple(instead.get(v.name, v) for v in forward.outputs),
    )
    return check(replace(network, forward=kind), named=False)


def renamed(network: Network, new: Mapping[str, str]) -> Network:
    """The network with new names for what its forward function makes or keeps, checked."""

    def value(old: Value) -> Value:
        return replace(old, name=new.get(old.name, old.name))

    def step(old: Step) -> Step:
        outputs = tuple(v and value(v) for v in old.outputs)
        return replace(old, inputs=tuple(map(value, old.inputs)), outputs=outputs)

    forward = network.forward
    kind = replace(
        forward,
        parameters=tuple(map(value, forward.parameters)),
        outputs=tuple(map(value, forward.outputs)),
        body=tuple(map(step, forward.body)),
    )
    return check(replace(network, forward=kind), named=False)
