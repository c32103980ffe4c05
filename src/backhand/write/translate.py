r"""From the text of a rule to a formula: Python expressions of NumPy read as mathematics.

What only arranges memory or broadcasting (`expand_dims`, `reshape(-1, ...)`, `copy`) is left
out; what is not understood raises `NoFormulaError`, and the caller writes a function's name.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from backhand.graph import Size
from backhand.write import expressions as ex
from backhand.write import latex as tex
from backhand.write.latex import Level, Shape, Term


class NoFormulaError(Exception):
    """A piece of Python that has no formula here."""


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
    when, a, b = condition(test, scope), translated(yes, scope), translated(no, scope)
    rows = rf"{a.tex} & \text{{if }} {when.tex} \\ {b.tex} & \text{{otherwise}}"
    shape = tex.broadcast(when.shape, a.shape, b.shape)
    return Term(rf"\begin{{cases}} {rows} \end{{cases}}", Level.OPEN, shape)


def _part(node: ast.Attribute | ast.Subscript, scope: Scope) -> Term:
    """`x.T`, `x.size`, `x.shape[0]`, `x[:, None]`, `np.pi`."""
    match node:
        case ast.Attribute(value=ast.Name(id="np"), attr=name) if name in _CONSTANTS:
            return tex.named(_CONSTANTS[name], ())
        case ast.Attribute(value=value, attr="T" | "mT"):
            return tex.transposed(translated(value, scope))
        case ast.Attribute(value=value, attr="size"):
            term = translated(value, scope)
            return _count(term, range(len(term.shape))) if term.shape is not None else _size(term)
        case ast.Attribute(value=value, attr="ndim"):
            shape = translated(value, scope).shape
            if shape is not None:
                return tex.number(len(shape))
        case ast.Subscript(value=ast.Attribute(value=value, attr="shape"), slice=index):
            term, axes = translated(value, scope), _axes(index, translated(value, scope))
            if axes is not None and term.shape is not None:
                return _count(term, axes)
        case ast.Subscript(value=value, slice=index) if _only_stretches(index):
            return replace(translated(value, scope), shape=None)
    raise NoFormulaError(ast.unparse(node))


_CONSTANTS = {"pi": r"\pi", "e": "e", "inf": r"\infty"}


def _only_stretches(index: ast.expr) -> bool:
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return all(ast.unparse(part) in (":", "None", "...", "np.newaxis") for part in parts)


def _size(term: Term) -> Term:
    return tex.applied(r"\operatorname{size}", [term.tex], ())


def _count(term: Term, axes: Sequence[int]) -> Term:
    """How many elements lie along the axes: `2 B`."""
    assert term.shape is not None
    letters, product = tex.number(1), 1
    for axis in axes:
        size = term.shape[axis]
        if isinstance(size, int):
            product *= size
        else:
            letters = tex.times(letters, tex.named(_letter(size), ()))
    return tex.times(tex.number(product), letters)


def _axes(node: ast.expr | None, term: Term) -> tuple[int, ...] | None:
    """Axes as numbers from 0, `None` for all of them or where the rank is not known."""
    decided = ex.constant(node) if node is not None else (None,)
    if decided is None:
        raise NoFormulaError("an axis that is not a number")
    (axis,) = decided
    if axis is None or term.shape is None:
        return None if axis is None else _positive(axis)
    rank = len(term.shape)
    given = axis if isinstance(axis, tuple) else (axis,)
    if not all(isinstance(a, int) and -rank <= a < rank for a in given):
        raise NoFormulaError(f"axis {axis}")
    return tuple(sorted(a % rank for a in given))


def _positive(axis: object) -> tuple[int, ...]:
    if isinstance(axis, int) and axis >= 0:
        return (axis,)
    raise NoFormulaError(f"axis {axis} of an array of unknown rank")


# Calls


@dataclass(frozen=True)
class Call:
    """A call taken apart; a method's object is its first argument."""

    name: str
    arguments: tuple[ast.expr, ...]
    keywords: Mapping[str, ast.expr]
    scope: Scope

    def term(self, index: int = 0) -> Term:
        if index >= len(self.arguments):
            raise NoFormulaError(self.name)
        return translated(self.arguments[index], self.scope)

    def option(self, name: str, index: int) -> ast.expr | None:
        if len(self.arguments) > index:
            return self.arguments[index]
        return self.keywords.get(name)


