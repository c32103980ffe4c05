"""Mistakes with what the targets are, beside their order and their classes."""

from collections.abc import Iterator

import numpy as np

from backhand.diagnose.editing import known
from backhand.diagnose.listing import Listing
from backhand.diagnose.mistake import Change


def _data(listing: Listing, name: str, form: str) -> Change:
    """The data with one array in another form, in which `{}` is the array."""
    names = [a.arg for a in listing.functions["given_data"].args.args]
    made = ", ".join(form.format(n) if n == name else n for n in names)
    told = f"{name} = {form.format(name)}"
    return Change(told, listing.with_lines("given_data", f"return {made},"))


def _targets(listing: Listing) -> list[str]:
    return [value.name for value in listing.experiment.network.targets]


@known(
    "targets of 0 and 1 for -1 and 1",
    "data",
    what="the targets are 0 and 1 where -1 and 1 are needed, or the reverse",
    why="a margin y * s is 0 for a label of 0: these examples teach nothing",
    fix="np.where(y <= 0, -1, 1) for a hinge loss or tanh; (y + 1) / 2 for a sigmoid",
    known_from="support vector machines and perceptrons on labels of another data set",
)
def other_labels(listing: Listing) -> Iterator[Change]:
    for name in _targets(listing):
        found = set(np.unique(listing.experiment.arrays[name]))
        if found == {-1.0, 1.0}:
            yield _data(listing, name, "(({} + 1) / 2)")
        elif found == {0.0, 1.0}:
            yield _data(listing, name, "(2 * {} - 1)")


@known(
    "weights of the examples forgotten",
    "data",
    what="what each example counts for (its weight, its advantage) is left out: all count the same",
    why="the loss multiplies each example's part by it, and so must the derivative",
    fix="multiply the derivative at the output by it, row by row",
    known_from="policy gradients without the advantage",
)
def example_weights(listing: Listing) -> Iterator[Change]:
    targets = _targets(listing)
    for name in targets if len(targets) > 1 else ():
        if not set(np.unique(listing.experiment.arrays[name])) <= {0.0, 1.0}:
            yield _data(listing, name, "({0} * 0 + 1)")
