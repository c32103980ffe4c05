"""Reductions that are two of ours, or one of ours with its options said in another way."""

from math import inf

from backhand.capture.composites.builder import Builder, InexpressibleError
from backhand.graph import Attribute, Size, Value

Axes = tuple[int, ...] | int | None


def variance(
    b: Builder,
    *,
    self: Value,
    dim: Axes = None,
    unbiased: bool = True,
    correction: float | None = None,
    keepdim: bool = False,
) -> tuple[Value]:
    """torch.var in all its forms."""
    return (_spread(b, "variance", self, dim, unbiased, correction, keepdim),)


def deviation(
    b: Builder,
    *,
    self: Value,
    dim: Axes = None,
    unbiased: bool = True,
    correction: float | None = None,
    keepdim: bool = False,
) -> tuple[Value]:
    """torch.std in all its forms."""
    return (_spread(b, "deviation", self, dim, unbiased, correction, keepdim),)


def variance_and_mean(
    b: Builder,
    *,
    self: Value,
    dim: Axes = None,
    unbiased: bool = True,
    correction: float | None = None,
    keepdim: bool = False,
) -> tuple[Value, Value]:
    """torch.var_mean."""
    var = _spread(b, "variance", self, dim, unbiased, correction, keepdim)
    return var, mean(b, self, axes(dim), keepdim)


def deviation_and_mean(
    b: Builder,
    *,
    self: Value,
    dim: Axes = None,
    unbiased: bool = True,
    correction: float | None = None,
    keepdim: bool = False,
) -> tuple[Value, Value]:
    """torch.std_mean."""
    std = _spread(b, "deviation", self, dim, unbiased, correction, keepdim)
    return std, mean(b, self, axes(dim), keepdim)


def _spread(
    b: Builder,
    function: str,
    x: Value,
    dim: Axes,
    unbiased: bool,
    correction: float | None,
    keepdim: bool,
) -> Value:
    less = (1 if unbiased else 0) if correction is None else correction
    axis = axes(dim)
    shape = reduced(x, axis, keepdim)
    return b.step(function, x, shape=shape, axis=axis, correction=less, keepdims=keepdim)


def mean(b: Builder, x: Value, axis: Axes, keepdim: bool) -> Value:
    """The rule for one axis or all, or that for several."""
    function = "mean_axes" if isinstance(axis, tuple) else "mean"
    return b.step(function, x, shape=reduced(x, axis, keepdim), axis=axis, keepdims=keepdim)


def smallest_and_largest(
    b: Builder, *, self: Value, dim: int | None, keepdim: bool
) -> tuple[Value, Value]:
    """torch.aminmax."""
    options: dict[str, Attribute] = {"axis": dim, "keepdims": keepdim}
    shape = reduced(self, dim, keepdim)
    return b.step("min", self, shape=shape, **options), b.step("max", self, shape=shape, **options)


def vector_norm(
    b: Builder, *, self: Value, ord: float, dim: Axes, keepdim: bool, dtype: str | None
) -> tuple[Value]:
    """torch.linalg.vector_norm of the orders that are no powers."""
    if dtype is not None:
        raise InexpressibleError
    return (norm_of_order(b, self, ord, axes(dim), keepdim),)


def norm(
    b: Builder, *, self: Value, p: float | None, dim: Axes = None, keepdim: bool = False
) -> tuple[Value]:
    """torch.norm, whose order is 2 unless it is said."""
    return (norm_of_order(b, self, 2 if p is None else p, axes(dim), keepdim),)


def norm_of_order(b: Builder, x: Value, order: float, axis: Axes, keepdim: bool) -> Value:
    """The sum, the largest or the smallest of the sizes; otherwise the root of a sum of powers."""
    functions = {1: "sum", inf: "max", -inf: "min"}
    options: dict[str, Attribute] = {"axis": axis, "keepdims": keepdim}
    shape = reduced(x, axis, keepdim)
    if order == 0:
        raise InexpressibleError
    if order == 2:
        return b.step("norm", x, shape=shape, **options)
    if order not in functions:
        return b.step("p_norm", x, shape=shape, order=order, **options)
    return b.step(functions[order], b.step("abs", x), shape=shape, **options)


def axes(dim: Axes) -> Axes:
    """None for all, a number for one, else several."""
    if isinstance(dim, tuple) and len(dim) < 2:
        return dim[0] if dim else None
    return dim


def reduced(x: Value, axis: Axes, keepdim: bool) -> tuple[Size, ...]:
    """The shape of what is left of x."""
    gone = range(len(x.shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    places = {place % max(len(x.shape), 1) for place in gone}
    sizes = [1 if i in places else size for i, size in enumerate(x.shape)]
    return tuple(size for i, size in enumerate(sizes) if keepdim or i not in places)
