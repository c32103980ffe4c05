"""Where PyTorch computes by another formula than the rule's text, and what that costs.

Equal in exact arithmetic, two formulas round differently, and overflow differently: the bound on
the difference is then one side's plus the other's. Each function of the table takes what the
rule's own takes. Sources: PyTorch 2.13, aten/src/ATen/native (Activation.cpp, Linear.cpp, Loss.cpp,
LossNLL.cpp; cpu/Activation.cpp, Elu.h, PowKernel.cpp, SoftMaxKernel.cpp, UnaryOpsKernel.cpp), and
for derivatives tools/autograd/derivatives.yaml, torch/csrc/autograd/FunctionsManual.cpp.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backhand import rounding
from backhand.agreement.units import makers, unit
from backhand.derive import derive
from backhand.graph import Network, Step, Value
from backhand.rounding import Bounded, bounded
from backhand.rules.operations import operation
from backhand.rules.special import erf

Arrays = Mapping[str, Bounded]


def sigmoid(x):  # type: ignore[no-untyped-def]
    return 1 / (1 + np.exp(-x))


def silu(x):  # type: ignore[no-untyped-def]
    return x / (1 + np.exp(-x))


def silu_backward(dy, x):  # type: ignore[no-untyped-def]
    s = 1 / (1 + np.exp(-x))
    return dy * s * (1 + x * (1 - s))


def elu(x, *, alpha=1.0):  # type: ignore[no-untyped-def]
    # Elu.h before PyTorch 2.11; since then expm1, as the rule has it, to which the bound extends
    return np.where(x >= 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def softplus_backward(dy, x):  # type: ignore[no-untyped-def]
    e = np.exp(np.minimum(x, 20))
    return np.where(x > 20, dy, dy * e / (e + 1))


def gelu(x):  # type: ignore[no-untyped-def]
    # oneDNN halves last, and overflows one power of two earlier
    return x * (1 + erf(x / 2**0.5)) * 0.5


def gelu_backward(dy, x):  # type: ignore[no-untyped-def]
    cdf = 0.5 * (1 + erf(x / 2**0.5))
    return dy * (cdf + x * (np.exp(-0.5 * x * x) / (2 * np.pi) ** 0.5))


def div_backward_b(dy, b, y):  # type: ignore[no-untyped-def]
    # -grad * ((self / other) / other)
    return -dy * (y / b)


def power_of(x, *, exponent):  # type: ignore[no-untyped-def]
    # PowKernel.cpp: a few exponents by products and roots, whose parts may overflow
    if exponent == 3:
        return x * x * x
    if exponent == -2:
        return 1 / (x * x)
    if exponent == -0.5:
        return 1 / np.sqrt(x)
    return x**exponent


def power_of_backward(dy, x, *, exponent):  # type: ignore[no-untyped-def]
    # grad * (exponent * self.pow(exponent - 1)), and 0 for the exponent 0
    if exponent == 0:
        return dy * np.zeros_like(x)
    return dy * (exponent * power_of(x, exponent=exponent - 1))


def power_backward_a(dy, a, b):  # type: ignore[no-untyped-def]
    return np.where(b == 0, 0, dy * (b * a ** (b - 1)))


def power_backward_b(dy, a, y):  # type: ignore[no-untyped-def]
    return dy * (y * np.log(np.where(a == 0, 1, a), dtype=y.dtype))


def linear(x, w, b):  # type: ignore[no-untyped-def]
    # addmm: the bias is one more term of each sum, added in whatever order
    longer = np.concatenate((x, np.ones_like(x[..., :1])), axis=-1)
    return longer @ np.concatenate((w, np.broadcast_to(b, w.shape[:1])[:, None]), axis=1).T


def softmax_backward(dy, y, *, axis=-1):  # type: ignore[no-untyped-def]
    # along any axis but the last, where it is the rule's own
    return dy * y - y * (dy * y).sum(axis=axis, keepdims=True)


def cross_entropy_backward(dloss, p, y, *, reduction="mean"):  # type: ignore[no-untyped-def]
    share = np.full_like(p, dloss) / (len(p) if reduction == "mean" else 1)
    return -share * y / p


def mse_backward(dloss, p, y, *, reduction="mean"):  # type: ignore[no-untyped-def]
    # norm * (input - target) * grad, norm = 2 / numel
    norm = np.full_like(p, 2) / (p.size if reduction == "mean" else 1)
    return norm * (p - y) * dloss


def bce_logits(z, y, *, reduction="mean"):  # type: ignore[no-untyped-def]
    losses = (1 - y) * z - (np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z))))
    return losses.mean() if reduction == "mean" else losses.sum()


def bce_logits_backward(dloss, z, y, *, reduction="mean"):  # type: ignore[no-untyped-def]
    return (1 / (1 + np.exp(-z)) - y) * dloss / (z.size if reduction == "mean" else 1)


def cross_entropy_logits_backward(dloss, z, y, *, reduction="mean"):  # type: ignore[no-untyped-def]
    shifted = z - z.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    share = np.full_like(z, dloss) / (len(z) if reduction == "mean" else 1)
    dlog_p = -share * y
    return dlog_p - np.exp(log_p) * dlog_p.sum(axis=-1, keepdims=True)


FORMULAS: dict[str, Callable[..., Any]] = {
    "sigmoid": sigmoid,
    "silu": silu,
    "silu.dx": silu_backward,
    "elu": elu,
    "softplus.dx": softplus_backward,
    "gelu": gelu,
    "gelu.dx": gelu_backward,
    "div.db": div_backward_b,
    "pow": power_of,
    "pow.dx": power_of_backward,
    "power.da": power_backward_a,
    "power.db": power_backward_b,
    "linear": linear,
    "softmax.dx": softmax_backward,
    "cross_entropy.dp": cross_entropy_backward,
    "mse.dp": mse_backward,
    "bce_logits": bce_logits,
    "bce_logits.dz": bce_logits_backward,
    "cross_entropy_logits.dz": cross_entropy_logits_backward,
    "+cross_entropy_logits.dx": cross_entropy_logits_backward,
}
"""By a step's function: what PyTorch does in its place. Of your own rule, you may add it here."""

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
    `own` those of the network. A number in a backward step, which Python multiplies out for us, is
    `folded` from that many at most.
    """

    units: Mapping[str, tuple[Step, ...]]
    own: Mapping[str, tuple[Step, ...]]
    folded: int

    def value(self, name: str, known: Arrays, likely: bool) -> Other | None:
        """The value by its other formula, from bounded values by name; None if it has none, or if
        what it is made from is not all known."""
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
            self._rounded(v.literal, kinds[0], likely) if _is_folded(v) and kinds
            else found[v.name] if v.literal is None
            else v.literal
            for v in step.inputs
        ]  # fmt: skip
        call = FORMULAS.get(step.function) or operation(step.function).call
        attributes: dict[str, Any] = dict(step.attributes)
        result = rounding.run(call, *inputs, likely=likely, **attributes)
        if step.function in ("gelu", "gelu.dx"):
            result = _with_own_erf(result, inputs[0])
        _add(step, result, found)

    def _rounded(self, number: float | None, kind: np.dtype, likely: bool) -> Bounded:
        """A number that autograd multiplies out in the network's own precision."""
        assert number is not None
        unit = float(np.finfo(kind).eps) / 2
        error = rounding.gamma(self.folded, unit) * abs(number)
        return bounded(kind.type(number), error, likely=likely)


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
    return Formulas({**other, **_apart(network, known, made_by)}, units, folded)


