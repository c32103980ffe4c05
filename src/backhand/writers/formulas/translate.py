"""From the text of a rule to a formula: Python expressions of NumPy read as mathematics.

What is not understood raises `NoFormulaError`, and the caller writes a function's name.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backhand.writers import expressions as ex
from backhand.writers.formulas import latex as tex
from backhand.writers.formulas.latex import Level, NoFormulaError, Term
from backhand.writers.formulas.numpy_calls import (
    Call,
    any_call,
    axes_of,
    count,
    numpy_call,
    stretched_by,
)


@dataclass(frozen=True)
class Scope:
    """What the names of an expression stand for."""

    terms: Mapping[str, Term]

    def known(self, name: str) -> Term:
        return self.terms.get(name) or tex.named(tex.identifier(name), None)


def translated(node: ast.expr, scope: Scope) -> Term:
    """The expression as a term.

    Raises:
        NoFormulaError: if a part of it has no formula.
    """
    match node:
        case ast.Name(id="inf"):
            return tex.number(float("inf"))
        case ast.Name(id=name):
            return scope.known(name)
        case ast.Constant(value=value) if type(value) in (int, float):
            return tex.number(value)  # type: ignore[arg-type]
        case ast.Tuple(elts=parts):
            inner = ", ".join(translated(part, scope).tex for part in parts)
            return Term(tex.parenthesised(inner), Level.ATOM, None)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return tex.minus(translated(operand, scope))
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _SIGNS:
            return _SIGNS[type(operation)](translated(left, scope), translated(right, scope))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            decided = ex.constant(test)
            if decided is None:
                return _cases(test, body, orelse, scope)
            return translated(body if decided[0] else orelse, scope)
        case ast.Compare() | ast.BoolOp() | ast.BinOp() | ast.UnaryOp():
            term = condition(node, scope)
            return Term(tex.parenthesised(term.tex, "[]"), Level.ATOM, term.shape)
        case ast.Attribute() | ast.Subscript():
            return _part(node, scope)
        case ast.Call():
            return _call(node, scope)
    raise NoFormulaError(ast.unparse(node))


_SIGNS: dict[type[ast.operator], Callable[[Term, Term], Term]] = {
    ast.Add: tex.plus,
    ast.Sub: tex.subtracted,
    ast.Mult: tex.times,
    ast.Div: tex.over,
    ast.Pow: tex.raised,
    ast.MatMult: tex.matmul,
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Gt: ">",
    ast.GtE: r"\ge",
    ast.Lt: "<",
    ast.LtE: r"\le",
    ast.Eq: "=",
    ast.NotEq: r"\ne",
}


def condition(node: ast.expr, scope: Scope) -> Term:
    """A comparison, or comparisons with and, or, not between them."""
    match node:
        case ast.Compare(left=left, ops=operations, comparators=others):
            terms = [translated(side, scope) for side in (left, *others)]
            text = tex.at_least(terms[0], Level.SUM)
            for operation, term in zip(operations, terms[1:], strict=True):
                if type(operation) not in _COMPARISONS:
                    raise NoFormulaError(ast.unparse(node))
                text += f" {_COMPARISONS[type(operation)]} {tex.at_least(term, Level.SUM)}"
            return Term(text, Level.OPEN, tex.broadcast(*(t.shape for t in terms)))
        case ast.BoolOp(op=ast.And(), values=sides):
            return _combined(r" \land ", sides, scope)
        case ast.BoolOp(op=ast.Or(), values=sides):
            return _combined(r" \lor ", sides, scope)
        case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
            return _combined(r" \land ", [left, right], scope)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _combined(r" \lor ", [left, right], scope)
        case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
            inner = condition(operand, scope)
            return Term(rf"\lnot {tex.at_least(inner, Level.PREFIX)}", Level.OPEN, inner.shape)
        case ast.BinOp() | ast.UnaryOp():
            raise NoFormulaError(ast.unparse(node))
    return translated(node, scope)


def _combined(sign: str, sides: Sequence[ast.expr], scope: Scope) -> Term:
    terms = [condition(side, scope) for side in sides]
    text = sign.join(tex.at_least(term, Level.PREFIX) for term in terms)
    return Term(text, Level.OPEN, tex.broadcast(*(t.shape for t in terms)))


def _cases(test: ast.expr, yes: ast.expr, no: ast.expr, scope: Scope) -> Term:
    decided = _decided(test, scope)
    if decided is not None:
        return translated(yes if decided else no, scope)
    when, a, b = condition(test, scope), translated(yes, scope), translated(no, scope)
    rows = rf"{a.tex} & \text{{if }} {when.tex} \\ {b.tex} & \text{{otherwise}}"
    shape = tex.broadcast(when.shape, a.shape, b.shape)
    return Term(rf"\begin{{cases}} {rows} \end{{cases}}", Level.OPEN, shape)


def _decided(test: ast.expr, scope: Scope) -> bool | None:
    """Whether a number equals a number, where that is what is asked."""
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            a, b = translated(left, scope).number, translated(right, scope).number
            return None if a is None or b is None else a == b
    return None


def _part(node: ast.Attribute | ast.Subscript, scope: Scope) -> Term:
    """`x.T`, `x.size`, `x.shape[0]`, `x[:, None]`, `np.pi`."""
    match node:
        case ast.Attribute(value=ast.Name(id="np" | "math"), attr=name) if name in _CONSTANTS:
            return tex.named(_CONSTANTS[name], ())
        case ast.Attribute(value=value, attr="T" | "mT"):
            return tex.transposed(translated(value, scope))
        case ast.Attribute(value=value, attr="size"):
            term = translated(value, scope)
            if term.shape is None:
                return tex.applied(r"\operatorname{size}", [term.tex], ())
            return count(term)
        case ast.Attribute(value=value, attr="ndim"):
            shape = translated(value, scope).shape
            if shape is not None:
                return tex.number(len(shape))
        case ast.Subscript(value=ast.Attribute(value=value, attr="shape"), slice=index):
            term = translated(value, scope)
            if term.shape is not None:
                return count(term, axes_of(index, len(term.shape)))
        case ast.Subscript(value=value, slice=index):
            return stretched_by(index, translated(value, scope))
    raise NoFormulaError(ast.unparse(node))


_CONSTANTS = {"pi": r"\pi", "e": "e", "inf": r"\infty"}


def _call(node: ast.Call, scope: Scope) -> Term:
    keywords = {k.arg or "": k.value for k in node.keywords}
    arguments = tuple(node.args)
    match node.func:
        case ast.Name(id=name):
            return any_call(Call(name, arguments, keywords, lambda n: translated(n, scope)))
        case ast.Attribute(attr="where") if len(arguments) == 3:
            return _cases(*arguments, scope)
        case ast.Attribute(value=value, attr=name):
            arguments = arguments if _is_module(value, scope) else (value, *arguments)
            return numpy_call(Call(name, arguments, keywords, lambda n: translated(n, scope)))
    raise NoFormulaError(ast.unparse(node))


def _is_module(node: ast.expr, scope: Scope) -> bool:
    """`np`, `np.linalg`: a name that is no value."""
    inner = node.value if isinstance(node, ast.Attribute) else node
    return isinstance(inner, ast.Name) and inner.id not in scope.terms
