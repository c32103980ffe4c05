"""Mistakes of the update: what an optimiser's step does with the gradient."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from backhand.diagnose.editing import known, line, node_put, put, wrapped
from backhand.diagnose.listing import Listing, functions_of
from backhand.diagnose.mistake import Change
from backhand.experiment import Training
from backhand.rules.updates import UPDATES
from backhand.write.numpy_training import training_functions

DESCENT = ("sgd",)
ADAM = ("adam", "adamw", "nadam", "radam", "adamax")


def _training(listing: Listing) -> Training | None:
    return listing.experiment.training if listing.has("update") else None


def _options(listing: Listing) -> dict[str, object]:
    """All options of the optimiser, with its defaults."""
    training = _training(listing)
    if training is None:
        return {}
    return {**UPDATES[training.optimizer].defaults, **dict(training.options)}


def _with(listing: Listing, optimizer: str = "", **options: Any) -> Iterator[Change]:
    """The update and the loop as they are written with other options, or of another optimiser."""
    training = _training(listing)
    if training is None:
        return
    chosen = optimizer or training.optimizer
    kept = {k: v for k, v in training.options if k in UPDATES[chosen].options}
    every = {**UPDATES[chosen].defaults, **kept, **options}
    other = replace(training, optimizer=chosen, options=tuple(every.items()))
    experiment = replace(listing.experiment, training=other)
    functions = functions_of("\n\n".join(training_functions(experiment)))
    told = ", ".join(f"{k} = {v}" for k, v in options.items()) or chosen
    yield Change(
        f"{chosen}: {told}", replace(listing, functions={**listing.functions, **functions})
    )


def _steps(listing: Listing) -> Iterator[ast.AugAssign]:
    """The statements of `update` that take something from the weight."""
    for statement in listing.statements("update"):
        match statement:
            case ast.AugAssign(target=ast.Name(id="w"), op=ast.Sub()):
                yield statement


@known(
    "gradient ascent",
    "update",
    what="the weights are moved along the gradient instead of against it",
    why="the loss then grows",
    fix="w -= learning_rate * dw",
)
def ascent(listing: Listing) -> Iterator[Change]:
    for statement in _steps(listing):
        yield put(listing, "update", statement, f"w += {ast.unparse(statement.value)}")


@known(
    "learning rate applied twice",
    "update",
    what="the learning rate is multiplied in twice",
    why="the step is too small by the learning rate once more",
    fix="multiply once: in the gradient or in the update, not in both",
)
def rate_twice(listing: Listing) -> Iterator[Change]:
    rate = _options(listing).get("learning_rate")
    for statement in _steps(listing):
        yield wrapped_step(listing, statement, f"{rate} * {{}}")


@known(
    "learning rate missing",
    "update",
    what="the gradient is taken off as it is, without the learning rate",
    why="the steps are far too long",
    fix="w -= learning_rate * dw",
)
def rate_missing(listing: Listing) -> Iterator[Change]:
    rate = _options(listing).get("learning_rate")
    for statement in _steps(listing):
        yield wrapped_step(listing, statement, f"{{}} / {rate}")


@known(
    "learning rate divided by the batch",
    "update",
    what="the step is divided by the number of examples",
    why="the loss says already whether it is a mean; a second division makes every step too small",
    fix="w -= learning_rate * dw",
)
def rate_divided(listing: Listing) -> Iterator[Change]:
    rows = _rows(listing)
    if rows > 1:
        for statement in _steps(listing):
            yield wrapped_step(listing, statement, f"{{}} / {rows}")


@known(
    "learning rate multiplied by the batch",
    "update",
    what="the step is multiplied by the number of examples",
    why="the steps are longer than the learning rate says",
    fix="w -= learning_rate * dw",
)
def rate_multiplied(listing: Listing) -> Iterator[Change]:
    rows = _rows(listing)
    if rows > 1:
        for statement in _steps(listing):
            yield wrapped_step(listing, statement, f"{{}} * {rows}")


def _rows(listing: Listing) -> int:
    first = listing.experiment.network.forward.inputs[0].name
    return int(listing.experiment.arrays[first].shape[0])


def wrapped_step(listing: Listing, statement: ast.AugAssign, form: str) -> Change:
    """What is taken from the weight put into a form."""
    value = form.format(f"({ast.unparse(statement.value)})")
    return put(listing, "update", statement, f"w -= {value}")


@known(
    "weights overwritten by the step",
    "update",
    what="the weights are set to the step instead of moved by it",
    why="what was learnt before is forgotten",
    fix="w -= learning_rate * dw, not w = learning_rate * dw",
)
def overwritten(listing: Listing) -> Iterator[Change]:
    for statement in _steps(listing):
        value = ast.unparse(statement.value)
        yield put(listing, "update", statement, f"w[...] = -({value})")


@known(
    "biases not updated",
    "update",
    what="the biases keep their first values",
    why="a bias is a weight like any other",
    fix="update each bias with its own gradient",
)
def biases_left(listing: Listing) -> Iterator[Change]:
    arrays = listing.experiment.arrays
    shapes = [arrays[name].shape for name in listing.parameters]
    if any(len(s) == 1 for s in shapes) and any(len(s) > 1 for s in shapes):
        for statement in _steps(listing):
            text = ast.unparse(statement)
            yield put(listing, "update", statement, f"if w.ndim > 1:\n    {text}")


@known(
    "one weight not updated",
    "update",
    what="one array of weights keeps its first values",
    why="it has a gradient, and should follow it",
    fix="update every weight",
)
def one_left(listing: Listing) -> Iterator[Change]:
    for statement in _steps(listing):
        for i, name in enumerate(listing.parameters):
            text = ast.unparse(statement)
            change = put(listing, "update", statement, f"if w is not weights[{i}]:\n    {text}")
            yield Change(f"{change.where}   ({name})", change.listing)


@known(
    "gradient of another weight",
    "update",
    what="a weight is updated with the gradient of another one of its shape",
    why="each weight has its own derivative",
    fix="pair the weights with their own gradients",
)
def other_gradient(listing: Listing) -> Iterator[Change]:
    arrays, names = listing.experiment.arrays, listing.parameters
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            if i != j and arrays[first].shape == arrays[second].shape and _training(listing):
                lines = [ast.unparse(s) for s in listing.functions["update"].body]
                pick = (
                    f"gradients = [gradients[{j}] if i == {i} else g"
                    " for i, g in enumerate(gradients)]"
                )
                yield Change(f"d{first}", listing.with_lines("update", "\n".join([pick, *lines])))


@known(
    "momentum missing",
    "update",
    what="the momentum is left out",
    why="the step follows the newest gradient alone",
    fix="v = momentum * v + dw; w -= learning_rate * v",
)
def momentum_missing(listing: Listing) -> Iterator[Change]:
    if _options(listing).get("momentum"):
        yield from _with(listing, momentum=0.0, nesterov=False)


@known(
    "momentum in another form",
    "update",
    what="the momentum averages: v = m v + (1 - m) dw, where it should add: v = m v + dw",
    why="the steps are smaller by 1 - m in the long run; PyTorch's momentum has no 1 - m",
    fix="v = momentum * v + dw",
    known_from="https://pytorch.org/docs/stable/generated/torch.optim.SGD.html (dampening)",
)
def momentum_dampened(listing: Listing) -> Iterator[Change]:
    momentum = _options(listing).get("momentum")
    training = _training(listing)
    if isinstance(momentum, float) and momentum and training and training.optimizer == "sgd":
        yield from _with(listing, dampening=momentum, nesterov=False)
        for statement in listing.statements("update"):
            text = ast.unparse(statement)
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
)
def nesterov_missing(listing: Listing) -> Iterator[Change]:
    if _options(listing).get("nesterov"):
        yield from _with(listing, nesterov=False)


@known(
    "Nesterov not asked for",
    "update",
    what="Nesterov's momentum is used where plain momentum is asked for",
    why="its step looks ahead, and differs from the first step on",
    fix="w -= learning_rate * v",
)
def nesterov_added(listing: Listing) -> Iterator[Change]:
    options = _options(listing)
    unwanted = options.get("nesterov") or options.get("dampening")
    if options.get("momentum") and "nesterov" in options and not unwanted:
        yield from _with(listing, nesterov=True)


@known(
    "weight decay missing",
    "update",
    what="the weight decay is left out",
    why="the weights are not drawn towards 0",
    fix="dw + weight_decay * w, or w *= 1 - learning_rate * weight_decay where it is decoupled",
)
def decay_missing(listing: Listing) -> Iterator[Change]:
    if _options(listing).get("weight_decay") or _is_adamw(listing):
        yield from _with(listing, weight_decay=0.0)


def _is_adamw(listing: Listing) -> bool:
    training = _training(listing)
    return training is not None and training.optimizer == "adamw"


@known(
    "weight decay on the gradient instead of decoupled, or the other way round",
    "update",
    what=(
        "the decay goes through the gradient where it should act on the weight itself, or the "
        "reverse"
    ),
    why="through the gradient it is divided by Adam's root: AdamW exists to keep it out of there",
    fix="AdamW: w *= 1 - learning_rate * weight_decay; Adam: dw = dw + weight_decay * w",
    known_from="https://arxiv.org/abs/1711.05101",
)
def decay_coupled(listing: Listing) -> Iterator[Change]:
    training = _training(listing)
    options = _options(listing)
    if training is None or not options.get("weight_decay"):
        return
    if training.optimizer == "adamw":
        options = {k: v for k, v in options.items() if k in UPDATES["adam"].options}
        yield from _with(listing, "adam", **options)
    elif training.optimizer == "adam" and not options.get("decoupled_weight_decay"):
        yield from _with(listing, decoupled_weight_decay=True)
    elif "decoupled_weight_decay" in options:
        yield from _with(listing, decoupled_weight_decay=not options["decoupled_weight_decay"])


@known(
    "weight decay with the wrong factor",
    "update",
    what="the decay has half or twice its size, or lacks the learning rate",
    why="the derivative of decay / 2 * w^2 is decay * w",
    fix="dw + weight_decay * w",
)
def decay_factor(listing: Listing) -> Iterator[Change]:
    decay = _options(listing).get("weight_decay")
    rate = _options(listing).get("learning_rate")
    if isinstance(decay, float | int) and decay and isinstance(rate, float | int):
        for factor in (0.5, 2.0, 1 / rate):
            yield from _with(listing, weight_decay=decay * factor)


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
                new = f"dw = {ast.unparse(a)} - {ast.unparse(b)}"
                yield put(listing, "update", statement, new)


@known(
    "biases decayed, or weights alone",
    "update",
    what="the decay leaves the biases out, though it is asked for on all weights",
    why="PyTorch's weight_decay acts on every parameter of the optimiser",
    fix="decay the biases as well",
)
def decay_biases(listing: Listing) -> Iterator[Change]:
    if not _options(listing).get("weight_decay") and not _is_adamw(listing):
        return
    for statement in listing.statements("update"):
        text = ast.unparse(statement)
        first = isinstance(statement, ast.Assign | ast.AugAssign) and "* w" in text
        shrinks = text.startswith("w *= ")
        if first or shrinks:
            yield put(listing, "update", statement, f"if w.ndim > 1:\n    {text}")


@known(
    "Adam without bias correction",
    "update",
    what="Adam's averages are not divided by 1 - beta ** step",
    why="both begin at 0, so the first steps have the wrong length",
    fix="m / (1 - beta1 ** step), v / (1 - beta2 ** step)",
    known_from="https://arxiv.org/abs/1412.6980, section 3",
)
def adam_uncorrected(listing: Listing) -> Iterator[Change]:
    yield from _corrections(listing, "1", both=True)


@known(
    "one of Adam's bias corrections missing",
    "update",
    what="one of Adam's two averages is not divided by 1 - beta ** step",
    why="both begin at 0",
    fix="m / (1 - beta1 ** step), v / (1 - beta2 ** step)",
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
    known_from="https://github.com/tensorflow/tensorflow (RMSProp adds epsilon inside the root)",
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
    known_from="https://arxiv.org/abs/1412.6980, the text after algorithm 1; Keras's Adam",
)
def epsilon_before(listing: Listing) -> Iterator[Change]:
    beta2 = _options(listing).get("beta2")
    for statement in _steps(listing):
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
    known_from="https://discuss.pytorch.org (nan in the first step of a hand-written Adam)",
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
)
def betas_swapped(listing: Listing) -> Iterator[Change]:
    options = _options(listing)
    if "beta1" in options:
        yield from _with(listing, beta1=options["beta2"], beta2=options["beta1"])


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
    options = _options(listing)
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
    eps = _options(listing).get("eps")
    for other in (1e-5, 1e-6, 1e-7, 1e-8, 1e-10):
        if isinstance(eps, float) and other != eps:
            yield from _with(listing, eps=other)


@known(
    "another optimiser",
    "update",
    what="another optimiser is used than is asked for",
    why="each makes other steps of the same gradients",
    fix="use the optimiser that is asked for",
)
def other_optimizer(listing: Listing) -> Iterator[Change]:
    training = _training(listing)
    rate = _options(listing).get("learning_rate")
    for name in ("sgd", "adam", "rmsprop", "adagrad", "adamw"):
        if training and name != training.optimizer and isinstance(rate, float | int):
            yield from _with(listing, name, learning_rate=rate)
            if name == "sgd":
                yield from _with(listing, name, learning_rate=rate, momentum=0.9)


@known(
    "momentum not asked for",
    "update",
    what="momentum is used though none is asked for",
    why="the step then carries old gradients on",
    fix="w -= learning_rate * dw",
)
def momentum_added(listing: Listing) -> Iterator[Change]:
    training = _training(listing)
    if training and training.optimizer == "sgd" and not _options(listing).get("momentum"):
        for momentum in (0.9, 0.5, 0.99):
            yield from _with(listing, momentum=momentum)
            yield from _with(listing, momentum=momentum, dampening=momentum)
            yield from _with(listing, momentum=momentum, nesterov=True)


@known(
    "momentum of another size",
    "update",
    what="the momentum is another number than asked for",
    why="it says how much of the old steps is kept",
    fix="use the momentum that is asked for",
)
def momentum_other(listing: Listing) -> Iterator[Change]:
    momentum = _options(listing).get("momentum")
    if momentum:
        for other in (0.9, 0.5, 0.99, 0.95, 0.8):
            if other != momentum:
                yield from _with(listing, momentum=other)


@known(
    "velocity with the wrong sign",
    "update",
    what="the momentum is subtracted from the new gradient instead of added",
    why="every step then fights the one before",
    fix="v = momentum * v + dw",
)
def momentum_sign(listing: Listing) -> Iterator[Change]:
    momentum = _options(listing).get("momentum")
    if isinstance(momentum, float) and momentum:
        yield from _with(listing, momentum=-momentum, nesterov=False)


@known(
    "another learning rate",
    "update",
    what="the learning rate is another one than asked for: 10 or 2 times as large or as small",
    why="a factor in the rate is a factor in every step",
    fix="use the learning rate that is asked for",
)
def rate_other(listing: Listing) -> Iterator[Change]:
    for factor in (0.1, 10, 0.01, 100, 0.5, 2, 5, 0.2):
        for statement in _steps(listing):
            yield wrapped_step(listing, statement, f"{factor} * {{}}")
