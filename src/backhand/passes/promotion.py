"""Whole numbers that meet floats become floats of their type first, as PyTorch has it.

NumPy would widen float32 beside int64 to float64. Afterwards no step has an array of whole numbers
where its rule has a derivative and another array of floats.
"""

from collections.abc import Iterator
from dataclasses import replace

from backhand.graph import Network, Step, Value
from backhand.passes.rewriting import rebuilt
from backhand.rules.register import rule

SIZE = "size"
"""The rule that makes a size that has a name an operand."""


def promoted(network: Network) -> Network:
    """The network with a cast in front of each such array; truths need none, nor do sizes, which
    are plain numbers."""
    sizes = {v.name for step in network.forward.body if step.function == SIZE for v in step.made()}
    body: list[Step] = []
    casts = 0
    for step in network.forward.body:
        instead: dict[str, Value] = {}
        for whole, floats in _mixed(step):
            if whole.name in sizes:
                continue
            if whole.name not in instead:
                casts += 1
                made = Value(f"%cast{casts}", whole.shape)
                cast = replace(step, function="astype_like", inputs=(whole, floats),
                               outputs=(made,), attributes=())  # fmt: skip
                body.append(cast)
                instead[whole.name] = made
        inputs = tuple(instead.get(value.name, value) for value in step.inputs)
        body.append(replace(step, inputs=inputs))
    return rebuilt(network, body, {})


def _mixed(step: Step) -> Iterator[tuple[Value, Value]]:
    """Each array of whole numbers among the step's terms, with one of floats."""
    forward = rule(step.function).forward
    if forward.rest:
        return
    names = [name for name in forward.parameters if name in rule(step.function).wrt]
    filled = zip(forward.parameters, step.inputs, strict=False)
    terms = [value for name, value in filled if name in names and value.literal is None]
    floats = [value for value in terms if value.numbers == "float"]
    if floats:
        yield from ((value, floats[0]) for value in terms if value.numbers == "int")
