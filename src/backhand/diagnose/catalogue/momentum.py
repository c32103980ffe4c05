"""Mistakes with momentum and weight decay."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.options import (
    is_adamw,
    options_of,
    steps,
    training_of,
    with_options,
)
from backhand.diagnose.editing import known, put
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change
from backhand.rules.updates import UPDATES


@known(
    "momentum missing",
    "update",
    what="the momentum is left out",
    why="the step follows the newest gradient alone",
    fix="v = momentum * v + dw; w -= learning_rate * v",
    known_from="common in class",
)
def momentum_missing(listing: Listing) -> Iterator[Change]:
    if options_of(listing).get("momentum"):
        yield from with_options(listing, momentum=0.0, nesterov=False)
        for statement in listing.statements("update"):
            match statement:
                case ast.AugAssign(target=ast.Name(id="velocity"), op=ast.Mult(), value=kept):
                    for i, name in enumerate(listing.parameters):
                        new = f"velocity *= {text_of(kept)} * (w is not weights[{i}])"
                        change = put(listing, "update", statement, new)
                        yield Change(f"{change.where}   ({name})", change.listing)


@known(
    "momentum in another form",
    "update",
    what="the momentum averages: v = m v + (1 - m) dw, where it should add: v = m v + dw",
    why="the steps are smaller by 1 - m in the long run; PyTorch's momentum has no 1 - m",
    fix="v = momentum * v + dw",
    known_from="PyTorch's SGD has it as dampening",
)
def momentum_dampened(listing: Listing) -> Iterator[Change]:
    momentum = options_of(listing).get("momentum")
    training = training_of(listing)
    if isinstance(momentum, float) and momentum and training and training.optimizer == "sgd":
        yield from with_options(listing, dampening=momentum, nesterov=False)
        for statement in listing.statements("update"):
            text = text_of(statement)
            match statement:
                case ast.AugAssign(op=ast.Add(), value=ast.Name(id="dw")):
                    averaged = f"{text[: -len('dw')]} {1 - momentum!r} * dw"
                    yield put(listing, "update", statement, averaged)


@known(
    "Nesterov missing",
    "update",
    what="plain momentum is used where Nesterov's is asked for",
    why="Nesterov's step looks ahead: it takes dw + momentum * v",
    fix="w -= learning_rate * (dw + momentum * v)",
    known_from="common in class",
)
def nesterov_missing(listing: Listing) -> Iterator[Change]:
    if options_of(listing).get("nesterov"):
        yield from with_options(listing, nesterov=False)


@known(
    "Nesterov not asked for",
    "update",
    what="Nesterov's momentum is used where plain momentum is asked for",
    why="its step looks ahead, and differs from the first step on",
    fix="w -= learning_rate * v",
)
def nesterov_added(listing: Listing) -> Iterator[Change]:
    options = options_of(listing)
    unwanted = options.get("nesterov") or options.get("dampening")
    if options.get("momentum") and "nesterov" in options and not unwanted:
        yield from with_options(listing, nesterov=True)


@known(
    "weight decay missing",
    "update",
    what="the weight decay is left out",
    why="the weights are not drawn towards 0",
    fix="dw + weight_decay * w, or w *= 1 - learning_rate * weight_decay where it is decoupled",
)
def decay_missing(listing: Listing) -> Iterator[Change]:
    if options_of(listing).get("weight_decay") or is_adamw(listing):
        yield from with_options(listing, weight_decay=0.0)


@known(
    "weight decay on the gradient instead of decoupled, or the other way round",
    "update",
    what=(
        "the decay goes through the gradient where it should act on the weight itself, or the "
        "reverse"
    ),
    why="through the gradient it is divided by Adam's root: AdamW exists to keep it out of there",
    fix="AdamW: w *= 1 - learning_rate * weight_decay; Adam: dw = dw + weight_decay * w",
    known_from="Loshchilov and Hutter, Decoupled weight decay regularization, 2019",
)
def decay_coupled(listing: Listing) -> Iterator[Change]:
    training = training_of(listing)
    options = options_of(listing)
    if training is None or not options.get("weight_decay"):
        return
    if training.optimizer == "adamw":
        options = {k: v for k, v in options.items() if k in UPDATES["adam"].options}
        yield from with_options(listing, "adam", **options)
    elif training.optimizer == "adam" and not options.get("decoupled_weight_decay"):
        yield from with_options(listing, decoupled_weight_decay=True)
    elif "decoupled_weight_decay" in options:
        yield from with_options(
            listing, decoupled_weight_decay=not options["decoupled_weight_decay"]
        )


@known(
    "weight decay with the wrong factor",
    "update",
    what="the decay has half or twice its size, or lacks the learning rate",
    why="the derivative of decay / 2 * w^2 is decay * w",
    fix="dw + weight_decay * w",
)
def decay_factor(listing: Listing) -> Iterator[Change]:
    decay = options_of(listing).get("weight_decay")
    rate = options_of(listing).get("learning_rate")
    if isinstance(decay, float | int) and decay and isinstance(rate, float | int):
        for factor in (0.5, 2.0, 1 / rate, rate):
            yield from with_options(listing, weight_decay=decay * factor)


@known(
    "weight decay grows the weights",
    "update",
    what="the decay has the wrong sign",
    why="the weights are driven away from 0",
    fix="dw + weight_decay * w",
)
def decay_sign(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("update"):
        match statement:
            case ast.Assign(
                targets=[ast.Name(id="dw")], value=ast.BinOp(left=a, op=ast.Add(), right=b)
            ):
                new = f"dw = {text_of(a)} - {text_of(b)}"
                yield put(listing, "update", statement, new)


@known(
    "biases decayed, or weights alone",
    "update",
    what="the decay leaves the biases out, though it is asked for on all weights",
    why="PyTorch's weight_decay acts on every parameter of the optimiser",
    fix="decay the biases as well",
)
def decay_biases(listing: Listing) -> Iterator[Change]:
    if not options_of(listing).get("weight_decay") and not is_adamw(listing):
        return
    for statement in listing.statements("update"):
        text = text_of(statement)
        first = isinstance(statement, ast.Assign | ast.AugAssign) and "* w" in text
        shrinks = text.startswith("w *= ")
        if first or shrinks:
            yield put(listing, "update", statement, f"if w.ndim > 1:\n    {text}")


@known(
    "decay after the step",
    "update",
    what="the weights are decayed after the step, with their new values",
    why="PyTorch's AdamW decays the weights first, then takes the step",
    fix="w *= 1 - learning_rate * weight_decay, before the step",
)
def decay_late(listing: Listing) -> Iterator[Change]:
    lines = [text_of(s) for s in listing.statements("update")]
    for statement in listing.statements("update"):
        text = text_of(statement)
        if text.startswith("w *= ") and text in lines:
            without = listing.changed("update", statement, "")
            for step in steps(without):
                yield put(without, "update", step, f"{text_of(step)}\n{text}")


@known(
    "momentum not asked for",
    "update",
    what="momentum is used though none is asked for",
    why="the step then carries old gradients on",
    fix="w -= learning_rate * dw",
)
def momentum_added(listing: Listing) -> Iterator[Change]:
    training = training_of(listing)
    if training and training.optimizer == "sgd" and not options_of(listing).get("momentum"):
        for momentum in (0.9, 0.5, 0.99):
            yield from with_options(listing, momentum=momentum)
            yield from with_options(listing, momentum=momentum, dampening=momentum)
            yield from with_options(listing, momentum=momentum, nesterov=True)


@known(
    "momentum of another size",
    "update",
    what="the momentum is another number than asked for",
    why="it says how much of the old steps is kept",
    fix="use the momentum that is asked for",
)
def momentum_other(listing: Listing) -> Iterator[Change]:
    momentum = options_of(listing).get("momentum")
    if momentum:
        for other in (0.9, 0.5, 0.99, 0.95, 0.8):
            if other != momentum:
                yield from with_options(listing, momentum=other)


@known(
    "momentum multiplied by the learning rate",
    "update",
    what="what is kept of the old step is multiplied by the learning rate once more",
    why="the learning rate is in the old step already: almost no momentum is left",
    fix="v = momentum * v - learning_rate * dw",
)
def momentum_times_rate(listing: Listing) -> Iterator[Change]:
    options = options_of(listing)
    momentum, rate = options.get("momentum"), options.get("learning_rate")
    if isinstance(momentum, float) and isinstance(rate, float) and momentum:
        yield from with_options(listing, momentum=momentum * rate)


@known(
    "velocity with the wrong sign",
    "update",
    what="the momentum is subtracted from the new gradient instead of added",
    why="every step then fights the one before",
    fix="v = momentum * v + dw",
)
def momentum_sign(listing: Listing) -> Iterator[Change]:
    momentum = options_of(listing).get("momentum")
    if isinstance(momentum, float) and momentum:
        yield from with_options(listing, momentum=-momentum, nesterov=False)


@known(
    "momentum of the last gradient alone",
    "update",
    what="what is kept for the next step is the newest gradient, not the whole velocity",
    why="the velocity has the momentum of all steps before in it",
    fix="v = momentum * v + dw, and keep that v",
    known_from="common in class: the last gradient is kept instead of the last step",
)
def velocity_of_gradient(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("update"):
        match statement:
            case ast.Assign(targets=[ast.Name(id="dw")], value=ast.Name(id="velocity")):
                for step in steps(listing):
                    kept = listing.changed("update", statement, "gradient = dw\ndw = velocity")
                    yield put(kept, "update", step, f"{text_of(step)}\nvelocity[...] = gradient")
