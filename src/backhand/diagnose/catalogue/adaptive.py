"""Mistakes of optimisers that divide by the size of the gradient: Adam and its kin."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.options import options_of, steps, with_options
from backhand.diagnose.editing import known, line, node_put, put, wrapped
from backhand.diagnose.listing import Listing
from backhand.diagnose.mistake import Change


@known(
    "Adam without bias correction",
    "update",
    what="Adam's averages are not divided by 1 - beta ** step",
    why="both begin at 0, so the first steps have the wrong length",
    fix="m / (1 - beta1 ** step), v / (1 - beta2 ** step)",
    known_from="Kingma and Ba, Adam, 2015, section 3, says why it is there",
)
def adam_uncorrected(listing: Listing) -> Iterator[Change]:
    yield from _corrections(listing, "1", both=True)


@known(
    "one of Adam's bias corrections missing",
    "update",
    what="one of Adam's two averages is not divided by 1 - beta ** step",
    why="both begin at 0",
    fix="m / (1 - beta1 ** step), v / (1 - beta2 ** step)",
    known_from="common in class",
)
def adam_half_corrected(listing: Listing) -> Iterator[Change]:
    yield from _corrections(listing, "1", both=False)


def _corrections(listing: Listing, new: str, *, both: bool) -> Iterator[Change]:
    """`1 - beta ** step` replaced: everywhere, or one at a time."""
    found = [
        (statement, node)
        for statement in listing.statements("update")
        if not isinstance(statement, ast.For)
        for node in ast.walk(statement)
        if _is_correction(node)
    ]
    if not both:
        if len(found) > 1:
            for statement, node in found:
                yield node_put(listing, "update", statement, node, new)
        return
    where, changed = "", listing
    for statement, node in found:
        old = ast.unparse(node)
        for now in list(changed.statements("update")):
            if isinstance(now, ast.For):
                continue
            for part in ast.walk(now):
                if _is_correction(part) and ast.unparse(part) == old:
                    where = where or line(statement)
                    changed = node_put(changed, "update", now, part, new).listing
                    break
    if where:
        yield Change(where, changed)


def _is_correction(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(
            left=ast.Constant(value=1),
            op=ast.Sub(),
            right=ast.BinOp(op=ast.Pow(), right=ast.Name(id="step")),
        ):
            return True
    return False


@known(
    "epsilon inside the root",
    "update",
    what="epsilon is added to the second moment, inside the root, instead of to the root",
    why="the root of 1e-8 is 1e-4: a far larger epsilon",
    fix="np.sqrt(v) + eps",
    known_from="TensorFlow's RMSProp adds epsilon inside the root",
)
def epsilon_inside(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("update"):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(
                    left=ast.Name(id=root), op=ast.Add(), right=ast.Constant(value=float())
                ):
                    text = f"np.sqrt({root} ** 2 + {ast.unparse(node.right)})"
                    yield node_put(listing, "update", statement, node, text)
                case ast.BinOp(
                    left=ast.Call(func=ast.Attribute(attr="sqrt"), args=[inner]),
                    op=ast.Add(),
                    right=ast.Constant(value=float()),
                ):
                    text = f"np.sqrt({ast.unparse(inner)} + {ast.unparse(node.right)})"
                    yield node_put(listing, "update", statement, node, text)


@known(
    "epsilon before the bias correction",
    "update",
    what="Adam's epsilon is added before the second moment's bias correction is divided out",
    why="Keras does so; PyTorch and the paper add it to the corrected root",
    fix="np.sqrt(v / (1 - beta2 ** step)) + eps",
    known_from="Keras's Adam; Kingma and Ba, 2015, section 2",
)
def epsilon_before(listing: Listing) -> Iterator[Change]:
    beta2 = options_of(listing).get("beta2")
    for statement in steps(listing):
        for node in ast.walk(statement.value):
            match node:
                case ast.BinOp(left=ast.Name(id="root"), op=ast.Add(), right=eps) if beta2:
                    correction = f"(1 - {beta2} ** step) ** 0.5"
                    text = f"(root + {ast.unparse(eps)} / {correction})"
                    yield node_put(listing, "update", statement, node, text)


@known(
    "step count from 0",
    "update",
    what="Adam's step is counted from 0, or one ahead",
    why="1 - beta ** 0 is 0: the first step divides by 0; one ahead, the correction is too small",
    fix="count the steps from 1",
    known_from="common in class",
)
def step_from_zero(listing: Listing) -> Iterator[Change]:
    for other in ("step - 1", "step + 1"):
        yield from _corrections_at(listing, other)


@known(
    "step count never raised",
    "update",
    what="Adam's step count stays at 1",
    why="the bias correction then never fades, and the steps stay far too long",
    fix="count the step up in every update",
    known_from="common in class",
)
def step_constant(listing: Listing) -> Iterator[Change]:
    yield from _corrections_at(listing, "1")


def _corrections_at(listing: Listing, step: str) -> Iterator[Change]:
    if not any(_is_correction(n) for s in listing.statements("update") for n in ast.walk(s)):
        return
    lines = [ast.unparse(s) for s in listing.functions["update"].body]
    yield Change("step", listing.with_lines("update", "\n".join([f"step = {step}", *lines])))


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
                    if "dw" in ast.unparse(left):
                        yield node_put(listing, "update", statement, node, ast.unparse(left))


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
                    yield node_put(listing, "update", statement, node, f"({ast.unparse(inner)})")
                    if isinstance(statement, ast.Assign):  # with its bias correction
                        yield wrapped(listing, "update", statement, "{} ** 2")


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
                text = ast.unparse(value)
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
    "another optimiser's epsilon",
    "update",
    what="epsilon is another one than asked for",
    why="it matters where gradients are small",
    fix="use the epsilon that is asked for",
)
def epsilon_other(listing: Listing) -> Iterator[Change]:
    eps = options_of(listing).get("eps")
    for other in (1e-5, 1e-6, 1e-7, 1e-8, 1e-10):
        if isinstance(eps, float) and other != eps:
            yield from with_options(listing, eps=other)
