"""Where the loss stands in a listing: its value, its derivative, and what kind it is."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import output_derivatives, wrapped
from backhand.diagnose.listing import Listing
from backhand.diagnose.mistake import Change


def value_put(listing: Listing, form: str) -> Iterator[Change]:
    """The loss's value put into a form."""
    for statement in listing.statements("network_loss"):
        if isinstance(statement, ast.Return):
            if isinstance(statement.value, ast.Tuple):  # a loss and what is saved of it
                continue
            yield wrapped(
                listing, "network_loss", statement, form.replace("@y", target_of_loss(listing))
            )


def slope_put(listing: Listing, form: str) -> Iterator[Change]:
    """The derivative by what goes into the loss put into a form."""
    for statement in output_derivatives(listing):
        yield wrapped(
            listing, "network_backward", statement, form.replace("@y", target_of_loss(listing))
        )


def both_put(listing: Listing, form: str) -> Iterator[Change]:
    for change in value_put(listing, form):
        for more in slope_put(change.listing, form):
            yield Change(change.where, more.listing)


def target_of_loss(listing: Listing) -> str:
    targets = listing.experiment.network.targets
    return targets[0].name if targets else "x"


def is_mean(listing: Listing) -> bool:
    """Whether the loss is an average, as far as its step says."""
    loss = listing.experiment.network.loss
    for step in loss.body if loss else ():
        options = dict(step.attributes)
        if "reduction" in options:
            return options["reduction"] != "sum"
        if step.function == "mean":
            return True
    return False


def is_squared(listing: Listing) -> bool:
    loss = listing.experiment.network.loss
    named = {step.function for step in loss.body} if loss else set()
    return bool(named & {"mse", "power", "square", "pow"})
