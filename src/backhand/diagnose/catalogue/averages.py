"""Mistakes with the number that a loss is divided by."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.loss_places import (
    both_put,
    is_mean,
    is_of_elements,
    slope_put,
    value_put,
)
from backhand.diagnose.catalogue.options import layers_of, rows_of
from backhand.diagnose.editing import BACKWARD, assignment, assignments, known, wrapped
from backhand.diagnose.listing import Listing
from backhand.diagnose.mistake import Change

MEANS = ("{} / len(@y)", "{} / @y.size")


SUMS = ("{} * len(@y)", "{} * @y.size")


ROWS_FOR_ELEMENTS, ELEMENTS_FOR_ROWS = "{} * @y.size / len(@y)", "{} * len(@y) / @y.size"


@known(
    "loss averaged instead of summed, and its gradient",
    "loss",
    what="the loss is averaged where it should be summed, and all derivatives with it",
    why="every gradient is smaller by the number of terms, so each step is as well",
    fix="sum: -(y * np.log(p)).sum(), and p - y without a division",
    known_from="common in class",
)
def mean_for_sum(listing: Listing) -> Iterator[Change]:
    for form in () if is_mean(listing) else MEANS:
        yield from both_put(listing, form)


@known(
    "loss summed instead of averaged, and its gradient",
    "loss",
    what="the loss is summed where it should be averaged, and all derivatives with it",
    why="every gradient is larger by the number of terms, so each step is as well",
    fix="divide the loss and its derivative by the number of examples",
    known_from="common in class",
)
def sum_for_mean(listing: Listing) -> Iterator[Change]:
    for form in SUMS if is_mean(listing) else ():
        yield from both_put(listing, form)


@known(
    "loss value averaged instead of summed",
    "loss",
    what=(
        "the loss that is computed is the mean where the sum is asked for; the gradient is the "
        "sum's"
    ),
    why="loss and gradient belong to two different functions",
    fix="leave the division out of the loss",
    known_from="common in class",
)
def value_mean(listing: Listing) -> Iterator[Change]:
    for form in () if is_mean(listing) else MEANS:
        yield from value_put(listing, form)


@known(
    "loss value summed instead of averaged",
    "loss",
    what=(
        "the loss that is computed is the sum where the mean is asked for; the gradient is the "
        "mean's"
    ),
    why="loss and gradient belong to two different functions",
    fix="divide the loss by the number of examples",
)
def value_sum(listing: Listing) -> Iterator[Change]:
    for form in SUMS if is_mean(listing) else ():
        yield from value_put(listing, form)


@known(
    "gradient divided by N though the loss is a sum",
    "loss",
    what="the derivative is divided by the number of examples, but the loss is a sum",
    why="the gradient is that of the mean, smaller by the number of examples",
    fix="p - y, without the division",
    known_from="CS231n, assignment 1: dscores /= num_examples belongs to the averaged loss",
)
def gradient_mean(listing: Listing) -> Iterator[Change]:
    for form in () if is_mean(listing) else MEANS:
        yield from slope_put(listing, form)


@known(
    "gradient divided by N twice",
    "loss",
    what="the derivative is divided by the number of examples twice",
    why=(
        "the mean's derivative has the division once; a second one makes every step N times too "
        "small"
    ),
    fix="divide once: in dz = (p - y) / N, or in dw, not in both",
    known_from="CS231n, assignment 1: dscores /= num_examples and dW /= num_examples",
)
def gradient_twice(listing: Listing) -> Iterator[Change]:
    for form in MEANS if is_mean(listing) else ():
        yield from slope_put(listing, form)


@known(
    "gradient never divided by N",
    "loss",
    what="the loss is a mean, but its derivative is not divided by the number of examples",
    why="the gradient is that of the sum, N times too large",
    fix="divide once: dz = (p - y) / N",
    known_from="common in class",
)
def gradient_sum(listing: Listing) -> Iterator[Change]:
    for form in SUMS if is_mean(listing) else ():
        yield from slope_put(listing, form)


@known(
    "averaged over another count",
    "loss",
    what="rows are counted where elements should be, or elements where rows should be",
    why="cross-entropy averages over examples, squared error over elements",
    fix="divide by len(y) for examples, by y.size for elements",
    known_from="torch.nn.MSELoss averages over elements; hand-written ones often over rows",
)
def other_count(listing: Listing) -> Iterator[Change]:
    if is_mean(listing):
        form = ROWS_FOR_ELEMENTS if is_of_elements(listing) else ELEMENTS_FOR_ROWS
        yield from both_put(listing, form)
        yield from slope_put(listing, form)
        yield from value_put(listing, form)


@known(
    "one layer's gradient divided by N too often or not at all",
    "backward",
    what="the gradients of one layer's weights have another division by N than those of the others",
    why="all layers belong to the same loss, and so to the same division",
    fix="divide once, at the output, or in every layer alike",
    is_local=True,
)
def layer_divided(listing: Listing) -> Iterator[Change]:
    rows = f"len({listing.experiment.network.forward.inputs[0].name})"
    for layer in layers_of(listing) if rows_of(listing) > 1 else ():
        for form in (f"{{}} * {rows}", f"{{}} / {rows}"):
            changed, where = listing, ""
            for i in layer:
                target = assignment(changed, BACKWARD, f"d{listing.parameters[i]}")
                if target is not None:
                    one = wrapped(changed, BACKWARD, target, form)
                    where, changed = where or one.where, one.listing
            if where:
                yield Change(where, changed)


@known(
    "derivative that is handed down divided by N",
    "backward",
    what="the derivative is divided by N on its way from one layer to the layer below",
    why="the loss is divided by N once: further down it is in the derivative already",
    fix="divide dw and db, or the derivative at the output, but not both",
)
def handed_down_divided(listing: Listing) -> Iterator[Change]:
    rows = f"len({listing.experiment.network.forward.inputs[0].name})"
    several = rows_of(listing) > 1
    for _, statement, value in assignments(listing, BACKWARD) if several else ():
        match value:
            case ast.BinOp(op=ast.MatMult(), right=ast.Attribute(attr="T")):
                yield wrapped(listing, BACKWARD, statement, f"{{}} / {rows}")
