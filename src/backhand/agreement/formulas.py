"""Where PyTorch computes by another formula than the rule's text, and what that costs.

Equal in exact arithmetic, two formulas round differently: the bound on the difference is then one
side's plus the other's. `kernels.py` holds PyTorch's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backhand import rounding
from backhand.agreement.kernels import ALIKE, FORMULAS
from backhand.agreement.units import makers, skipping, unit
from backhand.derive import derive
from backhand.graph import Network, Step, Value
from backhand.rounding import Bounded, bounded
from backhand.rounding.model import model
from backhand.rules.operations import operation

Arrays = Mapping[str, Bounded]


OURS = ("backhand.rules.", "backhand.draws")
"""Where our own operators stand: a user's may have the name of one of ours."""

GELU_ERF = 6.5
"""Units of roundoff of |x| by which PyTorch's float32 gelu may be off besides, and of |dy| its
derivative: oneDNN (Activation.cpp, use_mkldnn) computes both with an erf of its own whose absolute
error is 7.6e-7, and halves it. Measured over 3e7 points: 6.4 and 5.1."""


@dataclass(frozen=True)
class Other:
    """A value by another formula: its bounds, and how far it is `apart` from the rule's own.

    Two formulas that are equal in exact arithmetic are 0 apart. Where they are not at these numbers
    (a row that does not quite sum to one, a saturated sigmoid), and NumPy's results of the two show
    it, being farther from each other than both bounds, this bounds the distance of the exact ones.
    """

    error: np.ndarray
    likely: np.ndarray | None
    apart: np.ndarray


@dataclass(frozen=True)
class Formulas:
    """The ways in which another implementation computes the values of a network.

    `units` holds, by the name of a value, the steps that lead to it by the other formula, and
    `own` those of the network; `made_by` its steps by what they make. A number in a backward step,
    which Python multiplies out for us, is `folded` from that many at most. `guessed` are values of
    operators of which it is not known how PyTorch computes them.
    """

    units: Mapping[str, tuple[Step, ...]]
    own: Mapping[str, tuple[Step, ...]]
    made_by: Mapping[str, Step]
    folded: int
    guessed: frozenset[str]
    summed: Mapping[str, tuple[str, ...]]
    """By a derivative of several parts, the parts: autograd adds them up in an order of its own."""

    def value(self, name: str, known: Arrays, likely: bool) -> Other | None:
        """The value by its other formula, from bounded values by name; None if it has none, or if
        what it is made from is not all known."""
        if name in self.summed and known.keys() >= set(self.summed[name]):
            return _in_any_order([known[part] for part in self.summed[name]], likely)
        if name not in self.units:
            return None
        other = self._made(name, self.units[name], known, likely, self._compute)
        own = self._made(name, self.own[name], known, likely, _compute_own)
        if other is None or own is None:
            return None
        return Other(other.error, other.likely, _distance(own, other))

    def _made(
        self,
        name: str,
        steps: tuple[Step, ...],
        known: Arrays,
        likely: bool,
        compute: Callable[[Step, dict[str, Any], bool], None],
    ) -> Bounded | None:
        found: dict[str, Any] = dict(known)
        for step in steps:
            if any(v.literal is None and v.name not in found for v in step.inputs):
                return None
            compute(step, found, likely)
        return found[name] if isinstance(found[name], Bounded) else None

    def _compute(self, step: Step, found: dict[str, Any], likely: bool) -> None:
        """Add a step's results by the other formula to what is found."""
        kinds = [found[v.name].dtype for v in step.inputs if v.literal is None]
        inputs: list[Any] = [
            self._rounded(v.literal, kinds[0], likely) if step.undoes and _is_folded(v) and kinds
            else found[v.name] if v.literal is None
            else v.literal
            for v in step.inputs
        ]  # fmt: skip
        name, more = self._named(step)
        call = FORMULAS.get(name) or operation(name).call
        attributes: dict[str, Any] = {**dict(step.attributes), **more}
        result = rounding.run(call, *inputs, likely=likely, **attributes)
        if isinstance(result, Bounded):
            result = _with_more(step.function, result, inputs)
        _add(step, result, found)

    def _named(self, step: Step) -> tuple[str, dict[str, float]]:
        """What a step's formula stands under, and what it takes besides: PyTorch divides numbers
        by tensors in its own way."""
        if step.function == "div" and step.inputs[0].literal is not None:
            return "number / x", {}
        if step.function == "div.db":
            number = self.made_by[step.inputs[2].name].inputs[0].literal
            if number is not None:
                return "number / x.db", {"number": number}
        return step.function, {}

    def _rounded(self, number: float | None, kind: np.dtype, likely: bool) -> Bounded:
        """A number that autograd multiplies out in the network's own precision."""
        assert number is not None
        error = rounding.gamma(self.folded, model(kind).unit) * abs(number)
        return bounded(kind.type(number), error, likely=likely)


def _in_any_order(parts: list[Bounded], likely: bool) -> Other:
    """The sum of parts, whichever are added first (Higham, Accuracy and Stability, section 4.2)."""
    sizes = sum(np.abs(part.value) + part.error for part in parts)
    m = model(parts[0].dtype)
    error = np.asarray(m.gamma(len(parts)) * sizes + sum(part.error for part in parts))
    return Other(error, error if likely else None, np.zeros_like(error))


