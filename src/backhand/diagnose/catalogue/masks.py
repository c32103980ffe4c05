"""Where dropout's masks stand in a listing."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import BACKWARD, assignment, line, put_value
from backhand.diagnose.listing import Listing, renamed
from backhand.diagnose.mistake import Change

IN_TRAINING = "({m}.min() < 1)"
"""In evaluation a mask is 1 everywhere; in training it drops something."""


def masks(listing: Listing) -> Iterator[tuple[str, float, ast.stmt]]:
    """Each mask's name, its rate, and the statement that draws it."""
    for step in listing.forward:
        if step.function == "dropout_mask":
            statement = assignment(listing, "network", step.output.name)
            rate = dict(step.attributes).get("rate")
            if statement is not None and isinstance(rate, int | float) and 0 < rate < 1:
                yield step.output.name, float(rate), statement


def read_backward_as(listing: Listing, form: str) -> Iterator[Change]:
    """Every mask read in the backward pass as a form of it: `{m}` is the mask, `{r}` its rate."""
    where = ""
    for mask, rate, draw in masks(listing):
        where = where or line(draw)
        listing = mask_read_as(listing, mask, form.format(m=mask, r=rate))
    if where:
        yield Change(where, listing)


def mask_read_as(listing: Listing, mask: str, new: str) -> Listing:
    body = listing.functions[BACKWARD].body
    return listing.with_lines(BACKWARD, "\n".join(renamed(s, {mask: new}) for s in body))


def drawn(listing: Listing, form: str) -> Iterator[Change]:
    """Every mask drawn in another form: `{d}` is the draw, `{r}` the rate."""
    where, changed = "", listing
    for mask, rate, _ in list(masks(listing)):
        draw = assignment(changed, "network", mask)
        assert isinstance(draw, ast.Assign)
        where = where or line(draw)
        value = form.format(d=f"({ast.unparse(draw.value)})", r=rate)
        changed = put_value(changed, "network", draw, value).listing
    if where:
        yield Change(where, changed)
