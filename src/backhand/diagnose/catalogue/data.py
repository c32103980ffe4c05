"""Mistakes with the data and with what the weights begin from."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from backhand.diagnose.catalogue.loops import body_of, data_arguments, lines_of, retold
from backhand.diagnose.editing import known
from backhand.diagnose.listing import Listing
from backhand.diagnose.mistake import Change

MOST_ROWS = 4
"""Up to so many rows every order is tried; of more, a few."""


def _inputs(listing: Listing) -> list[str]:
    return [v.name for v in listing.experiment.network.forward.inputs if v.role == "input"]


def _targets(listing: Listing) -> list[str]:
    return [v.name for v in listing.experiment.network.targets]


def _data(listing: Listing, **forms: str) -> Change:
    """The data with some arrays in another form, in which `{}` is the array."""
    names = [a.arg for a in listing.functions["given_data"].args.args]
    made = ", ".join(forms.get(n, "{}").format(n) for n in names)
    told = ", ".join(f"{n} = {form.format(n)}" for n, form in forms.items())
    return Change(told, listing.with_lines("given_data", f"return {made},"))


def _weights(listing: Listing, form: str, which: str = "True") -> Change:
    """The initial weights in another form, in which `{}` is a weight."""
    made = form.format("w")
    lines = f"return tuple({made} if {which} else w for i, w in enumerate(weights))"
    return Change(f"initial weights: {made}", listing.with_lines("given_weights", lines))


@known(
    "labels one off",
    "data",
    what="the labels are one off: class 1 where class 0 is meant, and so on",
    why="labels are often counted from 1 where arrays count from 0, or the rows of y are shifted",
    fix="check a few labels by hand against the data",
    known_from="common in class",
)
def labels_off(listing: Listing) -> Iterator[Change]:
    arrays = listing.experiment.arrays
    for name in _targets(listing):
        if arrays[name].ndim == 2 and arrays[name].shape[1] > 1:
            for shift in (1, -1):
                yield _data(listing, **{name: f"np.roll({{}}, {shift}, axis=1)"})


@known(
    "inputs shuffled without labels",
    "data",
    what="the inputs are in another order than their labels",
    why="each example is then taught another example's label",
    fix="shuffle both with one permutation: x[order], y[order]",
    known_from="common in class",
)
def shuffled(listing: Listing) -> Iterator[Change]:
    inputs = _inputs(listing)
    rows = len(listing.experiment.arrays[inputs[0]]) if inputs else 0
    for order in _orders(rows):
        yield _data(listing, **dict.fromkeys(inputs, f"{{}}[{order}]"))
    for name in (*inputs, *_targets(listing)):
        yield _data(listing, **{name: "{}[next(ORDERS)]"})
        yield from _shuffled_in_loop(listing, name)


def _shuffled_in_loop(listing: Listing, name: str) -> Iterator[Change]:
    """One array of the data in the orders that were drawn: in each epoch one of the last epoch's,
    or one of the first."""
    lines = lines_of(listing)
    if name in data_arguments(listing) and lines:
        for source in (name, f"all_{name}"):
            order = f"{name} = {source}[next(ORDERS)]\n"
            yield retold(
                listing, lines["forward"], before=f"all_{name} = {name}",
                body=order + body_of(listing),
            )  # fmt: skip


def _orders(rows: int) -> Iterator[list[int]]:
    """Orders of the rows that are not the right one."""
    right = list(range(rows))
    if rows <= MOST_ROWS:
        yield from (list(o) for o in permutations(right) if list(o) != right)
        return
    yield right[::-1]
    for shift in (1, -1):
        yield list(np.roll(right, shift))


@known(
    "targets not one-hot",
    "data",
    what="the targets are class numbers where rows of zeros and ones are needed",
    why="a class number subtracted from a row of probabilities broadcasts to something else",
    fix="np.eye(classes)[labels]",
    known_from="common in class",
)
def not_one_hot(listing: Listing) -> Iterator[Change]:
    arrays = listing.experiment.arrays
    for name in _targets(listing):
        if arrays[name].ndim == 2 and arrays[name].shape[1] > 1:
            yield _data(listing, **{name: "({0}.argmax(axis=1)[:, None] + 0 * {0})"})
            if arrays[name].shape[0] == arrays[name].shape[1]:
                yield _data(listing, **{name: "({0}.argmax(axis=1)[None, :] + 0 * {0})"})


@known(
    "targets inverted",
    "data",
    what="the targets are 1 - y",
    why="the network is taught the opposite",
    fix="use y as it is given",
)
def inverted(listing: Listing) -> Iterator[Change]:
    for name in _targets(listing):
        if set(np.unique(listing.experiment.arrays[name])) <= {0.0, 1.0}:
            yield _data(listing, **{name: "(1 - {})"})


@known(
    "one label for all",
    "data",
    what="all examples have the first example's label",
    why="a label was not moved on in the loop, or y was broadcast",
    fix="give each example its own label",
)
def one_label(listing: Listing) -> Iterator[Change]:
    for name in _targets(listing):
        yield _data(listing, **{name: "(0 * {0} + {0}[:1])"})


@known(
    "inputs scaled",
    "data",
    what="the inputs are scaled or standardised, though that is not asked for",
    why="the network sees other numbers than it should",
    fix="use the inputs as they are given",
)
def scaled(listing: Listing) -> Iterator[Change]:
    forms = (
        "{} / 255",
        "{0} / {0}.max()",
        "({0} - {0}.mean(axis=0)) / {0}.std(axis=0)",
        "({0} - {0}.mean()) / {0}.std()",
        "({0} - {0}.mean(axis=0))",
        "({0} - {0}.min()) / ({0}.max() - {0}.min())",
    )
    for form in forms:
        yield _data(listing, **dict.fromkeys(_inputs(listing), f"({form})"))


@known(
    "inputs cut to whole numbers",
    "data",
    what="the inputs, or the weights, were made whole numbers",
    why="what stands behind the point is lost: an array of integers keeps no fractions",
    fix="make the arrays floats: np.array(..., dtype=float)",
    known_from="common in class",
)
def integers(listing: Listing) -> Iterator[Change]:
    cut = "np.trunc({})"
    if any((a % 1).any() for a in _arrays(listing, _inputs(listing))):
        yield _data(listing, **dict.fromkeys(_inputs(listing), cut))
    if any((a % 1).any() for a in _arrays(listing, _targets(listing))):
        yield _data(listing, **dict.fromkeys(_targets(listing), cut))
    yield _weights(listing, cut)


def _arrays(listing: Listing, names: list[str]) -> list[np.ndarray]:
    return [listing.experiment.arrays[name] for name in names]


@known(
    "single precision",
    "data",
    what="the numbers were rounded to float32 (or float16) on the way",
    why="32 bits hold 7 digits: everything after that is noise",
    fix="keep float64 throughout, or compare in float32",
    known_from="a float32 literal or file in a float64 program",
)
def single(listing: Listing) -> Iterator[Change]:
    for kind in ("float32", "float16"):
        form = f"{{0}}.astype(np.{kind}).astype({{0}}.dtype)"
        yield _data(listing, **dict.fromkeys(_inputs(listing), form))
        yield _weights(listing, form.replace("{0}", "{0}"))


@known(
    "an example left out",
    "data",
    what="the first or the last example is left out of the batch",
    why="a slice or a range ends one too early",
    fix="use all rows",
)
def left_out(listing: Listing) -> Iterator[Change]:
    names = [a.arg for a in listing.functions["given_data"].args.args]
    rows = len(listing.experiment.arrays[names[0]])
    if rows > 2:
        for part in ("[:-1]", "[1:]"):
            yield _data(listing, **dict.fromkeys(names, "{}" + part))


@known(
    "weights begin at zero",
    "initialisation",
    what="all weights begin at 0",
    why="all units of a layer then get the same gradient, and stay the same for ever",
    fix="draw the initial weights at random, or take those that are given",
    known_from="CS231n, 'Pitfall: all zero initialization'",
)
def zeros(listing: Listing) -> Iterator[Change]:
    yield _weights(listing, "0 * {}")
    yield _weights(listing, "0 * {}", "w.ndim > 1")
    for i in range(len(listing.parameters)):
        yield _weights(listing, "0 * {}", f"i == {i}")


@known(
    "weights begin the same everywhere",
    "initialisation",
    what="all weights of a layer begin with the same number",
    why="all units of a layer then get the same gradient, and stay the same for ever",
    fix="take the weights that are given",
    known_from="common in class",
)
def ones(listing: Listing) -> Iterator[Change]:
    yield _weights(listing, "0 * {} + 1")
    yield _weights(listing, "0 * {} + 1", "w.ndim > 1")


@known(
    "biases begin at another number",
    "initialisation",
    what="the biases begin at 0 or 1 instead of at the given numbers",
    why="the network begins somewhere else",
    fix="take the biases that are given",
)
def biases_other(listing: Listing) -> Iterator[Change]:
    if any(listing.experiment.arrays[n].ndim == 1 for n in listing.parameters):
        yield _weights(listing, "0 * {}", "w.ndim == 1")
        yield _weights(listing, "0 * {} + 1", "w.ndim == 1")


@known(
    "weights begin at another scale",
    "initialisation",
    what="the initial weights are multiplied by a constant that is not asked for",
    why="the network begins somewhere else",
    fix="take the weights that are given",
)
def scale_other(listing: Listing) -> Iterator[Change]:
    for factor in (
        "0.01",
        "0.1",
        "0.5",
        "2",
        "10",
        "np.sqrt(2 / w.shape[0])",
        "1 / np.sqrt(w.shape[0])",
    ):
        yield _weights(listing, f"({{}} * {factor})", "w.ndim > 1")


@known(
    "given weights transposed",
    "initialisation",
    what="the given weights were filled in transposed",
    why="each weight then connects another pair of units",
    fix="w1[i, j] goes from input i to unit j",
)
def weights_transposed(listing: Listing) -> Iterator[Change]:
    for i, name in enumerate(listing.parameters):
        shape = listing.experiment.arrays[name].shape
        if len(shape) == 2 and min(shape) > 1:
            form = "{0}.T + 0" if shape[0] == shape[1] else "{0}.T.reshape(w.shape)"
            yield _weights(listing, f"({form})", f"i == {i}")
            if shape[0] != shape[1]:
                yield _weights(listing, "({0}.reshape(w.shape[::-1]).T + 0)", f"i == {i}")


@known(
    "the same weights in two layers",
    "initialisation",
    what="a layer begins with another layer's weights",
    why="a name was copied: two layers share one array",
    fix="give each layer its own weights",
)
def weights_shared(listing: Listing) -> Iterator[Change]:
    arrays, names = listing.experiment.arrays, listing.parameters
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            if i != j and arrays[first].shape == arrays[second].shape:
                yield _weights(listing, f"weights[{j}].copy()", f"i == {i}")
