"""Slips planted into written programs: where they land, and that each of them changes a number."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from backhand.agreement.slips import KINDS, Slip, planted, slips
from backhand.capture.spec import load, parse
from backhand.cli import HOMEWORK
from backhand.experiment import Experiment
from backhand.writers.numpy_program import write
from tests.random_specs import ACTIVATIONS, EVERYTHING, OPTIMIZERS, examples, specs

ROOT = Path(__file__).parents[2]

LOSSES = (
    ("softmax({})", "cross_entropy(p, y)"),
    ("{} * 1.1", "cross_entropy_logits(p, y, reduction='sum')"),
    ("sigmoid({})", "bce(p, y)"),
    ("{} / 1.1", "bce_logits(p, y)"),
    ("{} + 0.1", "mse(p, y)"),
    ("0.1 + 0.8 * sigmoid({})", "bce(p, y, reduction='sum')"),
    ("softmax({}, axis=0)", "cross_entropy(p, y)"),
)
"""Each loss, with a prediction whose derivative cancels and with another."""


def side_by_side(number: int) -> str:
    """A spec of four activations, each of its own layer, one of the losses, and an optimiser."""
    activations = ACTIVATIONS[4 * number : 4 * number + 4]
    prediction, loss = LOSSES[number]
    weights = [f'w{i} = {{ init = "normal", shape = [2, 5] }}' for i in range(len(activations))]
    steps = [f'"z{i} = x @ w{i} + b"' for i in range(len(activations))]
    steps += [f'"h{i} = {a.format(*[f"z{i}"] * 4)}"' for i, a in enumerate(activations)]
    steps += [
        f'"h = {" + ".join(f"h{i}" for i in range(len(activations)))}"',
        '"s = dropout(h, 0.3) @ v"',
        f'"p = {prediction.format("s")}"',
    ]
    return f"""
[inputs]
x = [[1, 2], [3, 4]]
[targets]
y = [[0, 1, 0], [1, 0, 0]]
[weights]
{chr(10).join(weights)}
b = {{ init = "normal", shape = [5] }}
v = {{ init = "normal", shape = [5, 3] }}
[network]
steps = [{", ".join(steps)}]
outputs = ["p"]
loss = "{loss}"
[training]
epochs = 2
{OPTIMIZERS[number]}
"""


EXAMPLES = {file.stem: file for file in (HOMEWORK, *sorted((ROOT / "examples").glob("*.toml")))}
SIDE_BY_SIDE = [f"side_by_side_{i}" for i in range(len(LOSSES))]
EVERY = [*EXAMPLES, "everything", *SIDE_BY_SIDE]


@cache
def experiment(name: str) -> Experiment:
    if name in EXAMPLES:
        return load(EXAMPLES[name])
    text = EVERYTHING if name == "everything" else side_by_side(SIDE_BY_SIDE.index(name))
    return parse(text, f"{name}.toml", Path())


@cache
def program(name: str) -> str:
    return write(experiment(name)).text


# --- where they land ------------------------------------------------------------------------------


def test_every_network_has_its_four_activations() -> None:
    """Of the rest, `faulty.py` has networks."""
    assert len(ACTIVATIONS) >= 4 * len(LOSSES)


def test_every_kind_occurs() -> None:
    kinds = {slip.kind for name in EXAMPLES for slip in slips(program(name))}
    assert kinds == set(KINDS)


@pytest.mark.parametrize("name", EVERY)
def test_slips_of_a_statement_differ_from_it_and_from_each_other(name: str) -> None:
    originals = {
        (node.lineno, node.col_offset): ast.unparse(node)
        for node in ast.walk(ast.parse(program(name)))
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Return)
    }
    seen = set()
    for slip in slips(program(name)):
        place = slip.line, slip.tree.col_offset
        assert ast.unparse(slip.tree) != originals[place]
        assert (place, ast.unparse(slip.tree)) not in seen
        seen.add((place, ast.unparse(slip.tree)))


@given(specs())
@settings(max_examples=examples(25))
def test_slips_of_any_network_are_python(text: str) -> None:
    program = write(parse(text, "random.toml", Path())).text
    found = slips(program)
    assert {slip.kind for slip in found} <= set(KINDS)
    for slip in found:
        assert ast.unparse(ast.parse(ast.unparse(slip.tree))) == ast.unparse(slip.tree)
    for slip in [slip for slip in found if slip.kind != "stale value"][::20]:
        compile(planted(program, slip), "random", "exec")


@pytest.mark.parametrize("name", EVERY)
def test_a_line_has_a_few_slips_and_not_hundreds(name: str) -> None:
    lines = [slip.line for slip in slips(program(name))]
    assert max(lines.count(line) for line in set(lines)) <= 30
    assert len(lines) / len(set(lines)) <= 12


@pytest.mark.parametrize("name", EVERY)
def test_a_slip_is_planted_where_it_is_and_nowhere_else(name: str) -> None:
    text = program(name)
    lines = text.split("\n")
    ends = {
        (node.lineno, node.col_offset): (node.end_lineno or 0, node.end_col_offset)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Return)
    }
    for slip in without_stale(text):
        column = slip.tree.col_offset
        last, end = ends[slip.line, column]
        before = "\n".join([*lines[: slip.line - 1], lines[slip.line - 1][:column]])
        after = "\n".join([lines[last - 1][end:], *lines[last:]])
        changed = planted(text, slip)
        assert changed.startswith(before)
        assert changed.endswith(after)
        new = changed[len(before) : len(changed) - len(after)]
        assert ast.unparse(ast.parse(new)) == ast.unparse(slip.tree)


def without_stale(text: str) -> Iterator[Slip]:
    return (slip for slip in slips(text) if slip.kind != "stale value")


# --- what they change -----------------------------------------------------------------------------

DRAWS = ((7, 1), (3, 2), (5, 3))
"""Batches and seeds. A slip counts if it changes a number in one of them: some only run where the
batch is as long as something else."""

ROUNDING = 1e-13
"""Of an array's largest number: more than some tens of roundings, less than a slip of 1e-8."""

