"""PyTorch's own samples of an operator as a rule takes them, and both sides held to the bounds."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from tests.rules import at_once
from torch.testing._internal.common_methods_invocations import op_db

from backhand.rounding import Bounded, run
from backhand.rules import rule

CONV = ("w", "b", "stride", "padding", "dilation", "groups")
TRANSPOSED = ("w", "b", "stride", "padding", "output_padding", "groups", "dilation")
MAX = ("kernel", "stride", "padding", "dilation", "ceil_mode", "return_indices")
AVG = ("kernel", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
ORDER = {
    "conv1d": CONV, "conv2d": CONV, "conv_transpose1d": TRANSPOSED, "conv_transpose2d": TRANSPOSED,
    "max_pool1d": MAX, "max_pool2d": MAX, "avg_pool1d": AVG, "avg_pool2d": AVG,
    "adaptive_max_pool1d": ("size", "return_indices"),
    "adaptive_max_pool2d": ("size", "return_indices"),
    "adaptive_avg_pool1d": ("size",), "adaptive_avg_pool2d": ("size",),
}  # fmt: skip
"""What stands after the input, in PyTorch's order, by the rules' names."""
NAMES = {"weight": "w", "bias": "b", "kernel_size": "kernel", "output_size": "size"}
FINE = {"float32": np.float64, "float64": np.longdouble}


@dataclass(frozen=True)
class Sample:
    """Arguments of a rule, and the same call in PyTorch."""

    arrays: dict[str, np.ndarray]
    options: dict[str, Any]
    call: Callable[..., torch.Tensor]


def samples(name: str, dtype: torch.dtype) -> Iterator[Sample | None]:
    """What PyTorch tests the operator with; None for what a rule's options cannot say."""
    (about,) = [op for op in op_db if op.name == f"nn.functional.{name}"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in about.sample_inputs("cpu", dtype, requires_grad=True):
            given = dict(zip(ORDER[name], sample.args, strict=False))
            given |= {NAMES.get(k, k): v for k, v in sample.kwargs.items()}
            given.pop("return_indices", None)
            yield _taken(name, sample.input, given)


def _taken(name: str, x: torch.Tensor, given: dict[str, Any]) -> Sample | None:
    dims = int(name[-2])
    is_one = x.dim() == dims + 1  # no batch, for which a rule takes a batch of one
    x = x[None] if is_one else x
    tensors = {"x": x} | {k: given.pop(k) for k in ("w", "b") if given.get(k) is not None}
    arrays = {k: v.detach().numpy() for k, v in tensors.items()}
    if "w" in arrays and "b" not in arrays:
        groups, w = given.get("groups", 1), arrays["w"]
        outputs = w.shape[1] * groups if "transpose" in name else len(w)
        arrays["b"] = np.zeros(outputs, w.dtype)
    given.pop("b", None)
    theirs = {k: v for k, v in given.items() if k != "divisor_override" or v is not None}
    options = {k: _option(v, k, dims, x, given, arrays) for k, v in given.items()}
    if any(isinstance(v, str) for v in options.values()):
        return None
    names = {v: k for k, v in NAMES.items()}
    spelled = {names.get(k, k): v for k, v in theirs.items()}

    def call(x: Any, w: Any = None, b: Any = None) -> torch.Tensor:
        weights = {} if w is None else {"weight": w, "bias": b}
        found: torch.Tensor = getattr(F, name)(x[0] if is_one else x, **weights, **spelled)
        return found[None] if is_one else found

    return Sample(arrays, {k: v for k, v in options.items() if v is not None}, call)


def _option(
    value: Any, name: str, dims: int, x: Any, given: dict[str, Any], arrays: dict[str, Any]
) -> Any:
    """One number, or a pair; `same` padding only where it is the same on both sides."""
    if value == "valid":
        return 0
    if value == "same":
        gaps = _several(given.get("dilation", 1), dims)
        whole = [g * (k - 1) for g, k in zip(gaps, arrays["w"].shape[2:], strict=True)]
        return value if any(n % 2 for n in whole) else _option(
            tuple(n // 2 for n in whole), name, dims, x, given, arrays
        )  # fmt: skip
    if not isinstance(value, (tuple, list)):
        return tuple(x.shape[2:]) if value is None and name == "size" else value
    numbers = [n if n is not None else x.shape[i + 2] for i, n in enumerate(value)]
    if not numbers:  # as good as not given
        return None
    return numbers[0] if dims == 1 or len(numbers) == 1 else tuple(numbers)


def _several(value: Any, dims: int) -> tuple[int, ...]:
    return tuple(value) * (dims // len(value)) if isinstance(value, tuple) else (value,) * dims


def check(name: str, sample: Sample, seed: int = 0) -> None:
    """Forward and backward: the bounds hold for the rule and, by another order, for PyTorch."""
    known, dtype = rule(name), sample.arrays["x"].dtype
    options = {**known.forward.defaults, **sample.options}
    tensors = {k: torch.tensor(v, requires_grad=True) for k, v in sample.arrays.items()}
    theirs = sample.call(**tensors)
    draw = np.random.default_rng(seed)
    dy = draw.uniform(-1, 1, tuple(theirs.shape)).astype(dtype)
    grads = torch.autograd.grad(theirs, list(tensors.values()), torch.tensor(dy))
    y = np.asarray(known.forward.call(**sample.arrays, **options))
    other = getattr(at_once, known.forward.name, known.forward.call)
    _held(known.forward.call, other, sample.arrays | options, [theirs])
    assert known.backward is not None
    at_hand: dict[str, Any] = {**sample.arrays, **options, "y": y, "dy": dy}
    whole = (*known.backward.parameters, *known.backward.attributes)
    other = getattr(at_once, known.backward.name, known.backward.call)
    _held(known.backward.call, other, {k: at_hand[k] for k in whole}, grads)


def _held(
    own: Callable[..., Any],
    other: Callable[..., Any],
    arguments: dict[str, Any],
    theirs: Sequence[torch.Tensor],
) -> None:
    dtype = theirs[0].detach().numpy().dtype.name
    fine = {
        k: v.astype(FINE[dtype]) if isinstance(v, np.ndarray) else v for k, v in arguments.items()
    }
    calls = own(**arguments), run(own, **arguments), own(**fine), run(other, **arguments)
    found = (call if isinstance(call, tuple) else (call,) for call in calls)
    for plain, mine, true, elsewhere, tensor in zip(*found, theirs, strict=True):
        assert isinstance(mine, Bounded)
        assert np.array_equal(mine.value, plain)
        assert plain.shape == tuple(tensor.shape)
        _within(plain, true, mine.error)
        _within(tensor.detach().numpy(), true, elsewhere.error)


def _within(found: np.ndarray, true: np.ndarray, error: np.ndarray) -> None:
    """The rounding of finer numbers is a thousandth of a bound at most."""
    off = np.abs(found.astype(true.dtype) - true)
    assert (off <= error.astype(true.dtype) * (1 + 2.0**-8)).all(), np.max(off - error)
