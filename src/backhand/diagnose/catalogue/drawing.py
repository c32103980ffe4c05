"""Mistakes with dropout's draws: how many, how likely, and when."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.forward import sums_of
from backhand.diagnose.catalogue.masks import drawn, masks
from backhand.diagnose.editing import (
    BACKWARD,
    assignment,
    known,
    line,
    made_by,
    names_put,
    node_put,
    outer_products,
    put,
    put_value,
    wrapped,
)
from backhand.diagnose.listing import Listing, renamed, text_of
from backhand.diagnose.mistake import Change


@known(
    "keep and drop swapped",
    "dropout",
    what="units are kept with the probability with which they should be dropped",
    why="of ten units four are dropped where six should be kept, and so on",
    fix="keep where a uniform number is below 1 - rate",
    known_from="common in class",
)
def keep_swapped(listing: Listing) -> Iterator[Change]:
    for _, rate, draw in masks(listing):
        text = text_of(draw)
        value = text_of(draw.value)  # type: ignore[attr-defined]
        other = f"({value} == 0) / (1 - {rate}) if generator is not None else 1.0"
        yield put_value(listing, "network", draw, other)
        if str(rate) in text:
            swapped = text.replace(f" {rate},", f" {1 - rate!r},")
            scaled_as_asked = f"{swapped} * {rate / (1 - rate)!r} if generator is not None else 1.0"
            unscaled = f"{swapped} * {rate!r} if generator is not None else 1.0"
            for new in (swapped, scaled_as_asked, unscaled):
                yield put(listing, "network", draw, new)


@known(
    "one mask for the whole batch",
    "dropout",
    what="all examples of a batch share one mask",
    why="each example should be dropped by itself; shared masks make the gradient noisier",
    fix="draw a mask of the layer's whole shape, [batch, units]",
)
def shared_mask(listing: Listing) -> Iterator[Change]:
    yield from _shape_put(listing, "(1, *{s}[1:])", " * np.ones({s}, {t})")


@known(
    "one mask for all units of an example",
    "dropout",
    what="one draw decides for all units of an example together",
    why="then whole examples are dropped, not units",
    fix="draw a mask of the layer's whole shape, [batch, units]",
)
def row_mask(listing: Listing) -> Iterator[Change]:
    yield from _shape_put(listing, "({s}[0], 1)", " * np.ones({s}, {t})")


def _shape_put(listing: Listing, shape: str, after: str) -> Iterator[Change]:
    for _, _, draw in masks(listing):
        for node in ast.walk(draw):
            match node:
                case ast.Call(func=ast.Name(id="dropout_mask"), args=[g, s, r, t]):
                    size, kind = text_of(s), text_of(t)
                    call = (
                        f"dropout_mask({text_of(g)}, {shape.format(s=size)}, "
                        f"{text_of(r)}, {kind})" + after.format(s=size, t=kind)
                    )
                    yield node_put(listing, "network", draw, node, call)


@known(
    "dropout on the inputs too",
    "dropout",
    what="the inputs are dropped as well, though dropout is asked for behind a layer alone",
    why="what an example is must not be dropped where only hidden units should be",
    fix="leave the inputs as they are",
)
def inputs_dropped(listing: Listing) -> Iterator[Change]:
    found = list(masks(listing))
    first = listing.experiment.network.forward.inputs[0].name
    product = next((s for _, s in sums_of(listing) if _reads(s, first)), None)
    if not found or product is None:
        return
    rate, dropped = found[0][1], f"{first}_mask"
    drawn = f"{dropped} = dropout_mask(generator, {first}.shape, {rate}, {first}.dtype)"
    new = renamed(product, {first: f"({first} * {dropped})"})
    forward = put(listing, "network", product, f"{drawn}\nnetwork.{dropped} = {dropped}\n{new}")
    yield forward
    for derivative, read, _ in outer_products(forward.listing):
        if read == first:
            new = renamed(derivative, {first: f"({first} * network.{dropped})"})
            done = put(forward.listing, BACKWARD, derivative, new)
            yield Change(forward.where, done.listing)


def _reads(statement: ast.stmt, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(statement))


@known(
    "the same mask in every epoch",
    "dropout",
    what="the mask is drawn once, before training, and used in every epoch",
    why="the dropped units are then never used: it is a smaller network, not dropout",
    fix="draw a new mask in each forward pass",
    known_from="common in class",
)
def constant_mask(listing: Listing) -> Iterator[Change]:
    for mask, _, draw in masks(listing):
        assert isinstance(draw, ast.Assign)
        text = text_of(draw.value)
        lines = (
            f"if generator is None:\n    {mask} = {text}\n"
            f"else:\n    if not hasattr(network, 'kept_{mask}'):\n"
            f"        network.kept_{mask} = {text}\n    {mask} = network.kept_{mask}"
        )
        yield put(listing, "network", draw, lines)


@known(
    "no dropout in training",
    "dropout",
    what="dropout is switched off in training (the network runs as in evaluation)",
    why="the network that is trained has no dropout",
    fix="draw and apply the mask in training",
    known_from="common in class",
    is_local=True,
)
def no_dropout(listing: Listing) -> Iterator[Change]:
    yield from drawn(listing, "1.0")
    if listing.masks:  # the loop does not ask for it, though the pass could
        for statement in listing.statements("train"):
            text = text_of(statement)
            if "network(" in text and ", generator)" in text and isinstance(statement, ast.Assign):
                yield put(listing, "train", statement, text.replace(", generator)", ")"))


@known(
    "dropout in evaluation too",
    "dropout",
    what="dropout is left on in evaluation",
    why="the outputs are then random, where the whole network should answer",
    fix="switch dropout off outside training",
    known_from="common in class",
)
def dropout_in_evaluation(listing: Listing) -> Iterator[Change]:
    where, changed = "", listing
    for mask, _, draw in list(masks(listing)):
        target = assignment(changed, "network", mask)
        assert target is not None
        where = where or line(draw)
        changed = names_put(changed, "network", target, "generator", "DRAWS").listing
    if where:
        yield Change(where, changed)


@known(
    "scaled at test time as well",
    "dropout",
    what="in evaluation the layer is scaled by 1 - rate, though training has scaled it up already",
    why=(
        "either training divides by 1 - rate or evaluation multiplies by it; both is once too often"
    ),
    fix="leave evaluation unscaled with inverted dropout",
    known_from="Srivastava et al. 2014 scale at test time; inverted dropout does not",
    is_local=True,
)
def scaled_in_evaluation(listing: Listing) -> Iterator[Change]:
    for factor in ("* (1 - {r})", "/ (1 - {r})", "* {r}"):
        yield from drawn(listing, f"{{d}} if generator is not None else {{d}} {factor}")
        yield from _applied(listing, factor)


@known(
    "scaled at test time instead of in training",
    "dropout",
    what=(
        "dropout as in its first paper: unscaled in training, and scaled by 1 - rate in evaluation"
    ),
    why="on average the same, but every number of training and of evaluation is another one",
    fix="inverted dropout: mask / (1 - rate) in training, nothing in evaluation",
    known_from="Srivastava et al. 2014, section 10",
    is_local=True,
)
def original_dropout(listing: Listing) -> Iterator[Change]:
    yield from drawn(listing, "{d} * (1 - {r})")
    yield from drawn(listing, "{d} * (1 - {r}) if generator is not None else {d} * {r}")
    for change in list(drawn(listing, "{d} * (1 - {r}) if generator is not None else {d}"))[-1:]:
        for factor in ("* (1 - {r})", "* {r}"):
            yield from list(_applied(change.listing, factor))[-1:]


def _applied(listing: Listing, factor: str) -> Iterator[Change]:
    """What dropout gives scaled in evaluation, forward alone: each layer's, then all."""
    rates = {mask: rate for mask, rate, _ in masks(listing)}
    where, changed = "", listing
    for step, statement in made_by(listing, "dropout"):
        rate = rates.get(step.inputs[1].name)
        if rate is None:
            continue
        form = f"{{}} * (1.0 if generator is not None else 1.0 {factor.format(r=rate)})"
        if len(rates) > 1:
            yield wrapped(listing, "network", statement, form)
        again = assignment(changed, "network", step.output.name)
        assert again is not None
        where = where or line(statement)
        changed = wrapped(changed, "network", again, form).listing
    if where:
        yield Change(where, changed)
