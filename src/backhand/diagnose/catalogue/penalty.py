"""Mistakes with a penalty on the weights."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import assignments, known, node_put, put_value, value_of
from backhand.diagnose.listing import Listing
from backhand.diagnose.mistake import Change


@known(
    "regularisation left out of the loss",
    "loss",
    what="the penalty on the weights is left out of the loss that is computed",
    why="the loss is then not the one whose gradient is followed",
    fix="add the penalty to the loss",
)
def penalty_missing(listing: Listing) -> Iterator[Change]:
    for statement, whole in _penalties(listing):
        yield node_put(listing, "network_loss", statement, whole, ast.unparse(whole.left))


def _penalties(listing: Listing) -> Iterator[tuple[ast.stmt, ast.BinOp]]:
    """The sums in the loss whose second part is made of weights alone."""
    for statement in listing.statements("network_loss"):
        value = value_of(statement)
        if value is None or not isinstance(statement, ast.Return | ast.Assign):
            continue
        for node in ast.walk(value):
            match node:
                case ast.BinOp(op=ast.Add(), right=right):
                    read = {n.id for n in ast.walk(right) if isinstance(n, ast.Name)}
                    if read - {"np"} and read - {"np"} <= _of_weights(listing):
                        yield statement, node


@known(
    "regularisation left out of the gradient",
    "loss",
    what="the penalty on the weights is left out of the gradient",
    why="the weights are then not drawn towards 0",
    fix="add the penalty's derivative: dw += 2 * strength * w",
    known_from="CS231n, assignment 1",
)
def penalty_gradient(listing: Listing) -> Iterator[Change]:
    gradients = {f"d{name}": name for name in listing.parameters}
    for statement in listing.statements("network_backward"):
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.BinOp(left=a, op=ast.Add(), right=b)
            ):
                for kept, gone in ((a, b), (b, a)):
                    if name in gradients and _is_penalty(listing, gone, gradients[name]):
                        yield put_value(listing, "network_backward", statement, ast.unparse(kept))


@known(
    "regularisation's factor 2",
    "loss",
    what="the penalty's derivative has half or twice its size",
    why="the derivative of w^2 is 2 w, and that of w^2 / 2 is w",
    fix="2 * strength * w for strength * sum(w ** 2), strength * w for half of it",
    known_from="CS231n, assignment 1 (0.5 * reg * sum(W * W) against reg * sum(W * W))",
)
def penalty_factor(listing: Listing) -> Iterator[Change]:
    gradients = {f"d{name}": name for name in listing.parameters}
    for statement in listing.statements("network_backward"):
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.BinOp(left=a, op=ast.Add(), right=b)
            ):
                for kept, part in ((a, b), (b, a)):
                    if name in gradients and _is_penalty(listing, part, gradients[name]):
                        for factor in (0.5, 2):
                            new = f"{ast.unparse(kept)} + {factor} * ({ast.unparse(part)})"
                            yield put_value(listing, "network_backward", statement, new)
    for statement, whole in _penalties(listing):
        for factor in (0.5, 2):
            new = f"{ast.unparse(whole.left)} + {factor} * ({ast.unparse(whole.right)})"
            yield node_put(listing, "network_loss", statement, whole, new)


def _is_penalty(listing: Listing, part: ast.expr, weight: str) -> bool:
    """Whether a part of a gradient is made of the weight itself, here or where it was named."""
    lines = {name: value for name, _, value in assignments(listing, "network_backward")}
    made = lines.get(part.id, part) if isinstance(part, ast.Name) else part
    nodes = list(ast.walk(made))
    reads = any(isinstance(n, ast.Name) and n.id == weight for n in nodes)
    return reads and not any(isinstance(n, ast.MatMult) for n in nodes)


def _of_weights(listing: Listing) -> set[str]:
    """The names in the loss that are made of weights alone, and the weights."""
    found = set(listing.parameters)
    for name, _, value in assignments(listing, "network_loss"):
        read = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} - {"np"}
        if read and read <= found:
            found.add(name)
    return found
