"""The catalogue: every slip of a program, and the program with one of them in it."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

from backhand.agreement.slips.arrays import averages, axes, counts, products
from backhand.agreement.slips.changes import Change, comparisons, epsilons, factors, signs, swaps
from backhand.agreement.slips.places import Place, places
from backhand.agreement.slips.replaced import stale_values, wrong_arrays
from backhand.agreement.slips.terms import omissions
from backhand.writers.expressions import double_quoted

KINDS = (
    "sign",
    "factor 2",
    "factor 1.001",
    "constant left out",
    "missing term",
    "missing factor",
    "missing statement",
    "swapped operands",
    "transpose",
    "axis",
    "mean for sum",
    "sum for mean",
    "wrong count",
    "epsilon",
    "comparison",
    "wrong array",
    "stale value",
)
"""What a slip can be."""


@dataclass(frozen=True)
class Slip:
    """One small change of one statement of a written program.

    `kind` is one of `KINDS`, and `what` says it to a reader in one clause. `function` and `line`
    tell where the statement stands, and `value` the name that it gives to what it makes: the first
    of them if there are several, empty in a helper and for what is only returned. `tree` is the
    changed statement, with the place of the one it takes the place of.
    """

    kind: str
    what: str
    function: str
    line: int
    value: str
    tree: ast.stmt


def slips(text: str) -> tuple[Slip, ...]:
    """Every slip of a written NumPy program, in the order of the program.

    What is certain to change no number is not among them, such as an axis that broadcasting gives
    back. Some change none in exact arithmetic, such as a shift before a softmax, and some none at
    certain inputs, such as `>=` for `>` where nothing is equal: whoever runs them sees that.
    """
    return tuple(slip for place in places(text) for slip in _slips_of(place))


def planted(text: str, slip: Slip) -> str:
    """The program with a slip in it; all but the changed statement stays, byte for byte.

    Raises:
        ValueError: for a stale value, which no text of one statement can hold.
    """
    if slip.kind == "stale value":
        raise ValueError(f"{slip.what}: the program's text cannot hold a value of another epoch")
    data = text.encode()
    starts = [0]
    for line in data.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    tree = slip.tree
    assert tree.end_lineno is not None
    assert tree.end_col_offset is not None
    first = starts[tree.lineno - 1] + tree.col_offset
    last = starts[tree.end_lineno - 1] + tree.end_col_offset
    code = double_quoted(ast.unparse(tree)).encode()
    return (data[:first] + code + data[last:]).decode()


def _slips_of(place: Place) -> Iterator[Slip]:
    seen = {ast.unparse(place.statement)}
    for change in _changes(place):
        tree = _changed(place.statement, change)
        code = ast.unparse(tree)
        if code not in seen:
            seen.add(code)
            yield Slip(
                change.kind,
                f"{change.what} `{place.line}`",
                place.facts.function,
                place.statement.lineno,
                place.value,
                tree,
            )


def _changes(place: Place) -> Iterator[Change]:
    for changes in (
        signs,
        factors,
        omissions,
        _missing_statement,
        swaps,
        products,
        axes,
        averages,
        counts,
        epsilons,
        comparisons,
        wrong_arrays,
        stale_values,
    ):
        yield from changes(place)


def _missing_statement(place: Place) -> Iterator[Change]:
    """A statement of the update that changes something which is there without it."""
    statement = place.statement
    is_bound = isinstance(statement, ast.AugAssign) or place.value in place.names.bound
    if place.facts.function == "update" and is_bound:
        nothing = ast.copy_location(ast.Pass(), statement)
        yield Change("missing statement", "without", ((statement, nothing),))


def _changed(statement: ast.stmt, change: Change) -> ast.stmt:
    """A copy of a statement with some nodes replaced; nothing of it is shared with the original."""
    taken = {id(old): copy.deepcopy(new) for old, new in change.pairs}
    return copy.deepcopy(statement, taken)  # deepcopy asks its memo for each node
