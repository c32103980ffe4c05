"""Mistakes of a dropout that is wrapped around a layer, as some libraries have it."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import (
    BACKWARD,
    assignment,
    assignments,
    known,
    line,
    node_put,
    wrapped,
)
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change


@known(
    "bias scaled with the kept units",
    "dropout",
    what="the kept units are scaled behind the layer that reads them, and its bias with them",
    why="a bias is never dropped, so it must not be made up for: it acts 1 / (1 - rate) times",
    fix="scale the dropped input, and not what the layer makes of it: (x * mask / keep) @ w + b",
    known_from="numpy-ml's wrapper: https://github.com/ddbourgin/numpy-ml/issues/94",
)
def bias_scaled(listing: Listing) -> Iterator[Change]:
    for kept, bias, statement, node in _layers_behind_dropout(listing):
        scale = f"({_mask_of(listing, kept)}).max()"
        new = f"{text_of(node.left)} + {bias} * {scale}"
        forward = node_put(listing, "network", statement, node, new).listing
        derivative = assignment(forward, BACKWARD, f"d{bias}")
        where = line(statement)
        if derivative is not None:
            yield Change(where, wrapped(forward, BACKWARD, derivative, f"{{}} * {scale}").listing)


def _layers_behind_dropout(
    listing: Listing,
) -> Iterator[tuple[str, str, ast.stmt, ast.BinOp]]:
    """Each `h @ w + b` of an `h` that dropout made: the names of h and b, and where it stands."""
    dropped = {step.output.name for step in listing.forward if step.function == "dropout"}
    for _, statement, value in assignments(listing, "network"):
        for node in ast.walk(value):
            match node:
                case ast.BinOp(
                    left=ast.BinOp(left=ast.Name(id=kept), op=ast.MatMult()),
                    op=ast.Add(),
                    right=ast.Name(id=bias),
                ) if kept in dropped and bias in listing.parameters:
                    yield kept, bias, statement, node


def _mask_of(listing: Listing, kept: str) -> str:
    """The mask that made a dropped value."""
    return listing.made[kept].inputs[1].name
