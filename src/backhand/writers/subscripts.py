"""Indices and shapes as a person writes them: `x[:, :8]`, `x[..., None]`, `x.reshape(B, 64)`.

A rule spells an index as a tuple, `(slice(None),) * axis + (slice(start, stop),)`, for its axis is
an option. Once that is a number, so is the tuple. Whatever is written instead gives the same bits.
"""

import ast
from typing import Any

import numpy as np

COMPUTED: dict[str, Any] = {
    "np.argsort": np.argsort,
    "np.cumsum": np.cumsum,
    "np.mod": np.mod,
    "np.negative": np.negative,
    "np.transpose": np.transpose,
}
"""Functions that a rule applies to its options: where those are numbers, the result is written."""


def joined(node: ast.BinOp) -> ast.Tuple | None:
    """Tuples added up, or one repeated a number of times, as one tuple."""
    left, right = node.left, node.right
    if not isinstance(left, ast.Tuple):
        return None
    if isinstance(node.op, ast.Add) and isinstance(right, ast.Tuple):
        return ast.Tuple([*left.elts, *right.elts], ast.Load())
    if isinstance(node.op, ast.Mult) and (times := _literal(right)) is not None:
        return ast.Tuple(left.elts * times[0], ast.Load())
    return None


def written(node: ast.Subscript, rank: int | None) -> ast.expr:
    """A subscript with `:` for its slices; of a tuple of numbers, what it picks out.

    Args:
        node: the subscript.
        rank: the number of axes of the array, if it is known.
    """
    index = node.slice
    if isinstance(node.value, ast.Tuple) and (numbers := _literal(node)) is not None:
        return _expression(numbers[0])
    node.slice = _index(index, rank)
    return node


def called(node: ast.Call) -> ast.expr | None:
    """What says the same as a call and is shorter, if anything does."""
    node.args = [part for argument in node.args for part in _each(argument)]
    function = ast.unparse(node.func)
    if function in COMPUTED and (numbers := _arguments(node)) is not None:
        rows = COMPUTED[function](*numbers).tolist()
        is_table = isinstance(rows, list) and any(isinstance(row, list) for row in rows)
        return _expression(tuple(map(tuple, rows)) if is_table else rows)
    if function == "np.expand_dims" and (new := _new_axes(node)) is not None:
        return ast.Subscript(node.args[0], new, ast.Load())
    if function == "tuple" and _is_taken_apart(node.args[0]):
        return node.args[0]
    if function == "np.broadcast_arrays" and _are_arrays(node.args):
        return ast.Tuple(node.args, ast.Load())
    is_method = isinstance(node.func, ast.Attribute) and not function.startswith("np.")
    if is_method and function.rpartition(".")[2] in ("reshape", "transpose"):
        return _spread(node)
    if any(_is_index(part) for part in node.args):
        last = node.args[-1]
        rank = len(last.elts) if isinstance(last, ast.Tuple) and not _is_index(last) else None
        node.args = [_picked(part, rank) if _is_index(part) else part for part in node.args]
    return None


def _each(argument: ast.expr) -> list[ast.expr]:
    """The arguments that `*(a, b)` stands for."""
    if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Tuple):
        return argument.value.elts
    return [argument]


def _literal(node: ast.expr) -> tuple[Any] | None:
    """The value of an expression of literals alone, in a tuple of one."""
    if any(isinstance(part, ast.Name | ast.Call | ast.Attribute) for part in ast.walk(node)):
        return None
    return (eval(ast.unparse(node)),)


def _arguments(node: ast.Call) -> list[Any] | None:
    found = [_literal(part) for part in node.args]
    return None if node.keywords or None in found else [one[0] for one in found if one]


def _expression(value: object) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body


def _is_slice(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "slice"


def _is_index(node: ast.expr) -> bool:
    """A tuple that only an index can be."""
    return isinstance(node, ast.Tuple) and any(map(_is_slice, node.elts))


def _index(node: ast.expr, rank: int | None) -> ast.expr:
    """An index as it stands between brackets; whole axes at its end go without saying, several
    before the last are `...`."""
    if _is_slice(node):
        return _slice(node)
    if not isinstance(node, ast.Tuple):
        return node
    parts = [_slice(part) if _is_slice(part) else part for part in node.elts]
    while len(parts) > 1 and ast.unparse(parts[-1]) == ":" and "..." not in map(ast.unparse, parts):
        parts.pop()
    whole = next((n for n, part in enumerate(parts) if ast.unparse(part) != ":"), 0)
    is_each_axis = len(parts) == rank and not any(ast.unparse(part) == "None" for part in parts)
    if whole > 1 and is_each_axis:
        parts[:whole] = [ast.Constant(...)]
    return parts[0] if len(parts) == 1 else ast.Tuple(parts, ast.Load())


def _slice(node: ast.expr) -> ast.Slice:
    """`:8` for `slice(0, 8, 1)`, `T:` for `slice(T, None)`."""
    assert isinstance(node, ast.Call)
    parts = node.args if len(node.args) > 1 else [ast.Constant(None), *node.args]
    said = [None if ast.unparse(part) == "None" else part for part in parts] + [None]
    start, stop, step = said[:3]
    if start is not None and ast.unparse(start) == "0":
        start = None
    if step is not None and ast.unparse(step) == "1":
        step = None
    return ast.Slice(start, stop, step)


def _picked(node: ast.expr, rank: int | None) -> ast.expr:
    """An index that is handed to a function: `np.s_[:, 0]`."""
    return ast.Subscript(_expression_of("np.s_"), _index(node, rank), ast.Load())


def _expression_of(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _new_axes(node: ast.Call) -> ast.expr | None:
    """`:, None` for one new axis whose place is a number."""
    if len(node.args) != 2 or (found := _literal(node.args[1])) is None:
        return None
    axis = found[0]
    if not isinstance(axis, int):
        return None
    before, behind = (":, " * axis, "") if axis >= 0 else ("..., ", ", :" * (-1 - axis))
    subscript = _expression_of(f"x[{before}None{behind}]")
    assert isinstance(subscript, ast.Subscript)
    return subscript.slice


def _is_taken_apart(node: ast.expr) -> bool:
    """The parts of an array, which stand on the right of as many names."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) in (
        "np.split",
        "np.array_split",
        "np.moveaxis",
        "np.meshgrid",
    )


def _are_arrays(nodes: list[ast.expr]) -> bool:
    """Whether all of a rule's derivatives are there: only a plain 0 has to be stretched."""
    return all(not isinstance(n, ast.Starred) and _literal(n) is None for n in nodes)


def _spread(node: ast.Call) -> ast.expr | None:
    """`x.reshape(B, 64)` for `x.reshape((B, 64))`."""
    if len(node.args) == 1 and isinstance(node.args[0], ast.Tuple | ast.List) and node.args[0].elts:
        node.args = list(node.args[0].elts)
    return None
