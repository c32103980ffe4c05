"""Mistakes of the loss: its value, its derivative, or both."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import (
    assignments,
    known,
    line,
    node_put,
    output_derivatives,
    put_value,
    value_of,
    wrapped,
)
from backhand.diagnose.listing import Listing
from backhand.diagnose.mistake import Change

EPSILONS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-15)


def _value(listing: Listing, form: str) -> Iterator[Change]:
    """The loss's value put into a form."""
    for statement in listing.statements("network_loss"):
        if isinstance(statement, ast.Return):
            if isinstance(statement.value, ast.Tuple):  # a loss and what is saved of it
                continue
            yield wrapped(listing, "network_loss", statement, form.replace("@y", _target(listing)))


def _slope(listing: Listing, form: str) -> Iterator[Change]:
    """The derivative by what goes into the loss put into a form."""
    for statement in output_derivatives(listing):
        yield wrapped(listing, "network_backward", statement, form.replace("@y", _target(listing)))


def _both(listing: Listing, form: str) -> Iterator[Change]:
    for change in _value(listing, form):
        for more in _slope(change.listing, form):
            yield Change(change.where, more.listing)


def _target(listing: Listing) -> str:
    targets = listing.experiment.network.targets
    return targets[0].name if targets else "x"


def _is_mean(listing: Listing) -> bool:
    """Whether the loss is an average, as far as its step says."""
    loss = listing.experiment.network.loss
    for step in loss.body if loss else ():
        options = dict(step.attributes)
        if "reduction" in options:
            return options["reduction"] != "sum"
        if step.function == "mean":
            return True
    return False


MEANS = ("{} / len(@y)", "{} / @y.size")
SUMS = ("{} * len(@y)", "{} * @y.size")
OTHERS = ("{} * len(@y) / @y.size", "{} * @y.size / len(@y)")


@known(
    "loss averaged instead of summed, and its gradient",
    "loss",
    what="the loss is averaged where it should be summed, and all derivatives with it",
    why="every gradient is smaller by the number of terms, so each step is as well",
    fix="sum: -(y * np.log(p)).sum(), and p - y without a division",
    known_from="https://stats.stackexchange.com/questions/201452",
)
def mean_for_sum(listing: Listing) -> Iterator[Change]:
    for form in () if _is_mean(listing) else MEANS:
        yield from _both(listing, form)


@known(
    "loss summed instead of averaged, and its gradient",
    "loss",
    what="the loss is summed where it should be averaged, and all derivatives with it",
    why="every gradient is larger by the number of terms, so each step is as well",
    fix="divide the loss and its derivative by the number of examples",
    known_from="https://stats.stackexchange.com/questions/201452",
)
def sum_for_mean(listing: Listing) -> Iterator[Change]:
    for form in SUMS if _is_mean(listing) else ():
        yield from _both(listing, form)


@known(
    "loss value averaged instead of summed",
    "loss",
    what=(
        "the loss that is computed is the mean where the sum is asked for; the gradient is the "
        "sum's"
    ),
    why="loss and gradient belong to two different functions",
    fix="leave the division out of the loss",
)
def value_mean(listing: Listing) -> Iterator[Change]:
    for form in () if _is_mean(listing) else MEANS:
        yield from _value(listing, form)


@known(
    "loss value summed instead of averaged",
    "loss",
    what=(
        "the loss that is computed is the sum where the mean is asked for; the gradient is the "
        "mean's"
    ),
    why="loss and gradient belong to two different functions",
    fix="divide the loss by the number of examples",
)
def value_sum(listing: Listing) -> Iterator[Change]:
    for form in SUMS if _is_mean(listing) else ():
        yield from _value(listing, form)


@known(
    "gradient divided by N though the loss is a sum",
    "loss",
    what="the derivative is divided by the number of examples, but the loss is a sum",
    why="the gradient is that of the mean, smaller by the number of examples",
    fix="p - y, without the division",
    known_from="CS231n, assignment 1: dscores /= num_examples belongs to the averaged loss",
)
def gradient_mean(listing: Listing) -> Iterator[Change]:
    for form in () if _is_mean(listing) else MEANS:
        yield from _slope(listing, form)


