"""The width of floats that steps make by themselves: `float` becomes the network's own."""

from dataclasses import replace

from backhand.graph import Network, Step
from backhand.passes.rewriting import rebuilt


def in_precision(network: Network, precision: str) -> Network:
    """The flat network whose `dtype="float"` is `float32` or `float64`: NumPy's own is the
    latter."""
    return rebuilt(network, [_step(step, precision) for step in network.forward.body], {})


def _step(step: Step, precision: str) -> Step:
    attributes = tuple(
        (name, precision if name == "dtype" and value == "float" else value)
        for name, value in step.attributes
    )
    return replace(step, attributes=attributes)
