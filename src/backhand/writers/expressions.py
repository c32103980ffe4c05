"""Expressions as syntax trees: names replaced, literals folded, text given back.

A rule's body becomes a line of a program by replacing its parameters with the names of that
program. `ast.unparse` puts parentheses where precedence asks for them, so the order of the
arithmetic, and with it every rounding, stays the rule's own. Every folding below gives the same
bits as what it replaces.
"""

import ast
import math
import re
import warnings
from collections.abc import Mapping

from backhand.graph import Attribute
from backhand.writers import subscripts

BOTH_AXES = ("(-1, -2)", "(-2, -1)", "(0, 1)", "(1, 0)")
"""Of two."""

TRIANGLE = r"np\.tril\(np\.full\(\((\w+), \1\), True, 'bool'\), 0\)"


def literal(value: Attribute) -> ast.expr:
    """A number, string, bool, None or tuple as an expression."""
    if isinstance(value, float) and not math.isfinite(value):
        return parse("np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf")
    return ast.parse(repr(value), mode="eval").body


def name(text: str) -> ast.expr:
    """A name as an expression."""
    return ast.Name(text, ast.Load())


def parse(text: str) -> ast.expr:
    """The expression of a rule's own text."""
    return ast.parse(text, mode="eval").body


def substitute(expression: ast.expr, arguments: Mapping[str, ast.expr]) -> ast.expr:
    """The expression with each name of `arguments` replaced, all at once."""
    return _Substitution(arguments).visit(ast.parse(ast.unparse(expression), mode="eval").body)  # type: ignore[no-any-return]


class _Substitution(ast.NodeTransformer):
    def __init__(self, arguments: Mapping[str, ast.expr]) -> None:
        self.arguments = arguments

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.arguments.get(node.id, node)


def fold(expression: ast.expr, ranks: Mapping[str, int] | None = None) -> ast.expr:
    """The expression without what its literals make superfluous.

    `ranks` are the numbers of dimensions of the names in it: with two, `x.swapaxes(-1, -2)` is
    `x.T`, `x.reshape(-1, x.shape[-1])` is `x`, and `tuple(range(x.ndim - 1))` is `(0,)`.
    """
    folded: ast.expr = _Folding(ranks or {}).visit(expression)
    return folded


class _Folding(ast.NodeTransformer):
    def __init__(self, ranks: Mapping[str, int]) -> None:
        self.ranks = ranks

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = constant(self.visit(node.test))
        if test is not None:
            return self.visit(node.body if test[0] else node.orelse)  # type: ignore[no-any-return]
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        node.operand = self.visit(node.operand)
        if isinstance(node.op, ast.USub):
            if isinstance(node.operand, ast.UnaryOp) and isinstance(node.operand.op, ast.USub):
                return node.operand.operand
            if number(node.operand) is not None:
                return literal(-number(node.operand))  # type: ignore[operator]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        node.left, node.right = self.visit(node.left), self.visit(node.right)
        left, right = number(node.left), number(node.right)
        if (joined := subscripts.joined(node)) is not None:
            return joined
        if left is not None and right is not None and not isinstance(node.op, ast.Pow | ast.Div):
            return literal(eval(compile(ast.Expression(_located(node)), "", "eval")))
        if isinstance(node.op, ast.Mult) and left in (1, -1):
            return node.right if left == 1 else ast.UnaryOp(ast.USub(), node.right)
        if isinstance(node.op, ast.Mult | ast.Div | ast.Pow) and right == 1:
            return node.left
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        found = constant(node)
        return node if found is None else parse(repr(found[0]))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        return subscripts.written(node, self.rank(node.value))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        rank = self.rank(node.value) if node.attr == "ndim" else None
        return node if rank is None else literal(rank)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        node.keywords = [k for k in node.keywords if not _is_default(k)]
        if (simpler := subscripts.called(node)) is not None:
            return simpler
        text = ast.unparse(node)
        if counted := re.fullmatch(r"tuple\(range\((\d+)\)\)", text):
            return literal(tuple(range(int(counted[1]))))
        if counted := re.fullmatch(r"np\.arange\(0, ([A-Z]\w*|\d+), 1, dtype='int'\)", text):
            return parse(f"np.arange({counted[1]})")
        if triangle := re.fullmatch(TRIANGLE, text):
            return parse(f"np.tri({triangle[1]}, dtype=np.bool_)")
        if isinstance(node.func, ast.Attribute) and self.rank(node.func.value) == 2:
            inner = node.func.value
            if node.func.attr == "swapaxes" and text.endswith(BOTH_AXES):
                return ast.Attribute(inner, "T", ast.Load())
            if text == f"{ast.unparse(inner)}.reshape(-1, {ast.unparse(inner)}.shape[-1])":
                return inner
        return node

    def rank(self, node: ast.expr) -> int | None:
        return self.ranks.get(node.id) if isinstance(node, ast.Name) else None


def _is_default(keyword: ast.keyword) -> bool:
    """NumPy's and PyTorch's own defaults for reductions."""
    return (keyword.arg, ast.unparse(keyword.value)) in {
        ("axis", "None"), ("keepdims", "False"), ("keepdim", "False"),
    }  # fmt: skip


def _located(node: ast.expr) -> ast.expr:
    return ast.fix_missing_locations(node)


def number(node: ast.expr) -> float | int | None:
    """The number a node stands for, if it is a literal one."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value  # type: ignore[return-value]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    return None


def constant(node: ast.expr) -> tuple[object] | None:
    """The value of an expression without names, in a tuple of one; None if it has names.

    Only literals of a rule or a graph get here: nothing with a name or a call is evaluated.
    """
    for part in ast.walk(node):
        if isinstance(part, ast.Name | ast.Call | ast.Attribute):
            return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # `1 is None` is what we ask
        return (eval(compile(ast.Expression(_located(node)), "", "eval")),)


def names_in(expression: ast.expr) -> tuple[str, ...]:
    """The names it reads, each once, in order of appearance."""
    found = [n.id for n in ast.walk(expression) if isinstance(n, ast.Name)]
    return tuple(dict.fromkeys(found))


def text(expression: ast.expr) -> str:
    """The expression as Python; a power below 0 stands without parentheses."""
    code = re.sub(r"\*\* \((-[\d.]+)\)", r"** \1", ast.unparse(_located(expression)))
    return double_quoted(code)


def double_quoted(code: str) -> str:
    """Code with its strings in double quotes; as it is where one of them holds a quote itself."""
    if '"' in code or "\\" in code:
        return code
    return re.sub(r"'([\w .+*/{}-]*)'", r'"\1"', code)
