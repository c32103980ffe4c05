"""Operators that move numbers, on every sample that PyTorch's own tests have for them.

Each sample is a module that calls the operator; it is captured, run in NumPy step by step and
differentiated by the rules. What only moves must come out bit by bit; where copies of a number
flow together, the sum of n parts may differ by n roundings of the sum of their sizes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing._internal.common_methods_invocations import op_db

from backhand.capture.exported import Captured, capture
from backhand.errors import BackhandError
from backhand.graph import NamedSize, Step, Value
from backhand.rules.operations import operation
from backhand.rules.register import rule, spread
from backhand.writers import expressions as ex

NAMES = (
    "T", "adjoint", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_to", "cat", "chunk",
    "column_stack", "diag", "diag_embed", "diagonal", "dsplit", "dstack", "expand", "expand_as",
    "eye", "flatten", "flip", "fliplr", "flipud", "full_like", "hsplit", "hstack", "mH", "mT",
    "meshgrid", "movedim", "narrow", "new_full", "new_ones", "new_zeros", "nn.functional.fold",
    "nn.functional.channel_shuffle", "nn.functional.pad", "nn.functional.pixel_shuffle",
    "nn.functional.pixel_unshuffle", "nn.functional.unfold", "ones_like", "permute", "ravel",
    "repeat", "repeat_interleave", "reshape", "reshape_as", "roll", "rot90", "select", "slice",
    "split", "split_with_sizes", "squeeze", "stack", "swapaxes", "t", "tensor_split", "tile",
    "transpose", "tril", "triu", "unbind", "unflatten", "unfold", "unsafe_chunk", "unsafe_split",
    "unsqueeze", "view", "view_as", "vsplit", "vstack", "zeros_like",
    "expand_copy", "diagonal_copy", "narrow_copy", "view_copy", "permute_copy", "H", "diagflat",
    "split_with_sizes_copy", "unbind_copy", "unfold_copy", "squeeze_copy", "unsqueeze_copy",
    "transpose_copy", "t_copy", "linalg.diagonal", "swapdims",
)  # fmt: skip
OPERATORS = {
    f"{op.name}{'.' + op.variant_test_name if op.variant_test_name else ''}": op
    for op in op_db
    if op.name in NAMES
}

REFUSED = {
    "narrow": 5,  # begins where an array says
    "tensor_split": 4,
    "repeat_interleave": 2,
    "atleast_1d": 1,  # of several arrays at once
    "atleast_2d": 1,
    "atleast_3d": 1,
}
"""How many of an operator's samples are refused."""