def _compute_own(step: Step, found: dict[str, Any], likely: bool) -> None:
    """Add a step's results by the rule's own formula to what is found."""
    inputs = [found[v.name] if v.literal is None else v.literal for v in step.inputs]
    call, attributes = operation(step.function).call, dict[str, Any](step.attributes)
    _add(step, rounding.run(call, *inputs, likely=likely, **attributes), found)


def _add(step: Step, result: Any, found: dict[str, Any]) -> None:
    results = result if isinstance(result, tuple) else (result,)
    for value, array in zip(step.outputs, results, strict=True):
        if value is not None:
            found[value.name] = array


def _distance(own: Bounded, other: Bounded) -> np.ndarray:
    """How far two formulas are apart, at least 0: with |x - x*| <= e on either side, at most
    |x - y| + ex + ey; and not at all, as far as can be seen, where |x - y| <= ex + ey."""
    with np.errstate(invalid="ignore", over="ignore"):
        both = own.error + other.error
        seen = np.abs(own.value - other.value)
        return np.where(seen <= both, 0, np.where(np.isnan(seen), np.inf, seen + both))


def torch_formulas(network: Network) -> Formulas:
    """PyTorch's formulas for the values of a network whose values have names."""
    known = frozenset(v.name for kind in network.kinds for v in kind.values() if not v.is_nameless)
    made_by = makers(network)
    units = {name: unit(name, made_by, known - {name}) for name in known if name in made_by}
    other = {name: steps for name, steps in units.items() if any(map(_has_formula, steps))}
    folded = len(network.loss.body) + 1 if network.loss else 0
    apart = _apart(network, known)
    theirs = {**units, **apart}
    guessed = frozenset(name for name, steps in theirs.items() if any(map(_is_guessed, steps)))
    summed = {name: parts for name, steps in units.items() if (parts := _parts(steps))}
    return Formulas({**other, **apart}, units, made_by, folded, guessed, summed)


def _parts(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """What a chain of additions that the deriver wrote adds up, if it is more than two parts."""
    if len(steps) < 2 or any(step.function != "add" or step.undoes for step in steps):
        return ()
    made = {step.output.name for step in steps}
    inputs = [value for step in steps for value in step.inputs]
    if any(value.literal is not None for value in inputs):
        return ()
    return tuple(value.name for value in inputs if value.name not in made)


def _has_formula(step: Step) -> bool:
    is_folded = bool(step.undoes) and any(map(_is_folded, step.inputs))
    return is_folded or step.function in {*FORMULAS, *BIASED, "div"}


def _is_guessed(step: Step) -> bool:
    is_ours = operation(step.function).function.call.__module__.startswith(OURS)
    is_known = step.function in FORMULAS
    return not (is_known or (is_ours and step.function in {*ALIKE, *BIASED, "div"}))


def _is_folded(value: Value) -> bool:
    return value.literal is not None and not float(value.literal).is_integer()


def _apart(network: Network, known: frozenset[str]) -> dict[str, tuple[Step, ...]]:
    """What pairs of derivatives simplify, each derivative by itself, as autograd has them."""
    pairs = skipping(network)
    if not pairs:
        return {}
    bare = replace(network, backward=None, saved=(), saved_by_loss=())
    apart = makers(derive(bare, together=False))
    found = {}
    for name, (p, x) in pairs.items():
        theirs = name if name in apart else f"d{x}_{p}"  # the part of dx that comes through p
        *before, last = unit(theirs, apart, known - {theirs})
        outputs = tuple(
            replace(v, name=name) if v and v.name == theirs else v for v in last.outputs
        )
        found[name] = (*before, replace(last, outputs=outputs))
    return found


BIASED = {"linear": -1, "conv1d": 1, "conv2d": 1, "conv_transpose1d": 1, "conv_transpose2d": 1}
"""Operators whose bias is one more term of a sum for PyTorch (addmm; ConvolutionMM2d.cpp; oneDNN),
added in whatever order, and the axis that it lies along."""


def _with_more(function: str, y: Bounded, inputs: list[Any]) -> Bounded:
    """A result with what PyTorch loses besides, for reasons that no formula shows."""
    m = model(y.dtype)
    if function in ("gelu", "gelu.dx") and y.dtype == np.float32:
        more = GELU_ERF * m.unit * np.abs(inputs[0].value)
    elif function in BIASED:
        _, w, b = inputs
        terms = w.size // w.shape[1 if "transpose" in function else 0] + 1
        along = np.ones(y.ndim, int)
        along[BIASED[function]] = b.size
        more = m.gamma(terms) * np.abs(b.value).reshape(along)
    elif function in ("layer_norm.dg", "layer_norm.db") and m.narrow:
        # layer_norm_kernel.cpp adds the rows up in a buffer of the narrow format
        more = rounding.gamma(y.size // y.shape[-1], m.unit) * (np.abs(y.value) + 2 * y.error)
    else:
        return y
    return bounded(y.value, y.error + more, likely=y.likely is not None)
