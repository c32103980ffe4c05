"""Mistakes with normalisation, over the batch or over the features."""

import ast
import re
from collections.abc import Iterator

from backhand.diagnose.editing import (
    BACKWARD,
    assignments,
    backward_with,
    known,
    line,
    node_put,
    parameter_of,
    put,
    undone,
)
from backhand.diagnose.listing import Listing, renamed, swapped, text_of
from backhand.diagnose.mistake import Change

EPSILON = re.compile(r"\b1e-\d+|\b0\.0+1\b")


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
                        text = text_of(node)
                        count = f"({x}.size / ({text}).size)"
                        new = f"({text} * {count} / ({count} - 1))"
                        yield from _and_back(listing, function, statement, node, new)


@known(
    "variance with N",
    "forward",
    what="the variance is divided by N where N - 1 is asked for",
    why="it is then the numbers' own variance, not the estimate of another one",
    fix="x.var(axis=0, ddof=1), or the sum of squares divided by n - 1",
)
def variance_biased(listing: Listing) -> Iterator[Change]:
    changed, where = listing, ""
    for function in ("network", BACKWARD):
        for statement in list(listing.statements(function)):
            text = text_of(statement)
            new = re.sub(r"\((\w+\.shape\[0\]) - 1\)", r"\1", text)
            if new != text:
                change = put(changed, function, statement, new)
                where, changed = where or change.where, change.listing
                yield Change(change.where, listing.changed(function, statement, new))
    if where:
        yield Change(where, changed)


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
                        text = f"(np.sqrt({text_of(left)}) + {text_of(right)})"
                        yield node_put(listing, function, statement, node, text)
    yield from _outside_in_lines(listing)


def _outside_in_lines(listing: Listing) -> Iterator[Change]:
    """The same where the normalisation is written out: `t = v + eps`, then `t ** -0.5`."""
    sums = {
        name: text_of(value.right)
        for name, _, value in assignments(listing, "network")
        if isinstance(value, ast.BinOp) and EPSILON.fullmatch(text_of(value.right))
    }
    for _, statement, _ in assignments(listing, "network"):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=ast.Name(id=name), op=ast.Pow()) if name in sums:
                    root = f"(({name} - {sums[name]}) ** 0.5 + {sums[name]})"
                    sign = "-1" if "-0.5" in text_of(node) else "1"
                    yield node_put(listing, "network", statement, node, f"{root} ** {sign}")


def _and_back(
    listing: Listing, function: str, statement: ast.stmt, old: ast.AST, new: str
) -> Iterator[Change]:
    """A part of a normalising function changed there alone, and in its backward pass as well."""
    change = node_put(listing, function, statement, old, new)
    yield change
    changed = swapped(statement, old, ast.parse(new, mode="eval").body)
    other = f"{function}_backward"
    for twin in change.listing.statements(other):
        if text_of(twin) == text_of(statement):
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
                        new = f"({text_of(inner)})"
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
            text = text_of(statement)
            other = _other_axis(listing, text)
            if any(name in text for name in _norms(listing)) and other != text:
                where = where or line(statement)
                changed = put(changed, function, statement, other).listing
                if function == "network":
                    yield Change(where, changed)
    if where and changed is not listing:
        yield Change(where, changed)
        yield from _statistics_alone(listing, changed, where)


def _statistics_alone(listing: Listing, changed: Listing, where: str) -> Iterator[Change]:
    """Mean and variance over the wrong axis, but the derivative's sums over the right one."""
    for function in _norms(listing):
        back = f"{function}_backward"
        for statement in list(changed.statements(back)):
            match statement:
                case ast.Assign(targets=[ast.Name(id="centred")]) | ast.Return():
                    right = "(-1 if axis in (0, (0,)) else 0)"
                    new = renamed(statement, {"axis": right})
                    changed = changed.changed(back, statement, new)
    yield Change(where, changed)


def _other_axis(listing: Listing, text: str) -> str:
    """A line in which what normalises gets axis 0 for axis -1, or the reverse."""
    for name in _norms(listing):
        for old, new in ((0, -1), (-1, 0)):
            for axis in (f"{old}", f"({old},)"):
                call = rf"({name}\w*\([^()]*(?:\([^()]*\)[^()]*)*?), {re.escape(axis)}(?=[,)])"
                text, found = re.subn(call, rf"\1, {axis.replace(str(old), str(new))}", text)
                if found:
                    return text
    return text


@known(
    "scale of the normalisation not applied",
    "forward",
    what="what is normalised is not multiplied by its scale (gamma), or the shift is not added",
    why="the layer can then not give its outputs the size that it has learnt",
    fix="gamma * (x - mean) / root + beta",
)
def scale_missing(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("network"):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(
                    left=ast.BinOp(left=ast.Name(id=g), op=ast.Mult(), right=inner) as scaled,
                    op=ast.Add(),
                    right=ast.Name(id=b),
                ) if {g, b} <= {*listing.parameters}:
                    shifted = f"{text_of(inner)} + {b}"
                    yield node_put(listing, "network", statement, node, shifted)
                    yield node_put(listing, "network", statement, node, text_of(scaled))


@known(
    "scale's gradient without the normalised values",
    "backward",
    what="the gradient of the normalisation's scale (gamma) is the sum of dy alone",
    why="y = gamma * s + beta, so dgamma is the sum of dy * s",
    fix="dgamma = (dy * s).sum(axis=0)",
)
def scale_gradient(listing: Listing) -> Iterator[Change]:
    for name, statement, value in assignments(listing, BACKWARD):
        for node in ast.walk(value) if parameter_of(listing, name) else ():
            match node:
                case ast.BinOp(left=left, op=ast.Mult(), right=ast.Call(func=ast.Name(id=f))):
                    if f in _norms(listing):
                        yield node_put(listing, BACKWARD, statement, node, text_of(left))


@known(
    "another epsilon in the normalisation",
    "forward",
    what="the normalisation's epsilon is another one than asked for, or missing",
    why="it matters where the variance is small",
    fix="use the epsilon that is asked for: 1e-5 in PyTorch",
)
def norm_epsilon(listing: Listing) -> Iterator[Change]:
    calls = [f"{name}{end}(" for name in _norms(listing) for end in ("", "_backward")]
    for other in ("1e-08", "1e-06", "1e-12", "1e-07", "0.001", "0.0"):
        changed, where = listing, ""
        for function in ("network", BACKWARD):
            for statement in list(changed.statements(function)):
                text = text_of(statement)
                new = EPSILON.sub(other, text) if any(call in text for call in calls) else text
                if new != text:
                    where = where or line(statement)
                    changed = put(changed, function, statement, new).listing
        if where:
            yield Change(where, changed)


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
                    yield node_put(listing, BACKWARD, statement, first, text_of(left))


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
