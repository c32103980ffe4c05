"""Mistakes of optimisers that divide by the size of the gradient: Adam and its kin."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.options import options_of, steps, with_options
from backhand.diagnose.editing import known, line, node_put, put
from backhand.diagnose.listing import Listing, text_of
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
                put_in = new.replace("{old}", text_of(node))
                yield node_put(listing, "update", statement, node, put_in)
        return
    where, changed = "", listing
    for statement, node in found:
        old = text_of(node)
        for now in list(changed.statements("update")):
            if isinstance(now, ast.For):
                continue
            for part in ast.walk(now):
                if _is_correction(part) and text_of(part) == old:
                    where = where or line(statement)
                    changed = node_put(
                        changed, "update", now, part, new.replace("{old}", old)
                    ).listing
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
                    text = f"np.sqrt({root} ** 2 + {text_of(node.right)})"
                    yield node_put(listing, "update", statement, node, text)
                case ast.BinOp(
                    left=ast.Call(func=ast.Attribute(attr="sqrt"), args=[inner]),
                    op=ast.Add(),
                    right=ast.Constant(value=float()),
                ):
                    text = f"np.sqrt({text_of(inner)} + {text_of(node.right)})"
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
                    text = f"(root + {text_of(eps)} / {correction})"
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
    lines = [text_of(s) for s in listing.functions["update"].body]
    yield Change("step", listing.with_lines("update", "\n".join([f"step = {step}", *lines])))


@known(
    "bias correction multiplied instead of divided",
    "update",
    what="Adam's averages are multiplied by 1 - beta ** step instead of divided by it",
    why="the first steps then get even smaller, where they should be made larger",
    fix="m / (1 - beta1 ** step), v / (1 - beta2 ** step)",
)
def correction_inverted(listing: Listing) -> Iterator[Change]:
    yield from _corrections(listing, "(1 / {old})", both=True)
    yield from _corrections(listing, "(1 / {old})", both=False)


@known(
    "bias correction with the other beta",
    "update",
    what="both of Adam's averages are corrected with the same beta",
    why="each average fades in with its own beta",
    fix="m / (1 - beta1 ** step), v / (1 - beta2 ** step)",
    known_from="copy and paste of the line above",
)
def correction_other(listing: Listing) -> Iterator[Change]:
    options = options_of(listing)
    if "beta2" in options:
        for beta in (options["beta1"], options["beta2"]):
            yield from _corrections(listing, f"(1 - {beta} ** step)", both=True)


@known(
    "corrected average kept",
    "update",
    what="Adam's average is overwritten by its corrected value, which the next step averages on",
    why="the correction is for this step alone: kept, it is divided out again in every step",
    fix="m_hat = m / (1 - beta1 ** step), under a name of its own",
    known_from="common on Stack Overflow: m = m / (1 - beta1 ** t)",
)
def corrected_kept(listing: Listing) -> Iterator[Change]:
    options = options_of(listing)
    if not list(_corrections(listing, "1", both=True)):
        return
    for names in ("mv", "m", "v"):
        betas = {"m": options["beta1"], "v": options["beta2"]}
        lines = [f"{name} /= 1 - {betas[name]} ** step" for name in names]
        yield from steps_after(listing, "\n".join(lines))


def steps_after(listing: Listing, lines: str) -> Iterator[Change]:
    """The update with more lines behind the step of each weight."""
    for statement in steps(listing):
        yield put(listing, "update", statement, f"{text_of(statement)}\n{lines}")


@known(
    "step counted for each weight",
    "update",
    what="Adam's step is counted up for each array of weights, not once for each step",
    why="the bias correction then fades too soon, and differs from weight to weight",
    fix="count up once, before the loop over the weights",
    known_from="common in class: t += 1 inside of the loop over the parameters",
)
def step_of_each(listing: Listing) -> Iterator[Change]:
    if not any(_is_correction(n) for s in listing.statements("update") for n in ast.walk(s)):
        return
    count = len(listing.parameters)
    tree = listing.functions["update"]
    for statement in tree.body:
        if isinstance(statement, ast.For):
            body = [text_of(s) for s in tree.body if s is not statement]
            inner = ["step = before + place", *map(text_of, statement.body)]
            names, given = text_of(statement).splitlines()[0].removesuffix("):").split(" in zip(")
            for places in _places(listing):
                head = f"{names}, place in zip({given}, {places}):"
                loop = [head, *(f"    {text}" for one in inner for text in one.splitlines())]
                lines = [f"before = (step - 1) * {count}", *body, *loop]
                yield Change("step", listing.with_lines("update", "\n".join(lines)))


def _places(listing: Listing) -> list[list[int]]:
    """The places of the weights from 1: as they are listed, and matrices before vectors."""
    names = listing.parameters
    matrices = sorted(names, key=lambda name: listing.experiment.arrays[name].ndim < len("MN"))
    orders = [list(names), *([matrices] if matrices != list(names) else [])]
    return [[order.index(name) + 1 for name in names] for order in orders]


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
