"""A captured network run forward and back in NumPy, by the rules of its steps, beside autograd."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from backhand.capture.exported import Captured
from backhand.draws import generator
from backhand.graph import NamedSize, Step, Value
from backhand.rounding import Bounded, bounded, run
from backhand.rules.register import Rule, rule
from tests.capture.running import filled


@dataclass
class Run:
    """One run on numbers that carry bounds; what each step made is kept for the way back."""

    captured: Captured
    known: dict[str, Any]
    lengths: dict[str, int] = field(default_factory=dict)
    results: list[tuple[Any, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, captured: Captured, args: Any, seed: int) -> "Run":
        """On a module's arguments, tensors of PyTorch's."""
        forward = captured.network.forward
        tensors = dict(filled(captured.inputs, (tuple(args), {})))
        made = cls(captured, {name: _lifted(array) for name, array in captured.arrays.items()})
        for number, value in enumerate(forward.inputs):
            if value.role == "generator":
                made.known[value.name] = generator(seed)
                continue
            array = tensors[number].detach().numpy()
            made.known[value.name] = _lifted(array)
            sizes = zip(value.shape, array.shape, strict=True)
            made.lengths |= {size: n for size, n in sizes if isinstance(size, str)}
        for step in forward.body:
            made._forward(step)
        return made

    def outputs(self) -> list[Any]:
        return [self.known[value.name] for value in self.captured.network.forward.outputs]

    def back(self, cotangents: list[np.ndarray]) -> dict[str, Any]:
        """The derivative by every value that has one, by its name."""
        forward = self.captured.network.forward
        parts: dict[str, Any] = {}
        for value, cotangent in zip(forward.outputs, cotangents, strict=True):
            parts[value.name] = parts.get(value.name, 0) + bounded(cotangent)
        for step, results in zip(reversed(forward.body), reversed(self.results), strict=True):
            if any(value.name in parts for value in step.made()) and rule(step.function).wrt:
                self._back(step, results, parts)
        return parts

    def _forward(self, step: Step) -> None:
        call = rule(step.function).forward.call
        made = run(call, *map(self._array, step.inputs), **self._options(step))
        results = made if isinstance(made, tuple) else (made,)
        self.results.append(results)
        for value, result in zip(step.outputs, results, strict=True):
            if value is not None:
                assert np.shape(result) == tuple(map(self._length, value.shape))
                self.known[value.name] = result

    def _back(self, step: Step, results: tuple[Any, ...], parts: dict[str, Any]) -> None:
        known = rule(step.function)
        assert known.backward is not None
        names = known.forward.named(len(step.inputs))
        arrays = dict(zip(names, map(self._array, step.inputs), strict=True))
        dys = [0 if v is None else parts.get(v.name, 0) for v in step.outputs]
        given = {**arrays, **self._options(step)}
        given |= {f"{name}_shape": np.shape(array) for name, array in arrays.items()}
        if not known.outputs[0].startswith("*"):
            given |= dict(zip(known.outputs, results, strict=True))
            given |= {f"d{name}": dy for name, dy in zip(known.outputs, dys, strict=True)}
        inputs = [x for name in known.backward.parameters for x in _of(known, name, given, dys)]
        options = {name: given[name] for name in known.backward.attributes}
        found = run(known.backward.call, *inputs, **options)
        wrt = (v for v, n in zip(step.inputs, names, strict=True) if _is_wrt(known, n))
        for value, part in zip(wrt, found if isinstance(found, tuple) else (found,), strict=True):
            shape = tuple(map(self._length, value.shape))
            parts[value.name] = parts.get(value.name, 0) + _summed(part, shape)

    def _array(self, value: Value) -> Any:
        return self.known[value.name] if value.literal is None else value.literal

    def _options(self, step: Step) -> dict[str, Any]:
        return {name: self._number(given) for name, given in step.attributes}

    def _number(self, given: Any) -> Any:
        """An attribute with lengths for sizes that have names."""
        if isinstance(given, tuple):
            return tuple(map(self._number, given))
        return self._length(given) if isinstance(given, NamedSize) else given

    def _length(self, size: int | str) -> int:
        return int(eval(size, {}, self.lengths)) if isinstance(size, str) else size


def _of(known: Rule, name: str, given: dict[str, Any], dys: list[Any]) -> list[Any]:
    """The arrays for one parameter of a backward, several for one that takes the rest."""
    if name == "d" + known.outputs[0].removeprefix("*") and known.outputs[0].startswith("*"):
        return dys
    if name == known.forward.rest:
        return [given[n] for n in given if n not in known.forward.parameters and _is_wrt(known, n)]
    return [given[name]]


def _is_wrt(known: Rule, name: str) -> bool:
    rest = known.forward.rest
    of_rest = bool(rest) and name.removeprefix(rest).isdecimal()
    return name in known.wrt or (of_rest and rest in known.wrt)


def _lifted(array: np.ndarray) -> Any:
    return bounded(array) if array.dtype.kind == "f" else array


def _summed(part: Any, shape: tuple[int, ...]) -> Any:
    """What broadcasting repeated, added up."""
    extra = np.ndim(part) - len(shape)
    if extra:
        part = part.sum(axis=tuple(range(extra)))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 != np.shape(part)[i])
    return part.sum(axis=stretched, keepdims=True) if stretched else part


def check_derivatives(
    module: torch.nn.Module, captured: Captured, args: Any, *, seed: int = 5
) -> None:
    """Raise unless outputs and derivatives, by inputs and parameters, are within their bounds."""
    given = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in args]
    torch.manual_seed(seed)
    leaves = dict(filled(captured.outputs, module(*given)))
    theirs = [leaves[number] for number in range(len(leaves))]
    ran = Run.of(captured, given, seed)
    for mine, tensor in zip(ran.outputs(), theirs, strict=True):
        _check(mine, tensor)
    cotangents = [torch.randn_like(y) for y in theirs]
    parts = ran.back([c.numpy() for c in cotangents])
    wanted = _wanted(module, captured, given)
    pairs = [(y, c) for y, c in zip(theirs, cotangents, strict=True) if y.requires_grad]
    grads = torch.autograd.grad(
        [y for y, _ in pairs], list(wanted.values()), [c for _, c in pairs],
        allow_unused=True, materialize_grads=True,
    )  # fmt: skip
    for name, gradient in zip(wanted, grads, strict=True):
        _check(parts.get(name, bounded(np.zeros(gradient.shape))), gradient)


def _wanted(
    module: torch.nn.Module, captured: Captured, given: list[torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The tensors that have a derivative, by the names of their values."""
    tensors = dict(filled(captured.inputs, (tuple(given), {})))
    inputs = captured.network.forward.inputs
    named = {inputs[number].name: tensor for number, tensor in tensors.items()}
    own = dict(module.named_parameters(remove_duplicate=False))
    named |= {name: own[keys[0]] for name, keys in captured.keys.items() if keys[0] in own}
    return {name: tensor for name, tensor in named.items() if tensor.requires_grad}


def _check(mine: Any, tensor: torch.Tensor) -> None:
    reference = tensor.detach().numpy()
    value, error = (mine.value, mine.error) if isinstance(mine, Bounded) else (mine, 0)
    assert value.shape == reference.shape
    same = (value == reference) | (np.isnan(value) & np.isnan(reference))
    assert (same | (np.abs(np.where(same, 0, value - reference)) <= 2 * error)).all()
