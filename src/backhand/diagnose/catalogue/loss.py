"""Mistakes of the loss: its value, its derivative, or both."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.loss_places import (
    both_put,
    is_mean,
    is_squared,
    output_form,
    slope_put,
    value_put,
)
from backhand.diagnose.editing import known, node_put, put_value
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change

EPSILONS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-15)


@known(
    "loss with the wrong sign",
    "loss",
    what="the loss has the wrong sign",
    why="the minus of the logarithm is missing (or one too many): the loss is negative",
    fix="-(y * np.log(p)).sum()",
    known_from="common in class",
)
def loss_sign(listing: Listing) -> Iterator[Change]:
    yield from value_put(listing, "-{}")


@known(
    "epsilon inside the logarithm",
    "loss",
    what="a small number is added to the probability inside the logarithm",
    why=(
        "the loss is then not the one whose derivative is taken, by about epsilon / p for each "
        "example"
    ),
    fix=(
        "leave it out; against log(0), take the logarithm of the softmax from the scores themselves"
    ),
    known_from="common in class",
)
def log_epsilon(listing: Listing) -> Iterator[Change]:
    for function, statement, call in _logarithms(listing):
        for epsilon in EPSILONS:
            new = f"np.log({text_of(call.args[0])} + {epsilon!r})"
            yield node_put(listing, function, statement, call, new)
    for statement, call in _log_softmaxes(listing):
        for epsilon in EPSILONS:
            new = f"np.log(np.exp({text_of(call)}) + {epsilon!r})"
            yield node_put(listing, "network_loss", statement, call, new)


@known(
    "logarithm of another base",
    "loss",
    what="the logarithm is to base 2 or 10",
    why="the cross-entropy is meant with the natural logarithm; p - y is the derivative of that",
    fix="use np.log",
)
def log_base(listing: Listing) -> Iterator[Change]:
    for function, statement, call in _logarithms(listing):
        for name in ("log2", "log10"):
            new = f"np.{name}({text_of(call.args[0])})"
            yield node_put(listing, function, statement, call, new)
    for statement, call in _log_softmaxes(listing):
        for base in (2, 10):
            new = f"({text_of(call)} / np.log({base}))"
            yield node_put(listing, "network_loss", statement, call, new)


def _log_softmaxes(listing: Listing) -> Iterator[tuple[ast.stmt, ast.Call]]:
    for statement in listing.statements("network_loss"):
        for node in ast.walk(statement):
            match node:
                case ast.Call(func=ast.Name(id="log_softmax")):
                    yield statement, node


def _logarithms(listing: Listing) -> Iterator[tuple[str, ast.stmt, ast.Call]]:
    called = {
        node.func.id
        for statement in listing.statements("network_loss")
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    for function in ("network_loss", *sorted(called & set(listing.functions))):
        for statement in listing.statements(function):
            for node in ast.walk(statement):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="log")):
                        yield function, statement, node


@known(
    "target broadcast against the output",
    "loss",
    what="the target is laid along the other axis: every output is compared with every target",
    why="(N, 1) minus (N,) broadcasts to (N, N), without a word from NumPy",
    fix="give y the outputs' shape: y.reshape(p.shape)",
    known_from="common on Stack Overflow: a loss of shapes (N, 1) and (N,)",
)
def broadcast(listing: Listing) -> Iterator[Change]:
    targets = listing.experiment.network.targets
    shape = listing.experiment.arrays[targets[0].name].shape if targets else ()
    if len(shape) != len("NK") or shape[1] != 1 or shape[0] == 1:
        return
    name = targets[0].name
    body = [text_of(s) for s in listing.functions["network_loss"].body]
    square = f"np.broadcast_to({name}.T, ({name}.size, {name}.size))"
    outputs = [v.name for v in listing.experiment.network.forward.outputs]
    spread = [f"{o} = np.broadcast_to({o}, ({name}.size, {name}.size))" for o in outputs]
    lines = [*spread, f"{name} = {square}", *body]
    yield Change(body[-1], listing.with_lines("network_loss", "\n".join(lines)))


@known(
    "logarithm missing",
    "loss",
    what="the loss is -sum(y * p), without the logarithm",
    why="that is not the cross-entropy, and p - y is not its derivative",
    fix="-(y * np.log(p)).sum()",
)
def log_missing(listing: Listing) -> Iterator[Change]:
    for function, statement, call in _logarithms(listing):
        yield node_put(listing, function, statement, call, text_of(call.args[0]))


@known(
    "half of the squared error",
    "loss",
    what="the squared error has a factor of a half that is not asked for",
    why="the loss is half as large; its derivative has lost its 2",
    fix="((p - y) ** 2), without 0.5, or the derivative with its 2",
    known_from="common in class",
)
def squared_half(listing: Listing) -> Iterator[Change]:
    if is_squared(listing):
        yield from both_put(listing, "0.5 * {}")
        yield from value_put(listing, "0.5 * {}")


@known(
    "half of the loss",
    "loss",
    what="the loss, its derivative or both have a factor of a half that is not asked for",
    why="a factor of the loss is a factor of every gradient; the half belongs to a squared error",
    fix="leave the 0.5 out",
    known_from="1 / (2 m) written for a cross-entropy",
)
def loss_half(listing: Listing) -> Iterator[Change]:
    if not is_squared(listing):
        yield from both_put(listing, "0.5 * {}")
        yield from value_put(listing, "0.5 * {}")
        yield from slope_put(listing, "0.5 * {}")


@known(
    "factor 2 of the squared error",
    "loss",
    what="the 2 in the derivative of the square is missing, or there though the loss has the half",
    why="the derivative of (p - y)^2 is 2 (p - y); that of half of it is p - y",
    fix="2 * (p - y) for the square, p - y for half the square",
    known_from="common in class",
)
def squared_two(listing: Listing) -> Iterator[Change]:
    if is_squared(listing):
        yield from slope_put(listing, "0.5 * {}")
        yield from slope_put(listing, "2 * {}")


@known(
    "twice the loss",
    "loss",
    what="the loss is twice what is asked for, and its derivative too",
    why="a factor of the loss is a factor of every gradient: each step is twice as long",
    fix="leave the 2 out, or put the half back",
)
def loss_double(listing: Listing) -> Iterator[Change]:
    yield from both_put(listing, "2 * {}")
    yield from value_put(listing, "2 * {}")


@known(
    "root of the squared error",
    "loss",
    what="the root of the squared error is given as the loss",
    why="its derivative is another one: that of the square, divided by twice the root",
    fix="leave out np.sqrt",
)
def squared_root(listing: Listing) -> Iterator[Change]:
    if is_squared(listing):
        yield from value_put(listing, "np.sqrt({})")


@known(
    "absolute for squared error",
    "loss",
    what="the absolute difference is taken where the square is asked for",
    why="its derivative is a sign, not a difference",
    fix="(p - y) ** 2",
)
def absolute_error(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("network_loss"):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=left, op=ast.Pow()) if isinstance(statement, ast.Return):
                    new = f"np.abs({text_of(left)})"
                    yield node_put(listing, "network_loss", statement, node, new)


@known(
    "squared error's derivative for the absolute error's",
    "loss",
    what="the derivative of the absolute difference is taken as p - y, not as its sign",
    why="the absolute error has the same slope everywhere, however far off the output is",
    fix="np.sign(p - y)",
)
def sign_missing(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("network_backward"):
        for node in ast.walk(statement):
            match node:
                case ast.Call(func=ast.Attribute(attr="sign"), args=[inner]):
                    for factor in ("", "2 * "):
                        new = f"{factor}({text_of(inner)})"
                        yield node_put(listing, "network_backward", statement, node, new)


@known(
    "binary cross-entropy of the classes",
    "loss",
    what="the other classes' log(1 - p) is added to the cross-entropy of a softmax",
    why=(
        "a softmax's cross-entropy has the true class's logarithm alone; p - y is the derivative "
        "of that"
    ),
    fix="-(y * np.log(p)).sum()",
)
def binary_for_classes(listing: Listing) -> Iterator[Change]:
    yield from _loss_term(
        listing, "cross_entropy", "-(({y}) * np.log({p}) + (1 - {y}) * np.log(1 - {p}))"
    )


@known(
    "the half of the binary cross-entropy missing",
    "loss",
    what="the binary cross-entropy lacks its (1 - y) * log(1 - p)",
    why="examples of class 0 then cost nothing",
    fix="-(y * log(p) + (1 - y) * log(1 - p))",
)
def binary_half(listing: Listing) -> Iterator[Change]:
    halves = ("-(({y}) * np.log({p}))", "-((1 - {y}) * np.log(1 - {p}))")
    slopes = ("-{y} * (1 - {p})", "(1 - {y}) * {p}")
    for half, slope in zip(halves, slopes, strict=True):
        for change in _loss_term(listing, "bce", half):
            yield change
            yield from output_form(change.listing, "sigmoid", slope)
        yield from output_form(listing, "sigmoid", slope)


def _loss_term(listing: Listing, function: str, form: str) -> Iterator[Change]:
    """The loss's value from another elementwise form, reduced as the loss itself is."""
    loss = listing.experiment.network.loss
    for step in loss.body if loss else ():
        if step.function != function or len(loss.body if loss else ()) != 1:
            continue
        p, y = step.inputs[0].name, step.inputs[1].name
        terms = form.format(p=p, y=y)
        count = "1" if not is_mean(listing) else f"{y}.size" if function == "bce" else f"len({y})"
        for statement in listing.statements("network_loss"):
            if isinstance(statement, ast.Return):
                yield put_value(listing, "network_loss", statement, f"({terms}).sum() / {count}")
