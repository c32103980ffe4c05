"""One call of a module beside PyTorch: every result and every derivative, within its bound."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from backhand.capture.exported import Captured, capture
from backhand.capture.refused import NoRulesError
from backhand.errors import BackhandError
from backhand.modules.arguments import built, flattened
from backhand.modules.writing import write
from backhand.passes.precision import in_precision
from backhand.passes.promotion import promoted
from backhand.rounding import Bounded
from backhand.rounding.array import decided
from tests.capture.running import filled
from tests.opinfo.flat import Flat, within_bounds

TOLERANCES = {"float64": 1e-9, "float32": 2e-3}
"""Far beyond what rounding does to small samples: a difference beyond it is a mistake."""
SEED = 42
"""That of `wrapper_set_seed`, in which PyTorch's samples wrap operators that draw."""

AGREES, UNBOUNDED, OUTSIDE, WRONG, REFUSED, INVALID = (
    "agrees", "unbounded", "outside", "wrong", "refused", "invalid",
)  # fmt: skip
"""Within its bound; equal but for rounding where no bound is known, or beyond the bound; not equal;
not captured; a sample that PyTorch itself does not run."""


@dataclass(frozen=True)
class Outcome:
    """How a sample went, and why not better."""

    word: str
    reason: str = ""
    rules: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Theirs:
    """PyTorch's results, and its derivatives by the numbers of inputs and names of parameters."""

    results: dict[int, Tensor]
    cotangents: list[Any]
    by_input: dict[int, Tensor]
    by_parameter: dict[str, Tensor]

    @property
    def named(self) -> dict[str, np.ndarray]:
        """All of it, by what it is."""
        every = {f"result {n}": t for n, t in self.results.items()}
        every |= {f"derivative by input {n}": t for n, t in self.by_input.items()}
        every |= {f"derivative by {k}": t for k, t in self.by_parameter.items()}
        return {what: tensor.detach().numpy() for what, tensor in every.items()}


Captures = dict[Any, Captured | Outcome]
"""What came of capturing calls that differ in their numbers alone, by all the rest."""


def outcome(
    module: nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    training: bool = False,
    alike: Any = None,
    captures: Captures | None = None,
    written: bool = False,
) -> Outcome:
    """Capture a module and run it beside PyTorch; the inputs that want a derivative get one.

    Args:
        module: any module.
        args: arguments by position.
        kwargs: arguments by name.
        training: its mode.
        alike: what calls have in common that one capture serves; None for a call by itself. A
            call that does not agree is captured for itself.
        captures: those of before, to which this one is added.
        written: whether the program that is written for it is held to the same bounds too.
    """
    args, kwargs = pytree.tree_map(_apart, (tuple(args), dict(kwargs or {})))
    module.train(training)
    state = {k: v.clone() for k, v in module.state_dict().items()}
    if (error := _own_error(module, args, kwargs)) is not None:
        return Outcome(INVALID, error)
    module.load_state_dict(state)
    known = captures if captures is not None and alike is not None else {}
    if isinstance(before := known.get(alike), Captured):
        found = _beside(module, before, args, kwargs, written)
        if found.word == AGREES:
            return found
        module.load_state_dict(state)
    elif before is not None:
        return before
    captured = known[alike] = _captured(module, args, kwargs, training)
    if isinstance(captured, Outcome):
        return captured
    module.load_state_dict(state)
    return _beside(module, captured, args, kwargs, written)


def _captured(
    module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], training: bool
) -> Captured | Outcome:
    """As the writer of programs has it, but with all sizes built in; or why there is none."""
    plain = pytree.tree_map(_detached, (tuple(args), dict(kwargs)))
    try:
        found = capture(module, *plain, training=training, named_sizes=False)
    except NoRulesError as error:
        return Outcome(REFUSED, "no rule: " + ", ".join(sorted(error.operators)))
    except BackhandError as error:
        return Outcome(REFUSED, " ".join(error.what.split())[:100])
    return replace(found, network=promoted(found.network))


def _beside(
    module: nn.Module,
    captured: Captured,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    written: bool,
) -> Outcome:
    rules = frozenset(step.function for step in captured.network.forward.body)
    with np.errstate(all="ignore"):
        try:
            return Outcome(*_compared(module, captured, args, kwargs, written), rules)
        except Exception as error:  # a crash of ours is as bad as a wrong number
            return Outcome(WRONG, f"{type(error).__name__}: {error}", rules)


