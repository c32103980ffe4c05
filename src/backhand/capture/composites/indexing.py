"""Arrays picked from by arrays: PyTorch has a None for each axis that is taken whole."""

from backhand.capture.composites.builder import Builder, Given, InexpressibleError
from backhand.capture.reading import ARRAY
from backhand.graph import Value


def index(b: Builder, *, self: Value, indices: Given) -> tuple[Value]:
    """x[i, j], x[:, i], x[..., i] and all the others with whole numbers.

    How many a mask of truths picks depends on its numbers: that has no shape.
    """
    axes, arrays = picked(b, "indices")
    shape = b.instead_of.output.shape
    if axes == tuple(range(len(axes))):
        return (b.step("index", self, *arrays, shape=shape),)
    if axes == (1,):
        return (b.step("index_second", self, *arrays, shape=shape),)
    if axes == (len(self.shape) - 1,):
        return (b.step("index_last", self, *arrays, shape=shape),)
    return (b.step("index_axes", self, *arrays, shape=shape, axes=axes),)


def picked(b: Builder, argument: str) -> tuple[tuple[int, ...], tuple[Value, ...]]:
    """The axes along which arrays of whole numbers pick, and the arrays."""
    text = str(dict(b.instead_of.attributes)[argument])
    parts = list(enumerate(text.split()))
    axes = tuple(axis for axis, part in parts if part != f"{ARRAY}-")
    arrays = tuple(
        b.instead_of.inputs[int(part.removeprefix(ARRAY))]
        for _, part in parts
        if part != f"{ARRAY}-"
    )
    if any(array.numbers == "bool" for array in arrays):
        raise InexpressibleError
    return axes, arrays
