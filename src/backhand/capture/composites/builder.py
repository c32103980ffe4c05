"""Writes the steps of our rules that stand in the place of one of PyTorch's.

    b = Builder(step)
    scores = b.step("mul", b.matmul(q, kt), 0.125, wish="scores")

Each step keeps the place and the modules of the one it stands for. Its value needs no name; what
it would be called where it does is part of how it is numbered: `%17_scores`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from backhand.capture.formula import GENERATOR
from backhand.graph import Attribute, NamedSize, Numbers, Size, Step, Value
from backhand.rules.register import rule

Shape = tuple[Size, ...]
Given = Attribute | Value | tuple[Value, ...]
"""An argument of PyTorch's operator: an array, several, or a literal."""


class InexpressibleError(Exception):
    """PyTorch's operator is called in a way that no rules stand for; the refusal tells the user."""


@dataclass
class Builder:
    """Grows by a step at a time."""

    instead_of: Step
    steps: list[Step] = field(default_factory=list)

    def step(
        self,
        function: str,
        *inputs: Value | float,
        shape: Shape | None = None,
        wish: str = "",
        numbers: Numbers = "float",
        **attributes: Attribute,
    ) -> Value:
        """One step with one result, whose shape is that of its inputs broadcast if none is given.

        Further results of the rule are there only for its backward.
        """
        if shape is None:
            shape = broadcast([_value(given).shape for given in inputs])
        (made,) = self.several(function, *inputs, shapes=[shape], wishes=[wish], **attributes)
        if numbers == made.numbers:
            return made
        (last,) = self.steps[-1:]
        made = replace(made, numbers=numbers)
        self.steps[-1] = replace(last, outputs=(made, *last.outputs[1:]))
        return made

    def several(
        self,
        function: str,
        *inputs: Value | float,
        shapes: Sequence[Shape],
        wishes: Sequence[str],
        **attributes: Attribute,
    ) -> tuple[Value, ...]:
        """One step with as many results as shapes are given."""
        known = rule(function)
        filled = {**known.forward.defaults, **attributes}
        made = tuple(Value(self._name(w), s) for s, w in zip(shapes, wishes, strict=True))
        unread = [None] * (0 if known.outputs[0].startswith("*") else len(known.outputs))
        self.steps.append(
            replace(
                self.instead_of,
                function=function,
                inputs=tuple(map(_value, inputs)),
                outputs=(*made, *unread[len(made) :]),
                attributes=tuple((name, filled[name]) for name in known.forward.attributes),
            )
        )
        return made

    def matmul(self, a: Value, b: Value) -> Value:
        """The product of the matrices in the last two axes."""
        before = broadcast([a.shape[:-2], b.shape[:-2]])
        return self.step("matmul", a, b, shape=(*before, a.shape[-2], b.shape[-1]))

    def linear(self, x: Value, w: Value, b: Value | None) -> Value:
        """x @ w.T + b, or without a bias."""
        shape = (*x.shape[:-1], w.shape[0])
        if b is None:
            return self.step("linear_no_bias", x, w, shape=shape)
        return self.step("linear", x, w, b, shape=shape)

    def split(self, x: Value, count: int, wishes: Sequence[str]) -> tuple[Value, ...]:
        """As many equal parts of the last axis."""
        *before, last = x.shape
        if not isinstance(last, int):
            raise InexpressibleError
        shapes = [(*before, last // count)] * count
        return self.several("split", x, shapes=shapes, wishes=wishes, count=count, axis=-1)

    def concatenate(self, parts: Sequence[Value], axis: int) -> Value:
        """Parts of equal shapes, one after the other."""
        shape = list(parts[0].shape)
        size = shape[axis]
        if not isinstance(size, int):
            raise InexpressibleError
        shape[axis] = size * len(parts)
        return self.step("concatenate", *parts, shape=tuple(shape), axis=axis)

    def summed(self, x: Value, axis: int, *, keepdims: bool = False, wish: str = "") -> Value:
        """The sum along an axis."""
        shape = list(x.shape)
        shape[axis : axis + 1 or None] = [1] if keepdims else []
        return self.step("sum", x, shape=tuple(shape), wish=wish, axis=axis, keepdims=keepdims)

    def reduced(self, losses: Value, reduction: int) -> Value:
        """What PyTorch's number for a reduction asks for: 0 for all, 1 for mean, 2 for sum."""
        if reduction == 0:
            return losses
        return self.step("mean" if reduction == 1 else "sum", losses, shape=(), wish="loss")

    def dropout(self, x: Value, rate: float) -> Value:
        """Two steps, as everywhere: the draw, then the product."""
        mask = self.step("dropout_mask", x, GENERATOR, shape=x.shape, wish="mask", rate=rate)
        return self.step("dropout", x, mask, rate=rate)

    def finished(self, results: Sequence[Value | None]) -> tuple[Step, ...]:
        """The steps that are read, the last of which make what PyTorch's step made."""
        wanted = zip(results, self.instead_of.outputs, strict=True)
        names = {ours.name: theirs for ours, theirs in wanted if ours and theirs}
        read = set(names)
        kept: list[Step] = []
        for step in reversed(self.steps):
            if GENERATOR in step.inputs or any(v.name in read for v in step.made()):
                read |= {value.name for value in step.inputs}
                outputs = tuple(v if v and v.name in read else None for v in step.outputs)
                kept.append(replace(step, outputs=outputs))
        return tuple(_renamed(step, names) for step in reversed(kept))

    def _name(self, wish: str) -> str:
        number = sum(len(step.made()) for step in self.steps) + 1
        return f"{self.instead_of.made()[0].name}_{wish}{number}"


def _renamed(step: Step, names: dict[str, Value]) -> Step:
    inputs = tuple(names.get(value.name, value) for value in step.inputs)
    outputs = tuple(value and names.get(value.name, value) for value in step.outputs)
    return replace(step, inputs=inputs, outputs=outputs)


def _value(given: Value | float) -> Value:
    return given if isinstance(given, Value) else Value(repr(given), (), "constant", given)


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """The shape of what is made of arrays of these shapes element by element."""
    return tuple(_stretched(shapes))


def _stretched(shapes: Sequence[Shape]) -> Iterator[Size]:
    axes = max(map(len, shapes))
    padded = [(1,) * (axes - len(shape)) + shape for shape in shapes]
    for sizes in zip(*padded, strict=True):
        yield next((size for size in sizes if size != 1), 1)


def literal(size: Size) -> int | str:
    """A size as an attribute may hold it."""
    return size if isinstance(size, int) else NamedSize(size)
