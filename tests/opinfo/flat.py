"""A captured network run by its rules, forward and back, on plain numbers or on bounded ones."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backhand.agreement.kernels import FORMULAS
from backhand.capture.exported import Captured
from backhand.draws import generator
from backhand.graph import NamedSize, Step, Value
from backhand.rounding import Bounded, bounded, run
from backhand.rules.register import rule, spread

Calling = Callable[..., Any]
"""How a function is called: `call(function, *arrays, **options)`."""


def plainly(function: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    """Call a function on what it is given."""
    return function(*arrays, **options)


def within_bounds(function: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    """Call a function on bounded numbers; plain ones count as exact."""
    return run(function, *arrays, **options)


@dataclass
class Flat:
    """A network on numbers."""

    captured: Captured
    call: Calling
    known: dict[str, Any]
    lengths: dict[str, int] = field(default_factory=dict)
    results: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    """All that a step's rule gave, by the step's place in the body."""

    @classmethod
    def of(
        cls, captured: Captured, args: Sequence[Any], call: Calling = plainly, *, seed: int
    ) -> "Flat":
        """The network run forward on the arrays of its inputs, in their order."""
        forward = captured.network.forward
        lifted = _lifted if call is within_bounds else (lambda array: array)
        flat = cls(captured, call, {k: lifted(v) for k, v in captured.arrays.items()})
        left = list(args)
        for value in forward.inputs:
            if value.role == "generator":
                flat.known[value.name] = generator(seed)
                continue
            array = left.pop(0)
            flat.known[value.name] = lifted(array)
            named = zip(value.shape, np.shape(array), strict=False)
            flat.lengths |= {size: n for size, n in named if isinstance(size, str)}
        for place, step in enumerate(forward.body):
            flat._forward(place, step)
        return flat

    def outputs(self) -> list[Any]:
        """What the network gives, the new values of its buffers last."""
        return [self.known[value.name] for value in self.captured.network.forward.outputs]

    def derivatives(self, cotangents: Sequence[Any]) -> dict[str, Any]:
        """The derivatives by the inputs and the parameters that have one, by their names."""
        forward = self.captured.network.forward
        parts: dict[str, Any] = {}
        for value, cotangent in zip(forward.outputs, cotangents, strict=False):
            if value.numbers == "float":
                parts[value.name] = parts.get(value.name, 0) + cotangent
        for place, step in reversed(list(enumerate(forward.body))):
            if rule(step.function).wrt and any(v.name in parts for v in step.made()):
                self._back(place, step, parts)
        wanted = (*forward.inputs, *forward.parameters)
        return {v.name: parts[v.name] for v in wanted if v.name in parts}

    def _array(self, value: Value) -> Any:
        return self.known[value.name] if value.literal is None else value.literal

    def _options(self, step: Step) -> dict[str, Any]:
        """The attributes, with numbers for sizes that have names."""

        def number(part: Any) -> Any:
            return eval(part, {}, self.lengths) if isinstance(part, NamedSize) else part

        return {
            name: tuple(map(number, given)) if isinstance(given, tuple) else number(given)
            for name, given in step.attributes
        }

    def _forward(self, place: int, step: Step) -> None:
        function, arrays = rule(step.function).forward, list(map(self._array, step.inputs))
        options = self._options(step)
        is_draw = any(value.role == "generator" for value in step.inputs)
        if is_draw:  # what is drawn is exact
            arrays = [a.value if isinstance(a, Bounded) else a for a in arrays]
        made = (plainly if is_draw else self.call)(function.call, *arrays, **options)
        results = made if isinstance(made, tuple | list) else (made,)
        if len(results) == 1 and step.function in FORMULAS:
            given = dict(zip(function.parameters, arrays, strict=False))
            results = (self._either(step.function, results[0], {**given, **options}),)
        for value, result in zip(step.outputs, results, strict=False):
            if value is not None:
                self.known[value.name] = result
        self.results[place] = tuple(results)

    def _back(self, place: int, step: Step, parts: dict[str, Any]) -> None:
        known = rule(step.function)
        backward = known.backward
        assert backward is not None
        names = spread(known.forward.parameters, known.forward.rest, len(step.inputs))
        arrays = dict(zip(names, map(self._array, step.inputs), strict=True))
        rest = [name for name in names if name not in known.forward.parameters]
        dys = [0 if v is None else parts.get(v.name, 0) for v in step.outputs]
        given: dict[str, Any] = {**arrays, **self._options(step)}
        given |= {f"{name}_shape": getattr(a, "shape", ()) for name, a in arrays.items()}
        given |= dict(zip(known.outputs, self.results[place], strict=False))
        given |= {f"d{name}": dy for name, dy in zip(known.outputs, dys, strict=False)}
        many = {known.forward.rest: [arrays[name] for name in rest]}
        many["d" + known.outputs[0].removeprefix("*")] = (
            dys if "*" in known.outputs[0] else [dys[0]]
        )
        inputs = [a for name in backward.parameters for a in many.get(name, [given.get(name)])]
        options = {name: given[name] for name in backward.attributes}
        found = self.call(backward.call, *inputs, **options)
        wrt = [n for name in known.wrt for n in (rest if name == known.forward.rest else [name])]
        values = dict(zip(names, step.inputs, strict=True))
        derivatives = found if isinstance(found, tuple | list) else (found,)
        for name, part in zip(wrt, derivatives, strict=True):
            if values[name].literal is not None:
                continue
            formula = f"{step.function}.d{name}"
            either = self._either(formula, part, given) if formula in FORMULAS else part
            total = _summed(either, getattr(arrays[name], "shape", ()))
            parts[values[name].name] = parts.get(values[name].name, 0) + total

    def _either(self, formula: str, ours: Any, given: dict[str, Any]) -> Any:
        """A result with room for PyTorch's own formula, where it has another than the rule."""
        if not isinstance(ours, Bounded):
            return ours
        function = FORMULAS[formula]
        names = inspect.signature(function).parameters
        if not {n for n, p in names.items() if p.default is p.empty} <= given.keys():
            return ours
        with np.errstate(all="ignore"):
            theirs = run(function, **{name: given[name] for name in names if name in given})
            if not isinstance(theirs, Bounded) or theirs.shape != ours.shape:
                return ours
            apart = np.abs(theirs.value - ours.value)
        return bounded(ours.raw, np.maximum(ours.error, theirs.error + apart))


def _lifted(array: Any) -> Any:
    return bounded(array) if np.asarray(array).dtype.kind == "f" else array


def _summed(part: Any, shape: tuple[int, ...]) -> Any:
    """A derivative with broadcasting undone."""
    part = part if isinstance(part, Bounded) else np.asarray(part)
    while part.ndim > len(shape):
        part = part.sum(axis=0)
    for axis in _axes_to_sum(part.shape, shape):
        part = part.sum(axis=axis, keepdims=True)
    assert part.shape == shape, f"a derivative of shape {part.shape}, wanted {shape}"
    return part


def _axes_to_sum(made: tuple[int, ...], wanted: tuple[int, ...]) -> Iterator[int]:
    for axis, n in enumerate(wanted):
        if n == 1 and made[axis] != 1:
            yield axis
