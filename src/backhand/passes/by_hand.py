"""Steps as a person writes them, where PyTorch's say the same in a roundabout way.

For what is written out: each pass gives a flat network of the same values within rounding. What a
step stood for stands in the place of several; a step that is left without a reader goes.

- `x @ w + b` for a matrix product of rows that `reshape` has made and undoes again;
- `causal` for scores where a mask that is a triangle says what is seen, and then a plain `softmax`,
  for each position sees itself;
- `layer_norm` and `gelu_tanh` that keep what their derivatives need;
- `np.pad` where nothing is cut off;
- GELU where a module writes it out (`written_out.py`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from backhand.graph import Network, Step, Value
from backhand.passes.rewriting import rebuilt
from backhand.passes.written_out import as_activation


@dataclass(frozen=True)
class _Around:
    """What is known of a flat network while it is rewritten."""

    makers: Mapping[str, Step]
    uses: Counter[str]
    constants: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, network: Network, arrays: Mapping[str, np.ndarray]) -> "_Around":
        body = network.forward.body
        makers = {value.name: step for step in body for value in step.made()}
        uses = Counter(value.name for step in body for value in step.inputs)
        uses.update(value.name for value in network.forward.outputs)
        constants = {v.name for v in network.forward.parameters if v.role == "constant"}
        return cls(makers, uses, {n: array for n, array in arrays.items() if n in constants})

    def alone(self, value: Value, function: str) -> Step | None:
        """The step of this function that makes a value which only one step reads."""
        step = self.makers.get(value.name)
        fits = step is not None and step.function == function and self.uses[value.name] == 1
        return step if fits else None


def by_hand(network: Network, arrays: Mapping[str, np.ndarray]) -> Network:
    """The flat network with the steps that a person would write.

    Args:
        network: flat.
        arrays: the numbers of its parameters and constants, by their names.
    """
    for rewrite in (_affine, _causal, _plain_softmax, _activation, _kept, _pad):
        around = _Around.of(network, arrays)
        body = [rewrite(step, around) for step in network.forward.body]
        network = _without_unread(rebuilt(network, body, {}))
    return network


_PRODUCTS = {
    "addmm": ("affine", (1, 2, 0)),
    "matmul": ("matmul", (0, 1)),
    "linear": ("linear", (0, 1, 2)),
    "linear_no_bias": ("linear_no_bias", (0, 1)),
}
"""For each product of rows the rule that takes them as they lie, and the order of its inputs: the
rows, the weight, the bias."""


def _affine(step: Step, around: _Around) -> Step:
    """A `reshape` of a product of rows that another `reshape` made, with the axes of that."""
    if step.function != "reshape":
        return step
    for function, (whole, order) in _PRODUCTS.items():
        product = around.alone(step.inputs[0], function)
        if product is None:
            continue
        rows, *others = (product.inputs[n] for n in order)
        made = around.alone(rows, "reshape")
        if made is not None and _undoes(step, made, rows, others):
            inputs = (made.inputs[0], *others)
            return replace(product, function=whole, inputs=inputs, outputs=step.outputs)
    return step


def _undoes(back: Step, made: Step, rows: Value, others: list[Value]) -> bool:
    """Whether only the last axis differs between what is made into rows and what they become."""
    x, y = made.inputs[0], back.output
    is_of_rows = len(rows.shape) == 2 and rows.shape[-1] == x.shape[-1] and len(x.shape) > 2
    weight, *bias = others
    fits = len(weight.shape) == 2 and all(len(b.shape) == 1 for b in bias)
    return is_of_rows and fits and x.shape[:-1] == y.shape[:-1]


def _causal(step: Step, around: _Around) -> Step:
    """A choice between scores and -inf by a mask that is a triangle."""
    if step.function != "where":
        return step
    mask, chosen, other = step.inputs
    scores, covered = (chosen, other) if other.literal == -inf else (other, chosen)
    if covered.literal != -inf or scores.literal is not None:
        return step
    is_causal = _is_triangle if covered is other else _is_all_but_a_triangle
    fits = scores.shape == step.output.shape and scores.shape[-2:] == mask.shape[-2:]
    if fits and is_causal(mask, around):
        return replace(step, function="causal", inputs=(scores,))
    return step


def _is_all_but_a_triangle(mask: Value, around: _Around) -> bool:
    """Whether a mask covers what comes after each position, and nothing else."""
    if mask.name in around.constants:
        return _is_tri(np.logical_not(around.constants[mask.name]))
    step = around.makers.get(mask.name)
    if step is None or not step.inputs:
        return False
    if step.function in ("logical_not", "bitwise_not"):
        return _is_triangle(step.inputs[0], around)
    return _is_only_shaped(step) and _is_all_but_a_triangle(step.inputs[0], around)


def _is_tri(array: np.ndarray) -> bool:
    """Whether each position sees itself and those before it, in every one of these masks."""
    is_mask = array.dtype == np.bool_ and array.ndim > 1
    return is_mask and bool((array == np.tri(*array.shape[-2:], dtype=np.bool_)).all())


def _is_triangle(mask: Value, around: _Around) -> bool:
    """Whether each position sees itself and those before it, whatever the axes before these."""
    if mask.name in around.constants:
        return _is_tri(around.constants[mask.name])
    step = around.makers.get(mask.name)
    if step is None or not step.inputs:
        return False
    if step.function == "tril":
        filled = around.makers.get(step.inputs[0].name)
        is_full = filled is not None and filled.function == "full"
        return is_full and dict(step.attributes)["offset"] == 0 and _holds_true(filled)
    return _is_only_shaped(step) and _is_triangle(step.inputs[0], around)


def _is_only_shaped(step: Step) -> bool:
    """Whether a step repeats matrices, or puts axes of length 1 before those of one."""
    before, after = step.inputs[0].shape, step.output.shape
    if step.function == "reshape" and any(size != 1 for size in (*before[:-2], *after[:-2])):
        return False
    return step.function in ("reshape", "broadcast_to") and before[-2:] == after[-2:]


def _holds_true(filled: Step | None) -> bool:
    return filled is not None and dict(filled.attributes)["value"] is True


def _plain_softmax(step: Step, around: _Around) -> Step:
    """A softmax of rows of which none is -inf everywhere, because `causal` made them."""
    if step.function != "safe_softmax" or dict(step.attributes)["axis"] != -1:
        return step
    maker = around.makers.get(step.inputs[0].name)
    return replace(step, function="softmax") if maker and maker.function == "causal" else step


_KEPT = {"layer_norm": (None, None), "gelu_tanh": (None,)}
"""Operators whose derivative needs what the forward has computed, and as many places for that."""


def _kept(step: Step, around: _Around) -> Step:
    """An operator that keeps what its derivative needs."""
    if step.function not in _KEPT:
        return step
    outputs = (step.output, *_KEPT[step.function])
    return replace(step, function=f"{step.function}_kept", outputs=outputs)


def _pad(step: Step, around: _Around) -> Step:
    """Numbers put around an array, a pair for each axis; PyTorch says them for the last axes alone,
    the last one first."""
    if step.function != "pad_constant":
        return step
    given = dict(step.attributes)
    widths = given["widths"]
    if not isinstance(widths, tuple) or not all(isinstance(n, int) and n >= 0 for n in widths):
        return step
    others = (0,) * (len(step.output.shape) - len(widths) // 2)
    before, behind = (others + widths[start::-2] for start in (-2, -1))
    value = given["value"]
    if isinstance(value, float) and step.output.numbers == "int":
        value = int(value)
    attributes = (("before", before), ("behind", behind), ("value", value))
    return replace(step, function="pad_around", attributes=attributes)


def _activation(step: Step, around: _Around) -> Step:
    return as_activation(step, around.makers, around.uses)


def _without_unread(network: Network) -> Network:
    """The network without steps that make what nobody reads, but for those that draw or store, and
    without constants that nobody reads."""
    read = {value.name for value in network.forward.outputs}
    kept: list[Step] = []
    for step in reversed(network.forward.body):
        draws = any(value.role == "generator" for value in step.inputs)
        made = step.made()
        if draws or not made or any(value.name in read for value in made):
            read |= {value.name for value in step.inputs}
            kept.append(step)
    parameters = [v for v in network.forward.parameters if v.role != "constant" or v.name in read]
    return rebuilt(network, kept[::-1], {}, parameters)
