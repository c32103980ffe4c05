"""Complex numbers as pairs of real ones, in an axis of their own behind all others.

`view_as_complex` and `view_as_real` then do nothing, a product has a rule, and what only moves
numbers about is told of the further axis. Anything else that is done with complex numbers is left
under a name that no rule has, so that it is refused.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from backhand.capture.reading import OPAQUE, Argument, Reading
from backhand.graph import Attribute, Network, Step, Value
from backhand.passes.rewriting import rebuilt

PRODUCT = "aten.complex_mul.default"
ALIAS = "aten.alias.default"
SAME = {"view_as_complex", "view_as_real", "to", "_to_copy", "clone", "contiguous", "alias",
        "detach", "lift_fresh_copy", "lift_fresh", "resolve_conj", "resolve_neg"}  # fmt: skip
PLAIN = {"add", "sub", "neg"}
RESHAPING = {"view": "size", "_unsafe_view": "size", "reshape": "shape", "expand": "size"}
MOVING = {"unsqueeze", "squeeze", "slice", "select", "transpose", "cat", "stack", "unbind", "split"}
PARTS = {"real": 0, "imag": 1}
OF_COMPLEX = " of complex numbers"
MADE = ("aten.alias.default", "aten.unsqueeze.default", "aten.select.int", "aten.stack.default",
        "aten.mul.Tensor", "aten.cos.default", "aten.sin.default")  # fmt: skip
"""Operators that steps may have now which none had before."""


def with_pairs(network: Network, reading: Reading) -> Network:
    """The network with pairs in the place of complex numbers, whose values are known by name."""
    if not reading.pairs:
        return network
    reading.schemas[PRODUCT] = (Argument("self"), Argument("other"))
    work = _Work(reading, reading.pairs)
    body = [made for step in network.forward.body for made in work.steps(step)]
    for value in network.forward.outputs:
        if value.name in reading.pairs:
            reading.formats[value.name] = "complex"  # nobody is handed pairs without being asked
    return rebuilt(network, body, {})


@dataclass(frozen=True)
class _Work:
    reading: Reading
    pairs: Collection[str]

    def steps(self, step: Step) -> Iterator[Step]:
        """What stands for one step."""
        given = [value.name in self.pairs for value in step.inputs]
        made = any(value.name in self.pairs for value in step.made())
        if not any(given) and not made:
            yield step
            return
        for value in step.made():
            self.reading.calls.pop(value.name, None)  # what it says is not what is done now
        name, attributes = step.function.split(".")[1], dict(step.attributes)
        if name in SAME:
            yield replace(step, function=ALIAS, attributes=(("self", "@0"),))
        elif name == "mul" and len(given) == 2:
            yield from self._product(step, given)
        elif name in PARTS:
            rest: dict[str, Attribute] = {"self": "@0", "dim": -1, "index": PARTS[name]}
            yield replace(step, function="aten.select.int", attributes=tuple(rest.items()))
        elif name in ("polar", "complex"):
            yield from self._from_parts(step, name)
        elif name in RESHAPING:
            yield replace(step, attributes=_sized(attributes, RESHAPING[name]))
        elif name in MOVING and isinstance(attributes.get("dim", attributes.get("dim0")), int):
            yield replace(step, attributes=_moved(attributes, name))
        elif (name in PLAIN and all(given)) or (name in ("mul", "div") and len(given) == 1):
            yield step
        else:
            yield replace(step, function=f"{step.function}{OF_COMPLEX}")

    def _product(self, step: Step, given: list[bool]) -> Iterator[Step]:
        """Of two complex numbers, or of one and a real one, which both of its parts are times."""
        if all(given):
            both = (("self", "@0"), ("other", "@1"))
            yield replace(step, function=PRODUCT, attributes=both)
            return
        real = step.inputs[given.index(False)]
        wide = self._new(real, 1)
        alone: tuple[tuple[str, Attribute], ...] = (("self", "@0"), ("dim", -1))
        yield replace(step, function="aten.unsqueeze.default", inputs=(real,), outputs=(wide,),
                      attributes=alone)  # fmt: skip
        inputs = tuple(wide if value is real else value for value in step.inputs)
        yield replace(step, inputs=inputs)

    def _from_parts(self, step: Step, name: str) -> Iterator[Step]:
        """Pairs of real and imaginary parts, or of lengths and angles."""
        parts = step.inputs
        if name == "polar":
            length, angle = step.inputs
            wave = [self.reading.like(angle) for _ in range(2)]
            parts = (self.reading.like(length), self.reading.like(length))
            for function, made, part in zip(("cos", "sin"), wave, parts, strict=True):
                yield replace(step, function=f"aten.{function}.default", inputs=(angle,),
                              outputs=(made,), attributes=(("self", "@0"),))  # fmt: skip
                yield replace(step, function="aten.mul.Tensor", inputs=(length, made),
                              outputs=(part,),
                              attributes=(("self", "@0"), ("other", "@1")))  # fmt: skip
        yield replace(step, function="aten.stack.default", inputs=parts,
                      attributes=(("tensors", "@0 @1"), ("dim", -1)))  # fmt: skip

    def _new(self, value: Value, more: int) -> Value:
        made = self.reading.like(value)
        shape = (*value.shape, more)
        self.reading.shapes[made.name] = (*self.reading.shapes[value.name], more)
        return replace(made, shape=shape)


Attributes = Mapping[str, Attribute]


def _sized(attributes: Attributes, name: str) -> tuple[tuple[str, Attribute], ...]:
    """The attributes with the further axis in the shape that they tell."""
    shape = attributes[name]
    if isinstance(shape, tuple):
        shape = (*shape, 2)
    elif isinstance(shape, str) and shape.startswith(f"{OPAQUE}["):
        shape = f"{shape[:-1]}, 2]"
    return tuple((key, shape if key == name else value) for key, value in attributes.items())


def _moved(attributes: Attributes, name: str) -> tuple[tuple[str, Attribute], ...]:
    """The attributes with axes that are counted from the end one further from it."""

    def axis(key: str, value: Attribute) -> Attribute:
        is_axis = key in ("dim", "dim0", "dim1") and isinstance(value, int) and value < 0
        return value - 1 if is_axis and isinstance(value, int) else value

    return tuple((key, axis(key, value)) for key, value in attributes.items())
