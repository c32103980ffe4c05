"""Distances and angles between rows, and the losses that are made of them."""

import math

from backhand.capture.composites.builder import Builder, InexpressibleError
from backhand.graph import Value

COSINE_FLOOR = 9.999999960041972e-13
"""What `cosine_embedding_loss` adds to squared lengths: float32's number nearest to 1e-12."""


def pairwise_distance(
    b: Builder, *, x1: Value, x2: Value, p: float, eps: float, keepdim: bool
) -> tuple[Value]:
    """The length of x1 - x2 + eps along the last axis, as the p-norm measures it."""
    return (_distance(b, x1, x2, p, eps, keepdim=keepdim),)


def cosine_similarity(b: Builder, *, x1: Value, x2: Value, dim: int, eps: float) -> tuple[Value]:
    """The cosine of the angle between x1 and x2; an axis counts as no shorter than eps."""
    axis = dim if dim < 0 else dim - max(len(x1.shape), len(x2.shape))
    has_axis = -min(len(x1.shape), len(x2.shape)) <= axis < 0
    if not has_axis or x1.shape[axis] != x2.shape[axis]:
        raise InexpressibleError
    first, second = (_direction(b, x, axis, eps) for x in (x1, x2))
    return (b.summed(b.step("mul", first, second), axis, wish="cos"),)


def triplet_margin_loss(
    b: Builder,
    *,
    anchor: Value,
    positive: Value,
    negative: Value,
    margin: float,
    p: float,
    eps: float,
    swap: bool,
    reduction: int,
) -> tuple[Value]:
    """How much less than the margin the anchor is nearer to the positive than to the negative."""
    near = _distance(b, anchor, positive, p, eps, wish="near")
    far = _distance(b, anchor, negative, p, eps, wish="far")
    if swap:
        far = b.step("minimum", far, _distance(b, positive, negative, p, eps), wish="far")
    lacking = b.step("sub", b.step("add", near, margin), far)
    return (b.reduced(b.step("at_least", lacking, low=0, wish="losses"), reduction),)


def cosine_embedding_loss(
    b: Builder, *, input1: Value, input2: Value, target: Value, margin: float, reduction: int
) -> tuple[Value]:
    """1 - cos where the target is 1; what cos is above the margin where it is -1."""
    dot, one, two = (
        b.summed(b.step("mul", x, y), -1)
        for x, y in ((input1, input2), (input1, input1), (input2, input2))
    )
    lengths = b.step("mul", b.step("add", one, COSINE_FLOOR), b.step("add", two, COSINE_FLOOR))
    cos = b.step("div", dot, b.step("sqrt", lengths), wish="cos")
    is_same, is_other = (b.step("eq", target, y, numbers="bool") for y in (1, -1))
    above = b.step("at_least", b.step("sub", cos, margin), low=0)
    alike = b.step("where", is_same, b.step("sub", 1.0, cos), 0.0)
    losses = b.step("add", alike, b.step("where", is_other, above, 0.0), wish="losses")
    return (b.reduced(losses, reduction),)


def _direction(b: Builder, x: Value, axis: int, eps: float) -> Value:
    shape = list(x.shape)
    shape[axis] = 1
    length = b.step("norm", x, shape=tuple(shape), axis=axis, keepdims=True)
    return b.step("div", x, b.step("at_least", length, low=eps))


def _distance(
    b: Builder, x: Value, y: Value, p: float, eps: float, *, keepdim: bool = False, wish: str = ""
) -> Value:
    apart = b.step("add", b.step("sub", x, y), eps)
    if p == 2:
        shape = (*apart.shape[:-1], *([1] if keepdim else []))
        return b.step("norm", apart, shape=shape, wish=wish, axis=-1, keepdims=keepdim)
    sizes = b.step("abs", apart)
    if p == 1:
        return b.summed(sizes, -1, keepdims=keepdim, wish=wish)
    if not 1 < p < math.inf:
        raise InexpressibleError
    powers = b.summed(b.step("pow", sizes, exponent=p), -1, keepdims=keepdim)
    return b.step("pow", powers, exponent=1 / p, wish=wish)
