"""Arrays picked from by arrays: PyTorch has a None for each axis that is taken whole."""

from collections.abc import Callable, Mapping, Sequence

from backhand.capture.composites.builder import Builder, Given, InexpressibleError
from backhand.capture.reading import ARRAY
from backhand.graph import Size, Value


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


def index_put(
    b: Builder, *, self: Value, indices: Given, values: Value, accumulate: bool
) -> tuple[Value]:
    """x[i, j] = values as a new array; a mask of truths where it says one number for all."""
    mask = _mask(b, self)
    if mask is not None and not accumulate and values.shape in ((), (1,)):
        return (b.step("where", mask, values, self, numbers=self.numbers),)
    axes, arrays = picked(b, "indices")
    function = "index_put_add" if accumulate else "index_put"
    if axes == tuple(range(len(axes))):
        return (b.step(function, self, values, *arrays, shape=self.shape),)
    return (b.step(f"{function}_axes", self, values, *arrays, shape=self.shape, axes=axes),)


def _mask(b: Builder, x: Value) -> Value | None:
    """The only array that picks, if it is of truths and as large as x."""
    if dict(b.instead_of.attributes)["indices"] != f"{ARRAY}1":
        return None
    array = b.instead_of.inputs[1]
    return array if array.numbers == "bool" and array.shape == x.shape else None


def diff(
    b: Builder,
    *,
    self: Value,
    n: int,
    dim: int,
    prepend: Value | None,
    append: Value | None,
) -> tuple[Value]:
    """torch.diff, n times, of what stands before, the array and what stands behind."""
    parts = [x for x in (prepend, self, append) if x is not None]
    axis = dim % len(self.shape)
    sizes = [x.shape[axis] for x in parts]
    if n == 0 or self.numbers == "bool" or not all(isinstance(size, int) for size in sizes):
        raise InexpressibleError
    length = sum(size for size in sizes if isinstance(size, int))
    made = self
    if len(parts) > 1:
        made = b.step("concatenate", *parts, shape=_along(self, axis, length), axis=dim)
    for times in range(1, n + 1):
        shape = _along(self, axis, max(length - times, 0))
        made = b.step("diff", made, shape=shape, numbers=self.numbers, axis=dim)
    return (made,)


def _along(x: Value, axis: int, length: int) -> tuple[Size, ...]:
    return (*x.shape[:axis], length, *x.shape[axis + 1 :])


def embedding_bag(
    b: Builder,
    *,
    weight: Value,
    indices: Value,
    offsets: Value,
    mode: int = 0,
    per_sample_weights: Value | None = None,
    padding_idx: int | None = None,
    **options: Given,
) -> tuple[Value | None, ...]:
    """Rows of a table, added up (mode 0) or averaged (mode 1) in bags."""
    asked = (options.get("scale_grad_by_freq"), options.get("include_last_offset"))
    if mode > 1 or any(asked) or per_sample_weights is not None or padding_idx is not None:
        raise InexpressibleError
    if any(b.instead_of.outputs[1:]):
        raise InexpressibleError
    shape = (offsets.shape[0], weight.shape[1])
    made = b.step("embedding_bag", weight, indices, offsets, shape=shape, average=mode)
    return (made, *[None] * len(b.instead_of.outputs[1:]))


INDEXING: Mapping[str, Callable[..., Sequence[Value | None]]] = {
    "aten.index.Tensor": index,
    "aten.index_put.default": index_put,
    "aten.diff.default": diff,
    "aten.embedding_bag.default": embedding_bag,
    "aten.embedding_bag.padding_idx": embedding_bag,
}
