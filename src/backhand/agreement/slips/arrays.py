"""Slips with axes: transposes, reductions, means, counts."""

import ast
from collections.abc import Iterator

from backhand.agreement.slips.changes import Change, all_parts, binary, change
from backhand.agreement.slips.places import Place
from backhand.agreement.slips.reading import (
    Reduction,
    Shape,
    Size,
    could_be_equal,
    each,
    evaluated,
    is_name,
    is_number,
    reduction,
    shape_of,
    transposed,
)
from backhand.writers.expressions import text

OTHER_AVERAGE = {"sum": "mean", "mean": "sum"}


def products(place: Place) -> Iterator[Change]:
    """A product of matrices the wrong way round, and a `.T` too many or too few, there or of an
    array that is passed on."""
    for node in all_parts(place):
        match node:
            case ast.BinOp(left=left, op=ast.MatMult() as op, right=right):
                if _fits(right, left, place):
                    yield change("swapped operands", node, binary(right, op, left))
                for old in (left, right):
                    new = _turned(old)
                    pair = (new, right) if old is left else (left, new)
                    if _matters(old, place) and _fits(*pair, place):
                        yield change("transpose", old, new)
    for value in place.values:
        if isinstance(value, ast.Name) and _matters(value, place) and _is_square(value, place):
            yield change("transpose", value, _turned(value))


def _turned(node: ast.expr) -> ast.expr:
    return transposed(node) or ast.Attribute(node, "T", ast.Load())


def _matters(node: ast.expr, place: Place) -> bool:
    """Whether turning changes an array at all."""
    shape = shape_of(node, place.facts.shapes)
    is_flat = shape is not None and (len(shape) < 2 or set(shape) == {1})
    return not is_flat and not is_number(node, place.names.numbers)


def _is_square(node: ast.expr, place: Place) -> bool:
    shape = shape_of(node, place.facts.shapes)
    return shape is None or len(shape) != 2 or could_be_equal(*shape)


def _fits(left: ast.expr, right: ast.expr, place: Place) -> bool:
    """Whether NumPy may take these two and give the shape that the comment says."""
    a, b = (shape_of(node, place.facts.shapes) for node in (left, right))
    if a is None or b is None or len(a) != 2 or len(b) != 2:
        return True
    wanted = place.facts.shapes.get(place.value, ())
    pairs = [(a[1], b[0])]
    if len(wanted) == 2 and len(place.values) == 1:
        pairs += zip((a[0], b[1]), wanted, strict=True)
    return all(could_be_equal(*pair) for pair in pairs)


def axes(place: Place) -> Iterator[Change]:
    """Along the neighbouring axis, along all of them, and without the axis that is kept."""
    totalled = set(_totalled(place))
    for node in all_parts(place):
        found = reduction(node)
        if found is None or found.axis is None or id(node) in totalled:
            continue
        known = evaluated(found.axis, place.facts.options)
        if known == (None,):
            continue
        axis = known[0] if known else None
        shown, shape = text(found.axis) if known is None else str(axis), _sizes(found, axis, place)
        for new in _other_axes(axis, shape):
            yield change("axis", node, found.with_axis(new), f"axis={new} for axis={shown} in")
        if shape is None or any(size != 1 for _, size in _kept(shape, axis)):
            yield change("axis", node, found.without("axis"), f"axis={shown} left out of")
            # NumPy puts an axis in front by itself where arrays of different rank meet
            if found.keepdims and axis != 0:
                yield change("axis", node, found.without("keepdims"), "keepdims left out of")


def _totalled(place: Place) -> Iterator[int]:
    """The ids of sums of which all that they leave is added up: there each axis gives the same."""
    for node in all_parts(place):
        outer = reduction(node)
        inner = reduction(outer.array) if outer else None
        if outer and inner and outer.function.attr == inner.function.attr == "sum":
            shape = shape_of(inner.call, place.facts.shapes)
            if shape is not None and len(shape) == 1:
                yield id(inner.call)


def _sizes(found: Reduction, axis: object, place: Place) -> Shape | None:
    """The shape of what is reduced, where the comments tell it and it has such axes."""
    shape = shape_of(found.array, place.facts.shapes)
    fits = shape is not None and all(-len(shape) <= a < len(shape) for a in each(axis))
    return shape if fits else None


def _kept(shape: Shape, axis: object) -> list[tuple[int, Size]]:
    """The axes that are not reduced, with their sizes."""
    reduced = {a % len(shape) for a in each(axis)}
    return [(i, size) for i, size in enumerate(shape) if i not in reduced]


def _other_axes(axis: object, shape: Shape | None) -> Iterator[int]:
    """The neighbour of one axis; each of several alone."""
    if isinstance(axis, int):
        new = {0: 1, -1: -2}.get(axis, axis - 1 if axis > 0 else axis + 1)
        exists = shape is None or -len(shape) <= new < len(shape)
        if exists and (shape is None or {shape[axis], shape[new]} != {1}):
            yield new
        return
    for one in each(axis):
        others = [a for a in each(axis) if a != one]
        if others and (shape is None or any(shape[a] != 1 for a in others)):
            yield one


def averages(place: Place) -> Iterator[Change]:
    """A mean where a sum belongs, and the other way round."""
    for node in all_parts(place):
        found = reduction(node)
        if found is None or found.function.attr not in OTHER_AVERAGE:
            continue
        old, new = found.function.attr, OTHER_AVERAGE[found.function.attr]
        known = evaluated(found.axis, place.facts.options) if found.axis else (None,)
        shape = _sizes(found, known[0] if known else None, place)
        along = () if shape is None else each(known[0] if known else None) or range(len(shape))
        if shape is None or any(shape[a] != 1 for a in along):
            yield change(f"{new} for {old}", node, found.with_name(new), f"{new} for {old} in")


def counts(place: Place) -> Iterator[Change]:
    """All elements counted where only rows are, and the other way round."""
    for node in all_parts(place):
        match node:
            case ast.Call(func=function, args=[array]) if is_name(function, "len"):
                new: ast.expr = ast.Attribute(array, "size", ast.Load())
            case ast.Attribute(value=array, attr="size"):
                new = ast.Call(ast.Name("len", ast.Load()), [array], [])
            case _:
                continue
        shape = shape_of(array, place.facts.shapes)
        if shape is None or any(size != 1 for size in shape[1:]):
            yield change("wrong count", node, new)
