"""Mistakes of the training loop: what is done when, and how often."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.loops import (
    body_of,
    data_arguments,
    lines_of,
    loop_of,
    retold,
)
from backhand.diagnose.catalogue.options import options_of, training_of
from backhand.diagnose.editing import BACKWARD, assignments, known, node_put
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change


@known(
    "earlier layer's gradient taken with the new weights",
    "training",
    what=(
        "a later layer's weights are updated before the earlier layer's gradient is taken through "
        "them"
    ),
    why="all gradients of a step belong to the same weights, those the forward pass used",
    fix="compute every gradient first, then update",
    known_from="common in class",
)
def updated_too_soon(listing: Listing) -> Iterator[Change]:
    lines = lines_of(listing)
    if lines:
        update = _of_one(lines["update"])
        body = (
            body_of(listing)
            .replace(lines["backward"], "")
            .replace(
                lines["update"],
                f"for i in reversed(range(len(weights))):\n    {lines['backward']}\n    {update}",
            )
        )
        yield retold(listing, lines["update"], body=body)

    yield from _of_new_weights(listing)


def _of_new_weights(listing: Listing) -> Iterator[Change]:
    """The derivative handed down through weights that have made their step of plain descent."""
    options, where, changed = options_of(listing), "", listing
    plain = bool(options) and not any(options.get(k) for k in ("momentum", "weight_decay"))
    is_plain = plain and training_of(listing).optimizer == "sgd"  # type: ignore[union-attr]
    products = {name: text_of(value) for name, _, value in assignments(listing, BACKWARD)}
    for _, statement, value in assignments(listing, BACKWARD) if is_plain else ():
        match value:
            case ast.BinOp(
                op=ast.MatMult(), right=ast.Attribute(value=ast.Name(id=name) as read, attr="T")
            ) if f"d{name}" in products:
                new = f"({name} - {options['learning_rate']} * ({products[f'd{name}']}))"
                change = node_put(changed, BACKWARD, statement, read, new)
                where, changed = where or change.where, change.listing
    if where:
        yield Change(where, changed)


def _of_one(update: str) -> str:
    """The call of `update` for weight i alone."""
    names = ("weights", "gradients", "state")
    inner = update.removeprefix("update(").removesuffix(")").split(", ")
    return f"update({', '.join(f'{n}[i:i + 1]' if n in names else n for n in inner)})"


@known(
    "gradient accumulated over epochs",
    "training",
    what="the gradients are added up over the epochs: they are never set back to 0",
    why="each step then repeats all earlier gradients",
    fix="start each epoch from zero gradients",
    known_from="common in class",
)
def accumulated(listing: Listing) -> Iterator[Change]:
    lines = lines_of(listing)
    if lines:
        body = body_of(listing).replace(
            lines["update"],
            "total = [t + g for t, g in zip(total, gradients)]\ngradients = total\n"
            + lines["update"],
        )
        before = "total = [np.zeros_like(w) for w in weights]"
        yield retold(listing, lines["update"], before=before, body=body)
        for i, name in enumerate(listing.parameters) if len(listing.parameters) > 1 else ():
            added = f"[t + g if i == {i} else g for i, (t, g) in enumerate(zip(total, gradients))]"
            one = body.replace("[t + g for t, g in zip(total, gradients)]", added)
            change = retold(listing, lines["update"], before=before, body=one)
            yield Change(f"{change.where}   ({name})", change.listing)


@known(
    "gradient of the epoch before",
    "training",
    what="the update uses the gradients of the epoch before",
    why="they belong to weights that are no longer there",
    fix="update with the gradients that were just computed",
)
def stale(listing: Listing) -> Iterator[Change]:
    lines = lines_of(listing)
    if lines:
        body = body_of(listing).replace(
            lines["update"],
            "newest = gradients\ngradients = before\n" + lines["update"] + "\nbefore = newest",
        )
        before = "before = [np.zeros_like(w) for w in weights]"
        yield retold(listing, lines["update"], before=before, body=body)


@known(
    "gradient computed once",
    "training",
    what="forward and backward pass run once, before the loop, and every update uses that gradient",
    why="the gradient changes with the weights",
    fix="compute it anew in each epoch",
)
def gradient_once(listing: Listing) -> Iterator[Change]:
    lines = lines_of(listing)
    if lines:
        copied = "gradients = [np.array(g) for g in gradients]"
        loss = lines.get("loss", "")
        saved = loss if "saved_by_loss" in loss else ""
        before = "\n".join([lines["forward"], saved, lines["backward"], copied])
        yield retold(
            listing,
            lines["backward"],
            before=before,
            body="\n".join([lines["forward"], loss, lines.get("record", ""), lines["update"]]),
        )


@known(
    "forward pass computed once",
    "training",
    what="the forward pass runs once, before the loop; its old values are used in every epoch",
    why="the outputs change with the weights",
    fix="run the forward pass in each epoch",
    known_from="common in class",
)
def forward_once(listing: Listing) -> Iterator[Change]:
    lines = lines_of(listing)
    if lines:
        body = body_of(listing).replace(lines["forward"], "")
        yield retold(listing, lines["forward"], before=lines["forward"], body=body)


@known(
    "updated after every example",
    "training",
    what="the weights are updated after each example instead of once for the whole batch",
    why="that is stochastic gradient descent: every step sees other weights",
    fix="sum the gradients over the batch, then update once",
)
def example_by_example(listing: Listing) -> Iterator[Change]:
    yield from _by_rows(listing, 1)


@known(
    "updated after every part of the batch",
    "training",
    what="the weights are updated after each of several small batches instead of once for all rows",
    why="every step then sees other weights, and other examples",
    fix="take all examples in one batch, as the spec does",
)
def part_by_part(listing: Listing) -> Iterator[Change]:
    for size in range(2, min(_rows(listing), MOST_PARTS)):
        yield from _by_rows(listing, size)


MOST_PARTS = 5
"""The largest small batch that is tried, and one."""


@known(
    "only one example trained on",
    "training",
    what="only the first or the last example's gradient reaches the update",
    why="what is computed in a loop over examples must be added up: += and not =",
    fix="dw += ..., with dw set to 0 before the loop over examples",
    known_from="common in class",
)
def one_example(listing: Listing) -> Iterator[Change]:
    lines = lines_of(listing)
    arguments = data_arguments(listing)
    if lines and _rows(listing) > 1:
        kept = "\n".join(f"all_{name} = {name}" for name in arguments)
        begun = f"{kept}\norder = {_in_order(listing)}"
        for order in ("order", *SHUFFLED):
            for rows in ("-1:", ":1"):
                cut = "\n".join(f"{name} = all_{name}[order[{rows}]]" for name in arguments)
                new = f"order = {order}\n{cut}\n{lines['forward']}"
                body = body_of(listing).replace(lines["forward"], new)
                yield retold(listing, lines["forward"], before=begun, body=body)
                if not listing.masks:
                    whole = "\n".join(f"{name} = all_{name}" for name in arguments)
                    seen = [whole, lines["forward"], lines.get("loss", ""), lines.get("record", "")]
                    alone = [new, lines["backward"], lines["update"]]
                    body = "\n".join([*seen, *alone])
                    yield retold(listing, lines["forward"], before=begun, body=body)


def _rows(listing: Listing) -> int:
    first = listing.experiment.network.forward.inputs[0].name
    return int(listing.experiment.arrays[first].shape[0])


def _by_rows(listing: Listing, size: int) -> Iterator[Change]:
    lines, names = lines_of(listing), data_arguments(listing)
    if not lines or _rows(listing) <= size:
        return
    cut = "\n".join(f"{n} = all_{n}[order[row:row + {size}]]" for n in names)
    kept = "\n".join(f"all_{n} = {n}" for n in names)
    inner = "\n".join("    " + text for text in (cut + "\n" + body_of(listing)).splitlines())
    loop = f"for row in range(0, len(all_{names[0]}), {size}):\n{inner}"
    begun = f"{kept}\norder = {_in_order(listing)}"
    for order in ("order", *SHUFFLED):
        yield retold(listing, lines["update"], before=begun, body=f"order = {order}\n{loop}")


SHUFFLED = ("next(ORDERS)", "order[next(ORDERS)]")
"""The examples' order in an epoch: the one that was drawn, or that of the last epoch shuffled."""


