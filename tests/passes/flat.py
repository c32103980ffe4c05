"""Flat networks for the tests of passes, built as a capture would: step by step, in trace order."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from backhand.graph import Attribute, Kind, Loop, Module, Nested, Network, Size, Step, Value, check
from backhand.passes.kinds import shared_kinds
from backhand.passes.loops import looped
from backhand.passes.tree import Keys, tree

Shape = tuple[Size, ...]


class Flat:
    """A network being traced: modules are entered, steps are made, parameters are asked for."""

    def __init__(self, **inputs: Shape) -> None:
        self.inputs = [Value(name, shape, "input") for name, shape in inputs.items()]
        self.parameters: dict[str, Value] = {}
        self.keys: dict[str, tuple[str, ...]] = {}
        self.steps: list[Step] = []
        self.stack: tuple[Module, ...] = (Module("", "Net"),)
        self.calls: dict[str, int] = {}
        self.count = 0

    @contextmanager
    def module(self, path: str, class_name: str) -> Iterator[None]:
        call = self.calls.get(path, 0)
        self.calls[path] = call + 1
        outer = self.stack
        self.stack = (*outer, Module(path, class_name, call))
        yield
        self.stack = outer

    @property
    def path(self) -> str:
        return self.stack[-1].path

    def parameter(self, key: str, shape: Shape, *more: str) -> Value:
        """The parameter of that key below the module that runs; `more` are its other keys."""
        full = f"{self.path}.{key}" if self.path else key
        name = full.replace(".", "_")
        self.keys[name] = (full, *more)
        return self.parameters.setdefault(name, Value(name, shape, "parameter"))

    def step(
        self, function: str, *inputs: Value, shape: Shape | None = None, **attributes: Attribute
    ) -> Value:
        return self.steps_out(function, inputs, [shape or inputs[0].shape], **attributes)[0]

    def steps_out(
        self, function: str, inputs: Iterable[Value], shapes: list[Shape], **attributes: Attribute
    ) -> list[Value]:
        made = []
        for shape in shapes:
            self.count += 1
            made.append(Value(f"v{self.count}", shape))
        given = tuple(attributes.items())
        self.steps.append(Step(function, tuple(inputs), tuple(made), given, modules=self.stack))
        return made

    def linear(self, path: str, x: Value, width: Size, *more: str) -> Value:
        with self.module(path, "Linear"):
            w = self.parameter("weight", (width, x.shape[-1]), *more)
            return self.step("linear", x, w, shape=(*x.shape[:-1], width))

    def network(self, *outputs: Value) -> tuple[Network, Keys]:
        forward = Kind(
            "network",
            tuple(self.inputs),
            tuple(self.parameters.values()),
            outputs,
            tuple(self.steps),
        )
        return check(Network("net", (("B", "batch"),), forward), named=False), self.keys


def number(literal: float) -> Value:
    return Value(repr(literal), (), "constant", literal)


def canonical(network: Network) -> list[object]:
    """Everything that a flat network says, with values numbered in order of appearance.

    Of modules the path and the class count: of a call that dissolves, the number is not kept.
    """
    numbers: dict[str, int] = {}

    def seen(value: Value | None) -> object:
        if value is None or value.literal is not None:
            return value and ("literal", repr(value.literal), value.numbers)
        number = numbers.setdefault(value.name, len(numbers))
        return replace(value, name=str(number))

    forward = network.forward
    lines: list[object] = [list(map(seen, (*forward.inputs, *forward.parameters)))]
    for step in forward.body:
        where = [(module.path, module.class_name) for module in step.modules]
        attributes = [(name, repr(value)) for name, value in step.attributes]
        read = list(map(seen, step.inputs))
        lines.append((step.function, read, list(map(seen, step.outputs)), attributes, where))
        lines.append((step.place, step.because, step.undoes))
    return [*lines, list(map(seen, forward.outputs))]


def folded(network: Network, keys: Keys) -> Nested:
    """The network nested by all three passes."""
    return looped(shared_kinds(tree(network, keys)))


def loops_of(network: Nested) -> list[Loop]:
    """The loops of all its kinds."""
    return [part for kind in network.kinds for part in kind.body if isinstance(part, Loop)]


def body_text(network: Nested) -> str:
    """The lines of its forward kind."""
    return str(network.forward).split("\n", 1)[1]