@known(
    "gradient divided by N twice",
    "loss",
    what="the derivative is divided by the number of examples twice",
    why=(
        "the mean's derivative has the division once; a second one makes every step N times too "
        "small"
    ),
    fix="divide once: in dz = (p - y) / N, or in dw, not in both",
    known_from="CS231n, assignment 1: dscores /= num_examples and dW /= num_examples",
)
def gradient_twice(listing: Listing) -> Iterator[Change]:
    for form in MEANS if _is_mean(listing) else ():
        yield from _slope(listing, form)


@known(
    "gradient never divided by N",
    "loss",
    what="the loss is a mean, but its derivative is not divided by the number of examples",
    why="the gradient is that of the sum, N times too large",
    fix="divide once: dz = (p - y) / N",
    known_from="https://stats.stackexchange.com/questions/201452",
)
def gradient_sum(listing: Listing) -> Iterator[Change]:
    for form in SUMS if _is_mean(listing) else ():
        yield from _slope(listing, form)


@known(
    "averaged over another count",
    "loss",
    what="rows are counted where elements should be, or elements where rows should be",
    why="cross-entropy averages over examples, squared error over elements",
    fix="divide by len(y) for examples, by y.size for elements",
    known_from="torch.nn.MSELoss averages over elements; hand-written ones often over rows",
)
def other_count(listing: Listing) -> Iterator[Change]:
    if _is_mean(listing):
        for form in OTHERS:
            yield from _both(listing, form)
            yield from _slope(listing, form)
            yield from _value(listing, form)


@known(
    "loss with the wrong sign",
    "loss",
    what="the loss has the wrong sign",
    why="the minus of the logarithm is missing (or one too many): the loss is negative",
    fix="-(y * np.log(p)).sum()",
)
def loss_sign(listing: Listing) -> Iterator[Change]:
    yield from _value(listing, "-{}")


@known(
    "epsilon inside the logarithm",
    "loss",
    what="a small number is added to the probability inside the logarithm",
    why=(
        "the loss is then not the one whose derivative is taken, by about epsilon / p for each "
        "example"
    ),
    fix=(
        "leave it out; against log(0), take the logarithm of the softmax from the scores themselves"
    ),
    known_from=(
        "https://github.com/keras-team/keras (backend.epsilon() in categorical_crossentropy)"
    ),
)
def log_epsilon(listing: Listing) -> Iterator[Change]:
    for function, statement, call in _logarithms(listing):
        for epsilon in EPSILONS:
            new = f"np.log({ast.unparse(call.args[0])} + {epsilon!r})"
            yield node_put(listing, function, statement, call, new)


@known(
    "logarithm of another base",
    "loss",
    what="the logarithm is to base 2 or 10",
    why="the cross-entropy is meant with the natural logarithm; p - y is the derivative of that",
    fix="use np.log",
)
def log_base(listing: Listing) -> Iterator[Change]:
    for function, statement, call in _logarithms(listing):
        for name in ("log2", "log10"):
            new = f"np.{name}({ast.unparse(call.args[0])})"
            yield node_put(listing, function, statement, call, new)


def _logarithms(listing: Listing) -> Iterator[tuple[str, ast.stmt, ast.Call]]:
    called = {
        node.func.id
        for statement in listing.statements("network_loss")
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    for function in ("network_loss", *sorted(called & set(listing.functions))):
        for statement in listing.statements(function):
            for node in ast.walk(statement):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="log")):
                        yield function, statement, node


@known(
    "logarithm missing",
    "loss",
    what="the loss is -sum(y * p), without the logarithm",
    why="that is not the cross-entropy, and p - y is not its derivative",
    fix="-(y * np.log(p)).sum()",
)
def log_missing(listing: Listing) -> Iterator[Change]:
    for function, statement, call in _logarithms(listing):
        yield node_put(listing, function, statement, call, ast.unparse(call.args[0]))