def _own_error(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    try:
        torch.manual_seed(SEED)
        module(*args, **kwargs)
    except Exception as error:
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    return None


def _apart(x: Any) -> Any:
    """An array of its own: a sample may have one in two places."""
    return x.detach().clone().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x


def _detached(x: Any) -> Any:
    return x.detach().clone() if isinstance(x, Tensor) else x


def _compared(
    module: nn.Module,
    captured: Captured,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    written: bool,
) -> tuple[str, str]:
    given = dict(filled(captured.inputs, (tuple(args), dict(kwargs))))
    floats = [x for x in (*given.values(), *module.parameters()) if x.is_floating_point()]
    precision = str(floats[0].dtype).removeprefix("torch.") if floats else "float32"
    captured = replace(captured, network=in_precision(captured.network, precision))
    theirs = _theirs(module, captured, given, args, kwargs, precision)
    arrays = [given[n].detach().numpy().copy() for n in range(len(given))]
    flat = Flat.of(captured, arrays, seed=SEED)
    try:
        with decided(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held = Flat.of(captured, arrays, within_bounds, seed=SEED)
            bounds = dict(_named(captured, held, theirs))
    except Exception as error:
        word, reason = _worst(dict(_judged(captured, flat, theirs, None)))
        what = error.what if isinstance(error, BackhandError) else type(error).__name__
        return (UNBOUNDED, what) if word == AGREES else (word, reason)
    word, reason = _worst(dict(_judged(captured, flat, theirs, bounds)))
    if word != AGREES or not written:
        return word, reason
    try:
        return _worst(dict(_program_judged(module, theirs, bounds, args, kwargs)))
    except BackhandError as error:
        return REFUSED, f"not written: {error.what}"


def _theirs(
    module: nn.Module, captured: Captured, given: Any, args: Any, kwargs: Any, precision: str
) -> Theirs:
    torch.manual_seed(SEED)
    results = dict(filled(captured.outputs, module(*args, **kwargs)))
    count = len(captured.network.forward.outputs)
    draw = np.random.default_rng(0)
    cotangents: list[Any] = [0] * count
    for number, y in sorted(results.items()):
        if y.is_floating_point() and y.requires_grad:
            # numbers that are the same in every format
            dy = np.asarray(draw.uniform(-1, 1, tuple(y.shape)), np.float32)
            cotangents[number] = dy.astype(precision)
    names = {n: x for n, x in given.items() if x.requires_grad}
    weights = {k: w for k, w in module.named_parameters() if w.requires_grad}
    wanted = [*names.values(), *weights.values()]
    pairs = [
        (y, torch.tensor(cotangents[n]).to(y.dtype))
        for n, y in sorted(results.items())
        if y.requires_grad
    ]
    grads: Sequence[Tensor] = ()
    if pairs and wanted:
        ys, dys = zip(*pairs, strict=True)
        grads = torch.autograd.grad(ys, wanted, dys, allow_unused=True, materialize_grads=True)
    grads = [grad.clone() for grad in grads]  # zeros that PyTorch did not write out, written out
    by_input = dict(zip(names, grads, strict=False))
    by_parameter = dict(zip(weights, grads[len(names) :], strict=False))
    buffers = dict(module.named_buffers())
    for old, new in captured.updated.items():
        place = [v.name for v in captured.network.forward.outputs].index(new, len(results))
        results[place] = buffers[captured.keys[old][0]]
    return Theirs(results, cotangents, by_input, by_parameter)


def _named(captured: Captured, flat: Flat, theirs: Theirs) -> Iterator[tuple[str, Any]]:
    """Every result and derivative that PyTorch has too, ours, by what it is."""
    outputs = flat.outputs()
    for number in theirs.results:
        yield f"result {number}", outputs[number]
    if not theirs.by_input and not theirs.by_parameter:
        return
    derivatives = flat.derivatives(theirs.cotangents)
    inputs = [v.name for v in captured.network.forward.inputs if v.role != "generator"]
    for number, their in theirs.by_input.items():
        zeros = np.zeros_like(their.detach().numpy())
        yield f"derivative by input {number}", derivatives.get(inputs[number], zeros)
    by_key = {k: name for name, keys in captured.keys.items() for k in keys}
    for key, their in theirs.by_parameter.items():
        zeros = np.zeros_like(their.detach().numpy())
        yield f"derivative by {key}", derivatives.get(by_key.get(key, ""), zeros)


def _judged(
    captured: Captured, flat: Flat, theirs: Theirs, bounds: Mapping[str, Any] | None
) -> Iterator[tuple[str, tuple[str, str]]]:
    them = theirs.named
    for what, ours in _named(captured, flat, theirs):
        bound = None if bounds is None else bounds[what]
        word, reason = judged(np.asarray(ours), them[what], bound)
        yield what, (word, f"{what}: {reason}" if reason else "")


def _program_judged(
    module: nn.Module, theirs: Theirs, bounds: Mapping[str, Any], args: Any, kwargs: Any
) -> Iterator[tuple[str, tuple[str, str]]]:
    """The same of the program that is written for the module."""
    given, options = pytree.tree_map(_detached, (tuple(args), dict(kwargs)))
    program = write(module, given, options)
    own = program.interface
    arrays, named = pytree.tree_map(_numbers, (given, options))
    outputs = [theirs.cotangents[number] for number in range(len(own.output_names))]
    results, derivatives = program.vjp(arrays, named, built(own.results, outputs), seed=SEED)
    ours = {f"result {n}": y for n, y in flattened(own.results, results).items()}
    for number in theirs.by_input:
        name = own.inputs[number]
        ours[f"derivative by input {number}"] = derivatives.get(name)
    ours |= {f"derivative by {key}": derivatives.get(key) for key in theirs.by_parameter}
    for what, their in theirs.named.items():
        if what in ours:
            mine = np.zeros(their.shape, bounds[what].dtype) if ours[what] is None else ours[what]
            word, reason = judged(np.asarray(mine), their, bounds[what])
            yield what, (word, f"written, {what}: {reason}" if reason else "")


def _numbers(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else x


def judged(ours: np.ndarray, theirs: np.ndarray, bound: Any) -> tuple[str, str]:
    """One array beside PyTorch's: the word, and the difference if that is not "agrees"."""
    if ours.shape != theirs.shape:
        return WRONG, f"shape {ours.shape}, PyTorch {theirs.shape}"
    if ours.dtype.kind != theirs.dtype.kind:
        return WRONG, f"{ours.dtype}, PyTorch {theirs.dtype}"
    if ours.dtype.kind != "f":
        same = np.array_equal(ours, theirs)
        return (AGREES, "") if same else (WRONG, "other whole numbers or truths")
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    difference = np.where(same, 0, np.abs(ours.astype(np.float64) - theirs))
    tolerance = max(TOLERANCES[ours.dtype.name], TOLERANCES[theirs.dtype.name])
    is_close = (same | (difference <= tolerance * (1 + np.abs(theirs)))).all()
    size = np.max(np.abs(theirs), initial=0.0, where=np.isfinite(theirs))
    apart = f"differs by {np.nanmax(difference, initial=0.0):.2g} of {size:.2g}"
    if bound is None or ours.dtype != theirs.dtype:
        is_same = ours.dtype == theirs.dtype
        near = (AGREES, "") if is_same else (OUTSIDE, f"{ours.dtype}, PyTorch {theirs.dtype}")
        return near if is_close else (WRONG, apart)
    error = bound.error.astype(np.float64) if isinstance(bound, Bounded) else 0.0
    allowed = 2 * error + np.finfo(ours.dtype).tiny
    is_told = bool(np.isfinite(np.where(same, 0, allowed)).all())
    if is_told and (same | (difference <= allowed)).all():
        return AGREES, ""
    if not is_close:
        return WRONG, apart
    if not is_told:
        return UNBOUNDED, "an infinite bound"
    return OUTSIDE, f"{np.max(difference / allowed):.2g} times the bound"


def _worst(found: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    order = (AGREES, UNBOUNDED, OUTSIDE, WRONG)
    return max(found.values(), key=lambda one: order.index(one[0]), default=(AGREES, ""))
