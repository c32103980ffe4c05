"""Mistakes with a learning rate that changes from step to step."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.options import options_of
from backhand.diagnose.editing import assignments, known, put_value
from backhand.diagnose.listing import Listing, renamed, text_of
from backhand.diagnose.mistake import Change


@known(
    "learning rate's decay missing",
    "update",
    what="the learning rate stays what it is in the first step",
    why="later steps are then longer than they should be",
    fix="make the rate anew in each step, from the number of the step",
    known_from="the counter of the steps is never raised, or the rate is never made again",
)
def decay_missing(listing: Listing) -> Iterator[Change]:
    for statement, value in _rates(listing):
        yield put_value(listing, "update", statement, renamed(ast.Expr(value), {"step": "1"}))


@known(
    "learning rate decayed again in every step",
    "update",
    what="the rate of the step before is decayed, not the rate that is given",
    why="the decays of all steps are multiplied: the rate falls far too soon",
    fix="rate = learning_rate / (1 + decay * step), with the rate that is given",
)
def decay_compounded(listing: Listing) -> Iterator[Change]:
    given = options_of(listing).get("learning_rate")
    for statement, value in _rates(listing):
        new = f"getattr(update, 'rate', {given}) * ({text_of(value)}) / {given}"
        change = put_value(listing, "update", statement, new)
        lines = text_of(change.listing.functions["update"].body[-1])
        last = change.listing.functions["update"].body[-1]
        kept = change.listing.changed("update", last, f"update.rate = rate\n{lines}")
        yield Change(change.where, kept)


@known(
    "learning rate's decay counted from another step",
    "update",
    what="the learning rate is that of the step before or after",
    why="the first step has the rate that is given, the second is decayed once",
    fix="count the steps so that the first one has the rate as it is given",
)
def decay_shifted(listing: Listing) -> Iterator[Change]:
    for statement, value in _rates(listing):
        for step in ("(step + 1)", "(step - 1)"):
            new = renamed(ast.Expr(value), {"step": step})
            yield put_value(listing, "update", statement, new)


def _rates(listing: Listing) -> Iterator[tuple[ast.stmt, ast.expr]]:
    """Where the update makes its rate from the number of the step."""
    for name, statement, value in assignments(listing, "update"):
        read = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
        if name == "rate" and "step" in read:
            yield statement, value
