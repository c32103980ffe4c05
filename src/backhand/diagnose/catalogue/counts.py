"""Mistakes with what a gradient or a loss is divided by, beside the ones of the loss itself."""

from collections.abc import Iterator

from backhand.diagnose.catalogue.biases import bias_gradients, scaled
from backhand.diagnose.catalogue.loss_places import (
    is_mean,
    is_of_elements,
    slope_put,
    target_of_loss,
    value_put,
)
from backhand.diagnose.catalogue.options import rows_of
from backhand.diagnose.editing import BACKWARD, assignments, known, parameter_of, target_of
from backhand.diagnose.listing import Listing
from backhand.diagnose.mistake import Change


@known(
    "weight gradient never divided by N",
    "backward",
    what="the gradient of a weight matrix is not divided by the number of examples, the rest is",
    why="all gradients belong to the same loss, and so to the same division",
    fix="dw = x.T @ dz / N where db = dz.sum(axis=0) / N; or divide once, at the output",
    known_from="Ng's course, where each is divided by m by hand",
    is_local=True,
)
def weights_undivided(listing: Listing) -> Iterator[Change]:
    biases = [target_of(statement) for statement in bias_gradients(listing)]
    names = [n for n, _, _ in assignments(listing, BACKWARD) if parameter_of(listing, n)]
    if biases and rows_of(listing) > 1:
        yield from scaled(listing, [n for n in names if n not in biases], "{} * len(@x)")


@known(
    "divided by the number of features or classes",
    "loss",
    what="the derivative is divided by the length of the other axis, not by the number of examples",
    why="a mean over the examples divides by their number",
    fix="N = x.shape[0] where examples are rows, x.shape[1] where they are columns",
    known_from="m = X.shape[0] in a program whose examples are columns",
)
def other_axis(listing: Listing) -> Iterator[Change]:
    if not is_mean(listing):
        return
    undone = "{} * @y.size" if is_of_elements(listing) else "{} * len(@y)"
    first = listing.experiment.network.forward.inputs[0]
    target = target_of_loss(listing)
    arrays = listing.experiment.arrays
    for name in dict.fromkeys((first.name, target)):
        shape = arrays[name].shape if name in arrays else ()
        if len(shape) > 1 and shape[1] != shape[0]:
            form = f"{undone} / {name}.shape[1]"
            yield from slope_put(listing, form)
            yield from value_put(listing, form)
            of_gradient = undone.replace("@y", target)
            biases = [target_of(statement) for statement in bias_gradients(listing)]
            names = [n for n, _, _ in assignments(listing, BACKWARD) if parameter_of(listing, n)]
            weights = [n for n in names if n not in biases]
            yield from scaled(listing, weights, f"{of_gradient} / {name}.shape[1]")


@known(
    "loss value divided by N twice",
    "loss",
    what="the loss that is computed is divided by the number of examples twice",
    why="the mean has the division already",
    fix="-(y * np.log(p)).sum() / N, or the mean, but not both",
    known_from="1 / m in front of np.mean",
)
def value_twice(listing: Listing) -> Iterator[Change]:
    for form in ("{} / len(@y)", "{} / @y.size") if is_mean(listing) else ():
        yield from value_put(listing, form)
