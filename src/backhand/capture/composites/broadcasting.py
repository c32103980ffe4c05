"""Arrays stretched to the shape that they have together."""

from collections.abc import Sequence

from backhand.capture.composites.builder import Builder, literal
from backhand.graph import Value


def broadcast_tensors(b: Builder, tensors: tuple[Value, ...]) -> Sequence[Value | None]:
    """A step for each array whose stretched form is read."""
    wanted = b.instead_of.outputs
    return [made and _stretched(b, x, made) for x, made in zip(tensors, wanted, strict=True)]


def _stretched(b: Builder, x: Value, made: Value) -> Value:
    shape = tuple(map(literal, made.shape))
    (found,) = b.several("broadcast_to", x, shapes=[made.shape], wishes=[""], shape=shape)
    return found
