"""Mistakes of the backward pass."""

import ast
from collections.abc import Iterator

from backhand.diagnose.catalogue.activations import ACTIVATIONS
from backhand.diagnose.catalogue.biases import bias_gradients
from backhand.diagnose.catalogue.penalty_places import is_penalty
from backhand.diagnose.editing import (
    BACKWARD,
    assignments,
    backward_with,
    known,
    node_put,
    outer_products,
    parameter_of,
    put_value,
    wrapped,
)
from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change


@known(
    "transposed weights in the backward pass",
    "backward",
    what="the derivative goes back through the weights as they are, not transposed",
    why="what unit i sent to unit j through w[i, j] must come back the same way: dz @ w.T",
    fix="dh = dz @ w.T",
    known_from="common in class",
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
    for name, statement, value in assignments(listing, BACKWARD):
        weight = parameter_of(listing, name)
        if weight and is_product(value) and _is_square(listing, weight):
            yield wrapped(listing, BACKWARD, statement, "{}.T")


def is_product(value: ast.expr) -> bool:
    """Whether an expression is a product of matrices."""
    return isinstance(value, ast.BinOp) and isinstance(value.op, ast.MatMult)


def _is_square(listing: Listing, name: str) -> bool:
    shape = listing.experiment.arrays[name].shape
    return len(shape) == 2 and shape[0] == shape[1]


@known(
    "sums before the activation used in dw",
    "backward",
    what="dw is taken with the sums before the activation instead of with what the layer was given",
    why="dw is (what went into the layer) transposed, times the derivative by its sums",
    fix="dw2 = a1.T @ dz2, with the activation's output",
    known_from="common in class",
)
def preactivation_in_dw(listing: Listing) -> Iterator[Change]:
    for statement, read, right in outer_products(listing):
        source = _before_activation(listing, read)
        if source:
            new = f"{source}.T @ {text_of(right)}"
            yield backward_with(listing, statement, new, source)


def _before_activation(listing: Listing, name: str) -> str:
    """The sums from which an activation, and dropout, made a value; empty if none did."""
    step = listing.made.get(name)
    while step is not None and step.function == "dropout":
        step = listing.made.get(step.inputs[0].name)
    found = step is not None and step.function in ACTIVATIONS
    return step.inputs[0].name if step is not None and found else ""


@known(
    "fan-in overwritten instead of added",
    "backward",
    what="of a value that is used twice only one derivative is kept",
    why="what a value does to the loss it does on every way: its derivatives add",
    fix="add them: dh = dh_first + dh_second (or +=)",
    known_from="Karpathy's micrograd lecture: the bug of = for +=",
)
def fan_in(listing: Listing) -> Iterator[Change]:
    backward = listing.experiment.network.backward
    for step in backward.body if backward else ():
        if step.function == "add" and "used" in step.because:
            for name, statement, value in assignments(listing, BACKWARD):
                match value:
                    case ast.BinOp(left=a, op=ast.Add(), right=b) if name == step.output.name:
                        for kept, gone in ((a, b), (b, a)):
                            if not is_penalty(listing, gone, parameter_of(listing, name)):
                                yield put_value(listing, BACKWARD, statement, text_of(kept))


@known(
    "earlier layer gets no gradient",
    "backward",
    what="the gradient of an earlier layer's weights is 0",
    why="only the last layers are then trained",
    fix="carry the derivative on through the activation into the earlier layers",
)
def gradient_zero(listing: Listing) -> Iterator[Change]:
    biases = list(bias_gradients(listing))
    for name, statement, value in assignments(listing, BACKWARD):
        is_part = bool(parameter_of(listing, name)) and is_product(value)
        is_whole = name[1:] in listing.parameters
        if (is_whole or is_part) and statement not in biases:
            yield wrapped(listing, BACKWARD, statement, "0 * {}")


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
    for statement, read, right in outer_products(listing):
        for other in values:
            alike = _width(listing, other) == _width(listing, read)
            if other == read or not alike:
                continue
            if _before_activation(listing, read) and other in _sources(listing, read):
                continue
            new = f"{other}.T @ {text_of(right)}"
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
    "gradient of one example alone",
    "backward",
    what="a gradient holds the last (or first) example's part alone",
    why="in a loop over the examples their parts must be added up",
    fix="dw += ..., with dw set to 0 before the loop",
)
def gradient_of_one(listing: Listing) -> Iterator[Change]:
    for statement, read, right in outer_products(listing):
        for rows in ("-1:", ":1"):
            new = f"{read}[{rows}].T @ ({text_of(right)})[{rows}]"
            yield put_value(listing, BACKWARD, statement, new)
