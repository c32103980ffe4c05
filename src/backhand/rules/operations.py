"""From the name in a step to what it computes: `relu`, `relu.dx`, `max.backward`.

A derivative whose text is one expression is taken apart into one operation for each input, so
that each stands on a line of its own; a longer one stays one operation with several results.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from backhand.errors import BackhandError
from backhand.graph import Attribute, Size, Value, shape_text
from backhand.rules.register import Function, rule
from backhand.rules.together import PAIRS

PROBES = (2, 3)
"""Two lengths for each named size: what differs between them is that size."""


@dataclass(frozen=True)
class Operation:
    """What a step's function name stands for.

    `expressions` holds one expression for each result, or nothing where the body is longer than
    that and the program must call `function`.
    """

    name: str
    function: Function
    parameters: tuple[str, ...]
    attributes: tuple[str, ...]
    expressions: tuple[ast.expr, ...]

    @property
    def rest(self) -> str:
        """The parameter that takes any number of arrays, if there is one."""
        return self.function.rest if self.function.rest in self.parameters else ""

    @cached_property
    def call(self) -> Callable[..., Any]:
        """It as a Python function: positional arrays, keyword attributes."""
        if len(self.expressions) != 1:
            return self.function.call
        arrays = (f"*{p}" if p == self.rest else p for p in self.parameters)
        is_open = self.attributes and not self.rest
        names = ", ".join((*arrays, *(["*"] if is_open else []), *self.attributes))
        text = f"lambda {names}: {ast.unparse(self.expressions[0])}"
        made: Callable[..., Any] = eval(text, self.function.call.__globals__)
        return made

    def results(self, arrays: tuple[Any, ...], attributes: dict[str, Attribute]) -> tuple[Any, ...]:
        """Call it; always a tuple of results."""
        found = self.call(*arrays, **attributes)
        return found if isinstance(found, tuple) else (found,)


@cache
def operation(name: str) -> Operation:
    """The operation of a step's function name.

    Raises:
        BackhandError: if there is no rule of that name.
    """
    base, _, part = name.partition(".")
    if not part:
        return _whole(name, rule(base).forward)
    if "+" in base:
        pair = PAIRS[tuple(base.split("+"))]  # type: ignore[index]
        return _component(name, pair.backward, 0)
    backward = rule(base).backward
    assert backward is not None
    if part == "backward":
        return _whole(name, backward)
    return _component(name, backward, rule(base).derivative_index(part.removeprefix("d")))


def _whole(name: str, function: Function) -> Operation:
    return Operation(
        name, function, function.parameters, tuple(function.attributes), function.expressions
    )


def _component(name: str, function: Function, index: int) -> Operation:
    if not function.expressions:
        return _whole(name, function)
    expression = function.expressions[index]
    read = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    parameters = tuple(p for p in function.parameters if p in read)
    attributes = tuple(a for a in function.attributes if a in read)
    return Operation(name, function, parameters, attributes, (expression,))


def result_shapes(
    op: Operation, inputs: tuple[Value, ...], attributes: dict[str, Attribute]
) -> tuple[tuple[Size, ...], ...]:
    """Shapes of the results, found by running the operation twice on small arrays.

    A dimension that follows a named size's length from one run to the other is that size.

    Raises:
        BackhandError: if NumPy refuses these shapes, or a size cannot be told.
    """
    try:
        with np.errstate(all="ignore"):
            runs = [_probe(op, inputs, attributes, length) for length in PROBES]
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        shapes = " and ".join(_shown(v) for v in inputs if v.role != "generator")
        raise BackhandError(
            f"`{op.name.partition('.')[0]}` cannot take these shapes",
            wanted="shapes that fit each other (B is the batch, any length)",
            got=shapes,
            repair=_fitting(str(error)),
        ) from None
    return tuple(_common(first, second, op) for first, second in zip(*runs, strict=True))


def _shown(value: Value) -> str:
    """`w1 [3, 4]`; a part of a formula that has no name is `an array [B, 4]`."""
    name = "an array" if value.is_nameless else str(value)
    return f"{name} {shape_text(value.shape)}" if value.literal is None else name


def _fitting(message: str) -> str:
    """What to do, or NumPy's own reason where it does not quote lengths only the probes had."""
    if "core dimension" in message:
        return "in `a @ b` the last size of a must be the first of b (of its last two)"
    if "broadcast" in message:
        return "counted from the right, sizes must be equal, or one of them 1"
    return f"NumPy says: {message.split(' (size')[0]}" if message else ""


def _probe(
    op: Operation, inputs: tuple[Value, ...], attributes: dict[str, Attribute], length: int
) -> list[tuple[int, ...]]:
    arrays = tuple(_stand_in(value, length) for value in inputs)
    return [np.shape(result) for result in op.results(arrays, attributes)]


def _stand_in(value: Value, length: int) -> Any:
    if value.role == "generator":
        return np.random.RandomState(0)
    if value.literal is not None:
        return value.literal
    return np.full([length if isinstance(size, str) else size for size in value.shape], 0.5)


def _common(first: tuple[int, ...], second: tuple[int, ...], op: Operation) -> tuple[Size, ...]:
    def size(pair: tuple[int, int]) -> Size:
        if pair[0] == pair[1]:
            return pair[0]
        if pair == PROBES:
            return "B"
        raise BackhandError(f"the result of `{op.name}` has a size that is no multiple of 1 of B")

    return tuple(size(pair) for pair in zip(first, second, strict=True))
