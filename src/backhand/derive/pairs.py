"""What a derivative of a nested network is made of: for each kind its backward function.

A backward body holds steps, and for each call and loop of the forward what undoes it.
"""

from dataclasses import dataclass
from typing import TypeAlias

from backhand.graph import Call, Each, Loop, Nested, NestedKind, Step, Value

ZERO = Value("0", (), "constant", 0)
"""The derivative of what nobody uses."""


@dataclass(frozen=True)
class CallBack:
    """`inputs, parameters = kind_backward(cotangents, saved)`: the derivative of a call."""

    call: Call
    cotangents: tuple[Value, ...]
    """The derivative by each output that the kind's pair has a cotangent for."""
    inputs: tuple[Value | None, ...]
    """The derivative by each input that the kind's pair has one for; None where nobody needs it."""
    parameters: tuple[Value | None, ...]
    """The derivative by each parameter that the kind's pair has one for."""
    undoes: str
    """The name of an output of the call, whose line this undoes."""

    def made(self) -> tuple[Value, ...]:
        return tuple(v for v in (*self.inputs, *self.parameters) if v is not None)

    @property
    def operands(self) -> tuple[Value, ...]:
        return self.cotangents


@dataclass(frozen=True)
class Back:
    """A derivative that goes from each repetition to the one before."""

    cotangent: Value
    """By what the repetition leaves to the next: at first `start`, then what the next has found."""
    start: Value
    found: Value
    """By what the repetition got from the one before."""
    outside: Value | None
    """The last of them, by what the loop began with; None where nobody needs it."""


@dataclass(frozen=True)
class Summed:
    """The derivative by a value that is the same in each repetition: each adds its part."""

    part: Value
    total: Value


@dataclass(frozen=True)
class LoopBack:
    """The derivative of a loop: its repetitions undone, the last one first."""

    loop: Loop
    carried: tuple[Back, ...]
    summed: tuple[Summed, ...]
    given: tuple[Each, ...]
    """The derivatives by what the loop collects, one for each repetition."""
    body: "tuple[Step | CallBack, ...]"
    taken: tuple[Each, ...]
    """The derivatives by what each repetition takes from outside."""
    parameters: tuple[Each, ...]
    by: tuple[str, ...]
    """For each of `parameters` the loop's name of what it is the derivative by."""
    saved: tuple[str, ...]
    """What each repetition saves: names of its values, and of its calls' saved ones."""
    undoes: str

    def made(self) -> tuple[Value, ...]:
        each = tuple(v for e in (*self.taken, *self.parameters) for v in e.outside if v is not None)
        ends = tuple(back.outside for back in self.carried if back.outside is not None)
        return (*ends, *(one.total for one in self.summed), *each)

    @property
    def operands(self) -> tuple[Value, ...]:
        given = tuple(v for each in self.given for v in each.outside if v is not None)
        return (*(back.start for back in self.carried), *given)


Undoing: TypeAlias = Step | CallBack | LoopBack


@dataclass(frozen=True)
class Pair:
    """A kind and its derivative.

    `inputs` and `parameters` follow the kind's own; None where there is no derivative. With no
    cotangents there is no backward function.
    """

    kind: NestedKind
    outputs: tuple[int, ...]
    """The outputs that have a cotangent, by their numbers."""
    cotangents: tuple[Value, ...]
    body: tuple[Undoing, ...]
    inputs: tuple[Value | None, ...]
    parameters: tuple[Value | None, ...]
    saved: tuple[str, ...]
    """What the backward reads: names of the forward's values, and of its calls' and loops' saved
    ones."""

    @property
    def has_backward(self) -> bool:
        return any(v is not None for v in (*self.inputs, *self.parameters))


@dataclass(frozen=True)
class Derived:
    """A nested network with a pair for each of its kinds in order, the network itself last."""

    network: Nested
    pairs: tuple[Pair, ...]

    def pair(self, kind: str) -> Pair:
        return next(pair for pair in self.pairs if pair.kind.name == kind)
