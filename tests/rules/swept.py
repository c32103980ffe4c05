"""PyTorch's own samples of an operator, each as a module that is captured, run and taken back.

The rules' own tests hold every number to a computed bound; here each sample shows that what
PyTorch can be asked for is either refused or computed, with plain tolerances.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.testing._internal.common_methods_invocations import op_db

from backhand.capture.exported import Captured, capture
from backhand.draws import generator
from backhand.errors import BackhandError
from backhand.graph import NamedSize, Step, Value
from backhand.passes.precision import in_precision
from backhand.passes.promotion import promoted
from backhand.rules.register import rule, spread

TOLERANCES = {torch.float64: 1e-9, torch.float32: 2e-3}
SEED = 7


class Called(nn.Module):
    """One call of an operator; its arrays of floats are the module's inputs."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        super().__init__()
        self.function, self.kwargs = function, kwargs
        self.leaves, self.structure = torch.utils._pytree.tree_flatten(args)
        self.inputs = [x for x in self.leaves if _is_float(x)]

    def forward(self, *given: Tensor) -> Any:
        left = list(given)
        leaves = [left.pop(0) if _is_float(x) else x for x in self.leaves]
        args = torch.utils._pytree.tree_unflatten(leaves, self.structure)
        return self.function(*args, **self.kwargs)


