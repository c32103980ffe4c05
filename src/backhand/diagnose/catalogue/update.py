"""Mistakes of the update: what an optimiser's step does with the gradient."""

import ast
from collections.abc import Iterator
from itertools import pairwise

from backhand.diagnose.catalogue.options import (
    layers_of,
    options_of,
    rows_of,
    steps,
    training_of,
    with_options,
    wrapped_step,
)
from backhand.diagnose.editing import known, put
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change

DESCENT = ("sgd",)


ADAM = ("adam", "adamw", "nadam", "radam", "adamax")


@known(
    "gradient ascent",
    "update",
    what="the weights are moved along the gradient instead of against it",
    why="the loss then grows",
    fix="w -= learning_rate * dw",
    known_from="common in class",
)
def ascent(listing: Listing) -> Iterator[Change]:
    for statement in steps(listing):
        up = f"w += {text_of(statement.value)}"
        yield put(listing, "update", statement, up)
        for some in ("== 1", "> 1"):
            new = f"if w.ndim {some}:\n    {up}\nelse:\n    {text_of(statement)}"
            yield put(listing, "update", statement, new)


@known(
    "learning rate applied twice",
    "update",
    what="the learning rate is multiplied in twice",
    why="the step is too small by the learning rate once more",
    fix="multiply once: in the gradient or in the update, not in both",
)
def rate_twice(listing: Listing) -> Iterator[Change]:
    rate = options_of(listing).get("learning_rate")
    for statement in steps(listing):
        yield wrapped_step(listing, statement, f"{rate} * {{}}")


@known(
    "learning rate missing",
    "update",
    what="the gradient is taken off as it is, without the learning rate",
    why="the steps are far too long",
    fix="w -= learning_rate * dw",
    known_from="common in class",
)
def rate_missing(listing: Listing) -> Iterator[Change]:
    rate = options_of(listing).get("learning_rate")
    for statement in steps(listing):
        yield wrapped_step(listing, statement, f"{{}} / {rate}")


@known(
    "learning rate divided by the batch",
    "update",
    what="the step is divided by the number of examples",
    why="the loss says already whether it is a mean; a second division makes every step too small",
    fix="w -= learning_rate * dw",
)
def rate_divided(listing: Listing) -> Iterator[Change]:
    rows = rows_of(listing)
    if rows > 1:
        for statement in steps(listing):
            yield wrapped_step(listing, statement, f"{{}} / {rows}")


@known(
    "learning rate multiplied by the batch",
    "update",
    what="the step is multiplied by the number of examples",
    why="the steps are longer than the learning rate says",
    fix="w -= learning_rate * dw",
)
def rate_multiplied(listing: Listing) -> Iterator[Change]:
    rows = rows_of(listing)
    if rows > 1:
        for statement in steps(listing):
            yield wrapped_step(listing, statement, f"{{}} * {rows}")


@known(
    "weights overwritten by the step",
    "update",
    what="the weights are set to the step instead of moved by it",
    why="what was learnt before is forgotten",
    fix="w -= learning_rate * dw, not w = learning_rate * dw",
)
def overwritten(listing: Listing) -> Iterator[Change]:
    for statement in steps(listing):
        value = text_of(statement.value)
        yield put(listing, "update", statement, f"w[...] = -({value})")


@known(
    "biases not updated",
    "update",
    what="the biases keep their first values",
    why="a bias is a weight like any other",
    fix="update each bias with its own gradient",
    known_from="common in class",
)
def biases_left(listing: Listing) -> Iterator[Change]:
    arrays = listing.experiment.arrays
    shapes = [arrays[name].shape for name in listing.parameters]
    if any(len(s) == 1 for s in shapes) and any(len(s) > 1 for s in shapes):
        for statement in steps(listing):
            text = text_of(statement)
            yield put(listing, "update", statement, f"if w.ndim > 1:\n    {text}")


@known(
    "one weight not updated",
    "update",
    what="one array of weights keeps its first values",
    why="it has a gradient, and should follow it",
    fix="update every weight",
)
def one_left(listing: Listing) -> Iterator[Change]:
    for statement in steps(listing):
        for i, name in enumerate(listing.parameters):
            text = text_of(statement)
            change = put(listing, "update", statement, f"if w is not weights[{i}]:\n    {text}")
            yield Change(f"{change.where}   ({name})", change.listing)
        for layer in (*layers_of(listing), *_vectors(listing)):
            told = ", ".join(listing.parameters[i] for i in layer)
            new = f"if not any(w is weights[i] for i in {layer}):\n    {text_of(statement)}"
            change = put(listing, "update", statement, new)
            yield Change(f"{change.where}   ({told})", change.listing)


def _vectors(listing: Listing) -> list[tuple[int, ...]]:
    """The places of two vectors that follow each other, as the scale and shift of a layer do."""
    are_vectors = [listing.experiment.arrays[name].ndim == 1 for name in listing.parameters]
    return [(i, i + 1) for i, both in enumerate(pairwise(are_vectors)) if all(both)]