def _in_order(listing: Listing) -> str:
    return f"np.arange(len({data_arguments(listing)[0]}))"


@known(
    "an example left out of the training",
    "training",
    what="the first or the last example never reaches the network in training",
    why="range(1, n) and range(n - 1) have n - 1 numbers, and a[:-1] has one row less than a",
    fix="train on all of the examples",
)
def example_left_out(listing: Listing) -> Iterator[Change]:
    lines, names = lines_of(listing), data_arguments(listing)
    if not lines or _rows(listing) < MOST_PARTS - 1:
        return
    kept = "\n".join([*(f"all_{n} = {n}" for n in names), f"order = {_in_order(listing)}"])
    for order in ("order", *SHUFFLED):
        for part in (":-1", "1:"):
            cut = "\n".join(f"{n} = all_{n}[order[{part}]]" for n in names)
            body = f"order = {order}\n{cut}\n{body_of(listing)}"
            yield retold(listing, lines["forward"], before=kept, body=body)


@known(
    "examples drawn with replacement",
    "training",
    what="in each epoch examples are drawn at random, some twice and some not at all",
    why="an epoch has every example once",
    fix="np.random.permutation(n), not np.random.randint(0, n, n)",
)
def drawn_again(listing: Listing) -> Iterator[Change]:
    lines, names = lines_of(listing), data_arguments(listing)
    if lines:
        kept = "\n".join(f"all_{n} = {n}" for n in names)
        cut = "\n".join(f"{n} = all_{n}[order]" for n in names)
        body = f"order = next(ORDERS)\n{cut}\n{body_of(listing)}"
        yield retold(listing, lines["forward"], before=kept, body=body)


