"""Steps as a person writes them, where PyTorch's say the same in a roundabout way.

For what is written out: each pass gives a flat network of the same values within rounding. What a
step stood for stands in the place of several; a step that is left without a reader goes.

- `x @ w + b` for a matrix product of rows that `reshape` has made and undoes again;
- `causal` for scores where a mask that is a triangle says what is seen, and then a plain `softmax`,
  for each position sees itself; nothing for a mask of zeros (`masks.py`);
- `layer_norm` and `gelu_tanh` that keep what their derivatives need, and so does the division by
  the root of the mean of squares;
- `np.pad` where nothing is cut off;
- GELU where a module writes it out (`written_out.py`).
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from backhand.graph import Network, Step, Value
from backhand.passes.around import Around
from backhand.passes.masks import causal, filled, without_zeros
from backhand.passes.rewriting import rebuilt, replaced
from backhand.passes.root_mean_square import root_mean_square
from backhand.passes.written_out import as_activation


def by_hand(network: Network, arrays: Mapping[str, np.ndarray]) -> Network:
    """The flat network with the steps that a person would write.

    Args:
        network: flat.
        arrays: the numbers of its parameters and constants, by their names.
    """
    network = _without_zeros(network, arrays)
    for rewrite in (
        _affine, causal, _plain_softmax, filled, _activation, root_mean_square, _kept, _pad,
    ):  # fmt: skip
        around = Around.of(network, arrays)
        body = [rewrite(step, around) for step in network.forward.body]
        network = _without_unread(rebuilt(network, body, {}))
    return network


def _without_zeros(network: Network, arrays: Mapping[str, np.ndarray]) -> Network:
    """The network without sums with zeros, as a mask that leaves nothing out adds them."""
    around = Around.of(network, arrays)
    instead: dict[str, Value] = {}
    body: list[Step] = []
    for step in network.forward.body:
        kept = without_zeros(step, around)
        if kept is None:
            body.append(replaced(step, instead))
        else:
            instead[step.output.name] = instead.get(kept.name, kept)
    return _without_unread(rebuilt(network, body, instead))


_PRODUCTS = {
    "addmm": ("affine", (1, 2, 0)),
    "matmul": ("matmul", (0, 1)),
    "linear": ("linear", (0, 1, 2)),
    "linear_no_bias": ("linear_no_bias", (0, 1)),
}
"""For each product of rows the rule that takes them as they lie, and the order of its inputs: the
rows, the weight, the bias."""


def _affine(step: Step, around: Around) -> Step:
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


def _plain_softmax(step: Step, around: Around) -> Step:
    """A softmax of rows of which none is -inf everywhere, because `causal` made them."""
    if step.function != "safe_softmax" or dict(step.attributes)["axis"] != -1:
        return step
    maker = around.makers.get(step.inputs[0].name)
    return replace(step, function="softmax") if maker and maker.function == "causal" else step


_KEPT = {"layer_norm": (None, None), "gelu_tanh": (None,)}
"""Operators whose derivative needs what the forward has computed, and as many places for that."""


def _kept(step: Step, around: Around) -> Step:
    """An operator that keeps what its derivative needs."""
    if step.function not in _KEPT:
        return step
    outputs = (step.output, *_KEPT[step.function])
    return replace(step, function=f"{step.function}_kept", outputs=outputs)


def _pad(step: Step, around: Around) -> Step:
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


def _activation(step: Step, around: Around) -> Step:
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