@known(
    "gradient of another weight",
    "update",
    what="a weight is updated with the gradient of another one",
    why="each weight has its own derivative",
    fix="pair the weights with their own gradients",
)
def other_gradient(listing: Listing) -> Iterator[Change]:
    arrays, names = listing.experiment.arrays, listing.parameters
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            if i == j or not training_of(listing):
                continue
            wanted, taken = arrays[first].shape, arrays[second].shape
            if taken in (wanted, (1,)):
                yield _picked(listing, i, f"np.broadcast_to(gradients[{j}], {wanted})")
            elif taken[1:] == wanted:
                yield _picked(listing, i, f"gradients[{j}][0]")


def _picked(listing: Listing, place: int, gradient: str) -> Change:
    """The update with something else for the gradient at a place."""
    lines = [text_of(s) for s in listing.functions["update"].body]
    pick = f"gradients = [{gradient} if i == {place} else g for i, g in enumerate(gradients)]"
    where = f"d{listing.parameters[place]}"
    return Change(where, listing.with_lines("update", "\n".join([pick, *lines])))


@known(
    "another optimiser",
    "update",
    what="another optimiser is used than is asked for",
    why="each makes other steps of the same gradients",
    fix="use the optimiser that is asked for",
)
def other_optimizer(listing: Listing) -> Iterator[Change]:
    training = training_of(listing)
    rate = options_of(listing).get("learning_rate")
    for name in ("sgd", "adam", "rmsprop", "adagrad", "adamw"):
        if training and name != training.optimizer and isinstance(rate, float | int):
            yield from with_options(listing, name, learning_rate=rate)
            if name == "sgd":
                yield from with_options(listing, name, learning_rate=rate, momentum=0.9)


@known(
    "another learning rate",
    "update",
    what="the learning rate is another one than asked for: 10 or 2 times as large or as small",
    why="a factor in the rate is a factor in every step",
    fix="use the learning rate that is asked for",
    known_from="common in class",
)
def rate_other(listing: Listing) -> Iterator[Change]:
    for factor in (0.1, 10, 0.01, 100, 0.5, 2, 5, 0.2):
        for statement in steps(listing):
            yield wrapped_step(listing, statement, f"{factor} * {{}}")


SCHEDULES = (
    "0.99 ** {e}", "0.95 ** {e}", "0.9 ** {e}", "0.5 ** {e}", "1 / (1 + 0.001 * {e})",
    "1 / (1 + 0.01 * {e})", "1 / (1 + 0.1 * {e})", "1 / (1 + {e})",
)  # fmt: skip
"""What people multiply the rate by in epoch e, counted from 0."""


@known(
    "learning rate decays",
    "update",
    what="the learning rate shrinks from epoch to epoch, though that is not asked for",
    why="later steps are then smaller than they should be",
    fix="leave the rate as it is given",
)
def rate_decays(listing: Listing) -> Iterator[Change]:
    if not listing.has("train"):
        return
    for statement in listing.statements("train"):
        match statement:
            case ast.For(target=ast.Name(id=epoch)):
                first = 1 if "range(1," in text_of(statement.iter) else 0
                for form in SCHEDULES:
                    # decayed behind the step, or before it
                    for begun in (first, first - 1):
                        yield from _rate_in_epoch(listing, form.format(e=f"({epoch} - {begun})"))


def _rate_in_epoch(listing: Listing, factor: str) -> Iterator[Change]:
    """The step times a factor that the training loop makes in each epoch."""
    for statement in steps(listing):
        scaled = wrapped_step(listing, statement, "update.rate * {}")
        for call in scaled.listing.statements("train"):
            text = text_of(call)
            if text.startswith("update("):
                new = f"update.rate = {factor}\n{text}"
                yield Change(scaled.where, scaled.listing.changed("train", call, new))


@known(
    "gradients clipped",
    "update",
    what="the gradients are cut off at a largest size, though that is not asked for",
    why="long steps are then shorter than they should be",
    fix="use the gradients as they are",
    known_from="Karpathy's min-char-rnn: np.clip(dparam, -5, 5)",
)
def clipped(listing: Listing) -> Iterator[Change]:
    if training_of(listing):
        lines = [text_of(s) for s in listing.functions["update"].body]
        for limit in (5, 1, 0.5, 0.1):
            cut = f"gradients = [np.clip(g, -{limit}, {limit}) for g in gradients]"
            yield Change("update", listing.with_lines("update", "\n".join([cut, *lines])))
        for limit in (1, 5):
            size = "np.sqrt(sum((g * g).sum() for g in gradients))"
            cut = f"gradients = [g * min(1, {limit} / ({size} + 1e-06)) for g in gradients]"
            yield Change("update", listing.with_lines("update", "\n".join([cut, *lines])))


@known(
    "one weight's step with the wrong sign",
    "update",
    what="one array of weights is moved along its gradient, the others against theirs",
    why="that one drives the loss up",
    fix="w -= learning_rate * dw, for every weight",
)
def one_ascends(listing: Listing) -> Iterator[Change]:
    for statement in steps(listing) if len(listing.parameters) > 1 else ():
        value = text_of(statement.value)
        for i, name in enumerate(listing.parameters):
            new = f"w -= (-1 if w is weights[{i}] else 1) * {value}"
            change = put(listing, "update", statement, new)
            yield Change(f"{change.where}   ({name})", change.listing)
