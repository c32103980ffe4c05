"""Where a penalty on the weights stands in a listing: in the loss, and in the gradients."""

import ast
from collections.abc import Iterator, Sequence
from functools import reduce

from backhand.diagnose.editing import (
    BACKWARD,
    assignment,
    assignments,
    node_put,
    put_value,
    value_of,
)
from backhand.diagnose.listing import Listing, text_of


def in_loss(listing: Listing) -> Iterator[tuple[ast.stmt, ast.BinOp]]:
    """The sums in the loss whose second part is made of weights alone."""
    for statement in listing.statements("network_loss"):
        value = value_of(statement)
        if value is None or not isinstance(statement, ast.Return | ast.Assign):
            continue
        for node in ast.walk(value):
            match node:
                case ast.BinOp(left=left, op=ast.Add(), right=right):
                    if _is_of_weights(listing, right) and not _is_of_weights(listing, left):
                        yield statement, node


def in_gradients(listing: Listing) -> Iterator[tuple[ast.stmt, ast.expr, ast.expr, str]]:
    """The sums that make a gradient of which one part is the penalty's: the statement, the other
    part, the penalty's, and the weight."""
    for name, statement, value in assignments(listing, BACKWARD):
        weight = name[1:]
        if weight not in listing.parameters:
            continue
        kept: list[ast.expr] = []
        parts: list[ast.expr] = []
        for term in _terms(value):
            (parts if is_penalty(listing, term, weight) else kept).append(term)
        if kept and parts:
            yield statement, _sum(kept), _sum(parts), weight


def loss_with(listing: Listing, form: str) -> Listing:
    """The loss with each of its penalties put into a form."""
    for place in range(len(list(in_loss(listing)))):
        statement, whole = list(in_loss(listing))[place]
        part = text_of(whole.right)
        new = f"{text_of(whole.left)} + {form.format(f'({part})')}"
        listing = node_put(listing, "network_loss", statement, whole, new).listing
    return listing


def gradients_with(listing: Listing, form: str) -> Listing:
    """The gradients with each of their penalties put into a form."""
    for name in [weight for *_, weight in in_gradients(listing)]:
        statement, kept, part, _ = next(p for p in in_gradients(listing) if p[3] == name)
        new = f"{text_of(kept)} + {form.format(f'({text_of(part)})')}"
        listing = put_value(listing, BACKWARD, statement, new).listing
    return listing


def _terms(value: ast.expr) -> list[ast.expr]:
    """What a sum adds."""
    match value:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [*_terms(left), *_terms(right)]
    return [value]


def _sum(terms: Sequence[ast.expr]) -> ast.expr:
    return reduce(lambda a, b: ast.BinOp(a, ast.Add(), b), terms)


def is_penalty(listing: Listing, part: ast.expr, weight: str) -> bool:
    """Whether a part of a gradient is made of the weight itself, here or where it was named."""
    if len(terms := _terms(part)) > 1:
        return all(is_penalty(listing, term, weight) for term in terms)
    made = named_part(listing, part)
    nodes = list(ast.walk(made))
    reads = any(isinstance(n, ast.Name) and n.id == weight for n in nodes)
    return bool(weight) and reads and not any(isinstance(n, ast.MatMult) for n in nodes)


def named_part(listing: Listing, part: ast.expr) -> ast.expr:
    """An expression, or the one that a name stands for."""
    if not isinstance(part, ast.Name):
        return part
    value = value_of(statement) if (statement := assignment(listing, BACKWARD, part.id)) else None
    return part if value is None else value


def _is_of_weights(listing: Listing, value: ast.expr) -> bool:
    """Whether an expression of the loss is made of weights alone."""
    read = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} - {"np"}
    return bool(read) and read <= _of_weights(listing)


def _of_weights(listing: Listing) -> set[str]:
    """The names in the loss that are made of weights alone, and the weights."""
    found = set(listing.parameters)
    for name, _, value in assignments(listing, "network_loss"):
        read = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} - {"np"}
        if read and read <= found:
            found.add(name)
    return found