def _call(node: ast.Call, scope: Scope) -> Term:
    call = _taken_apart(node, scope)
    if isinstance(node.func, ast.Attribute) and call.name in _FUNCTIONS:
        return _FUNCTIONS[call.name](call)
    if call.name in ("len", "abs"):
        return {"len": _length, "abs": _absolute}[call.name](call)
    return _function(call)


def _taken_apart(node: ast.Call, scope: Scope) -> Call:
    arguments = tuple(node.args)
    match node.func:
        case ast.Name(id=name):
            pass
        case ast.Attribute(value=value, attr=name):
            if not _is_module(value, scope):
                arguments = (value, *arguments)
        case _:
            raise NoFormulaError(ast.unparse(node))
    return Call(name, arguments, {k.arg or "": k.value for k in node.keywords}, scope)


def _is_module(node: ast.expr, scope: Scope) -> bool:
    """`np`, `np.linalg`: a name that is no value."""
    inner = node.value if isinstance(node, ast.Attribute) else node
    return isinstance(inner, ast.Name) and inner.id not in scope.terms


def _function(call: Call) -> Term:
    r"""Any function: its name and its arguments, `\operatorname{softmax}(z)`."""
    terms = [translated(argument, call.scope) for argument in call.arguments]
    options = [
        f"{tex.plain(k)} = {translated(v, call.scope).tex}" for k, v in call.keywords.items()
    ]
    name = _NAMES.get(call.name) or tex.operator(call.name)
    return tex.applied(
        name, [t.tex for t in terms] + options, tex.broadcast(*(t.shape for t in terms))
    )


_NAMES = {
    **{name: "\\" + name for name in ("tanh", "sinh", "cosh", "sin", "cos", "tan")},
    "arctan": r"\arctan",
    **{name: r"\max" for name in ("maximum", "fmax")},
    **{name: r"\min" for name in ("minimum", "fmin")},
}


def _length(call: Call) -> Term:
    term = call.term()
    return _count(term, [0]) if term.shape else tex.applied(r"\operatorname{len}", [term.tex], ())


def _absolute(call: Call) -> Term:
    term = call.term()
    return Term(rf"\left|{term.tex}\right|", Level.ATOM, term.shape)


def _exponential(call: Call) -> Term:
    term = call.term()
    return Term(f"e^{{{term.tex}}}", Level.POWER, term.shape)


def _logarithm(term: Term) -> Term:
    inner = rf" {term.tex}" if term.level == Level.ATOM else tex.parenthesised(term.tex)
    return Term(r"\log" + inner, Level.PREFIX, term.shape)


def _same(call: Call) -> Term:
    return call.term()


def _reshaped(call: Call) -> Term:
    """A matrix of rows: how a stack of them is laid out is no mathematics. Other shapes are."""
    rest = [ast.unparse(argument) for argument in call.arguments[1:]]
    if rest != ["-1", f"{ast.unparse(call.arguments[0])}.shape[-1]"]:
        return _function(replace(call, arguments=call.arguments[:1], keywords={}))
    term = call.term()
    return term if term.shape is not None and len(term.shape) == 2 else replace(term, shape=None)


def _expanded(call: Call) -> Term:
    return replace(call.term(), shape=None) if call.term().shape else call.term()


def _repeated(call: Call) -> Term:
    """`np.broadcast_to(x, y.shape)`: as many ones as it takes, times x."""
    where = call.option("shape", 1)
    if isinstance(where, ast.Attribute) and where.attr == "shape":
        return _stretched(call.term(), translated(where.value, call.scope).shape)
    return call.term()


def _filled(call: Call) -> Term:
    """`np.full_like(y, x)`: the same."""
    return _stretched(call.term(1), call.term(0).shape)


def _stretched(term: Term, shape: Shape | None) -> Term:
    return tex.times(term, _ones(shape)) if shape and shape != term.shape else term


def _ones(shape: Shape) -> Term:
    sizes = r" \times ".join(map(_letter, shape))
    return tex.named(rf"\mathbf{{1}}_{{{sizes}}}", shape)


