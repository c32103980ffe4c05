"""Mistakes with dropout: its mask, its scale, when it acts."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.masks import (
    IN_TRAINING,
    drawn,
    mask_read_as,
    masks,
    read_backward_as,
)
from backhand.diagnose.editing import (
    BACKWARD,
    assignment,
    backward_with,
    known,
    line,
    made_by,
    outer_products,
    put_value,
    undone,
)
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change

NUMPY_ML = "https://github.com/ddbourgin/numpy-ml/issues/94"


@known(
    "mask not applied in the backward pass",
    "dropout",
    what="the dropout mask is not applied in the backward pass",
    why="a dropped unit did nothing to the loss, so nothing may come back through it",
    fix="multiply by the same mask: da1 = dh * mask",
    known_from=NUMPY_ML,
)
def mask_not_backward(listing: Listing) -> Iterator[Change]:
    for step, _, statement in undone(listing, "dropout"):
        yield put_value(listing, BACKWARD, statement, step.inputs[0].name)


@known(
    "mask ignored in the backward pass",
    "dropout",
    what=(
        "the backward pass ignores dropout: the mask is missing, and dw reads the values before it"
    ),
    why="the backward pass is that of another network, the one without dropout",
    fix="da1 = dh * mask, and dw2 = h.T @ dz2 with the dropped h",
    known_from="the published answer to this project's homework; " + NUMPY_ML,
)
def mask_ignored(listing: Listing) -> Iterator[Change]:
    changed, where = listing, ""
    for step, _, statement in undone(listing, "dropout"):
        target = assignment(changed, BACKWARD, _name(statement))
        assert target is not None
        where = where or line(statement)
        changed = put_value(changed, BACKWARD, target, step.inputs[0].name).listing
    for change in _pre_dropout(changed):
        changed = change.listing
        yield Change(where, changed)


def _name(statement: ast.stmt) -> str:
    assert isinstance(statement, ast.Assign)
    return text_of(statement.targets[0])


@known(
    "values before dropout used in dw",
    "dropout",
    what="dw is taken with the layer's input as it was before dropout",
    why=(
        "the layer was given the dropped values; a dropped unit's weights had no part in the output"
    ),
    fix="dw2 = h.T @ dz2, with h after dropout",
    known_from="common in class",
)
def pre_dropout(listing: Listing) -> Iterator[Change]:
    yield from _pre_dropout(listing)


def _pre_dropout(listing: Listing) -> Iterator[Change]:
    for statement, read, right in outer_products(listing):
        step = listing.made.get(read)
        if step and step.function == "dropout":
            source = step.inputs[0].name
            new = f"{source}.T @ {text_of(right)}"
            yield backward_with(listing, statement, new, source)


@known(
    "mask not scaled",
    "dropout",
    what="what dropout keeps is not scaled up by 1 / (1 - rate)",
    why="the layer's output is then smaller in training than in use, by the factor 1 - rate",
    fix="mask / (1 - rate), in the forward pass and so in the backward pass",
    known_from="the published answer to this project's homework",
    is_local=True,
)
def not_scaled(listing: Listing) -> Iterator[Change]:
    yield from drawn(listing, "{d} * (1 - {r}) if generator is not None else {d}")


@known(
    "mask scaled twice",
    "dropout",
    what="what dropout keeps is scaled up by 1 / (1 - rate) twice",
    why="the expected value of the layer's output is then too large in training",
    fix="divide by 1 - rate once",
    is_local=True,
)
def scaled_twice(listing: Listing) -> Iterator[Change]:
    yield from drawn(listing, "{d} / (1 - {r}) if generator is not None else {d}")


@known(
    "mask multiplied by 1 - rate instead of divided",
    "dropout",
    what="what dropout keeps is multiplied by 1 - rate instead of divided by it",
    why="the layer's output shrinks where it should be scaled up",
    fix="mask / (1 - rate)",
    known_from="common in class",
    is_local=True,
)
def scaled_down(listing: Listing) -> Iterator[Change]:
    yield from drawn(listing, "{d} * (1 - {r}) ** 2 if generator is not None else {d}")


@known(
    "mask divided by the rate",
    "dropout",
    what="what dropout keeps is divided by the rate of dropping instead of that of keeping",
    why=(
        "the expected value of the layer's output is right only if one over the part that is kept "
        "scales it"
    ),
    fix="mask / (1 - rate)",
    known_from="common in class",
    is_local=True,
)
def scaled_by_rate(listing: Listing) -> Iterator[Change]:
    for change in drawn(listing, "{d} * ((1 - {r}) / {r}) if generator is not None else {d}"):
        yield change
        for back in read_backward_as(change.listing, "({m} * {r} / (1 - {r}))"):
            yield Change(change.where, back.listing)  # the right scale in the backward pass


@known(
    "mask scaled forward, not backward",
    "dropout",
    what="the mask is scaled by 1 / (1 - rate) in the forward pass, but not in the backward pass",
    why="the factor is part of the function, and so of its derivative",
    fix="use the very same scaled mask in both",
    known_from=NUMPY_ML,
    is_local=True,
)
def scaled_forward(listing: Listing) -> Iterator[Change]:
    yield from read_backward_as(listing, "({m} != 0)")


@known(
    "mask scaled backward, not forward",
    "dropout",
    what="the mask is scaled by 1 / (1 - rate) in the backward pass, but not in the forward pass",
    why="the factor of the derivative belongs to a function that was not computed",
    fix="scale the mask where it is drawn, and use the same one in both",
    is_local=True,
)
def scaled_backward(listing: Listing) -> Iterator[Change]:
    unscaled = drawn(listing, "{d} * (1 - {r}) if generator is not None else {d}")
    for place, change in enumerate(unscaled):
        for form in ("({m} / (1 - {r}))", f"({{m}} / (1 - {{r}} * {IN_TRAINING}))"):
            scaled = list(read_backward_as(change.listing, form))[place]
            yield Change(change.where, scaled.listing)


@known(
    "mask scaled twice in the backward pass",
    "dropout",
    what="the derivative is scaled by 1 / (1 - rate) once more beside the scaled mask",
    why="the mask holds the factor already",
    fix="da1 = dh * mask",
    is_local=True,
)
def backward_twice(listing: Listing) -> Iterator[Change]:
    yield from read_backward_as(listing, "({m} / (1 - {r}))")
    yield from read_backward_as(listing, f"({{m}} / (1 - {{r}} * {IN_TRAINING}))")


@known(
    "another layer's mask in the backward pass",
    "dropout",
    what="the derivative is multiplied by the mask of another layer",
    why="each layer dropped its own units: nothing may come back through those",
    fix="save each layer's mask under its own name",
    known_from="copy and paste between two dropout layers",
)
def other_mask(listing: Listing) -> Iterator[Change]:
    shapes = {s.output.name: s.output.shape for s in listing.forward}
    found = list(masks(listing))
    for mask, _, draw in found:
        for other, _, _ in found:
            if other != mask and shapes[other] == shapes[mask]:
                yield Change(line(draw), mask_read_as(listing, mask, other))


@known(
    "only the scale in the backward pass",
    "dropout",
    what="the derivative is scaled by 1 / (1 - rate), but not masked",
    why="a dropped unit did nothing to the loss, so nothing may come back through it",
    fix="da1 = dh * mask",
    is_local=True,
)
def scale_alone_backward(listing: Listing) -> Iterator[Change]:
    yield from read_backward_as(listing, "(np.ones_like({m}) / (1 - {r}))")
    yield from read_backward_as(listing, f"(np.ones_like({{m}}) / (1 - {{r}} * {IN_TRAINING}))")


@known(
    "new mask in the backward pass",
    "dropout",
    what="the backward pass draws a new mask instead of using the forward pass's",
    why="the derivative then goes through other units than the ones that acted",
    fix="save the mask in the forward pass and use it again",
    known_from="common in class",
)
def new_mask_backward(listing: Listing) -> Iterator[Change]:
    for mask, rate, draw in masks(listing):
        where = line(draw)
        changed = mask_read_as(listing, mask, f"again({mask}, {rate})")
        function = ast.parse(
            "def again(mask, rate):\n"
            "    if mask.min() == 1:\n        return mask\n"
            "    return dropout_mask(DRAWS, mask.shape, rate, mask.dtype)"
        ).body[0]
        assert isinstance(function, ast.FunctionDef)
        yield Change(where, changed.with_function("again", function))


@known(
    "mask not applied in the forward pass",
    "dropout",
    what="the mask is drawn, and applied in the backward pass, but not in the forward pass",
    why="the derivative is that of a network with dropout, and the outputs are of one without",
    fix="h = a1 * mask",
)
def mask_not_forward(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, "dropout"):
        yield put_value(listing, "network", statement, step.inputs[0].name)


@known(
    "dropout before the activation",
    "dropout",
    what="the mask is applied to the sums, before the activation",
    why=(
        "an activation of a dropped 0 need not be 0 (a sigmoid's is 0.5), and a scaled sum is not "
        "a scaled output"
    ),
    fix="apply the mask to what the activation gives",
)
def before_activation(listing: Listing) -> Iterator[Change]:
    for step in listing.forward:
        inner = listing.made.get(step.inputs[0].name) if step.function == "dropout" else None
        if inner is None or inner.function not in ("tanh", "sigmoid"):
            continue
        mask, h, z = (
            step.inputs[1].name,
            step.output.name,
            inner.inputs[0].name,
        )
        forms = {"tanh": "np.tanh({x})", "sigmoid": "1 / (1 + np.exp(-({x})))"}
        kept = assignment(listing, "network", h)
        if kept is None or assignment(listing, "network", mask) is None:
            continue
        value = forms[inner.function].format(x=f"({z} * {mask})")
        changed = put_value(listing, "network", kept, value)
        yield Change(changed.where, changed.listing)
        slope = {"tanh": f"(1 - {h} ** 2)", "sigmoid": f"({h} * (1 - {h}))"}[inner.function]
        for _, _, statement in undone(changed.listing, inner.function):
            if _name(statement) == f"d{z}":
                dh = f"d{h}"
                new = f"{dh} * {slope} * {mask}"
                done = backward_with(changed.listing, statement, new, h, mask)
                yield Change(changed.where, done.listing)
