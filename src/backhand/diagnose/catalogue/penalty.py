"""Mistakes with a penalty on the weights."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.options import rows_of
from backhand.diagnose.catalogue.penalty_places import (
    gradients_with,
    in_gradients,
    in_loss,
    loss_with,
)
from backhand.diagnose.editing import (
    BACKWARD,
    assignment,
    known,
    line,
    node_put,
    put_value,
)
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change


@known(
    "regularisation left out of the loss",
    "loss",
    what="the penalty on the weights is left out of the loss that is computed",
    why="the loss is then not the one whose gradient is followed",
    fix="add the penalty to the loss",
)
def penalty_missing(listing: Listing) -> Iterator[Change]:
    for statement, whole in in_loss(listing):
        yield node_put(listing, "network_loss", statement, whole, text_of(whole.left))
        for node in ast.walk(whole.right):  # or that on some of the weights
            match node:
                case ast.BinOp(left=left, op=ast.Add(), right=right):
                    for kept in (left, right):
                        yield node_put(listing, "network_loss", statement, node, text_of(kept))


@known(
    "regularisation left out of the gradient",
    "loss",
    what="the penalty on the weights is left out of the gradient",
    why="the weights are then not drawn towards 0",
    fix="add the penalty's derivative: dw += 2 * strength * w",
    known_from="CS231n, assignment 1",
)
def penalty_gradient(listing: Listing) -> Iterator[Change]:
    for statement, kept, _, _ in in_gradients(listing):
        yield put_value(listing, BACKWARD, statement, text_of(kept))


@known(
    "regularisation left out altogether",
    "loss",
    what="the penalty on the weights is in neither the loss nor the gradient",
    why="another function is made small than the one that is asked for",
    fix="add strength * sum(w ** 2) to the loss, and 2 * strength * w to the gradient",
    is_local=True,
)
def penalty_nowhere(listing: Listing) -> Iterator[Change]:
    for _, _, where in _penalties(listing):
        yield Change(where, gradients_with(loss_with(listing, "0 * {}"), "0 * {}"))


@known(
    "regularisation's factor 2",
    "loss",
    what="the penalty's derivative, or the penalty, has half or twice its size",
    why="the derivative of w^2 is 2 w, and that of w^2 / 2 is w",
    fix="2 * strength * w for strength * sum(w ** 2), strength * w for half of it",
    known_from="CS231n, assignment 1 (0.5 * reg * sum(W * W) against reg * sum(W * W))",
    is_local=True,
)
def penalty_factor(listing: Listing) -> Iterator[Change]:
    for form in ("0.5 * {}", "2 * {}"):
        yield from _with_form(listing, form)
    for statement, kept, part, _ in in_gradients(listing):
        for factor in (0.5, 2):
            new = f"{text_of(kept)} + {factor} * ({text_of(part)})"
            yield put_value(listing, BACKWARD, statement, new)


@known(
    "regularisation divided by N, or not",
    "loss",
    what="the penalty is divided by the number of examples, or multiplied by it",
    why="the penalty has no part for each example: it is divided by N only if that is asked for",
    fix="strength * sum(w ** 2), with the strength as it is given",
    known_from="Ng's course divides it by m: lambd / (2 * m)",
    is_local=True,
)
def penalty_count(listing: Listing) -> Iterator[Change]:
    rows = rows_of(listing)
    if rows > 1:
        for form in (f"{{}} / {rows}", f"{{}} * {rows}", f"{{}} / (2 * {rows})"):
            yield from _with_form(listing, form)


@known(
    "regularisation of another strength",
    "loss",
    what="the penalty's strength is left out or is another one than asked for",
    why="it says how strongly the weights are drawn towards 0",
    fix="use the strength that is asked for, in the loss and in the gradient",
    is_local=True,
)
def penalty_strength(listing: Listing) -> Iterator[Change]:
    given = {
        node.value
        for _, whole in in_loss(listing)
        for node in ast.walk(whole.right)
        if isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value
    }
    for factor in (*sorted(1 / strength for strength in given), 0.1, 10.0):
        yield from _with_form(listing, f"{factor!r} * {{}}")


@known(
    "regularisation's sign",
    "loss",
    what="the penalty is subtracted",
    why="the weights are then driven away from 0",
    fix="add it, to the loss and to the gradient",
    is_local=True,
)
def penalty_sign(listing: Listing) -> Iterator[Change]:
    yield from _with_form(listing, "(-{})")


@known(
    "regularisation of the biases too",
    "loss",
    what="the penalty acts on the biases as well, though it is asked for on other weights alone",
    why="a bias only shifts a threshold; there is no reason to draw it towards 0",
    fix="penalise the weights that are named",
    is_local=True,
)
def penalty_biases(listing: Listing) -> Iterator[Change]:
    found = list(in_gradients(listing))
    penalised = {weight for *_, weight in found}
    free = [n for n in listing.parameters if n not in penalised]
    biases = [n for n in free if listing.experiment.arrays[n].ndim == 1]
    for changes, which in _biased(listing, biases) if found and biases else ():
        yield Change(which, changes)


def _biased(listing: Listing, biases: list[str]) -> Iterator[tuple[Listing, str]]:
    """The gradients with the penalty on the biases, and the loss with it too."""
    statement, _, part, weight = next(in_gradients(listing))
    position = listing.parameters.index(weight)
    strength = f"({text_of(part)} / weights[{position}]).ravel()[0]"
    changed = listing
    for name in biases:
        target = assignment(changed, BACKWARD, f"d{name}")
        if target is None:
            return
        taken = f"{{}} + {strength} * weights[{listing.parameters.index(name)}]"
        changed = _moved_down(changed, target, taken)
    yield changed, line(statement)


def _moved_down(listing: Listing, target: ast.stmt, form: str) -> Listing:
    """A gradient put into a form right before it is returned, where all others are known."""
    tree = listing.functions[BACKWARD]
    name = text_of(target.targets[0])  # type: ignore[attr-defined]
    *lines, last = map(text_of, tree.body)
    return listing.with_lines(BACKWARD, "\n".join([*lines, f"{name} = {form.format(name)}", last]))


def _with_form(listing: Listing, form: str) -> Iterator[Change]:
    """All penalties in a form: in the gradients, in the loss, in both."""
    for has_loss, has_gradients, where in _penalties(listing):
        if has_gradients:
            yield Change(where, gradients_with(listing, form))
        if has_loss:
            yield Change(where, loss_with(listing, form))
        if has_loss and has_gradients:
            yield Change(where, gradients_with(loss_with(listing, form), form))


def _penalties(listing: Listing) -> Iterator[tuple[bool, bool, str]]:
    """Whether there are any in the loss and in the gradients, and a line that has one."""
    loss, gradients = list(in_loss(listing)), list(in_gradients(listing))
    if loss or gradients:
        first = gradients[0][0] if gradients else loss[0][0]
        yield bool(loss), bool(gradients), line(first)