def _has_formula(step: Step) -> bool:
    is_folded = bool(step.undoes) and any(map(_is_folded, step.inputs))
    return is_folded or step.function in FORMULAS


def _is_folded(value: Value) -> bool:
    return value.literal is not None and not float(value.literal).is_integer()


def _apart(
    network: Network, known: frozenset[str], made_by: Mapping[str, Step]
) -> dict[str, tuple[Step, ...]]:
    """What pairs of derivatives simplify, each derivative by itself, as autograd has them."""
    pairs = [name for name, step in made_by.items() if "+" in step.function.lstrip("+")]
    if not pairs:
        return {}
    bare = replace(network, backward=None, saved=(), saved_by_loss=())
    apart = makers(derive(bare, together=False))
    found = {name: unit(name, apart, known - {name}) for name in pairs if name in apart}
    return {name: steps for name, steps in found.items() if steps}


def _with_own_erf(y: Bounded, scale: Bounded) -> Bounded:
    """PyTorch's gelu in float32, off by its own erf times x, or dy; in float64 it takes the C
    library's."""
    if y.dtype != np.float32:
        return y
    more = GELU_ERF * float(np.finfo(np.float32).eps) / 2 * np.abs(scale.value)
    return bounded(y.value, y.error + more, likely=y.likely is not None)
