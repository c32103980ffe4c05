"""Mistakes with the running averages that an optimiser keeps of the gradients."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from backhand.diagnose.catalogue.options import options_of, with_options
from backhand.diagnose.editing import known, node_put, put, wrapped
from backhand.diagnose.listing import Listing, renamed, swapped, text_of
from backhand.diagnose.mistake import Change


@known(
    "second moment of the gradient, not of its square",
    "update",
    what="the running second moment averages the gradient, not its square",
    why="its root is then no size of the gradient, and of negative numbers no number at all",
    fix="v = beta2 * v + (1 - beta2) * dw * dw",
)
def square_missing(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("update"):
        for node in ast.walk(statement) if not isinstance(statement, ast.For) else ():
            match node:
                case ast.BinOp(left=left, op=ast.Mult(), right=ast.Name(id="dw")):
                    if "dw" in text_of(left):
                        yield node_put(listing, "update", statement, node, text_of(left))
                        size = renamed(ast.Expr(left), {"dw": "np.abs(dw)"})
                        yield node_put(listing, "update", statement, node, size)
                        plain = listing.changed("update", statement, swapped(statement, node, left))
                        yield from _rooted_by_size(plain)


def _rooted_by_size(listing: Listing) -> Iterator[Change]:
    """The root taken of what has lost its sign."""
    for statement in listing.statements("update"):
        for node in ast.walk(statement) if not isinstance(statement, ast.For) else ():
            match node:
                case ast.Call(func=ast.Attribute(attr="sqrt"), args=[inner]):
                    new = f"np.sqrt(np.abs({text_of(inner)}))"
                    yield node_put(listing, "update", statement, node, new)


@known(
    "second moment of the average, not of the gradient",
    "update",
    what="the running second moment averages the square of the first moment, not of the gradient",
    why="it is then no size of the gradients, but of their mean",
    fix="v = beta2 * v + (1 - beta2) * dw * dw",
)
def moment_of_moment(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("update"):
        match statement:
            case ast.AugAssign(op=ast.Add(), value=value) if "* dw * dw" in text_of(value):
                if "m" in _kept(listing):
                    yield put(listing, "update", statement, renamed(statement, {"dw": "m"}))


def _kept(listing: Listing) -> list[str]:
    """The names of what an optimiser keeps for each weight."""
    for statement in listing.statements("update"):
        match statement:
            case ast.For(target=ast.Tuple(elts=[_, _, ast.Tuple(elts=kept)])):
                return [name.id for name in kept if isinstance(name, ast.Name)]
    return []


@known(
    "shares of the running average swapped",
    "update",
    what="the running average keeps 1 - beta of the old and takes beta of the new",
    why="it then forgets almost at once: the newest gradient alone decides",
    fix="v = beta * v + (1 - beta) * dw * dw",
    known_from="common in class",
)
def shares_swapped(listing: Listing) -> Iterator[Change]:
    options = options_of(listing)
    for key in ("alpha", "beta2", "beta1", "rho"):
        beta = options.get(key)
        if isinstance(beta, float) and 0 < beta < 1:
            other = 1 - beta
            changed: dict[str, Any] = {key: other}
            yield from with_options(listing, **changed)
    betas = [options.get(key) for key in ("beta1", "beta2")]
    if all(isinstance(beta, float) for beta in betas):
        first, second = betas
        assert isinstance(first, float)
        assert isinstance(second, float)
        yield from with_options(listing, beta1=1 - first, beta2=1 - second)


@known(
    "running average never forgets",
    "update",
    what="the old average is not multiplied by beta: it is a sum that grows",
    why="the steps then shrink for ever (Adagrad), where they should follow the newest gradients",
    fix="v = beta * v + (1 - beta) * dw * dw",
)
def never_forgets(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("update"):
        match statement:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Mult(), value=ast.Constant()):
                if name in _kept(listing):
                    yield put(listing, "update", statement, "")


@known(
    "running average of the newest alone",
    "update",
    what="the average is overwritten by the newest gradient's part instead of added to",
    why="nothing is then averaged: = where += belongs",
    fix="v = beta * v + (1 - beta) * dw * dw",
)
def newest_alone(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("update"):
        match statement:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
                if name in _kept(listing) and name != "velocity":  # there it is "momentum missing"
                    new = renamed(ast.Expr(value), {name: "0 * " + name})
                    yield put(listing, "update", statement, f"{name}[...] = {new}")


@known(
    "running average without 1 - beta",
    "update",
    what="the running average adds the whole new value: m = beta m + dw",
    why="an average weighs the new value with 1 - beta",
    fix="m = beta1 * m + (1 - beta1) * dw",
)
def average_unweighted(listing: Listing) -> Iterator[Change]:
    options = options_of(listing)
    for statement in listing.statements("update"):
        match statement:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
                text = text_of(value)
                for key in ("beta1", "beta2", "alpha"):
                    beta = options.get(key)
                    if f"(1 - {beta}) * " in text:
                        rest = text.replace(f"(1 - {beta}) * ", "", 1)
                        if rest == f"(dw - {name})":
                            new = f"{name}[...] = {beta} * {name} + dw"
                        else:
                            new = f"{name} += {rest}"
                        yield put(listing, "update", statement, new)


@known(
    "betas swapped",
    "update",
    what="Adam's two betas are swapped",
    why="the mean then forgets slowly and the square fast",
    fix="beta1 = 0.9 for the mean, beta2 = 0.999 for the square",
    known_from="common in class",
)
def betas_swapped(listing: Listing) -> Iterator[Change]:
    options = options_of(listing)
    if "beta1" in options:
        yield from with_options(listing, beta1=options["beta2"], beta2=options["beta1"])
        yield from _swapped_in_averages(listing, options["beta1"], options["beta2"])


def _swapped_in_averages(listing: Listing, first: object, second: object) -> Iterator[Change]:
    """The betas swapped where the averages are made, but not in their bias correction."""
    changed, where = listing, ""
    for statement in list(listing.statements("update")):
        match statement:
            case ast.AugAssign(target=ast.Name(id=name)) if name in _kept(listing):
                other = {first: second, second: first}
                change = put(changed, "update", statement, _with_numbers(statement, other))
                where, changed = where or change.where, change.listing
    if where:
        yield Change(where, changed)


def _with_numbers(statement: ast.stmt, other: Mapping[object, object]) -> str:
    """The text of a statement with constants replaced."""
    tree = ast.parse(text_of(statement)).body[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in other:
            node.value = other[node.value]  # type: ignore[assignment]
    return ast.unparse(tree)


@known(
    "running average's beta of another size",
    "update",
    what="a running average has another beta than asked for",
    why="it says how long the average remembers",
    fix="use the betas that are asked for",
    known_from="0.9 and 0.999 are Adam's, 0.99 is PyTorch's for RMSprop and 0.9 that of others",
)
def beta_other(listing: Listing) -> Iterator[Change]:
    options = options_of(listing)
    for key in ("alpha", "beta1", "beta2", "rho"):
        asked = options.get(key)
        for other in (0.9, 0.99, 0.999, 0.95, 0.5) if isinstance(asked, float) and asked else ():
            if other != asked:
                changed: dict[str, Any] = {key: other}
                yield from with_options(listing, **changed)


@known(
    "root missing",
    "update",
    what="the step is divided by the second moment, not by its root",
    why="the step then has the wrong size: it should not depend on the gradient's scale",
    fix="np.sqrt(v) + eps",
)
def root_missing(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("update"):
        for node in ast.walk(statement) if not isinstance(statement, ast.For) else ():
            match node:
                case ast.Call(func=ast.Attribute(attr="sqrt"), args=[inner]):
                    yield node_put(listing, "update", statement, node, f"({text_of(inner)})")
                    if isinstance(statement, ast.Assign):  # with its bias correction
                        yield wrapped(listing, "update", statement, "{} ** 2")
