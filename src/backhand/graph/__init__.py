"""The network in the middle: values, what makes them, and the functions they stand in.

Everything here is frozen data. Nothing here computes: what a step's function means is the
business of `backhand.rules`, and this package imports neither NumPy nor torch.

The grammar, which `check` enforces after every pass:

    Network  = function Kinds, forward Kind, loss Kind?, backward Kind?
    Kind     = inputs, parameters -> outputs, by a body of Steps, Calls and Loops in order
    Step     = function(inputs, attributes) -> outputs
    Call     = Kind(inputs, parameters, attributes) -> outputs
    Loop     = Steps and Calls, repeated with other parameters; some values carried, some collected
    Value    = name, shape, role

and it prints itself as typed text (`str(network)`), which is what `backhand show` shows.

A network as it comes in is flat: its kinds hold steps alone. Its type says so: `Network` and
`Kind` alone are flat, `Nested` is a network that may have calls and loops in it.
"""

from backhand.graph.data import (
    Argument,
    Attribute,
    Call,
    Carried,
    Counted,
    Each,
    Kind,
    Loop,
    Module,
    NamedSize,
    Nested,
    NestedKind,
    Network,
    Numbers,
    Place,
    Role,
    Size,
    Slice,
    Statement,
    Step,
    Value,
    Width,
    shape_text,
)
from backhand.graph.grammar import check
from backhand.graph.sizes import length

__all__ = [
    "Argument",
    "Attribute",
    "Call",
    "Carried",
    "Counted",
    "Each",
    "Kind",
    "Loop",
    "Module",
    "NamedSize",
    "Nested",
    "NestedKind",
    "Network",
    "Numbers",
    "Place",
    "Role",
    "Size",
    "Slice",
    "Statement",
    "Step",
    "Value",
    "Width",
    "check",
    "length",
    "shape_text",
]
