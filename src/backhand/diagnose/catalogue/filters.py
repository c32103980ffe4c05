"""Mistakes with convolutions: the filters, and their gradients."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import (
    BACKWARD,
    assignments,
    known,
    made_by,
    names_put,
    put,
    undone,
    wrapped,
)
from backhand.diagnose.listing import Listing, renamed
from backhand.diagnose.mistake import Change
from backhand.graph import Step

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")


@known(
    "filter flipped",
    "forward",
    what="the filter is turned round: a true convolution where networks take a correlation",
    why="each weight of the filter then meets another pixel than the one it belongs to",
    fix="sum(x[i:i + k, j:j + k] * w), with the filter as it is",
    known_from="scipy.signal.convolve2d turns the filter round; correlate2d does not",
)
def flipped(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, *CONVOLUTIONS):
        weight = step.inputs[1]
        axes = tuple(range(2 - len(weight.shape), 0))
        turned = f"np.flip({weight.name}, {axes})"
        forward = names_put(listing, "network", statement, weight.name, turned)
        yield forward
        for base in (listing, forward.listing):
            changed = base
            for _, made, derivative in undone(listing, *CONVOLUTIONS):
                read = [n.id for n in ast.walk(derivative) if isinstance(n, ast.Name)]
                if made.output.name == step.output.name and weight.name in read:
                    new = renamed(derivative, {weight.name: turned})
                    changed = changed.changed(BACKWARD, derivative, new)
            if changed is not base:
                yield Change(forward.where, changed)
        yield from _rightly_derived(forward, weight.name, axes)


def _rightly_derived(forward: Change, weight: str, axes: tuple[int, ...]) -> Iterator[Change]:
    """The turned filter with its own derivatives: both passes are of a true convolution."""
    changed, turned = forward.listing, f"np.flip({weight}, {axes})"
    for made in ("x", f"d{weight}"):
        for name, derivative, _ in list(assignments(changed, BACKWARD)):
            read = [n.id for n in ast.walk(derivative) if isinstance(n, ast.Name)]
            if made == name == f"d{weight}":
                changed = wrapped(changed, BACKWARD, derivative, f"np.flip({{}}, {axes})").listing
            elif made == "x" and weight in read and name != f"d{weight}":
                new = renamed(derivative, {weight: turned})
                changed = changed.changed(BACKWARD, derivative, new)
    yield Change(forward.where, changed)


@known(
    "filter's gradient of one place alone",
    "backward",
    what="the filter's gradient holds the part of the last place (or the last example) alone",
    why="a filter is used at every place of every example: its derivatives add",
    fix="dw += ..., with dw set to 0 before the loops",
    known_from="CS231n, assignment 2: = for += in the four loops",
)
def one_place(listing: Listing) -> Iterator[Change]:
    for step, _, statement in undone(listing, *CONVOLUTIONS):
        made = [value.name[1:] for value in step.made()]
        if not set(made) & set(listing.parameters):
            continue
        dz = step.inputs[0].name
        for axes in ("(0,)", f"range(2, {dz}.ndim)", f"(0, *range(2, {dz}.ndim))"):
            last = f"np.ix_(*[[-1] if i in {axes} else range(n) for i, n in enumerate({dz}.shape)])"
            kept = f"kept = np.zeros_like({dz})\nkept[{last}] = {dz}[{last}]\n"
            yield put(listing, BACKWARD, statement, kept + renamed(statement, {dz: "kept"}))


@known(
    "rows and columns exchanged in the filter's gradient",
    "backward",
    what="the filter's gradient takes the patches at (column, row) instead of at (row, column)",
    why="each derivative belongs to the patch that its number was made from",
    fix="dw += dz[i, j] * x[i:i + k, j:j + k], with i and j in the same order",
    known_from="i and j exchanged in one of the loops",
)
def exchanged(listing: Listing) -> Iterator[Change]:
    for step, statement in _filter_gradients(listing):
        dz = step.inputs[0]
        if len(dz.shape) > len("NCL"):
            new = renamed(statement, {dz.name: f"{dz.name}.swapaxes(-1, -2)"})
            yield put(listing, BACKWARD, statement, new)


@known(
    "derivatives in another order than the patches",
    "backward",
    what="the derivatives are flattened in another order of examples and places than the patches",
    why="the product then multiplies each patch with the derivative of another one",
    fix="dout.transpose(1, 2, 3, 0).reshape(F, -1) where the columns have the examples last",
    known_from="CS231n's im2col, whose columns are ordered by place, then by example",
)
def flattened_otherwise(listing: Listing) -> Iterator[Change]:
    for step, statement in _filter_gradients(listing):
        dz = step.inputs[0].name
        inner = f"np.moveaxis({dz}, 1, 0)"
        last = f"np.moveaxis({dz}, 0, -1)"
        new = f"np.moveaxis({inner}.reshape({last}.shape), -1, 0)"
        yield put(listing, BACKWARD, statement, renamed(statement, {dz: new}))


@known(
    "filter's gradient turned round",
    "backward",
    what="the gradient of a filter is turned round, though the filter is used as it is",
    why="dw[i, j] belongs to the weight w[i, j], which met the pixel at (i, j)",
    fix="correlate the input with the derivative; do not convolve",
    known_from="scipy.signal.convolve2d in the backward pass of a correlation",
)
def gradient_turned(listing: Listing) -> Iterator[Change]:
    for step, statement in _filter_gradients(listing):
        weight = step.made()[0].shape
        yield wrapped(
            listing, BACKWARD, statement, f"np.flip({{}}, {tuple(range(2 - len(weight), 0))})"
        )


def _filter_gradients(listing: Listing) -> Iterator[tuple[Step, ast.stmt]]:
    """The backward steps that make the gradient of a filter, with their statements."""
    for step, forward, statement in undone(listing, *CONVOLUTIONS):
        if any(value.name == f"d{forward.inputs[1].name}" for value in step.made()):
            yield step, statement
