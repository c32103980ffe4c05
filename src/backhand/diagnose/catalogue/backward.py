"""Mistakes of the backward pass."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import (
    assignments,
    backward_with,
    known,
    node_put,
    put_value,
    undone,
    wrapped,
)
from backhand.diagnose.listing import Listing
from backhand.diagnose.mistake import Change

SLOPES = {
    "tanh": "1 - {x} ** 2",
    "sigmoid": "{x} * (1 - {x})",
}
"""The derivatives in terms of the output."""
AGAIN = {
    "tanh": "(1 - np.tanh({x}) ** 2)",
    "sigmoid": "(1 / (1 + np.exp(-{x}))) * (1 - 1 / (1 + np.exp(-{x})))",
}
"""The same in terms of the input."""
ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu", "gelu", "silu", "elu", "softplus")
BACKWARD = "network_backward"


@known(
    "activation's derivative missing",
    "backward",
    what=(
        "the activation's derivative is left out of the backward pass (for ReLU: it is 1 "
        "everywhere)"
    ),
    why=(
        "what a unit passes back must be weighed with how it answered: nothing through a ReLU "
        "below 0"
    ),
    fix=(
        "multiply: dz = da * (z > 0) for ReLU, da * (1 - a * a) for tanh, da * a * (1 - a) for "
        "sigmoid"
    ),
    known_from="https://stackoverflow.com/questions/42042561 (ReLU's derivative in NumPy)",
)
def derivative_missing(listing: Listing) -> Iterator[Change]:
    for step, _, statement in undone(listing, *ACTIVATIONS):
        yield put_value(listing, BACKWARD, statement, step.inputs[0].name)


@known(
    "activation's derivative taken at the input instead of the output",
    "backward",
    what=(
        "the formula in terms of the activation's output is given its input: 1 - z * z, z * (1 - z)"
    ),
    why="a (1 - a) is the sigmoid's derivative only where a is the sigmoid's output",
    fix="use the saved output a, or the formula in terms of z",
    known_from="https://stackoverflow.com/questions/10626134",
)
def derivative_at_input(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, *SLOPES):
        x = forward.inputs[0].name
        form = SLOPES[forward.function].format(x=x)
        yield backward_with(listing, statement, f"{step.inputs[0].name} * ({form})", x)


@known(
    "activation's derivative taken at the output instead of the input",
    "backward",
    what=(
        "the formula in terms of the activation's input is given its output: the activation is "
        "applied twice"
    ),
    why="1 - tanh(a)^2 with a = tanh(z) is not the derivative at z",
    fix="use z, or the formula in terms of a: 1 - a * a, a * (1 - a)",
    known_from="https://stackoverflow.com/questions/10626134",
)
def derivative_at_output(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, *AGAIN):
        a = forward.output.name
        form = AGAIN[forward.function].format(x=a)
        yield backward_with(listing, statement, f"{step.inputs[0].name} * {form}", a)


@known(
    "derivative of another activation",
    "backward",
    what="the backward pass has another activation's derivative than the forward pass's activation",
    why="each activation has its own derivative",
    fix="take the derivative of the activation that the forward pass uses",
)
def derivative_other(listing: Listing) -> Iterator[Change]:
    forms = {**SLOPES, "relu": "({x} > 0)"}
    for step, forward, statement in undone(listing, *forms):
        for name, form in forms.items():
            if name == forward.function:
                continue
            a, dy = forward.output.name, step.inputs[0].name
            yield backward_with(listing, statement, f"{dy} * ({form.format(x=a)})", a)
            if name == "relu":
                x = forward.inputs[0].name
                yield backward_with(listing, statement, f"{dy} * ({form.format(x=x)})", x)


@known(
    "square missing in tanh's derivative",
    "backward",
    what="tanh's derivative is taken as 1 - a instead of 1 - a * a, or the sigmoid's as 1 - a or a",
    why="a factor of the derivative is missing",
    fix="1 - a * a for tanh, a * (1 - a) for sigmoid",
)
def derivative_square(listing: Listing) -> Iterator[Change]:
    forms = {"tanh": ("(1 - {a})", "{a} ** 2"), "sigmoid": ("(1 - {a})", "{a}", "{a} * (1 + {a})")}
    for step, forward, statement in undone(listing, *forms):
        a = forward.output.name
        for form in forms[forward.function]:
            value = f"{step.inputs[0].name} * {form.format(a=a)}"
            yield backward_with(listing, statement, value, a)


@known(
    "ReLU's gate read from the derivative",
    "backward",
    what="the derivative is cut where it is itself negative, not where the ReLU's input was",
    why=(
        "the ReLU decides by its input what passes; the derivative's sign has nothing to do with it"
    ),
    fix="dz = da * (z > 0), or dz[z <= 0] = 0",
    known_from="the ReLU of 'deconvnet' visualisations; https://arxiv.org/abs/1412.6806",
)
def relu_gate_of_derivative(listing: Listing) -> Iterator[Change]:
    for step, _, statement in undone(listing, "relu"):
        dy = step.inputs[0].name
        yield put_value(listing, BACKWARD, statement, f"{dy} * ({dy} > 0)")


@known(
    "ReLU's gate the wrong way round",
    "backward",
    what="the derivative passes where the ReLU's input was negative",
    why="just the units that were silent are trained",
    fix="dz = da * (z > 0)",
)
def relu_gate_inverted(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, "relu"):
        x = forward.inputs[0].name
        yield backward_with(listing, statement, f"{step.inputs[0].name} * ({x} < 0)", x)


@known(
    "ReLU itself for its derivative",
    "backward",
    what="the derivative is multiplied with the ReLU's output instead of with 0 or 1",
    why="above 0 the ReLU's slope is 1, however large the output",
    fix="dz = da * (z > 0)",
)
def relu_for_derivative(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, "relu"):
        x = forward.inputs[0].name
        yield backward_with(listing, statement, f"{step.inputs[0].name} * np.maximum({x}, 0)", x)
        yield backward_with(listing, statement, f"{step.inputs[0].name} * {x}", x)


@known(
    "ReLU's derivative 1 at 0",
    "backward",
    what="the derivative of the ReLU is taken as 1 where its input is exactly 0",
    why=(
        "PyTorch takes 0 there; both are subgradients, but the numbers differ where sums are "
        "exactly 0"
    ),
    fix="z > 0, not z >= 0",
)
def relu_at_zero(listing: Listing) -> Iterator[Change]:
    for step, forward, statement in undone(listing, "relu"):
        x = forward.inputs[0].name
        yield backward_with(listing, statement, f"{step.inputs[0].name} * ({x} >= 0)", x)


@known(
    "transposed weights in the backward pass",
    "backward",
    what="the derivative goes back through the weights as they are, not transposed",
    why="what unit i sent to unit j through w[i, j] must come back the same way: dz @ w.T",
    fix="dh = dz @ w.T",
)
def weights_not_transposed(listing: Listing) -> Iterator[Change]:
    for _, statement, value in assignments(listing, BACKWARD):
        match value:
            case ast.BinOp(
                op=ast.MatMult(), right=ast.Attribute(value=ast.Name(id=name), attr="T")
            ):
                if name in listing.parameters and _is_square(listing, name):
                    yield node_put(listing, BACKWARD, statement, value.right, name)


@known(
    "gradient of the weights transposed",
    "backward",
    what="the gradient of a weight matrix is transposed",
    why="each weight then gets the gradient of another one",
    fix="dw = x.T @ dz for weights [in, out]",
)
def gradient_transposed(listing: Listing) -> Iterator[Change]:
    for name, statement, _ in assignments(listing, BACKWARD):
        if name[1:] in listing.parameters and _is_square(listing, name[1:]):
            yield wrapped(listing, BACKWARD, statement, "{}.T")


def _is_square(listing: Listing, name: str) -> bool:
    shape = listing.experiment.arrays[name].shape
    return len(shape) == 2 and shape[0] == shape[1]


@known(
    "sums before the activation used in dw",
    "backward",
    what="dw is taken with the sums before the activation instead of with what the layer was given",
    why="dw is (what went into the layer) transposed, times the derivative by its sums",
    fix="dw2 = a1.T @ dz2, with the activation's output",
)
def preactivation_in_dw(listing: Listing) -> Iterator[Change]:
    for name, statement, value in assignments(listing, BACKWARD):
        match value:
            case ast.BinOp(
                left=ast.Attribute(value=ast.Name(id=read)), op=ast.MatMult(), right=right
            ):
                source = _before_activation(listing, read)
                if name[1:] in listing.parameters and source:
                    new = f"{source}.T @ {ast.unparse(right)}"
                    yield backward_with(listing, statement, new, source)


def _before_activation(listing: Listing, name: str) -> str:
    """The sums from which an activation, and dropout, made a value; empty if none did."""
    step = listing.made.get(name)
    while step is not None and step.function == "dropout":
        step = listing.made.get(step.inputs[0].name)
    found = step is not None and step.function in ACTIVATIONS
    return step.inputs[0].name if step is not None and found else ""


@known(
    "bias gradient averaged over the batch",
    "backward",
    what="the bias's gradient is the mean over the examples where the sum belongs",
    why=(
        "the bias is used once for each example, and its derivatives add; the division is in dz "
        "already"
    ),
    fix="db = dz.sum(axis=0)",
)
def bias_averaged(listing: Listing) -> Iterator[Change]:
    for statement in _bias_gradients(listing):
        yield _reduced(listing, statement, "{}.mean(axis=0)")


@known(
    "bias gradient not summed over the batch",
    "backward",
    what="the bias's gradient is not summed over the examples",
    why="the bias is used once for each example, and its derivatives add",
    fix="db = dz.sum(axis=0)",
)
def bias_unsummed(listing: Listing) -> Iterator[Change]:
    for statement in _bias_gradients(listing):
        yield _reduced(listing, statement, "{}")
        yield _reduced(listing, statement, "{}[0]")
        yield _reduced(listing, statement, "{}[-1]")


@known(
    "bias gradient summed over everything",
    "backward",
    what="the bias's gradient is summed over the units too: one number for all of them",
    why="each unit has its own bias, and its own derivative",
    fix="db = dz.sum(axis=0), with the axis",
)
def bias_total(listing: Listing) -> Iterator[Change]:
    for statement in _bias_gradients(listing):
        name = ast.unparse(statement.targets[0])[1:]  # type: ignore[attr-defined]
        size = listing.experiment.arrays[name].shape
        if size != (1,):
            yield _reduced(listing, statement, f"np.full({size}, {{}}.sum())")


@known(
    "bias gradient missing",
    "backward",
    what="the bias's gradient is 0: the bias is never trained",
    why="a bias is a weight like any other",
    fix="db = dz.sum(axis=0)",
)
def bias_gradient_missing(listing: Listing) -> Iterator[Change]:
    for statement in _bias_gradients(listing):
        yield wrapped(listing, BACKWARD, statement, "0 * {}")


@known(
    "bias gradient of the derivative after the layer",
    "backward",
    what=(
        "the bias's gradient is summed from the derivative behind the activation, da, instead of dz"
    ),
    why="the bias stands before the activation: its derivative has gone through that",
    fix="db = dz.sum(axis=0)",
)
def bias_of_da(listing: Listing) -> Iterator[Change]:
    yield from _through_activation(listing, bias=True)


@known(
    "weight gradient of the derivative after the layer",
    "backward",
    what="dw is taken with the derivative behind the activation, da, instead of dz",
    why="the weights stand before the activation: their derivative has gone through that",
    fix="dw = x.T @ dz",
)
def weight_of_da(listing: Listing) -> Iterator[Change]:
    yield from _through_activation(listing, bias=False)


def _through_activation(listing: Listing, bias: bool) -> Iterator[Change]:
    behind = {step.output.name: step.inputs[0].name for step, _, _ in undone(listing, *ACTIVATIONS)}
    gradients = list(_bias_gradients(listing))
    for name, statement, value in assignments(listing, BACKWARD):
        if name[1:] in listing.parameters and (statement in gradients) == bias:
            for node in ast.walk(value):
                match node:
                    case ast.Name(id=read) if read in behind:
                        yield node_put(listing, BACKWARD, statement, node, behind[read])


def _bias_gradients(listing: Listing) -> Iterator[ast.stmt]:
    """The statements that sum a derivative over the batch."""
    for name, statement, value in assignments(listing, BACKWARD):
        if name[1:] in listing.parameters and "sum" in ast.unparse(value):
            match value:
                case ast.Call(args=[_, *_]):
                    yield statement


def _reduced(listing: Listing, statement: ast.stmt, form: str) -> Change:
    assert isinstance(statement, ast.Assign)
    assert isinstance(statement.value, ast.Call)
    summed = ast.unparse(statement.value.args[0])
    return put_value(listing, BACKWARD, statement, form.format(f"({summed})"))


@known(
    "fan-in overwritten instead of added",
    "backward",
    what="of a value that is used twice only one derivative is kept",
    why="what a value does to the loss it does on every way: its derivatives add",
    fix="add them: dh = dh_first + dh_second (or +=)",
    known_from="https://www.youtube.com/watch?v=VMj-3S1tku0 (micrograd: 'the bug' of = for +=)",
)
def fan_in(listing: Listing) -> Iterator[Change]:
    backward = listing.experiment.network.backward
    for step in backward.body if backward else ():
        if step.function == "add" and "used" in step.because:
            for name, statement, value in assignments(listing, BACKWARD):
                match value:
                    case ast.BinOp(left=a, op=ast.Add(), right=b) if name == step.output.name:
                        yield put_value(listing, BACKWARD, statement, ast.unparse(a))
                        yield put_value(listing, BACKWARD, statement, ast.unparse(b))


@known(
    "earlier layer gets no gradient",
    "backward",
    what="the gradient of an earlier layer's weights is 0",
    why="only the last layers are then trained",
    fix="carry the derivative on through the activation into the earlier layers",
)
def gradient_zero(listing: Listing) -> Iterator[Change]:
    biases = list(_bias_gradients(listing))
    for name, statement, _ in assignments(listing, BACKWARD):
        if name[1:] in listing.parameters and statement not in biases:
            yield wrapped(listing, BACKWARD, statement, "0 * {}")


@known(
    "weight gradient divided by N, bias gradient not",
    "backward",
    what=(
        "the gradient of the weights is divided by the number of examples once more, that of the "
        "biases not"
    ),
    why="both belong to the same loss, and so to the same division",
    fix="divide once, at the output: dz = (p - y) / N",
)
def weights_divided(listing: Listing) -> Iterator[Change]:
    biases = list(_bias_gradients(listing))
    if not biases:
        return
    changed, where = listing, ""
    for name, statement, _ in list(assignments(listing, BACKWARD)):
        if name[1:] in listing.parameters and statement not in biases:
            one = wrapped(listing, BACKWARD, statement, "{} / len(x_rows)")
            rows = listing.experiment.network.forward.inputs[0].name
            yield Change(one.where, _renamed_rows(one.listing, rows))
            target = next(s for n, s, _ in assignments(changed, BACKWARD) if n == name)
            changed = wrapped(changed, BACKWARD, target, f"{{}} / len({rows})").listing
            where = where or one.where
    if where:
        yield Change(where, changed)


def _renamed_rows(listing: Listing, rows: str) -> Listing:
    tree = listing.functions[BACKWARD]
    return listing.with_lines(
        BACKWARD, "\n".join(map(ast.unparse, tree.body)).replace("x_rows", rows)
    )


@known(
    "gradient not passed through the weights' own layer",
    "backward",
    what="the derivative is passed back with the weights of another layer",
    why="each layer sends its derivative back through its own weights",
    fix="dh = dz2 @ w2.T, with the weights of the layer above",
)
def other_weights(listing: Listing) -> Iterator[Change]:
    for _, statement, value in assignments(listing, BACKWARD):
        match value:
            case ast.BinOp(
                op=ast.MatMult(), right=ast.Attribute(value=ast.Name(id=name), attr="T")
            ):
                shape = listing.experiment.arrays.get(name)
                for other in listing.parameters if shape is not None else ():
                    same = (
                        listing.experiment.arrays[other].shape
                        == listing.experiment.arrays[name].shape
                    )
                    if other != name and same and name in listing.parameters:
                        place = listing.parameters.index(other)
                        new = f"weights[{place}].T"
                        yield node_put(listing, BACKWARD, statement, value.right, new)


@known(
    "layer's input for its neighbour's in dw",
    "backward",
    what="dw is taken with another layer's input",
    why="dw is what went into this very layer, transposed, times the derivative by its sums",
    fix="dw2 = h1.T @ dz2, with the input of layer 2",
)
def other_input(listing: Listing) -> Iterator[Change]:
    inputs = [v.name for v in listing.experiment.network.forward.inputs if v.role == "input"]
    values = inputs + [s.output.name for s in listing.forward if s.function in ACTIVATIONS]
    for name, statement, value in assignments(listing, BACKWARD):
        match value:
            case ast.BinOp(
                left=ast.Attribute(value=ast.Name(id=read)), op=ast.MatMult(), right=right
            ):
                for other in values:
                    alike = _width(listing, other) == _width(listing, read)
                    if name[1:] in listing.parameters and other != read and alike:
                        if _before_activation(listing, read) and other in _sources(listing, read):
                            continue
                        new = f"{other}.T @ {ast.unparse(right)}"
                        yield backward_with(listing, statement, new, other)


def _width(listing: Listing, name: str) -> object:
    for value in listing.experiment.network.forward.values():
        if value.name == name:
            return value.shape[-1] if value.shape else None
    return None


def _sources(listing: Listing, name: str) -> set[str]:
    step = listing.made.get(name)
    return {v.name for v in step.inputs} if step else set()


@known(
    "normalisation's mean and variance taken as constants",
    "backward",
    what="the backward pass of the normalisation treats its mean and variance as constants",
    why="they are made of the same numbers, so the derivative goes through them too",
    fix="subtract the mean of the derivative, and its part along the normalised values",
    known_from="https://kevinzakka.github.io/2016/09/14/batch_normalization/",
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
    "gradient of one example alone",
    "backward",
    what="a gradient holds the last (or first) example's part alone",
    why="in a loop over the examples their parts must be added up",
    fix="dw += ..., with dw set to 0 before the loop",
)
def gradient_of_one(listing: Listing) -> Iterator[Change]:
    for name, statement, value in assignments(listing, BACKWARD):
        match value:
            case ast.BinOp(
                left=ast.Attribute(value=left, attr="T"), op=ast.MatMult(), right=right
            ) if name[1:] in listing.parameters:
                for rows in ("-1:", ":1"):
                    new = f"{ast.unparse(left)}[{rows}].T @ ({ast.unparse(right)})[{rows}]"
                    yield put_value(listing, BACKWARD, statement, new)
