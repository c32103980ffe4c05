"""Reductions that are two of ours, or one of ours with its options said in another way."""

from collections.abc import Callable, Mapping, Sequence
from math import inf

from backhand.capture.composites.builder import Builder, InexpressibleError
from backhand.graph import Size, Value

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
    shape = reduced(self, dim, keepdim)
    low = b.step("min", self, shape=shape, axis=dim, keepdims=keepdim)
    return low, b.step("max", self, shape=shape, axis=dim, keepdims=keepdim)


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
    functions = {1: "sum", 2: "norm", inf: "max", -inf: "min"}
    shape = reduced(x, axis, keepdim)
    if order == 0:
        counted = b.step("astype", b.step("ne", x, 0, numbers="bool"), dtype="float")
        return b.step("sum", counted, shape=shape, axis=axis, keepdims=keepdim)
    if order not in functions:
        return b.step("p_norm", x, shape=shape, order=order, axis=axis, keepdims=keepdim)
    sizes = x if order == 2 else b.step("abs", x)
    return b.step(functions[order], sizes, shape=shape, axis=axis, keepdims=keepdim)


def sum_of_numbers(
    b: Builder, *, self: Value, dim: Axes, keepdim: bool, dtype: str | None
) -> tuple[Value]:
    """torch.nansum: what is no number counts as 0."""
    if dtype is not None or self.numbers != "float":
        raise InexpressibleError
    numbers = b.step("where", b.step("isnan", self, numbers="bool"), 0, self)
    axis = axes(dim)
    shape = reduced(self, axis, keepdim)
    return (b.step("sum", numbers, shape=shape, axis=axis, keepdims=keepdim),)


def distances(
    b: Builder, *, x1: Value, x2: Value, p: float, compute_mode: int | None
) -> tuple[Value]:
    """torch.cdist: the norm of the difference of each row of one and each row of the other."""
    rows = b.step("unsqueeze", x1, shape=(*x1.shape[:-1], 1, x1.shape[-1]), axis=-2)
    others = b.step("unsqueeze", x2, shape=(*x2.shape[:-2], 1, *x2.shape[-2:]), axis=-3)
    return (norm_of_order(b, b.step("sub", rows, others), p, -1, False),)


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


REDUCTIONS: Mapping[str, Callable[..., Sequence[Value]]] = {
    "aten.nansum.default": sum_of_numbers,
    "aten.var.default": variance,
    "aten.var.dim": variance,
    "aten.var.correction": variance,
    "aten.std.default": deviation,
    "aten.std.dim": deviation,
    "aten.std.correction": deviation,
    "aten.var_mean.default": variance_and_mean,
    "aten.var_mean.dim": variance_and_mean,
    "aten.var_mean.correction": variance_and_mean,
    "aten.std_mean.default": deviation_and_mean,
    "aten.std_mean.dim": deviation_and_mean,
    "aten.std_mean.correction": deviation_and_mean,
    "aten.aminmax.default": smallest_and_largest,
    "aten.linalg_vector_norm.default": vector_norm,
    "aten.norm.Scalar": norm,
    "aten.norm.ScalarOpt_dim": norm,
    "aten.cdist.default": distances,
}