Numbers = list[np.ndarray]

SHIFT = "a softmax does not see it when all scores of a row are shifted"
TIES = "no two numbers, and so no two maxima, are equal"
FAR = "no prediction is that near to 0 or 1"
EQUAL = [
    (SHIFT, r"sign `x \+ x\.max\(.* for `x - x\.max\("),
    (SHIFT, r"missing term `x\.max\(.* left out of `(e|shifted) = "),
    (SHIFT, r"axis axis=-?\d left out of `(e|shifted) = "),
    (SHIFT, r"wrong array `x` for `shifted`"),
    (TIES, r"comparison `(\w+) >= (\d+)` for `\1 > \2`"),
    (TIES, r"comparison `(\w+) > (\d+)` for `\1 >= \2`"),
    (TIES, r"missing factor `winners\.sum\(.*\)` left out"),
    (TIES, r"axis keepdims left out of `return winners \* \(dy / winners\.sum\("),
    (FAR, r"epsilon `9\.999999960041972e-13` left out"),
    (FAR, r"epsilon `9\.99999996004197e-12` for"),
]
"""Slips that change no number drawn here, and why: kind and words of each."""

RUN = ["homework", "sklearn_mlp", "residual", "everything", *SIDE_BY_SIDE]


def numbers(text: str, name: str, batch: int, seed: int, ties: bool = False) -> Numbers:
    """Outputs, loss and gradients at random weights, and losses and weights of training from
    there. For `ties` inputs and biases are 0."""
    namespace: dict[str, Any] = {"__name__": name}
    exec(compile(text, name, "exec"), namespace)
    generator = np.random.default_rng(seed)
    network = experiment(name).network
    given: dict[str, Any] = {}
    for value in (*network.forward.inputs, *network.targets):
        if value.role != "generator":
            shape = [batch if isinstance(size, str) else size for size in value.shape]
            is_target = value in network.targets
            given[value.name] = (
                generator.uniform(0.1, 0.9, shape) if is_target else generator.normal(size=shape)
            )
    given["weights"] = [generator.normal(size=w.shape) for w in namespace["initial_weights"]()]
    if ties:
        for array in (*(given[v.name] for v in network.forward.inputs if v.name in given),
                      *(w for w in given["weights"] if w.ndim == 1)):  # fmt: skip
            array[:] = 0

    def call(function: str) -> Any:
        known = inspect.signature(namespace[function]).parameters
        return namespace[function](**{name: given[name] for name in known if name in given})

    outputs, given["saved"] = call("network")
    names = [value.name for value in network.forward.outputs]
    given |= dict(zip(names, outputs if len(names) > 1 else (outputs,), strict=True))
    loss = call("network_loss")
    if network.saved_by_loss:
        loss, given["saved_by_loss"] = loss
    gradients = call("network_backward")
    given["epochs"] = 3
    found = [*(given[name] for name in names), loss, *gradients, call("train"), *given["weights"]]
    return [np.array(array) for array in found]


