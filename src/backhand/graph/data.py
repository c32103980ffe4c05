"""What a network is made of: frozen data that prints itself. The package says how it fits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias

from backhand.graph.text import block, comma, shape_text, typed

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # its `default` is not in Python 3.11's own

    Part = TypeVar("Part", bound="Step | Call | Loop", default="Step", covariant=True)
else:
    from typing import TypeVar

    Part = TypeVar("Part", covariant=True)

__all__ = ["shape_text"]

Size = int | str
"""A dimension: a number, or the name of a size that is not baked in (`B`, the batch)."""

Attribute = float | int | bool | str | None | tuple[int | str, ...]
"""What a step may carry beside arrays: literals only, so that a graph is data. Text in a tuple is a
`NamedSize`."""

Role = Literal["input", "target", "parameter", "buffer", "constant", "generator", "step"]

Numbers = Literal["float", "int", "bool"]
"""What an array is made of. How wide its floats are is the experiment's business."""


class Argument(str):
    """An attribute that the caller of the kind gives, by its name there: `stride=stride`.

    It is a text so that it may stand wherever an attribute may; its `repr` is the bare name.
    """

    def __repr__(self) -> str:
        return str(self)


class Counted(str):
    """A number that goes up with the repetitions of a loop: `index=i`, `index=2 * i + 1`.

    Its `repr` is the bare expression of `i`, the number of the repetition.
    """

    start: int
    step: int

    def __new__(cls, start: int, step: int) -> "Counted":
        counted = "i" if step == 1 else f"{step} * i"
        if step < 0:
            counted = f"{start} - " + ("i" if step == -1 else f"{-step} * i")
        elif start:
            counted += f" {'+' if start > 0 else '-'} {abs(start)}"
        made = super().__new__(cls, counted)
        made.start, made.step = start, step
        return made

    def __repr__(self) -> str:
        return str(self)

    def at(self, repetition: int) -> int:
        """The number in one of the repetitions, which count from 0."""
        return self.start + repetition * self.step


