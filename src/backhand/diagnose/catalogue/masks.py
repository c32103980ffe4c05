"""Where dropout's masks stand in a listing."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import BACKWARD, assignment, line, put_value
from backhand.diagnose.listing import Listing, renamed, text_of
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
    """Masks read in the backward pass as a form of them: `{m}` is the mask, `{r}` its rate; each
    alone, then all."""
    where, changed = "", listing
    found = list(masks(listing))
    for mask, rate, draw in found:
        new = form.format(m=mask, r=rate)
        if len(found) > 1:
            yield Change(line(draw), mask_read_as(listing, mask, new))
        where = where or line(draw)
        changed = mask_read_as(changed, mask, new)
    if where:
        yield Change(where, changed)


def mask_read_as(listing: Listing, mask: str, new: str) -> Listing:
    body = listing.functions[BACKWARD].body
    return listing.with_lines(BACKWARD, "\n".join(renamed(s, {mask: new}) for s in body))


def drawn(listing: Listing, form: str) -> Iterator[Change]:
    """Masks drawn in another form: `{d}` is the draw, `{r}` the rate; each alone, then all."""
    where, changed = "", listing
    found = list(masks(listing))
    for mask, rate, draw in found:
        assert isinstance(draw, ast.Assign)
        value = form.format(d=f"({text_of(draw.value)})", r=rate)
        if len(found) > 1:
            yield put_value(listing, "network", draw, value)
        where = where or line(draw)
        again = assignment(changed, "network", mask)
        assert again is not None
        changed = put_value(changed, "network", again, value).listing
    if where:
        yield Change(where, changed)