class Called(nn.Module):
    """One call of an operator; its arrays of floats are the module's inputs."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        super().__init__()
        self.function, self.kwargs = function, kwargs
        self.leaves, self.structure = torch.utils._pytree.tree_flatten(args)
        self.inputs = [x for x in self.leaves if isinstance(x, Tensor) and x.is_floating_point()]

    def forward(self, *given: Tensor) -> Any:
        left = list(given)
        leaves = [
            left.pop(0) if isinstance(x, Tensor) and x.is_floating_point() else x
            for x in self.leaves
        ]
        args = torch.utils._pytree.tree_unflatten(leaves, self.structure)
        return self.function(*args, **self.kwargs)


@dataclass
class Run:
    """A captured module on numbers: forward, and back by the rules of its steps."""

    captured: Captured
    known: dict[str, Any]
    lengths: dict[str, int]

    @classmethod
    def of(cls, captured: Captured, args: Any) -> "Run":
        forward = captured.network.forward
        known: dict[str, Any] = dict(captured.arrays)
        lengths: dict[str, int] = {}
        for value, array in zip(forward.inputs, args, strict=True):
            known[value.name] = array
            named = zip(value.shape, array.shape, strict=True)
            lengths |= {size: n for size, n in named if isinstance(size, str)}
        run = cls(captured, known, lengths)
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
        for value, result in zip(step.outputs, results, strict=True):
            if value is not None:
                assert np.shape(result) == self.shape(value)
                self.known[value.name] = result

    def shape(self, value: Value) -> tuple[int, ...]:
        return tuple(eval(n, {}, self.lengths) if isinstance(n, str) else n for n in value.shape)

    def vjp(self, cotangents: list[np.ndarray]) -> list[np.ndarray]:
        """The derivatives by the inputs."""
        forward = self.captured.network.forward
        parts: dict[str, Any] = {}
        for value, cotangent in zip(forward.outputs, cotangents, strict=True):
            parts[value.name] = parts.get(value.name, 0) + cotangent
        for step in reversed(forward.body):
            if rule(step.function).wrt and any(v.name in parts for v in step.made()):
                self.back(step, parts)
        zeros = {v.name: np.zeros_like(self.known[v.name]) for v in forward.inputs}
        return [parts.get(v.name, zeros[v.name]) for v in forward.inputs]

    def back(self, step: Step, parts: dict[str, Any]) -> None:
        known = rule(step.function)
        backward = known.backward
        assert backward is not None
        names = spread(known.forward.parameters, known.forward.rest, len(step.inputs))
        arrays = dict(zip(names, map(self.array, step.inputs), strict=True))
        given: dict[str, Any] = {**arrays, **self.options(step)}
        given |= {f"{name}_shape": np.shape(array) for name, array in arrays.items()}
        dys = [0 if v is None else parts.get(v.name, 0) for v in step.outputs]
        inputs: list[Any] = []
        for name in backward.parameters:
            if name in ("dys", "d" + known.outputs[0]):
                inputs += dys
            else:
                inputs += list(arrays.values()) if name == known.forward.rest else [given[name]]
        found = backward.call(*inputs, **{name: given[name] for name in backward.attributes})
        wrt = [v for n, v in zip(names, step.inputs, strict=True) if n in known.wrt or n not in
               known.forward.parameters]  # fmt: skip
        for value, part in zip(wrt, found if isinstance(found, tuple) else (found,), strict=True):
            parts[value.name] = parts.get(value.name, 0) + summed(part, self.shape(value))


def summed(part: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What broadcasting repeated, added up."""
    part = part.sum(axis=tuple(range(part.ndim - len(shape))))
    stretched = tuple(i for i, (a, b) in enumerate(zip(part.shape, shape, strict=True)) if a != b)
    return np.asarray(part.sum(axis=stretched, keepdims=True))


def samples(name: str, dtype: torch.dtype) -> Iterator[Any]:
    op = OPERATORS[name]
    torch.manual_seed(0)
    for sample in op.sample_inputs("cpu", dtype, requires_grad=False):
        yield Called(op.get_op(), (sample.input, *sample.args), sample.kwargs)


def check(called: Called) -> None:
    """Raise unless forward and derivatives agree."""
    given = [x.detach().clone() for x in called.inputs]
    captured = capture(called, given)
    if captured.network.sizes and all(x.ndim and len(x) == 1 for x in given):
        given = [torch.cat([x, x]) for x in given]  # a batch of one is captured as one of two
    run = Run.of(captured, [x.numpy() for x in given])
    theirs = [x.requires_grad_() for x in given]
    made = called(*theirs)
    results = [y for y in torch.utils._pytree.tree_leaves(made) if isinstance(y, Tensor)]
    ours = run.outputs()
    assert len(ours) == len(results)
    for mine, result in zip(ours, results, strict=True):
        reference = result.detach().numpy()
        assert np.array_equal(mine, reference.astype(mine.dtype))
        assert mine.dtype.kind == reference.dtype.kind
    differentiable = [y for y in results if y.requires_grad]
    if not differentiable:
        return
    cotangents = [torch.randn_like(y) for y in results]
    pairs = [(y, c) for y, c in zip(results, cotangents, strict=True) if y.requires_grad]
    wanted = grads(pairs, theirs)
    sizes = grads([(y, c.abs()) for y, c in pairs], theirs)
    parts = run.vjp([c.numpy() for c in cotangents])
    count = sum(y.numel() for y in results)
    for mine, gradient, size in zip(parts, wanted, sizes, strict=True):
        assert mine.shape == gradient.shape
        assert mine.dtype == gradient.dtype
        allowed = count * np.finfo(gradient.dtype).eps * size
        assert (np.abs(mine - gradient) <= allowed).all()


def grads(pairs: list[tuple[Tensor, Tensor]], inputs: list[Tensor]) -> list[np.ndarray]:
    found = torch.autograd.grad(
        [y for y, _ in pairs],
        inputs,
        [c for _, c in pairs],
        retain_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )
    return [g.numpy() for g in found]


