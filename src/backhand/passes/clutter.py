"""Steps that change nothing go: what PyTorch needs and a person would not write.

Afterwards every value that is left has the same numbers, shape and type as before, and no step is
left that hands on its first input as it is. Where `detach` stands between a parameter or
an input and what is read it stays, for it changes the derivative.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from backhand.graph import Network, Step, Value
from backhand.passes.rewriting import rebuilt, replaced

COPIES = frozenset(
    {"contiguous", "clone", "alias", "alias_copy", "lift", "lift_fresh", "lift_fresh_copy"}
    | {"positive", "real", "resolve_conj", "resolve_neg", "conj_physical"}
)
"""Operators that hand on what they are given: all numbers are real."""
CASTS = frozenset({"to", "type_as", "_to_copy", "float", "double"})
DETACH = frozenset({"detach"})
DROPOUTS = frozenset({"dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"})
SAME_IF_SHAPED_SO = frozenset(
    {"expand", "expand_as", "broadcast_to", "view", "view_as", "_unsafe_view", "reshape"}
    | {"reshape_as", "flatten", "unflatten", "squeeze", "slice", "narrow", "repeat"}
)
"""Operators that change nothing where the shape stays."""


def without_clutter(
    network: Network,
    arrays: Mapping[str, np.ndarray],
    formats: Mapping[str, str],
    moving: Collection[str],
) -> tuple[Network, dict[str, Value]]:
    """The network without clutter, and what is left of values that are gone, by their names.

    Args:
        network: steps under the names of PyTorch's operators.
        arrays: numbers of constants: adding one that is 0 everywhere is clutter too.
        formats: the type of each value's numbers, in PyTorch's words.
        moving: names of the parameters and inputs that derivatives are wanted for.
    """
    instead: dict[str, Value] = {}
    body: list[Step] = []
    moving = set(moving)
    for old in network.forward.body:
        step = _without_cast(replaced(old, instead), formats)
        if (kept := _handed_on(step, arrays, formats, moving)) is not None:
            instead[step.output.name] = kept
            continue
        if operator(step) == "broadcast_tensors":
            step, same = _stretched(step)
            instead |= same
            if not any(step.outputs):
                continue
        if operator(step) not in DETACH and any(v.name in moving for v in step.inputs):
            moving |= {value.name for value in step.made()}
        body.append(step)
    return rebuilt(network, body, instead), instead


def _without_cast(step: Step, formats: Mapping[str, str]) -> Step:
    """The step without a `dtype=` that asks for the kind of numbers which it is given anyway."""
    if operator(step) in CASTS or not step.inputs:
        return step
    word, first = dict(step.attributes).get("dtype"), formats.get(step.inputs[0].name, "")
    if word is None or _kind(str(word)) != _kind(first):
        return step
    return replace(step, attributes=tuple((k, None if k == "dtype" else v)
                                          for k, v in step.attributes))  # fmt: skip


def _stretched(step: Step) -> tuple[Step, dict[str, Value]]:
    """`broadcast_tensors` with those results alone that have another shape, and the others."""
    pairs = list(zip(step.inputs, step.outputs, strict=True))
    same = {made.name: x for x, made in pairs if made and made.shape == x.shape}
    outputs = tuple(None if made and made.name in same else made for _, made in pairs)
    return replace(step, outputs=outputs), same


def _kind(word: str) -> str:
    """What is the same for a program: it has one precision, and whole numbers are whole numbers."""
    return "int" if word in ("int16", "int32", "int64") else word


def operator(step: Step) -> str:
    """`softmax` of `aten.softmax.int`; empty for an operator that is not PyTorch's own."""
    space, _, rest = step.function.partition(".")
    return rest.partition(".")[0] if space == "aten" else ""


def _handed_on(
    step: Step,
    arrays: Mapping[str, np.ndarray],
    formats: Mapping[str, str],
    moving: Collection[str],
) -> Value | None:
    """The input that a step hands on as it is, if it does."""
    if len(step.outputs) != 1 or step.outputs[0] is None or not step.inputs:
        return None
    name, x, given = operator(step), step.inputs[0], dict(step.attributes)
    is_same = x.shape == step.output.shape and x.literal is None
    made = formats.get(step.output.name, "")
    is_same = is_same and _kind(formats.get(x.name, "")) == _kind(made)
    if name in DETACH and x.name not in moving:
        return x
    if name in DROPOUTS and (given["train"] is False or given["p"] == 0):
        return x
    if name in COPIES or (is_same and (name in CASTS or name in SAME_IF_SHAPED_SO)):
        return x
    return _neutral(step, name, arrays) if is_same else None


def _neutral(step: Step, name: str, arrays: Mapping[str, np.ndarray]) -> Value | None:
    """x of x + 0, x - 0, x * 1 and x / 1: exact, but for the sign of a 0 in the first."""
    neutral = {"add": 0, "sub": 0, "mul": 1, "div": 1}.get(name)
    given = dict(step.attributes)
    if neutral is None or given.get("self") != "@0" or given.get("rounding_mode") is not None:
        return None
    other: object = given["other"]
    if len(step.inputs) == 2:
        value = step.inputs[1]
        array = arrays.get(value.name) if value.role == "constant" else None
        other = value.literal if array is None else neutral if (array == neutral).all() else None
    return step.inputs[0] if other == neutral and not isinstance(other, bool) else None
