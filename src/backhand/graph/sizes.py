"""A size as a number: `B`, `2*B*T` or 3, where its names stand for lengths."""

import ast
from collections.abc import Mapping

from backhand.errors import BackhandError
from backhand.graph.data import Size


def length(size: Size, lengths: Mapping[str, int]) -> int:
    """A size, where the lengths of its names are these.

    Raises:
        BackhandError: if it is no arithmetic of names and numbers.
    """
    if isinstance(size, int):
        return size
    if size in lengths:
        return lengths[size]
    return int(_computed(ast.parse(size, mode="eval").body, lengths))


def _computed(node: ast.expr, sizes: Mapping[str, int]) -> int:
    """An expression of sizes: names, numbers and arithmetic alone."""
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            return sizes[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_computed(inner, sizes)
        case ast.BinOp(left=a, op=sign, right=b):
            x, y = _computed(a, sizes), _computed(b, sizes)
            match sign:
                case ast.Add():
                    return x + y
                case ast.Sub():
                    return x - y
                case ast.Mult():
                    return x * y
                case ast.Div() | ast.FloorDiv():
                    return x // y
                case ast.Pow():
                    return int(x**y)
                case ast.Mod():
                    return x % y
    raise BackhandError(
        "this size is no arithmetic of named sizes",
        got=ast.unparse(node),
        repair="give the module inputs whose sizes stay as they are",
    )