@known(
    "half of the squared error",
    "loss",
    what="the squared error has a factor of a half that is not asked for",
    why="the loss is half as large; its derivative has lost its 2",
    fix="((p - y) ** 2), without 0.5, or the derivative with its 2",
)
def squared_half(listing: Listing) -> Iterator[Change]:
    if _is_squared(listing):
        yield from _both(listing, "0.5 * {}")
        yield from _value(listing, "0.5 * {}")


@known(
    "factor 2 of the squared error",
    "loss",
    what="the 2 in the derivative of the square is missing, or there though the loss has the half",
    why="the derivative of (p - y)^2 is 2 (p - y); that of half of it is p - y",
    fix="2 * (p - y) for the square, p - y for half the square",
    known_from="https://stats.stackexchange.com/questions/221826",
)
def squared_two(listing: Listing) -> Iterator[Change]:
    if _is_squared(listing):
        yield from _slope(listing, "0.5 * {}")
        yield from _slope(listing, "2 * {}")


@known(
    "twice the loss",
    "loss",
    what="the loss is twice what is asked for, and its derivative too",
    why="a factor of the loss is a factor of every gradient: each step is twice as long",
    fix="leave the 2 out, or put the half back",
)
def loss_double(listing: Listing) -> Iterator[Change]:
    if _is_squared(listing):
        yield from _both(listing, "2 * {}")
        yield from _value(listing, "2 * {}")


def _is_squared(listing: Listing) -> bool:
    loss = listing.experiment.network.loss
    named = {step.function for step in loss.body} if loss else set()
    return bool(named & {"mse", "power", "square", "pow"})


@known(
    "root of the squared error",
    "loss",
    what="the root of the squared error is given as the loss",
    why="its derivative is another one: that of the square, divided by twice the root",
    fix="leave out np.sqrt",
)
def squared_root(listing: Listing) -> Iterator[Change]:
    if _is_squared(listing):
        yield from _value(listing, "np.sqrt({})")


@known(
    "absolute for squared error",
    "loss",
    what="the absolute difference is taken where the square is asked for",
    why="its derivative is a sign, not a difference",
    fix="(p - y) ** 2",
)
def absolute_error(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("network_loss"):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=left, op=ast.Pow()) if isinstance(statement, ast.Return):
                    new = f"np.abs({ast.unparse(left)})"
                    yield node_put(listing, "network_loss", statement, node, new)


@known(
    "binary cross-entropy of the classes",
    "loss",
    what="the other classes' log(1 - p) is added to the cross-entropy of a softmax",
    why=(
        "a softmax's cross-entropy has the true class's logarithm alone; p - y is the derivative "
        "of that"
    ),
    fix="-(y * np.log(p)).sum()",
)
def binary_for_classes(listing: Listing) -> Iterator[Change]:
    yield from _loss_term(
        listing, "cross_entropy", "-(({y}) * np.log({p}) + (1 - {y}) * np.log(1 - {p}))"
    )


@known(
    "the half of the binary cross-entropy missing",
    "loss",
    what="the binary cross-entropy lacks its (1 - y) * log(1 - p)",
    why="examples of class 0 then cost nothing",
    fix="-(y * log(p) + (1 - y) * log(1 - p))",
)
def binary_half(listing: Listing) -> Iterator[Change]:
    yield from _loss_term(listing, "bce", "-(({y}) * np.log({p}))")


def _loss_term(listing: Listing, function: str, form: str) -> Iterator[Change]:
    """The loss's value from another elementwise form, reduced as the loss itself is."""
    loss = listing.experiment.network.loss
    for step in loss.body if loss else ():
        if step.function != function or len(loss.body if loss else ()) != 1:
            continue
        p, y = step.inputs[0].name, step.inputs[1].name
        terms = form.format(p=p, y=y)
        count = "1" if not _is_mean(listing) else f"{y}.size" if function == "bce" else f"len({y})"
        for statement in listing.statements("network_loss"):
            if isinstance(statement, ast.Return):
                yield put_value(listing, "network_loss", statement, f"({terms}).sum() / {count}")


