"""Mistakes with dropout: its mask, its scale, when it acts."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import (
    assignment,
    assignments,
    backward_with,
    known,
    line,
    made_by,
    names_put,
    node_put,
    put,
    put_value,
    undone,
)
from backhand.diagnose.listing import Listing, renamed
from backhand.diagnose.mistake import Change

BACKWARD = "network_backward"
IN_TRAINING = "({m}.min() < 1)"
"""In evaluation a mask is 1 everywhere; in training it drops something."""
NUMPY_ML = "https://github.com/ddbourgin/numpy-ml/issues/94"


def _masks(listing: Listing) -> Iterator[tuple[str, float, ast.stmt]]:
    """Each mask's name, its rate, and the statement that draws it."""
    for step in listing.forward:
        if step.function == "dropout_mask":
            statement = assignment(listing, "network", step.output.name)
            rate = dict(step.attributes).get("rate")
            if statement is not None and isinstance(rate, int | float) and 0 < rate < 1:
                yield step.output.name, float(rate), statement


def _read_backward_as(listing: Listing, form: str) -> Iterator[Change]:
    """Every mask read in the backward pass as a form of it: `{m}` is the mask, `{r}` its rate."""
    where = ""
    for mask, rate, draw in _masks(listing):
        where = where or line(draw)
        listing = _mask_read_as(listing, mask, form.format(m=mask, r=rate))
    if where:
        yield Change(where, listing)


def _mask_read_as(listing: Listing, mask: str, new: str) -> Listing:
    body = listing.functions[BACKWARD].body
    return listing.with_lines(BACKWARD, "\n".join(renamed(s, {mask: new}) for s in body))


def _drawn(listing: Listing, form: str) -> Iterator[Change]:
    """Every mask drawn in another form: `{d}` is the draw, `{r}` the rate."""
    where, changed = "", listing
    for mask, rate, _ in list(_masks(listing)):
        draw = assignment(changed, "network", mask)
        assert isinstance(draw, ast.Assign)
        where = where or line(draw)
        value = form.format(d=f"({ast.unparse(draw.value)})", r=rate)
        changed = put_value(changed, "network", draw, value).listing
    if where:
        yield Change(where, changed)


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
    "mask ignored in the backward pass altogether",
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
    return ast.unparse(statement.targets[0])


@known(
    "values before dropout used in dw",
    "dropout",
    what="dw is taken with the layer's input as it was before dropout",
    why=(
        "the layer was given the dropped values; a dropped unit's weights had no part in the output"
    ),
    fix="dw2 = h.T @ dz2, with h after dropout",
)
def pre_dropout(listing: Listing) -> Iterator[Change]:
    yield from _pre_dropout(listing)


def _pre_dropout(listing: Listing) -> Iterator[Change]:
    for name, statement, value in assignments(listing, BACKWARD):
        match value:
            case ast.BinOp(
                left=ast.Attribute(value=ast.Name(id=read)), op=ast.MatMult(), right=right
            ):
                step = listing.made.get(read)
                if name[1:] in listing.parameters and step and step.function == "dropout":
                    source = step.inputs[0].name
                    new = f"{source}.T @ {ast.unparse(right)}"
                    yield backward_with(listing, statement, new, source)


@known(
    "mask not scaled",
    "dropout",
    what="what dropout keeps is not scaled up by 1 / (1 - rate)",
    why="the layer's output is then smaller in training than in use, by the factor 1 - rate",
    fix="mask / (1 - rate), in the forward pass and so in the backward pass",
    known_from="the published answer to this project's homework",
)
def not_scaled(listing: Listing) -> Iterator[Change]:
    yield from _drawn(listing, "{d} * (1 - {r}) if generator is not None else {d}")


@known(
    "mask scaled twice",
    "dropout",
    what="what dropout keeps is scaled up by 1 / (1 - rate) twice",
    why="the expected value of the layer's output is then too large in training",
    fix="divide by 1 - rate once",
)
def scaled_twice(listing: Listing) -> Iterator[Change]:
    yield from _drawn(listing, "{d} / (1 - {r}) if generator is not None else {d}")


@known(
    "mask multiplied by 1 - rate instead of divided",
    "dropout",
    what="what dropout keeps is multiplied by 1 - rate instead of divided by it",
    why="the layer's output shrinks where it should be scaled up",
    fix="mask / (1 - rate)",
)
def scaled_down(listing: Listing) -> Iterator[Change]:
    yield from _drawn(listing, "{d} * (1 - {r}) ** 2 if generator is not None else {d}")


@known(
    "mask divided by the rate",
    "dropout",
    what="what dropout keeps is divided by the rate of dropping instead of that of keeping",
    why=(
        "the expected value of the layer's output is right only if one over the part that is kept "
        "scales it"
    ),
    fix="mask / (1 - rate)",
    known_from="https://stackoverflow.com/questions/54109617",
)
def scaled_by_rate(listing: Listing) -> Iterator[Change]:
    yield from _drawn(listing, "{d} * ((1 - {r}) / {r}) if generator is not None else {d}")


@known(
    "mask scaled forward, not backward",
    "dropout",
    what="the mask is scaled by 1 / (1 - rate) in the forward pass, but not in the backward pass",
    why="the factor is part of the function, and so of its derivative",
    fix="use the very same scaled mask in both",
    known_from=NUMPY_ML,
)
def scaled_forward(listing: Listing) -> Iterator[Change]:
    yield from _read_backward_as(listing, "({m} != 0)")