def changed(before: Numbers, after: Numbers) -> bool:
    """Whether any array is another, but for rounding and for axes of length 1."""
    return any(not _equal(a, b) for a, b in zip(before, after, strict=True))


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    try:
        gap = np.abs(np.subtract(a, b))
    except ValueError:  # shapes that do not fit
        return False
    return bool((gap <= ROUNDING * np.abs(a).max()).all())  # nan is not


def unchanged(name: str, planted_slips: Iterable[Slip]) -> list[Slip]:
    """The slips with which the program runs and gives the same numbers in every draw."""
    text = program(name)
    right = {draw: numbers(text, name, *draw) for draw in DRAWS}
    assert all(np.isfinite(array).all() for draw in DRAWS for array in right[draw])
    return [slip for slip in planted_slips if _is_unseen(planted(text, slip), name, right)]


def _is_unseen(text: str, name: str, right: Mapping[tuple[int, int], Numbers]) -> bool:
    has_run = False
    for draw in DRAWS:
        try:
            with np.errstate(all="ignore"):
                wrong = numbers(text, name, *draw)
        except (ValueError, TypeError, IndexError, AttributeError, ZeroDivisionError):
            continue
        if changed(right[draw], wrong):
            return False
        has_run = True
    return has_run


def reasons(slip: Slip) -> list[str]:
    return [why for why, pattern in EQUAL if re.match(pattern, f"{slip.kind} {slip.what}")]


@pytest.mark.parametrize("name", RUN)
def test_every_slip_changes_a_number(name: str) -> None:
    every = list(without_stale(program(name)))
    unseen = unchanged(name, every)
    assert [slip.what for slip in unseen if not reasons(slip)] == []
    assert [slip.what for slip in every if reasons(slip) and slip not in unseen] == []


def test_ties_are_seen_where_there_are_some() -> None:
    """Of `>=` for `>`: the derivatives of relu and leaky_relu jump at 0, that of elu does not."""
    name = "side_by_side_0"
    right = numbers(program(name), name, 4, 1, ties=True)
    seen = {
        slip.value
        for slip in slips(program(name))
        if TIES in reasons(slip)
        and changed(right, numbers(planted(program(name), slip), name, 4, 1, ties=True))
    }
    assert seen == {"dz0", "dz1", "dz2"}


# --- the checks above can fail --------------------------------------------------------------------


def test_a_slip_that_changes_nothing_is_found() -> None:
    text = program("homework")
    line = text[: text.index("    dz2 = p - y")].count("\n") + 1
    right = next(slip for slip in slips(text) if slip.line == line)
    unseen = [_instead(right, f"dz2 = {e}") for e in ("-(y - p)", "p - y + 1e-17", "(p - y)[...]")]
    seen = [_instead(right, f"dz2 = {e}") for e in ("y - p", "p - y + 1e-10", "np.nan * p")]
    broken = [_instead(right, f"dz2 = {e}") for e in ("p - y[:, 0:0]", "p.q")]
    assert unchanged("homework", [*seen, *unseen, *broken]) == unseen
    assert not any(reasons(slip) for slip in unseen)


def _instead(slip: Slip, code: str) -> Slip:
    tree = ast.copy_location(ast.parse(code).body[0], slip.tree)
    return replace(slip, kind="sign", what=code, tree=tree)