def _is_float(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()


@dataclass
class Run:
    """A captured module on numbers: forward, and back by the rules of its steps."""

    captured: Captured
    known: dict[str, Any]
    lengths: dict[str, int]

    @classmethod
    def of(cls, captured: Captured, args: Any) -> "Run":
        forward = captured.network.forward
        run = cls(captured, dict(captured.arrays), {})
        left = list(args)
        for value in forward.inputs:
            array = generator(SEED) if value.role == "generator" else left.pop(0)
            run.known[value.name] = array
            named = zip(value.shape, np.shape(array), strict=False)
            run.lengths |= {size: n for size, n in named if isinstance(size, str)}
        for step in forward.body:
            run.forward(step)
        return run

    def outputs(self) -> list[np.ndarray]:
        return [np.asarray(self.known[v.name]) for v in self.captured.network.forward.outputs]

    def array(self, value: Value) -> Any:
        return self.known[value.name] if value.literal is None else value.literal

    def options(self, step: Step) -> dict[str, Any]:
        """The attributes, with numbers for sizes that have names."""

        def number(part: Any) -> Any:
            return eval(part, {}, self.lengths) if isinstance(part, NamedSize) else part

        return {
            name: tuple(map(number, given)) if isinstance(given, tuple) else number(given)
            for name, given in step.attributes
        }

    def forward(self, step: Step) -> None:
        made = rule(step.function).forward.call(*map(self.array, step.inputs), **self.options(step))
        results = made if isinstance(made, tuple) else (made,)
        for value, result in zip(step.outputs, results, strict=False):
            if value is not None:
                self.known[value.name] = result
        self.known[f"results of {id(step)}"] = results

    def vjp(self, cotangents: list[Any]) -> list[np.ndarray]:
        """The derivatives by the inputs."""
        forward = self.captured.network.forward
        parts: dict[str, Any] = {}
        for value, cotangent in zip(forward.outputs, cotangents, strict=True):
            if value.numbers == "float":
                parts[value.name] = parts.get(value.name, 0) + cotangent
        for step in reversed(forward.body):
            if rule(step.function).wrt and any(v.name in parts for v in step.made()):
                self.back(step, parts)
        inputs = [v for v in forward.inputs if v.role != "generator"]
        return [parts.get(v.name, np.zeros_like(self.known[v.name])) for v in inputs]

    def back(self, step: Step, parts: dict[str, Any]) -> None:
        known = rule(step.function)
        backward = known.backward
        assert backward is not None
        names = spread(known.forward.parameters, known.forward.rest, len(step.inputs))
        arrays = dict(zip(names, map(self.array, step.inputs), strict=True))
        results = self.known[f"results of {id(step)}"]
        dys = [0 if v is None else parts.get(v.name, 0) for v in step.outputs]
        given: dict[str, Any] = {**arrays, **self.options(step)}
        given |= {f"{name}_shape": np.shape(array) for name, array in arrays.items()}
        given |= dict(zip(known.outputs, results, strict=False))
        given |= {f"d{name}": dy for name, dy in zip(known.outputs, dys, strict=False)}
        inputs: list[Any] = []
        rest = [array for name, array in arrays.items() if name not in known.forward.parameters]
        for name in backward.parameters:
            many = rest if name == known.forward.rest else None
            inputs += dys if name == "dys" else many or [given[name]]
        found = backward.call(*inputs, **{name: given[name] for name in backward.attributes})
        wrt = [
            value
            for name, value in zip(names, step.inputs, strict=True)
            if name in known.wrt or name not in known.forward.parameters
        ]
        for value, part in zip(wrt, found if isinstance(found, tuple) else (found,), strict=True):
            if value.literal is None:
                total = _summed(np.asarray(part), np.shape(self.known[value.name]))
                parts[value.name] = parts.get(value.name, 0) + total


def _summed(part: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A derivative with broadcasting undone."""
    while part.ndim > len(shape):
        part = part.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1 and part.shape[axis] != 1:
            part = part.sum(axis=axis, keepdims=True)
    assert part.shape == shape, f"{part.shape}, wanted {shape}"
    return part


@dataclass(frozen=True)
class Outcome:
    """How a sample went: `agrees`, `refused`, `differs` or `PyTorch's own error`, and why."""

    word: str
    reason: str = ""


def samples(name: str, variant: str, dtype: torch.dtype) -> Iterator[Called]:
    """PyTorch's samples of one of its operators."""
    (found,) = (op for op in op_db if op.name == name and op.variant_test_name == variant)
    for sample in found.sample_inputs("cpu", dtype, requires_grad=False):
        yield Called(found.op, (sample.input, *sample.args), sample.kwargs)


def outcome(module: nn.Module, inputs: list[Tensor], *, training: bool = False) -> Outcome:
    """Capture a module and run it beside PyTorch, forward and backward."""
    torch.manual_seed(SEED)
    copies = [x.detach().clone().requires_grad_() for x in inputs]
    module.train(training)
    state = {k: v.clone() for k, v in module.state_dict().items()}
    try:
        found = module(*copies)
    except (RuntimeError, ValueError, IndexError) as error:
        return Outcome("PyTorch's own error", str(error))
    theirs = [y for y in torch.utils._pytree.tree_leaves(found) if isinstance(y, Tensor)]
    module.load_state_dict(state)
    try:
        captured = capture(module, [x.detach() for x in inputs], training=training)
    except BackhandError as error:
        return Outcome("refused", str(error))
    word = str(inputs[0].dtype).removeprefix("torch.") if inputs else "float64"
    network = in_precision(promoted(captured.network), word)
    run = Run.of(replace(captured, network=network), [x.detach().numpy() for x in inputs])
    tolerance = TOLERANCES[inputs[0].dtype] if inputs else 1e-9
    ours = run.outputs()
    for mine, their in zip(ours, theirs, strict=True):
        if not _close(mine, their, tolerance):
            return Outcome("differs", f"forward: {mine.dtype} {mine.shape} {mine}, {their}")
    draw = np.random.default_rng(0)
    dys = [draw.uniform(-1, 1, y.shape).astype(y.dtype) if y.dtype.kind == "f" else 0 for y in ours]
    pairs = [(y, torch.tensor(dy)) for y, dy in zip(theirs, dys, strict=True) if y.requires_grad]
    if not pairs:
        return Outcome("agrees")
    ys, cotangents = zip(*pairs, strict=True)
    theirs = torch.autograd.grad(ys, copies, cotangents, allow_unused=True, materialize_grads=True)
    with np.errstate(all="ignore"):
        derivatives = run.vjp(dys)
    for i, (mine, their) in enumerate(zip(derivatives, theirs, strict=True)):
        if not _close(mine, their, tolerance):
            return Outcome("differs", f"derivative by input {i}: {mine}, {their}")
    return Outcome("agrees")


def _close(mine: np.ndarray, their: Tensor, tolerance: float) -> bool:
    reference = their.detach().numpy()
    return (
        mine.shape == reference.shape
        and mine.dtype == reference.dtype
        and np.allclose(mine, reference, rtol=tolerance, atol=tolerance, equal_nan=True)
    )