def _letter(size: Size) -> str:
    """A size; the name of one is a letter of its own, not a value's name."""
    return str(size) if isinstance(size, int) or len(size) == 1 else tex.plain(size)


def _swapped(call: Call) -> Term:
    axes = [ast.unparse(argument) for argument in call.arguments[1:]]
    term = call.term()
    is_matrix = term.shape is not None and len(term.shape) == 2
    if sorted(axes) == ["-1", "-2"] or (is_matrix and sorted(axes) in ([], ["0", "1"])):
        return tex.transposed(term)
    raise NoFormulaError(call.name)


def _chosen(call: Call) -> Term:
    if len(call.arguments) != 3:
        raise NoFormulaError("np.where without alternatives")
    return _cases(*call.arguments, call.scope)


def _reduced(sign: str) -> Callable[[Call], Term]:
    def reduced(call: Call) -> Term:
        term = call.term()
        axes = _axes(call.option("axis", 1), term)
        return tex.big(sign, _label(axes, term), term, _reduced_shape(call, axes, term))

    return reduced


def _averaged(call: Call) -> Term:
    """A mean: the sum, divided by how many there are."""
    term = call.term()
    axes = _axes(call.option("axis", 1), term)
    shape = _reduced_shape(call, axes, term)
    if term.shape is None:
        return tex.applied(r"\operatorname{mean}", [term.tex], shape)
    count = _count(term, range(len(term.shape)) if axes is None else axes)
    return tex.over(tex.big(r"\sum", _label(axes, term), term, shape), count)


def _label(axes: tuple[int, ...] | None, term: Term) -> str:
    """What a sum runs over; nothing where it runs over everything."""
    if axes is None or (term.shape is not None and len(axes) == len(term.shape)):
        return ""
    if term.shape is not None and len(term.shape) == 2:
        return ("rows", "columns")[axes[0]]
    return f"axis {axes[0]}" if len(axes) == 1 else "axes " + ", ".join(map(str, axes))


def _reduced_shape(call: Call, axes: tuple[int, ...] | None, term: Term) -> Shape | None:
    keeps = call.keywords.get("keepdims")
    kept = keeps is not None and ex.constant(keeps) == (True,)
    if axes is None and not kept:
        return ()
    if term.shape is None:
        return None
    gone = range(len(term.shape)) if axes is None else axes
    sizes = [1 if i in gone else size for i, size in enumerate(term.shape)]
    return tuple(sizes) if kept else tuple(s for i, s in enumerate(sizes) if i not in gone)


def _sign(sign: type[ast.operator]) -> Callable[[Call], Term]:
    return lambda call: _SIGNS[sign](call.term(0), call.term(1))


_FUNCTIONS: dict[str, Callable[[Call], Term]] = {
    "exp": _exponential,
    "expm1": lambda call: tex.subtracted(_exponential(call), tex.number(1)),
    "log": lambda call: _logarithm(call.term()),
    "log1p": lambda call: _logarithm(tex.plus(tex.number(1), call.term())),
    "sqrt": lambda call: tex.root(call.term()),
    "square": lambda call: tex.raised(call.term(), tex.number(2)),
    "negative": lambda call: tex.minus(call.term()),
    "reciprocal": lambda call: tex.over(tex.number(1), call.term()),
    **dict.fromkeys(("abs", "absolute", "fabs"), _absolute),
    **dict.fromkeys(("copy", "asarray", "array", "astype", "ascontiguousarray"), _same),
    **dict.fromkeys(("sum", "nansum"), _reduced(r"\sum")),
    "prod": _reduced(r"\prod"),
    **dict.fromkeys(("max", "amax"), _reduced(r"\max")),
    **dict.fromkeys(("min", "amin"), _reduced(r"\min")),
    "mean": _averaged,
    "where": _chosen,
    "reshape": _reshaped,
    "expand_dims": _expanded,
    "broadcast_to": _repeated,
    "full_like": _filled,
    **dict.fromkeys(("swapaxes", "transpose"), _swapped),
    **{name: _sign(sign) for name, sign in {
        "add": ast.Add, "subtract": ast.Sub, "multiply": ast.Mult, "divide": ast.Div,
        "power": ast.Pow, "matmul": ast.MatMult,
    }.items()},
}  # fmt: skip
"""NumPy functions and methods by name."""
