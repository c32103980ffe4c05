"""Casts from one kind of numbers to another. Within a kind they are none of ours."""

from collections.abc import Callable, Mapping, Sequence

from backhand.capture.composites.builder import Builder, Given, InexpressibleError
from backhand.graph import Value


def cast(
    b: Builder,
    *,
    self: Value,
    dtype: Given = None,
    device: Given = None,
    layout: Given = None,
    pin_memory: Given = None,
    non_blocking: Given = None,
    copy: Given = None,
    memory_format: Given = None,
) -> tuple[Value]:
    """x.to(dtype); where and how the numbers are stored makes no difference."""
    made = b.instead_of.output
    if self.numbers == made.numbers:
        raise InexpressibleError
    if made.numbers == "bool":
        return (b.step("ne", self, 0, numbers="bool"),)
    if not isinstance(dtype, str):
        raise InexpressibleError
    return (b.step("astype", self, numbers=made.numbers, dtype=dtype),)


def cast_like(
    b: Builder,
    *,
    self: Value,
    other: Value,
    non_blocking: Given = None,
    copy: Given = None,
    memory_format: Given = None,
) -> tuple[Value]:
    """x.type_as(other)."""
    if self.numbers == other.numbers:
        raise InexpressibleError
    if other.numbers == "bool":
        return (b.step("ne", self, 0, numbers="bool"),)
    shape, numbers = self.shape, other.numbers
    return (b.step("astype_like", self, other, shape=shape, numbers=numbers),)


CASTS: Mapping[str, Callable[..., Sequence[Value]]] = {
    "aten.to.dtype": cast,
    "aten.to.dtype_layout": cast,
    "aten.to.device": cast,
    "aten._to_copy.default": cast,
    "aten.to.other": cast_like,
    "aten.type_as.default": cast_like,
}
