"""Mistakes of the derivative at the output, where the backward pass begins."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.loss_places import (
    both_put,
    is_squared,
    output_form,
    slope_put,
    target_of_loss,
)
from backhand.diagnose.editing import (
    assignment,
    known,
    line,
    names_put,
    needs,
    node_put,
    output_derivatives,
    put_value,
    target_of,
    undone,
)
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change


@known(
    "y - p for p - y",
    "loss",
    what="the derivative at the output has the wrong sign",
    why="every gradient is then turned round, and the loss grows",
    fix="p - y",
    known_from="common in class",
)
def target_minus_output(listing: Listing) -> Iterator[Change]:
    yield from slope_put(listing, "-{}")


@known(
    "target not subtracted",
    "loss",
    what="the derivative at the output is p, without the target",
    why="the network is never told what was asked of it",
    fix="p - y",
)
def target_missing(listing: Listing) -> Iterator[Change]:
    for statement in output_derivatives(listing):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=left, op=ast.Sub(), right=ast.Name(id=name)):
                    if name == target_of_loss(listing):
                        yield node_put(listing, "network_backward", statement, node, text_of(left))


@known(
    "softmax's derivative taken as p (1 - p)",
    "loss",
    what="the softmax's derivative is taken as the diagonal p (1 - p) of its Jacobian alone",
    why=(
        "each probability depends on every score: the parts beside the diagonal, -p_i p_j, are "
        "missing"
    ),
    fix="with cross-entropy use p - y; else p * (dp - (dp * p).sum(axis=1, keepdims=True))",
    known_from="common in class",
)
def softmax_diagonal(listing: Listing) -> Iterator[Change]:
    yield from output_form(listing, "softmax", "-{y} * (1 - {p})")
    for step, forward, statement in undone(listing, "softmax"):  # within the network
        above, p = step.inputs[0].name, forward.output.name
        yield put_value(listing, "network_backward", statement, f"{above} * {p} * (1 - {p})")


@known(
    "scores for probabilities in p - y",
    "loss",
    what="the derivative at the output is z - y, with the scores where the probabilities belong",
    why="softmax and sigmoid are part of the network: p - y is with what they give",
    fix="p - y, with p = softmax(z)",
    known_from="logistic regression written on top of Adaline, which has no activation there",
)
def scores_in_difference(listing: Listing) -> Iterator[Change]:
    for statement in output_derivatives(listing):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=ast.Name(id=p), op=ast.Sub(), right=ast.Name()):
                    made = listing.made.get(p)
                    if made is not None and made.function in ("softmax", "sigmoid"):
                        z = made.inputs[0].name
                        changed = needs(listing, statement, z)
                        again = assignment(changed, "network_backward", target_of(statement))
                        if again is not None:
                            change = names_put(changed, "network_backward", again, p, z)
                            yield Change(line(statement), change.listing)
                case ast.BinOp(
                    left=ast.Call(func=ast.Name(id="softmax" | "sigmoid"), args=[z_]) as called,
                    op=ast.Sub(),
                ):
                    yield node_put(listing, "network_backward", statement, called, text_of(z_))


@known(
    "p - y multiplied by p (1 - p) once more",
    "loss",
    what="p - y is multiplied by the output activation's derivative p (1 - p)",
    why="p - y is already the derivative by the scores: the activation's derivative is in it",
    fix="p - y, without the factor",
    known_from="Nielsen, Neural networks and deep learning, chapter 3, on the quadratic cost",
)
def derivative_twice(listing: Listing) -> Iterator[Change]:
    yield from output_form(listing, "softmax", "({p} - {y}) * {p} * (1 - {p})")
    yield from output_form(listing, "sigmoid", "({p} - {y}) * {p} * (1 - {p})")


@known(
    "derivative of the squared error for the cross-entropy",
    "loss",
    what="the derivative at the output is twice p - y, that of a squared error",
    why="a cross-entropy's derivative by the scores is p - y",
    fix="p - y",
)
def cross_entropy_double(listing: Listing) -> Iterator[Change]:
    if not is_squared(listing):
        yield from slope_put(listing, "2 * {}")


@known(
    "loss's derivative passed through no output activation",
    "loss",
    what="the derivative by the probabilities is used as if it were that by the scores",
    why="the output activation's derivative is missing: -y / p where p - y belongs",
    fix="p - y",
)
def probabilities_for_scores(listing: Listing) -> Iterator[Change]:
    yield from output_form(listing, "softmax", "-{y} / {p}")
    yield from output_form(listing, "sigmoid", "({p} - {y}) / ({p} * (1 - {p}))")


@known(
    "loss and its gradient with the wrong sign",
    "loss",
    what="the loss and its derivative have the wrong sign",
    why="going down this loss is going up the right one",
    fix="put the minus back: -(y * np.log(p)).sum(), whose derivative is p - y",
)
def both_sign(listing: Listing) -> Iterator[Change]:
    yield from both_put(listing, "-{}")


@known(
    "square itself for its derivative",
    "loss",
    what="the derivative at the output is the squared difference, not the difference",
    why="the derivative of (p - y) ** 2 is 2 * (p - y): a square has lost the sign",
    fix="2 * (p - y) / n, or (p - y) / n for a loss with a half",
)
def square_for_derivative(listing: Listing) -> Iterator[Change]:
    for statement in output_derivatives(listing) if is_squared(listing) else ():
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=ast.Name(), op=ast.Sub(), right=ast.Name()):
                    new = f"({text_of(node)}) ** 2"
                    yield node_put(listing, "network_backward", statement, node, new)
