"""Mistakes with pooling, and with what is laid around an image."""

import ast
from collections.abc import Iterator
from math import prod

from backhand.diagnose.editing import (
    BACKWARD,
    assignments,
    known,
    line,
    made_by,
    node_put,
    put_value,
    undone,
    value_of,
    wrapped,
)
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change

MAX_POOL, BACK = "max_pool", "max_pool_backward"
RIGHT = "right_max_pool"
AVERAGES = (
    "mean", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
)  # fmt: skip


@known(
    "average pooling for max pooling",
    "forward",
    what="the mean of each window is taken where its largest number is asked for",
    why="it is another layer, with another derivative",
    fix="take the maximum of each window",
)
def average_for_max(listing: Listing) -> Iterator[Change]:
    if not listing.has(MAX_POOL):
        return
    right = listing.functions[MAX_POOL]
    kept = listing.with_function(RIGHT, ast.FunctionDef(**{**vars(right), "name": RIGHT}))
    for statement in listing.statements(MAX_POOL):
        value = value_of(statement)
        match value:
            case ast.Call(func=ast.Attribute(value=seen, attr="max"), args=[], keywords=[axes]):
                new = f"{text_of(seen)}.mean(axis={text_of(axes.value)})"
                change = put_value(kept, MAX_POOL, statement, new)
                yield Change(change.where, _gate_of_right(change.listing))
                yield Change(change.where, _averaged_back(change.listing))


def _gate_of_right(listing: Listing) -> Listing:
    """The backward pass looks for what the right layer would have given."""
    for _, statement, value in list(assignments(listing, BACKWARD)):
        match value:
            case ast.Call(func=ast.Name(id=name), args=[_, x, y], keywords=options) if name == BACK:
                told = ", ".join(f"{o.arg}={text_of(o.value)}" for o in options)
                again = f"{RIGHT}({text_of(x)}, {told})"
                listing = node_put(listing, BACKWARD, statement, y, again).listing
    return listing


def _averaged_back(listing: Listing) -> Listing:
    """The average's own derivative: each number of a window gets its part."""
    for statement, _ in _chosen(listing):
        chosen = text_of(value_of(statement) or statement)
        size = f"np.prod(({chosen}).shape[2:]) / np.prod(y.shape[2:])"
        new = f"np.ones_like({chosen}) / ({size})"
        listing = put_value(listing, BACK, statement, new).listing
    return listing


@known(
    "max pooling's gradient to the whole window",
    "backward",
    what="each number of a window gets the derivative, not the largest one alone",
    why="the others have no part in what the window gives",
    fix="hand the derivative to the largest number of the window",
)
def whole_window(listing: Listing) -> Iterator[Change]:
    for statement, where in _chosen(listing):
        new = f"np.ones_like({text_of(value_of(statement) or statement)})"
        yield Change(where, put_value(listing, BACK, statement, new).listing)


@known(
    "max pooling's gradient to every largest number",
    "backward",
    what="where several numbers of a window are the largest, each gets the whole derivative",
    why="what the window gives moves with one of them; PyTorch takes the first",
    fix="use the place that argmax gives",
    known_from="the mask x == x.max() of many tutorials; behind a ReLU whole windows are 0",
)
def every_largest(listing: Listing) -> Iterator[Change]:
    for statement, where in _chosen(listing):
        match value_of(statement):
            case ast.Call(args=[seen, y]):
                inside = f"tuple(range(2, 2 + ({text_of(seen)}).ndim - {text_of(y)}.ndim))"
                new = f"({text_of(seen)}) == np.expand_dims({text_of(y)}, {inside})"
                yield Change(where, put_value(listing, BACK, statement, new).listing)


@known(
    "average's derivative not divided",
    "backward",
    what="the derivative of an average is handed down whole, not divided by what it averages over",
    why="each of n numbers moves their mean by 1 / n of what it is moved itself",
    fix="np.repeat(dy, n) / n",
    known_from="global average pooling written by hand",
)
def average_undivided(listing: Listing) -> Iterator[Change]:
    for _, forward, statement in undone(listing, *AVERAGES):
        before, after = forward.inputs[0].shape, forward.output.shape
        many, few = (prod(n for n in shape if isinstance(n, int)) for shape in (before, after))
        if forward in listing.forward and before[:1] == after[:1]:
            yield wrapped(listing, BACKWARD, statement, f"{many / few} * {{}}")


def _chosen(listing: Listing) -> Iterator[tuple[ast.stmt, str]]:
    """Where pooling's derivative says which numbers get it, and the line that calls it."""
    called = [s for _, s, v in assignments(listing, BACKWARD) if BACK in text_of(v)]
    for name, statement, _ in assignments(listing, BACK):
        if name == "chosen" and called:
            yield statement, line(called[0])


@known(
    "edges repeated instead of zeros around",
    "forward",
    what="an image is padded with the numbers at its edge, where zeros are asked for",
    why="the filters then see another image at its edges",
    fix='np.pad(x, ...) with mode="constant"',
)
def edges_repeated(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("padded"):
        for node in ast.walk(statement):
            match node:
                case ast.Call(func=ast.Attribute(attr="pad"), args=[x, around], keywords=[]):
                    for mode in ("edge", "reflect", "wrap"):
                        new = f"np.pad({text_of(x)}, {text_of(around)}, mode='{mode}')"
                        change = node_put(listing, "padded", statement, node, new)
                        yield Change(_line_of_filters(listing) or change.where, change.listing)


def _line_of_filters(listing: Listing) -> str:
    found = (line(s) for _, s in made_by(listing, "conv1d", "conv2d", "conv3d"))
    return next(found, "")