AT_MOST = 8


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", OPERATORS)
def test_samples_of_pytorchs_own_agree(name: str, dtype: torch.dtype) -> None:
    """Some of them, from the first to the last; `make opinfo` tries every one."""
    refused, every = 0, list(samples(name, dtype))
    for called in every[:: -(-len(every) // AT_MOST)]:
        try:
            check(called)
        except BackhandError:
            refused += 1
    assert refused <= REFUSED.get(name, 0)


# --- how they are written ------------------------------------------------------------------------

B, T = NamedSize("B"), NamedSize("T")
WRITTEN = [
    ("reshape", {"shape": (B, T, 3, 12, 64)}, "x.reshape(B, T, 3, 12, 64)"),
    ("reshape", {"shape": ()}, "x.reshape(())"),
    ("reshape.dx", {"x_shape": (B, T)}, "dy.reshape(B, T)"),
    ("permute", {"axes": (0, 2, 3, 1)}, "x.transpose(0, 2, 3, 1)"),
    ("permute.dx", {"axes": (0, 2, -1, 1)}, "dy.transpose(0, 3, 1, 2)"),
    ("swapaxes", {"first": 1, "second": 2}, "x.swapaxes(1, 2)"),
    ("unsqueeze", {"axis": 1}, "x[:, None]"),
    ("unsqueeze", {"axis": -1}, "x[..., None]"),
    ("squeeze.dx", {"axis": -2}, "dy[..., None, :]"),
    ("select", {"axis": 0, "index": -1}, "x[-1]"),
    ("select", {"axis": 1, "index": 0}, "x[:, 0]"),
    ("select.dx", {"axis": 1, "index": 0, "x_shape": (B, 3)}, "placed(dy, np.s_[:, 0], (B, 3))"),
    ("slice", {"axis": 1, "start": 0, "stop": T, "step": 1}, "x[:, :T]"),
    ("slice", {"axis": -1, "start": 0, "stop": 8, "step": 1}, "x[..., :8]"),
    ("slice", {"axis": 0, "start": 1, "stop": None, "step": 2}, "x[1::2]"),
    ("narrow", {"axis": 1, "start": 2, "length": 3}, "x[:, 2:5]"),
    ("narrow", {"axis": 1, "start": -2, "length": 2}, "x[:, -2:]"),
    ("split", {"count": 3, "axis": -1}, "np.split(x, 3, axis=-1)"),
    ("split_sizes", {"sizes": (4, 4, 2), "axis": 1}, "np.split(x, [4, 8], axis=1)"),
    ("broadcast_to", {"shape": (B, T)}, "np.broadcast_to(x, (B, T))"),
    ("roll.dx", {"shift": (1, -2), "axis": (0, 1)}, "np.roll(dy, [-1, 2], (0, 1))"),
    ("full", {"shape": (B,), "value": float("-inf"), "dtype": "float"},
     'np.full((B,), -np.inf, "float")'),
]  # fmt: skip
JOINED = [
    ("concatenate", {"axis": 1}, "xs", "a, b", "np.concatenate((a, b), axis=1)"),
    ("stack", {"axis": -1}, "xs", "a, b", "np.stack((a, b), axis=-1)"),
    ("split.dx", {"axis": -1}, "dys", "a, b", "np.concatenate((a, b), axis=-1)"),
    ("split.dx", {"axis": 1}, "dys", "a, 0", "np.concatenate(np.broadcast_arrays(a, 0), axis=1)"),
    ("unbind.dx", {"axis": 2}, "dys", "a, b", "np.stack((a, b), axis=2)"),
]


def line(name: str, options: dict[str, Any], **arrays: str) -> str:
    arguments = {option: ex.literal(value) for option, value in options.items()}
    arguments |= {array: ex.parse(text) for array, text in arrays.items()}
    return ex.text(ex.fold(ex.substitute(operation(name).expressions[0], arguments), {"dy": 4}))


@pytest.mark.parametrize(("name", "options", "text"), WRITTEN)
def test_an_operator_is_written_as_people_write_it(
    name: str, options: dict[str, Any], text: str
) -> None:
    assert line(name, options) == text


@pytest.mark.parametrize(("name", "options", "parameter", "arrays", "text"), JOINED)
def test_several_arrays_are_written_as_people_write_them(
    name: str, options: dict[str, Any], parameter: str, arrays: str, text: str
) -> None:
    assert line(name, options, **{parameter: f"({arrays})"}) == text
