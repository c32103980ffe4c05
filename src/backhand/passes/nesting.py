"""What the passes share that make calls and loops."""

import re
from collections.abc import Container
from dataclasses import replace
from itertools import chain, count

from backhand.graph import Call, Nested, Value
from backhand.passes.reserved import is_reserved


def free_name(name: str, taken: Container[str], *, other: str = "") -> str:
    """The name, or the other, or that with a number: the first that nobody has."""
    base = other or name
    candidates = chain((name, base), (f"{base}_{number}" for number in count(2)))
    return next(one for one in candidates if one not in taken and not is_reserved(one))


def identifier(name: str) -> str:
    """A value's name as a name of a program: a parameter is called after its path there."""
    return re.sub(r"\W+", "_", name).strip("_")


def read_outside(network: Nested) -> list[Value]:
    """Values of the forward kind that others read, or may."""
    outside = [*network.forward.outputs, *network.saved]
    if network.loss:
        outside += [*network.loss.inputs, *network.loss.outputs]
        outside += [value for part in network.loss.body for value in part.operands]
    return outside


def without_unused(call: Call, used: set[str]) -> Call:
    """The call with None for what nobody needs of it."""
    outputs = tuple(v if v is not None and v.name in used else None for v in call.outputs)
    return replace(call, outputs=outputs)
