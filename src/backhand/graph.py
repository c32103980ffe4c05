"""The network in the middle: values, the steps that make them, and the functions they stand in.

Everything here is frozen data. Nothing here computes: what a step's function means is the
business of `backhand.rules`, and this module imports neither NumPy nor torch.

The grammar, which `check` enforces after every pass:

    Network  = forward Kind, loss Kind?, backward Kind?
    Kind     = inputs, parameters -> outputs, by a body of Steps in order
    Step     = function(inputs, attributes) -> outputs
    Value    = name, shape, role

and it prints itself as typed text (`str(network)`), which is what `backhand show` shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from backhand.errors import BackhandError

Size = int | str
"""A dimension: a number, or the name of a size that is not baked in (`B`, the batch)."""

Attribute = float | int | bool | str | None | tuple[int, ...]
"""What a step may carry beside arrays: literals only, so that a graph is data."""

Role = Literal["input", "target", "parameter", "buffer", "constant", "generator", "step"]

Numbers = Literal["float", "int", "bool"]
"""What an array is made of. How wide its floats are is the experiment's business."""


@dataclass(frozen=True)
class Value:
    """One array of the network.

    A name that starts with `%` means that the value needs no name: it is used once, and is
    written into the line that uses it.
    """

    name: str
    shape: tuple[Size, ...]
    role: Role = "step"
    literal: float | None = None
    """The number itself, for a constant."""
    facts: frozenset[str] = frozenset()
    """What is known of its contents, e.g. `rows sum to one`."""
    numbers: Numbers = "float"

    @property
    def is_nameless(self) -> bool:
        return self.name.startswith("%")

    def __str__(self) -> str:
        return self.name if self.literal is None else f"{self.literal:g}"


@dataclass(frozen=True)
class Place:
    """Where in the user's file something was written."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Module:
    """One call of a module of the user's: `path` is its name in the network (`h.0.attn`), `call`
    counts its calls from 0, for a module may be called more than once."""

    path: str
    class_name: str
    call: int = 0


@dataclass(frozen=True)
class Step:
    """One application of a function of the register: `outputs = function(inputs, attributes)`.

    `inputs` follow the order of the function's positional parameters. An output nobody needs
    is None. `undoes` is the name of the forward value whose line this backward step undoes;
    `because` is one sentence for the reader, where the step is not plain from its line.
    """

    function: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value | None, ...]
    attributes: tuple[tuple[str, Attribute], ...] = ()
    place: Place | None = None
    undoes: str = ""
    because: str = ""
    modules: tuple[Module, ...] = ()
    """The calls of modules in which the step stands, the outermost first."""

    @property
    def output(self) -> Value:
        """The only output, for the many steps that have just one."""
        (value,) = self.outputs
        assert value is not None
        return value

    def made(self) -> tuple[Value, ...]:
        return tuple(value for value in self.outputs if value is not None)


@dataclass(frozen=True)
class Kind:
    """A function of the written program: what goes in, what comes out, and the steps between."""

    name: str
    inputs: tuple[Value, ...]
    parameters: tuple[Value, ...]
    outputs: tuple[Value, ...]
    body: tuple[Step, ...]

    def values(self) -> Iterator[Value]:
        """Every named or nameless value in order of appearance, each once."""
        seen: set[str] = set()
        made = (value for step in self.body for value in step.made())
        for value in (*self.inputs, *self.parameters, *made):
            if value.name not in seen:
                seen.add(value.name)
                yield value

    def maker(self, name: str) -> Step | None:
        """The step that makes the value of that name, if one of this body does."""
        for step in self.body:
            if any(value.name == name for value in step.made()):
                return step
        return None


@dataclass(frozen=True)
class Network:
    """A network with its loss and, once derived, its backward pass.

    `sizes` explains the letters in shapes, e.g. `("B", "batch")`. `saved` and `saved_by_loss`
    are the forward values that the backward pass reads, in the order in which they are made.
    """

    name: str
    sizes: tuple[tuple[str, str], ...]
    forward: Kind
    loss: Kind | None = None
    backward: Kind | None = None
    saved: tuple[Value, ...] = ()
    saved_by_loss: tuple[Value, ...] = ()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(k for k in (self.forward, self.loss, self.backward) if k is not None)

    @property
    def targets(self) -> tuple[Value, ...]:
        """The values the loss compares with."""
        return tuple(v for v in self.loss.inputs if v.role == "target") if self.loss else ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Forward and loss steps in order: what the deriver walks back through."""
        return self.forward.body + (self.loss.body if self.loss else ())

    def __str__(self) -> str:
        return "\n\n".join(_kind_text(kind) for kind in self.kinds)


def shape_text(shape: tuple[Size, ...]) -> str:
    """`[B, 4]`; a scalar is `[]`."""
    return "[" + ", ".join(str(size) for size in shape) + "]"


def _typed(value: Value) -> str:
    return f"{value.name}: {shape_text(value.shape)}" if value.literal is None else str(value)


def _step_text(step: Step) -> str:
    outputs = ", ".join("_" if value is None else _typed(value) for value in step.outputs)
    arguments = [str(value) for value in step.inputs]
    arguments += [f"{name}={value!r}" for name, value in step.attributes]
    return f"{outputs} = {step.function}({', '.join(arguments)})"


def _kind_text(kind: Kind) -> str:
    arguments = ", ".join(_typed(value) for value in (*kind.inputs, *kind.parameters))
    outputs = ", ".join(_typed(value) for value in kind.outputs)
    lines = [f"{kind.name}({arguments}) -> {outputs}:"]
    return "\n".join(lines + [f"    {_step_text(step)}" for step in kind.body])


def check(network: Network, *, named: bool = True) -> Network:
    """Return the network if it obeys the grammar.

    Every use has an earlier maker, every value one maker, and a nameless value one use; the last
    holds once names have been given, and is left out for a network that is not yet `named`.

    Raises:
        BackhandError: naming the kind, the step and the value that break it.
    """
    known: dict[str, Value] = {}
    for kind in network.kinds:
        known.update({v.name: v for v in (*kind.inputs, *kind.parameters)})
        uses: dict[str, int] = {}
        for step in kind.body:
            _check_step(kind, step, known, uses)
        for value in kind.outputs:
            if value.name not in known and value.literal is None:
                raise _broken(kind, f"output {value.name} has no maker")
        if named:
            _check_nameless(kind, uses)
    return network


def _check_step(kind: Kind, step: Step, known: dict[str, Value], uses: dict[str, int]) -> None:
    for value in step.inputs:
        if value.literal is not None:
            continue
        if value.name not in known:
            raise _broken(kind, f"{_step_text(step)} uses {value.name} before it is made")
        if known[value.name].shape != value.shape:
            raise _broken(kind, f"{_step_text(step)} changes the shape of {value.name}")
        uses[value.name] = uses.get(value.name, 0) + 1
    for value in step.made():
        if value.name in known:
            raise _broken(kind, f"{value.name} is made twice")
        known[value.name] = value


def _check_nameless(kind: Kind, uses: dict[str, int]) -> None:
    for step in kind.body:
        for value in step.made():
            if value.is_nameless and uses.get(value.name, 0) != 1:
                raise _broken(kind, f"nameless {value.name} must be used exactly once")


def _broken(kind: Kind, what: str) -> BackhandError:
    return BackhandError(
        f"the graph breaks its grammar: {what}",
        where=kind.name,
        repair="this is a mistake in backhand or in a rule; please report it with the network",
    )
