"""Where the loss stands in a listing: its value, its derivative, and what kind it is."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.penalty_places import in_loss
from backhand.diagnose.editing import (
    assignment,
    line,
    node_put,
    output_derivatives,
    target_of,
    value_of,
    wrapped,
)
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change


def value_put(listing: Listing, form: str) -> Iterator[Change]:
    """The loss's value put into a form; where a penalty is added to it, without that and with."""
    form = form.replace("@y", target_of_loss(listing))
    statement = value_statement(listing)
    whole = value_of(statement) if statement is not None else None
    if statement is None or whole is None:
        return
    part = whole
    for _, added in in_loss(listing):
        part = added.left if added is part else part
    for node in (part, whole) if part is not whole else (whole,):
        new = form.format(f"({text_of(node)})")
        yield node_put(listing, "network_loss", statement, node, new)


def value_statement(listing: Listing) -> ast.stmt | None:
    """The statement that makes the loss: a return, or where more is returned, its assignment."""
    for statement in listing.statements("network_loss"):
        match statement:
            case ast.Return(value=ast.Tuple(elts=[ast.Name(id=name), *_])):
                return assignment(listing, "network_loss", name)
            case ast.Return():
                return statement
    return None


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


def output_form(listing: Listing, activation: str, form: str) -> Iterator[Change]:
    """Another derivative at an output, where the loss follows this activation of it: `{p}` is the
    output, `{y}` the target."""
    network = listing.experiment.network
    if network.loss is None or network.backward is None:
        return
    targets = {value.name for value in network.targets}
    for step in network.loss.body:
        p, *others = (value.name for value in step.inputs)
        made = listing.made.get(p)
        y = next((name for name in others if name in targets), "")
        if y and made is not None and made.function == activation:
            yield from _difference_put(listing, f"d{made.inputs[0].name}", p, y, form)


def _difference_put(
    listing: Listing, derivative: str, p: str, y: str, form: str
) -> Iterator[Change]:
    """The line of a derivative with a form of p and y for their difference."""
    for statement in output_derivatives(listing):
        text = text_of(statement)
        if target_of(statement) != derivative:
            continue
        for old in (f"({p} - {y})", f"{p} - {y}"):
            if old in text:
                new = text.replace(old, f"({form.format(p=p, y=y)})")
                yield Change(line(statement), listing.changed("network_backward", statement, new))
                break


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


def is_of_elements(listing: Listing) -> bool:
    """Whether an average is one of all elements, not of the examples."""
    loss = listing.experiment.network.loss
    named = {step.function for step in loss.body} if loss else set()
    return not any("cross_entropy" in name or name == "nll" for name in named)


def is_squared(listing: Listing) -> bool:
    loss = listing.experiment.network.loss
    steps = loss.body if loss else ()
    named = {s.function for s in steps if s.inputs[0].name not in listing.parameters}
    return bool(named & {"mse", "power", "square", "pow"})
