"""Arrays stretched to the shape that they have together, or made to have some axes at least."""

from collections.abc import Sequence

from backhand.capture.composites.builder import Builder, literal
from backhand.graph import Value


def broadcast_tensors(b: Builder, tensors: tuple[Value, ...]) -> Sequence[Value | None]:
    """A step for each array whose stretched form is read."""
    wanted = b.instead_of.outputs
    return [made and _stretched(b, x, made) for x, made in zip(tensors, wanted, strict=True)]


def at_least(b: Builder, *, tensors: tuple[Value, ...]) -> Sequence[Value | None]:
    """torch.atleast_1d and its kin of several arrays: axes of length 1 are put around theirs."""
    pairs = zip(tensors, b.instead_of.outputs, strict=True)
    return [made and _reshaped(b, x, made) for x, made in pairs]


def _reshaped(b: Builder, x: Value, made: Value) -> Value:
    shape = tuple(map(literal, made.shape))
    (found,) = b.several("reshape", x, shapes=[made.shape], wishes=[""], shape=shape)
    return found


def _stretched(b: Builder, x: Value, made: Value) -> Value:
    shape = tuple(map(literal, made.shape))
    (found,) = b.several("broadcast_to", x, shapes=[made.shape], wishes=[""], shape=shape)
    return found