@known(
    "one epoch too many or too few",
    "training",
    what="the loop runs once more, or once less, than is asked for",
    why="range(1, n) has n - 1 numbers, and range(n + 1) has n + 1",
    fix="range(n)",
)
def epochs_off_by_one(listing: Listing) -> Iterator[Change]:
    loop = loop_of(listing)
    if loop is not None and lines_of(listing):
        for other in ("epochs - 1", "epochs + 1"):
            yield retold(listing, loop[1], before=f"epochs = {other}", body=loop[2])


@known(
    "weights reset in every epoch",
    "training",
    what="each epoch begins from the initial weights again",
    why="what was learnt is thrown away",
    fix="initialise once, before the loop",
)
def weights_reset(listing: Listing) -> Iterator[Change]:
    lines = lines_of(listing)
    if lines:
        body = "for w, first in zip(weights, begun):\n    w[...] = first\n" + body_of(listing)
        before = "begun = [np.array(w) for w in weights]"
        yield retold(listing, lines["forward"], before=before, body=body)


@known(
    "optimiser's memory reset in every epoch",
    "training",
    what="what the optimiser keeps (momentum, averages) begins anew in each epoch",
    why="without its memory it is another optimiser",
    fix="make it once, before the loop",
)
def memory_reset(listing: Listing) -> Iterator[Change]:
    lines, loop = lines_of(listing), loop_of(listing)
    if lines and loop and "state = [" in loop[0]:
        made = next(text for text in loop[0].splitlines() if text.startswith("state = ["))
        yield retold(listing, made, body=f"{made}\n{loop[2]}")
        if lines["update"].endswith(", step)"):
            first = lines["update"].removesuffix("step)") + "1)"
            body = loop[2].replace(lines["update"], first)
            yield retold(listing, made, body=f"{made}\n{body}")


@known(
    "loss recorded after the update",
    "training",
    what="the loss that is recorded for an epoch is that after its update",
    why="it is the next epoch's: the first loss, that of the initial weights, is missing",
    fix="compute the loss from the forward pass before the update",
    known_from="common in class",
)
def loss_late(listing: Listing) -> Iterator[Change]:
    lines = lines_of(listing)
    if lines and "record" not in lines and "loss" in lines:
        lines["record"] = lines["loss"]
    if lines and "losses.append" in body_of(listing) and not listing.masks:
        body = (
            body_of(listing)
            .replace(lines["record"], "")
            .replace(lines["update"], f"{lines['update']}\n{lines['forward']}\n{lines['record']}")
        )
        yield retold(listing, lines["record"], body=body)


@known(
    "updated twice in an epoch",
    "training",
    what="the same gradients are applied twice",
    why="each step is then twice as long (and an optimiser's memory counts it twice)",
    fix="update once for each backward pass",
)
def updated_twice(listing: Listing) -> Iterator[Change]:
    lines = lines_of(listing)
    if lines and "step" in lines["update"]:
        body = body_of(listing).replace(lines["update"], f"{lines['update']}\n{lines['update']}")
        yield retold(listing, lines["update"], body=body)