@known(
    "mask scaled backward, not forward",
    "dropout",
    what="the mask is scaled by 1 / (1 - rate) in the backward pass, but not in the forward pass",
    why="the factor of the derivative belongs to a function that was not computed",
    fix="scale the mask where it is drawn, and use the same one in both",
)
def scaled_backward(listing: Listing) -> Iterator[Change]:
    for change in _drawn(listing, "{d} * (1 - {r}) if generator is not None else {d}"):
        for form in ("({m} / (1 - {r}))", f"({{m}} / (1 - {{r}} * {IN_TRAINING}))"):
            for more in _read_backward_as(change.listing, form):
                yield Change(change.where, more.listing)


@known(
    "mask scaled twice in the backward pass",
    "dropout",
    what="the derivative is scaled by 1 / (1 - rate) once more beside the scaled mask",
    why="the mask holds the factor already",
    fix="da1 = dh * mask",
)
def backward_twice(listing: Listing) -> Iterator[Change]:
    yield from _read_backward_as(listing, "({m} / (1 - {r}))")
    yield from _read_backward_as(listing, f"({{m}} / (1 - {{r}} * {IN_TRAINING}))")


@known(
    "only the scale in the backward pass",
    "dropout",
    what="the derivative is scaled by 1 / (1 - rate), but not masked",
    why="a dropped unit did nothing to the loss, so nothing may come back through it",
    fix="da1 = dh * mask",
)
def scale_alone_backward(listing: Listing) -> Iterator[Change]:
    yield from _read_backward_as(listing, "(np.ones_like({m}) / (1 - {r}))")
    yield from _read_backward_as(listing, f"(np.ones_like({{m}}) / (1 - {{r}} * {IN_TRAINING}))")


@known(
    "new mask in the backward pass",
    "dropout",
    what="the backward pass draws a new mask instead of using the forward pass's",
    why="the derivative then goes through other units than the ones that acted",
    fix="save the mask in the forward pass and use it again",
    known_from="https://stats.stackexchange.com/questions/219236",
)
def new_mask_backward(listing: Listing) -> Iterator[Change]:
    for mask, rate, draw in _masks(listing):
        where = line(draw)
        changed = _mask_read_as(listing, mask, f"again({mask}, {rate})")
        function = ast.parse(
            "def again(mask, rate):\n    return dropout_mask(DRAWS, mask.shape, rate, mask.dtype)"
        ).body[0]
        assert isinstance(function, ast.FunctionDef)
        yield Change(where, changed.with_function("again", function))


@known(
    "keep and drop swapped",
    "dropout",
    what="units are kept with the probability with which they should be dropped",
    why="of ten units four are dropped where six should be kept, and so on",
    fix="keep where a uniform number is below 1 - rate",
    known_from="https://stackoverflow.com/questions/54109617 (rate against keep_prob)",
)
def keep_swapped(listing: Listing) -> Iterator[Change]:
    for _, rate, draw in _masks(listing):
        text = ast.unparse(draw)
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
    for _, _, draw in _masks(listing):
        for node in ast.walk(draw):
            match node:
                case ast.Call(func=ast.Name(id="dropout_mask"), args=[g, s, r, t]):
                    size, kind = ast.unparse(s), ast.unparse(t)
                    call = (
                        f"dropout_mask({ast.unparse(g)}, {shape.format(s=size)}, "
                        f"{ast.unparse(r)}, {kind})" + after.format(s=size, t=kind)
                    )
                    yield node_put(listing, "network", draw, node, call)


@known(
    "the same mask in every epoch",
    "dropout",
    what="the mask is drawn once, before training, and used in every epoch",
    why="the dropped units are then never used: it is a smaller network, not dropout",
    fix="draw a new mask in each forward pass",
)
def constant_mask(listing: Listing) -> Iterator[Change]:
    for mask, _, draw in _masks(listing):
        assert isinstance(draw, ast.Assign)
        text = ast.unparse(draw.value)
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
    known_from="https://discuss.pytorch.org/t/13184 (model.eval() left on)",
)
def no_dropout(listing: Listing) -> Iterator[Change]:
    yield from _drawn(listing, "1.0")
    if listing.masks:  # the loop does not ask for it, though the pass could
        for statement in listing.statements("train"):
            text = ast.unparse(statement)
            if "network(" in text and ", generator)" in text and isinstance(statement, ast.Assign):
                yield put(listing, "train", statement, text.replace(", generator)", ")"))


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
    "dropout in evaluation too",
    "dropout",
    what="dropout is left on in evaluation",
    why="the outputs are then random, where the whole network should answer",
    fix="switch dropout off outside training",
    known_from="https://discuss.pytorch.org/t/13184 (model.eval() forgotten)",
)
def dropout_in_evaluation(listing: Listing) -> Iterator[Change]:
    where, changed = "", listing
    for mask, _, draw in list(_masks(listing)):
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
)
def scaled_in_evaluation(listing: Listing) -> Iterator[Change]:
    yield from _drawn(listing, "{d} if generator is not None else {d} * (1 - {r})")
    yield from _drawn(listing, "{d} if generator is not None else {d} / (1 - {r})")


@known(
    "scaled at test time instead of in training",
    "dropout",
    what=(
        "dropout as in its first paper: unscaled in training, and scaled by 1 - rate in evaluation"
    ),
    why="on average the same, but every number of training and of evaluation is another one",
    fix="inverted dropout: mask / (1 - rate) in training, nothing in evaluation",
    known_from="Srivastava et al. 2014, section 10",
)
def original_dropout(listing: Listing) -> Iterator[Change]:
    yield from _drawn(listing, "{d} * (1 - {r})")


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