class NamedSize(str):
    """A size that is not baked in, among an attribute's numbers: `shape=(B, T, 12, 64)`.

    Its `repr` is the bare name, or an expression of names such as `B*T`.
    """

    def __repr__(self) -> str:
        return str(self)


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
    counts its calls from 0, for a module may be called more than once.

    Within the kind of another module, the path is counted from there (`attn`); a module that does
    not lie below has a path from the top, with a `/` in front. In a loop a path may begin with the
    name of a slice (`p.attn`).
    """

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

    @property
    def operands(self) -> tuple[Value, ...]:
        """What it reads, in the order in which it reads it."""
        return self.inputs

    def made(self) -> tuple[Value, ...]:
        return tuple(value for value in self.outputs if value is not None)

    def __str__(self) -> str:
        arguments = [str(value) for value in self.inputs]
        arguments += [f"{name}={value!r}" for name, value in self.attributes]
        return f"{comma(map(typed, self.outputs))} = {self.function}({', '.join(arguments)})"


@dataclass(frozen=True)
class Call:
    """One application of a kind: `outputs = kind(inputs, parameters, attributes)`.

    `inputs`, `parameters`, `outputs` and `attributes` follow the kind's own; an output that
    nobody needs here is None. `sizes` says what the letters are here that the kind has of its own.
    """

    kind: str
    inputs: tuple[Value, ...]
    parameters: tuple[Value, ...]
    outputs: tuple[Value | None, ...]
    modules: tuple[Module, ...]
    """The calls of modules in which it stands, the outermost first; the last is the call itself."""
    attributes: tuple[tuple[str, Attribute], ...] = ()
    sizes: tuple[tuple[str, Size], ...] = ()

    @property
    def module(self) -> Module:
        """The module whose call this is."""
        return self.modules[-1]

    @property
    def operands(self) -> tuple[Value, ...]:
        """What it reads, in the order in which it reads it."""
        return (*self.inputs, *self.parameters)

    def made(self) -> tuple[Value, ...]:
        return tuple(value for value in self.outputs if value is not None)

    def __str__(self) -> str:
        arguments = comma(self.inputs) + (f"; {self.module.path}" if self.parameters else "")
        arguments += "".join(f", {name}={value!r}" for name, value in self.attributes)
        return f"{comma(map(typed, self.outputs))} = {self.kind}({arguments.removeprefix(', ')})"


@dataclass(frozen=True)
class Slice:
    """A part of a list of modules through which a loop goes: `for p in h[0:12]`.

    Repetition i works on the module `path.(start + i * step)`, which it calls `variable`.
    """

    variable: str
    path: str
    start: int
    stop: int
    step: int = 1

    def at(self, repetition: int) -> str:
        """The path of the module on which that repetition works."""
        index = str(self.start + repetition * self.step)
        return f"{self.path}.{index}" if self.path else index

    def __str__(self) -> str:
        step = f":{self.step}" if self.step > 1 else ""
        return f"{self.path or 'self'}[{self.start}:{self.stop}{step}]"


@dataclass(frozen=True)
class Carried:
    """A value that is `start` in the first repetition, and then what `after` was in the one before.

    `value` and `after` are values of the loop's body, `start` one from outside.
    """

    value: Value
    start: Value
    after: Value

    def __str__(self) -> str:
        return f"{typed(self.value)} = {self.start}, then {self.after}"


@dataclass(frozen=True)
class Each:
    """A value of a loop's body and what it is outside of it, once for each repetition.

    For what a loop collects, None stands where nobody outside needs it.
    """

    value: Value
    outside: tuple[Value | None, ...]


@dataclass(frozen=True)
class Loop:
    """A body that is repeated `times` times.

    The body reads values it made before, `carried` ones, `parameters` and `taken` (one from
    outside for each repetition), and `invariant` values, which are outside what they are inside.
    `collected` is what the outside gets. All other names of the body are its own.
    """

    times: int
    slices: tuple[Slice, ...]
    carried: tuple[Carried, ...]
    invariant: tuple[Value, ...]
    parameters: tuple[Each, ...]
    taken: tuple[Each, ...]
    body: tuple[Step | Call, ...]
    collected: tuple[Each, ...]
    sizes: tuple[tuple[str, tuple[Size, ...]], ...] = ()
    """What the letters of its own are in each repetition."""

    @property
    def operands(self) -> tuple[Value, ...]:
        """What it reads from outside."""
        starts = tuple(carried.start for carried in self.carried)
        each = tuple(v for e in (*self.parameters, *self.taken) for v in e.outside if v)
        return (*starts, *self.invariant, *each)

    @property
    def given(self) -> tuple[Value, ...]:
        """The values of the body that it does not make: they are new in each repetition."""
        carried = tuple(one.value for one in self.carried)
        return (*carried, *(each.value for each in (*self.parameters, *self.taken)))

    def made(self) -> tuple[Value, ...]:
        return tuple(v for each in self.collected for v in each.outside if v is not None)

    def __str__(self) -> str:
        lines = [str(carried) for carried in self.carried]
        lines += [f"{typed(e.value)} = {comma(e.outside, ', then ')}" for e in self.taken]
        lines += [str(statement) for statement in self.body]
        return "\n".join([block(self._header(), lines), *map(_collection, self.collected)])

    def _header(self) -> str:
        read = {each.value.name.partition(".")[0] for each in self.parameters}
        slices = [one for one in self.slices if one.variable in read]
        if not slices:
            attributes = (value for part in self.body for _, value in part.attributes)
            variable = "i" if any(isinstance(value, Counted) for value in attributes) else "_"
            return f"for {variable} in range({self.times}):"
        through = comma(slices) if len(slices) == 1 else f"zip({comma(slices)})"
        return f"for {comma(one.variable for one in slices)} in {through}:"


def _collection(each: Each) -> str:
    only_the_last = all(value is None for value in each.outside[:-1])
    outside = comma(map(typed, each.outside[-1:] if only_the_last else each.outside))
    return f"{outside} = {'the last' if only_the_last else 'every'} {each.value}"


Statement: TypeAlias = Step | Call | Loop


@dataclass(frozen=True)
class Kind(Generic[Part]):
    """A function of the written program: what goes in, what comes out, and the lines between.

    A kind that is called has its names, attributes and letters to itself. The forward, loss and
    backward kinds are called by nobody and share their names.
    """

    name: str
    inputs: tuple[Value, ...]
    parameters: tuple[Value, ...]
    outputs: tuple[Value, ...]
    body: tuple[Part, ...]
    paths: tuple[tuple[str, ...], ...] = ()
    """For each parameter its paths below the module: several if it is tied to itself."""
    attributes: tuple[str, ...] = ()
    """Names of the numbers that each call gives."""
    sizes: tuple[str, ...] = ()
    """Letters of its own: each call says what they are there."""
    class_name: str = ""
    """The class of the modules whose calls it stands for."""

    def values(self) -> Iterator[Value]:
        """Every named or nameless value in order of appearance, each once."""
        seen: set[str] = set()
        made = (value for part in self.body for value in _values(part))
        for value in (*self.inputs, *self.parameters, *made):
            if value.name not in seen:
                seen.add(value.name)
                yield value

    def maker(self, name: str) -> Part | None:
        """The part of the body that makes the value of that name, if one does."""
        for part in self.body:
            if any(value.name == name for value in part.made()):
                return part
        return None

    def __str__(self) -> str:
        inputs, parameters = comma(map(typed, self.inputs)), comma(map(typed, self.parameters))
        # The parameters of a kind that is called come all at once, as a call shows them.
        between = "; " if self.class_name else ", "
        arguments = between.join(part for part in (inputs, parameters) if part)
        arguments += "".join(f", {name}" for name in self.attributes)
        outputs = comma(map(typed, self.outputs))
        return block(f"{self.name}({arguments}) -> {outputs}:", map(str, self.body))


def _values(part: Statement) -> Iterator[Value]:
    if isinstance(part, Loop):
        yield from part.given
        for inner in part.body:
            yield from inner.made()
    yield from part.made()


@dataclass(frozen=True)
class Width:
    """A letter for a number that is a size of many arrays, and what it is: `("C", 48, "width")`.

    Shapes hold the number; a text may show the letter.
    """

    letter: str
    length: int
    meaning: str
    multiples: tuple[int, ...] = ()
    """Other sizes that are written as its products."""


@dataclass(frozen=True)
class Network(Generic[Part]):
    """A network with its loss and, once derived, its backward pass.

    `sizes` explains the letters in shapes, e.g. `("B", "batch")`. `saved` and `saved_by_loss`
    are the forward values that the backward pass reads, in the order in which they are made.
    `functions` are the kinds that are called, each before the kinds that call it.
    """

    name: str
    sizes: tuple[tuple[str, str], ...]
    forward: Kind[Part]
    loss: Kind[Part] | None = None
    backward: Kind[Part] | None = None
    saved: tuple[Value, ...] = ()
    saved_by_loss: tuple[Value, ...] = ()
    functions: tuple[Kind[Part], ...] = ()
    widths: tuple[Width, ...] = ()

    @property
    def kinds(self) -> tuple[Kind[Part], ...]:
        own = tuple(k for k in (self.forward, self.loss, self.backward) if k is not None)
        return (*self.functions, *own)

    @property
    def targets(self) -> tuple[Value, ...]:
        """The values the loss compares with."""
        return tuple(v for v in self.loss.inputs if v.role == "target") if self.loss else ()

    @property
    def steps(self) -> tuple[Part, ...]:
        """Forward and loss steps in order: what the deriver walks back through."""
        return self.forward.body + (self.loss.body if self.loss else ())

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.kinds))


NestedKind: TypeAlias = Kind[Statement]
Nested: TypeAlias = Network[Statement]
