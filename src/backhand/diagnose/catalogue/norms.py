"""Mistakes with normalisation, over the batch or over the features."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import BACKWARD, backward_with, known, line, node_put, put, undone
from backhand.diagnose.listing import Listing, swapped
from backhand.diagnose.mistake import Change


def _norms(listing: Listing) -> list[str]:
    """The functions that normalise."""
    marks = ("norm", "standardised")
    return [n for n in listing.functions if any(m in n for m in marks) and "backward" not in n]


@known(
    "variance with N - 1",
    "forward",
    what="the variance for the normalisation is divided by N - 1 instead of N",
    why="normalisation uses the variance of the numbers at hand, which divides by their count",
    fix="use x.var() with ddof=0, NumPy's default",
    known_from="PyTorch's batch_norm has N - 1, but in its running variance alone",
)
def variance_unbiased(listing: Listing) -> Iterator[Change]:
    for function in _norms(listing):
        x = listing.functions[function].args.args[0].arg
        for statement in listing.statements(function):
            for node in ast.walk(statement):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.BinOp(op=ast.Pow()), attr="mean")):
                        text = ast.unparse(node)
                        count = f"({x}.size / ({text}).size)"
                        new = f"({text} * {count} / ({count} - 1))"
                        yield from _and_back(listing, function, statement, node, new)


@known(
    "epsilon outside the root",
    "forward",
    what="the epsilon of the normalisation is added to the standard deviation, not to the variance",
    why="1e-5 beside a standard deviation is not 1e-5 beside its square",
    fix="divide by np.sqrt(variance + eps)",
)
def epsilon_outside(listing: Listing) -> Iterator[Change]:
    for function in _norms(listing):
        for statement in listing.statements(function):
            for node in ast.walk(statement):
                match node:
                    case ast.Call(
                        func=ast.Attribute(attr="sqrt"),
                        args=[ast.BinOp(left=left, op=ast.Add(), right=right)],
                    ):
                        text = f"(np.sqrt({ast.unparse(left)}) + {ast.unparse(right)})"
                        yield node_put(listing, function, statement, node, text)


def _and_back(
    listing: Listing, function: str, statement: ast.stmt, old: ast.AST, new: str
) -> Iterator[Change]:
    """A part of a normalising function changed there alone, and in its backward pass as well."""
    change = node_put(listing, function, statement, old, new)
    yield change
    changed = swapped(statement, old, ast.parse(new, mode="eval").body)
    other = f"{function}_backward"
    for twin in change.listing.statements(other):
        if ast.unparse(twin) == ast.unparse(statement):
            yield Change(change.where, change.listing.changed(other, twin, changed))


@known(
    "variance for its root",
    "forward",
    what="the normalisation divides by the variance, not by its root",
    why="the result then depends on the scale of what goes in, and its variance is not 1",
    fix="divide by np.sqrt(variance + eps)",
)
def root_missing_in_norm(listing: Listing) -> Iterator[Change]:
    for function in _norms(listing):
        for statement in listing.statements(function):
            for node in ast.walk(statement):
                match node:
                    case ast.Call(func=ast.Attribute(attr="sqrt"), args=[inner]):
                        new = f"({ast.unparse(inner)})"
                        yield from _and_back(listing, function, statement, node, new)


@known(
    "normalised over the wrong axis",
    "forward",
    what="mean and variance are taken over the features instead of over the batch, or the reverse",
    why="the batch's has one mean for each feature, the layer's one for each example",
    fix="axis=0 for the batch, axis=-1 for the features",
)
def norm_axis(listing: Listing) -> Iterator[Change]:
    changed, where = listing, ""
    for function in ("network", BACKWARD):
        for statement in list(changed.statements(function)):
            text = ast.unparse(statement)
            other = _other_axis(text)
            if any(name in text for name in _norms(listing)) and other != text:
                where = where or line(statement)
                changed = put(changed, function, statement, other).listing
                if function == "network":
                    yield Change(where, changed)
    if where and changed is not listing:
        yield Change(where, changed)


def _other_axis(text: str) -> str:
    """`(0,)` for `(-1,)`, and the reverse."""
    return text.replace("(0,)", "(-1,)") if "(0,)" in text else text.replace("(-1,)", "(0,)")


@known(
    "scale of the normalisation forgotten in its backward pass",
    "backward",
    what="the derivative is not multiplied by the normalisation's scale (gamma) on its way back",
    why="y = gamma * s + beta, so ds = gamma * dy",
    fix="ds = dy * gamma",
)
def scale_forgotten(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements(BACKWARD):
        for node in ast.walk(statement):
            match node:
                case ast.Call(
                    func=ast.Name(id=name),
                    args=[ast.BinOp(left=left, op=ast.Mult()) as first, *_],
                ) if name in [f"{norm}_backward" for norm in _norms(listing)]:
                    yield node_put(listing, BACKWARD, statement, first, ast.unparse(left))


@known(
    "part of the normalisation's derivative missing",
    "backward",
    what="the derivative through the mean, or the one through the variance, is left out",
    why="both are made of the same numbers, so the derivative goes through both",
    fix="subtract the mean of the derivative, and its part along the normalised values",
    known_from="common in class",
)
def norm_part_missing(listing: Listing) -> Iterator[Change]:
    for function in [f"{name}_backward" for name in _norms(listing)]:
        for statement in listing.statements(function):
            for node in ast.walk(statement):
                match node:
                    case ast.BinOp(left=ast.Name(id=left), op=ast.Sub()) if left != "x":
                        yield node_put(listing, function, statement, node, left)


@known(
    "normalisation's mean and variance taken as constants",
    "backward",
    what="the backward pass of the normalisation treats its mean and variance as constants",
    why="they are made of the same numbers, so the derivative goes through them too",
    fix="subtract the mean of the derivative, and its part along the normalised values",
    known_from="common in class",
)
def normalisation_constants(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, "batch_norm", "layer_norm"):
        if not step.function.endswith(".dx"):
            continue
        x, g = forward.inputs[0].name, forward.inputs[1].name
        axis = "0" if forward.function == "batch_norm" else "-1"
        eps = dict(forward.attributes).get("eps", 1e-5)
        root = f"np.sqrt({x}.var(axis={axis}, keepdims=True) + {eps})"
        yield backward_with(listing, statement, f"{step.inputs[0].name} * {g} / {root}", x, g)