@known(
    "regularisation left out of the loss",
    "loss",
    what="the penalty on the weights is left out of the loss that is computed",
    why="the loss is then not the one whose gradient is followed",
    fix="add the penalty to the loss",
)
def penalty_missing(listing: Listing) -> Iterator[Change]:
    for statement in listing.statements("network_loss"):
        value = value_of(statement)
        if value is None or not isinstance(statement, ast.Return | ast.Assign):
            continue
        for node in ast.walk(value):
            match node:
                case ast.BinOp(left=left, op=ast.Add(), right=right):
                    read = {n.id for n in ast.walk(right) if isinstance(n, ast.Name)}
                    if read - {"np"} and read - {"np"} <= _of_weights(listing):
                        new = ast.unparse(left)
                        yield node_put(listing, "network_loss", statement, node, new)


@known(
    "regularisation left out of the gradient",
    "loss",
    what="the penalty on the weights is left out of the gradient",
    why="the weights are then not drawn towards 0",
    fix="add the penalty's derivative: dw += 2 * strength * w",
    known_from="CS231n, assignment 1",
)
def penalty_gradient(listing: Listing) -> Iterator[Change]:
    gradients = {f"d{name}": name for name in listing.parameters}
    for statement in listing.statements("network_backward"):
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.BinOp(left=a, op=ast.Add(), right=b)
            ):
                for kept, gone in ((a, b), (b, a)):
                    if name in gradients and _is_penalty(listing, gone, gradients[name]):
                        yield put_value(listing, "network_backward", statement, ast.unparse(kept))


@known(
    "regularisation's factor 2",
    "loss",
    what="the penalty's derivative has half or twice its size",
    why="the derivative of w^2 is 2 w, and that of w^2 / 2 is w",
    fix="2 * strength * w for strength * sum(w ** 2), strength * w for half of it",
    known_from="CS231n, assignment 1 (0.5 * reg * sum(W * W) against reg * sum(W * W))",
)
def penalty_factor(listing: Listing) -> Iterator[Change]:
    gradients = {f"d{name}": name for name in listing.parameters}
    for statement in listing.statements("network_backward"):
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.BinOp(left=a, op=ast.Add(), right=b)
            ):
                for kept, part in ((a, b), (b, a)):
                    if name in gradients and _is_penalty(listing, part, gradients[name]):
                        for factor in (0.5, 2):
                            new = f"{ast.unparse(kept)} + {factor} * ({ast.unparse(part)})"
                            yield put_value(listing, "network_backward", statement, new)


def _is_penalty(listing: Listing, part: ast.expr, weight: str) -> bool:
    """Whether a part of a gradient is made of the weight itself, here or where it was named."""
    lines = {name: value for name, _, value in assignments(listing, "network_backward")}
    made = lines.get(part.id, part) if isinstance(part, ast.Name) else part
    nodes = list(ast.walk(made))
    reads = any(isinstance(n, ast.Name) and n.id == weight for n in nodes)
    return reads and not any(isinstance(n, ast.MatMult) for n in nodes)


def _of_weights(listing: Listing) -> set[str]:
    """The names in the loss that are made of weights alone, and the weights."""
    found = set(listing.parameters)
    for name, _, value in assignments(listing, "network_loss"):
        read = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} - {"np"}
        if read and read <= found:
            found.add(name)
    return found


@known(
    "y - p for p - y",
    "loss",
    what="the derivative at the output has the wrong sign",
    why="every gradient is then turned round, and the loss grows",
    fix="p - y",
)
def target_minus_output(listing: Listing) -> Iterator[Change]:
    yield from _slope(listing, "-{}")


