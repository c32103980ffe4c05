"""Masks of attention that say less than they hold: a triangle, however it is made, and zeros."""

from dataclasses import replace
from math import inf

import numpy as np

from backhand.graph import Step, Value
from backhand.passes.around import Around

COVERED = -1e30
"""A score to which so much is added has no part in a softmax in which another one has."""

STRETCHING = ("reshape", "broadcast_to", "unsqueeze")
SOFTMAX = ("softmax", "safe_softmax")


def causal(step: Step, around: Around) -> Step:
    """Scores of which each position has those of itself and of what is before it: `causal` in the
    place of a choice of -inf, or of the sum with a mask, by what is a triangle."""
    if step.function == "where":
        scores = _chosen(step, around)
    elif step.function == "add":
        scores = _added(step, around)
    else:
        return step
    return step if scores is None else replace(step, function="causal", inputs=(scores,))


def _chosen(step: Step, around: Around) -> Value | None:
    """The scores of a choice between them and -inf."""
    mask, chosen, other = step.inputs
    scores, covered = (chosen, other) if other.literal == -inf else (other, chosen)
    if covered.literal != -inf or scores.literal is not None:
        return None
    is_causal = _is_triangle if covered is other else _is_all_but_a_triangle
    fits = scores.shape == step.output.shape and scores.shape[-2:] == mask.shape[-2:]
    return scores if fits and is_causal(mask, around) else None


def _added(step: Step, around: Around) -> Value | None:
    """The scores of a sum with a mask, which nothing but a softmax over the last axis reads."""
    reader = around.reader(step.output)
    if reader is None or reader.function not in SOFTMAX:
        return None
    axis = dict(reader.attributes)["axis"]
    if axis not in (-1, len(step.output.shape) - 1):
        return None
    for scores, mask in (step.inputs, step.inputs[::-1]):
        fits = scores.shape == step.output.shape and scores.shape[-2:] == mask.shape[-2:]
        if fits and scores.literal is None and _covers_all_but_a_triangle(mask, around):
            return scores
    return None


def _covers_all_but_a_triangle(mask: Value, around: Around) -> bool:
    """Whether a mask that is added is 0 in a triangle, and far below 0 elsewhere."""
    if mask.name in around.constants:
        array = around.constants[mask.name]
        is_covered = array <= COVERED
        return array.ndim > 1 and _is_tri(~is_covered) and not array[~is_covered].any()
    step = _before_stretching(mask, around)
    if step is None or step.function != "where":
        return False
    seen, first, second = step.inputs
    if first.literal == 0 and second.literal is not None and second.literal <= COVERED:
        return _is_triangle(seen, around)
    if second.literal == 0 and first.literal is not None and first.literal <= COVERED:
        return _is_all_but_a_triangle(seen, around)
    return False


def _before_stretching(value: Value, around: Around) -> Step | None:
    """What makes the array that a value is but for axes of which all have the same."""
    step = around.makers.get(value.name)
    while step is not None and step.function in STRETCHING and _keeps_rows(step):
        step = around.makers.get(step.inputs[0].name)
    return step


def _keeps_rows(step: Step) -> bool:
    """Whether the last two axes stay, and those before are new."""
    before, after = step.inputs[0].shape, step.output.shape
    if before[-2:] != after[-2:]:
        return False
    return step.function == "broadcast_to" or all(size == 1 for size in (*before[:-2], *after[:-2]))


def _is_all_but_a_triangle(mask: Value, around: Around) -> bool:
    """Whether a mask covers what comes after each position."""
    if mask.name in around.constants:
        return _is_tri(np.logical_not(around.constants[mask.name]))
    step = _before_stretching(mask, around)
    is_turned = step is not None and step.function in ("logical_not", "bitwise_not")
    return is_turned and step is not None and _is_triangle(step.inputs[0], around)


def _is_tri(array: np.ndarray) -> bool:
    """Whether each position sees itself and those before it, in every one of these masks."""
    is_mask = array.dtype == np.bool_ and array.ndim > 1
    return is_mask and bool((array == np.tri(*array.shape[-2:], dtype=np.bool_)).all())


def _is_triangle(mask: Value, around: Around) -> bool:
    """Whether each position sees itself and those before it, whatever the axes before these."""
    if mask.name in around.constants:
        return _is_tri(around.constants[mask.name])
    step = _before_stretching(mask, around)
    if step is None or step.function != "tril" or dict(step.attributes)["offset"] != 0:
        return False
    filled = around.makers.get(step.inputs[0].name)
    return filled is not None and _holds(filled, value=True)


def _holds(step: Step, *, value: float) -> bool:
    return step.function == "full" and dict(step.attributes)["value"] == value


def without_zeros(step: Step, around: Around) -> Value | None:
    """What a sum with zeros alone is a sum of; None for anything else."""
    if step.function != "add":
        return None
    for kept, zeros in (step.inputs, step.inputs[::-1]):
        is_whole = kept.shape == step.output.shape and kept.numbers == step.output.numbers
        if kept.literal is None and is_whole and _is_zero(zeros, around):
            return kept
    return None


def _is_zero(value: Value, around: Around) -> bool:
    step = around.makers.get(value.name)
    while step is not None and step.function in STRETCHING:
        value = step.inputs[0]
        step = around.makers.get(value.name)
    if value.name in around.constants:
        array = around.constants[value.name]
        return array.dtype != np.bool_ and not array.any()
    return step is not None and _holds(step, value=0)


def filled(step: Step, around: Around) -> Step:
    """One number in the whole of an array, where one in a smaller array is stretched to it."""
    maker = around.makers.get(step.inputs[0].name) if step.function == "broadcast_to" else None
    if maker is None or maker.function != "full":
        return step
    given = dict(maker.attributes) | {"shape": dict(step.attributes)["shape"]}
    return replace(step, function="full", inputs=(), attributes=tuple(given.items()))