@known(
    "target not subtracted",
    "loss",
    what="the derivative at the output is p, without the target",
    why="the network is never told what was asked of it",
    fix="p - y",
)
def target_missing(listing: Listing) -> Iterator[Change]:
    for statement in output_derivatives(listing):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(left=left, op=ast.Sub(), right=ast.Name(id=name)):
                    if name == _target(listing):
                        yield node_put(
                            listing, "network_backward", statement, node, ast.unparse(left)
                        )


@known(
    "softmax's derivative taken as p (1 - p)",
    "loss",
    what="the softmax's derivative is taken as the diagonal p (1 - p) of its Jacobian alone",
    why=(
        "each probability depends on every score: the parts beside the diagonal, -p_i p_j, are "
        "missing"
    ),
    fix="with cross-entropy use p - y; else p * (dp - (dp * p).sum(axis=1, keepdims=True))",
    known_from="https://stackoverflow.com/questions/40575841",
)
def softmax_diagonal(listing: Listing) -> Iterator[Change]:
    yield from _output_form(listing, "softmax", "-{y} * (1 - {p})")


@known(
    "p - y multiplied by p (1 - p) once more",
    "loss",
    what="p - y is multiplied by the output activation's derivative p (1 - p)",
    why="p - y is already the derivative by the scores: the activation's derivative is in it",
    fix="p - y, without the factor",
    known_from=(
        "http://neuralnetworksanddeeplearning.com/chap3.html (quadratic against cross-entropy cost)"
    ),
)
def derivative_twice(listing: Listing) -> Iterator[Change]:
    yield from _output_form(listing, "softmax", "({p} - {y}) * {p} * (1 - {p})")
    yield from _output_form(listing, "sigmoid", "({p} - {y}) * {p} * (1 - {p})")


@known(
    "derivative of the squared error for the cross-entropy",
    "loss",
    what="the derivative at the output is twice p - y, that of a squared error",
    why="a cross-entropy's derivative by the scores is p - y",
    fix="p - y",
)
def cross_entropy_double(listing: Listing) -> Iterator[Change]:
    if not _is_squared(listing):
        yield from _slope(listing, "2 * {}")


@known(
    "loss's derivative passed through no output activation",
    "loss",
    what="the derivative by the probabilities is used as if it were that by the scores",
    why="the output activation's derivative is missing: -y / p where p - y belongs",
    fix="p - y",
)
def probabilities_for_scores(listing: Listing) -> Iterator[Change]:
    yield from _output_form(listing, "softmax", "-{y} / {p}")
    yield from _output_form(listing, "sigmoid", "({p} - {y}) / ({p} * (1 - {p}))")


def _output_form(listing: Listing, activation: str, form: str) -> Iterator[Change]:
    """Another derivative at the output, where the loss follows this activation of it."""
    loss = listing.experiment.network.loss
    if loss is None or not loss.body or listing.experiment.network.backward is None:
        return
    p, y = loss.body[0].inputs[0].name, _target(listing)
    made = listing.made.get(p)
    if made is None or made.function != activation:
        return
    for statement in output_derivatives(listing):
        text = ast.unparse(statement)
        if target_name(statement) != f"d{made.inputs[0].name}":
            continue
        for old in (f"({p} - {y})", f"{p} - {y}"):
            if old in text:
                new = text.replace(old, f"({form.format(p=p, y=y)})")
                yield Change(line(statement), listing.changed("network_backward", statement, new))
                break


def target_name(statement: ast.stmt) -> str:
    """The name on the left."""
    assert isinstance(statement, ast.Assign)
    return ast.unparse(statement.targets[0])


@known(
    "loss and its gradient with the wrong sign",
    "loss",
    what="the loss and its derivative have the wrong sign",
    why="going down this loss is going up the right one",
    fix="put the minus back: -(y * np.log(p)).sum(), whose derivative is p - y",
)
def both_sign(listing: Listing) -> Iterator[Change]:
    yield from _both(listing, "-{}")
