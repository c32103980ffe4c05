r"""What NumPy's functions and methods are in a formula: `np.exp(x)` is `e^{x}`.

What only arranges memory or broadcasting (`expand_dims`, `reshape(-1, ...)`, `copy`) is left out.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from backhand.graph import Size
from backhand.writers import expressions as ex
from backhand.writers.formulas import latex as tex
from backhand.writers.formulas.latex import Level, NoFormulaError, Shape, Term


@dataclass(frozen=True)
class Call:
    """A call taken apart; a method's object is its first argument."""

    name: str
    arguments: tuple[ast.expr, ...]
    keywords: Mapping[str, ast.expr]
    translate: Callable[[ast.expr], Term]

    def term(self, index: int = 0) -> Term:
        """An argument as a term."""
        if index >= len(self.arguments):
            raise NoFormulaError(self.name)
        return self.translate(self.arguments[index])

    def option(self, name: str, index: int) -> ast.expr | None:
        """An argument that may be given by position or by name."""
        if len(self.arguments) > index:
            return self.arguments[index]
        return self.keywords.get(name)


def numpy_call(call: Call) -> Term:
    """A function or method of NumPy."""
    known = _FUNCTIONS.get(call.name)
    return known(call) if known and _HARMLESS.issuperset(call.keywords) else any_call(call)


def any_call(call: Call) -> Term:
    r"""Any function: its name and its arguments, `\operatorname{softmax}(z)`."""
    if call.name in ("len", "abs"):
        return {"len": _length, "abs": _absolute}[call.name](call)
    terms = [call.translate(argument) for argument in call.arguments]
    keywords = {key: call.translate(value).tex for key, value in call.keywords.items()}
    options = [f"{tex.plain(key)} = {value}" for key, value in keywords.items()]
    name = _NAMES.get(call.name) or tex.operator(call.name)
    shape = tex.broadcast(*(t.shape for t in terms))
    return tex.applied(name, [t.tex for t in terms] + options, shape)


_NAMES = {
    **{name: "\\" + name for name in ("tanh", "sinh", "cosh", "sin", "cos", "tan", "arctan")},
    **dict.fromkeys(("maximum", "fmax"), r"\max"),
    **dict.fromkeys(("minimum", "fmin"), r"\min"),
}

_HARMLESS = frozenset({"axis", "axes", "keepdims", "dtype", "shape", "copy"})
"""Options that a formula shows or need not show."""


# How many, and along what


def count(term: Term, axes: Iterable[int] | None = None) -> Term:
    """How many elements lie along the axes, or in all: `2 B`."""
    assert term.shape is not None
    letters, product = tex.number(1), 1
    for axis in range(len(term.shape)) if axes is None else axes:
        size = term.shape[axis]
        if isinstance(size, int):
            product *= size
        else:
            letters = tex.times(letters, tex.named(_letter(size), ()))
    return tex.times(tex.number(product), letters)


def _letter(size: Size) -> str:
    """A size; the name of one is a letter of its own, not a value's name."""
    return str(size) if isinstance(size, int) or len(size) == 1 else tex.plain(size)


def axes_of(node: ast.expr | None, rank: int | None) -> tuple[int, ...] | None:
    """Axes counted from 0; None for all of them."""
    decided = (None,) if node is None else ex.constant(node)
    if decided is None:
        raise NoFormulaError("an axis that is not a number")
    (axis,) = decided
    if axis is None:
        return None
    given = axis if isinstance(axis, tuple) else (axis,)
    if rank is None or not all(isinstance(a, int) and -rank <= a < rank for a in given):
        raise NoFormulaError(f"axis {axis}")
    return tuple(sorted(a % rank for a in given))


def stretched_by(index: ast.expr, term: Term) -> Term:
    """`x[:, None]`: the same, with axes of length 1; nothing else that stands in brackets."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    if not all(ast.unparse(part) in (":", "None", "...", "np.newaxis") for part in parts):
        raise NoFormulaError(ast.unparse(index))
    return replace(term, shape=None)


def _length(call: Call) -> Term:
    term = call.term()
    return count(term, [0]) if term.shape else tex.applied(r"\operatorname{len}", [term.tex], ())


def _rank(term: Term) -> int | None:
    return None if term.shape is None else len(term.shape)


# Element by element


def _absolute(call: Call) -> Term:
    term = call.term()
    return Term(rf"\left|{term.tex}\right|", Level.ATOM, term.shape)


def _exponential(call: Call) -> Term:
    term = call.term()
    return Term(f"e^{{{term.tex}}}", Level.POWER, term.shape)


def _logarithm(term: Term) -> Term:
    inner = rf" {term.tex}" if term.level == Level.ATOM else tex.parenthesised(term.tex)
    return Term(r"\log" + inner, Level.PREFIX, term.shape)


def _clipped(call: Call) -> Term:
    x, low, high = (call.term(i) for i in range(3))
    above = tex.applied(r"\max", [x.tex, low.tex], x.shape)
    return tex.applied(r"\min", [above.tex, high.tex], x.shape)


def _binary(sign: Callable[[Term, Term], Term]) -> Callable[[Call], Term]:
    return lambda call: sign(call.term(0), call.term(1))


# Shapes


def _same(call: Call) -> Term:
    return call.term()


def _reshaped(call: Call) -> Term:
    """The rows of a stack of matrices, all together; a matrix is that already."""
    rest = [ast.unparse(argument) for argument in call.arguments[1:]]
    if rest != ["-1", f"{ast.unparse(call.arguments[0])}.shape[-1]"]:
        return any_call(replace(call, arguments=call.arguments[:1], keywords={}))
    term = call.term()
    rank = _rank(term) or 2
    return term if rank == 2 else replace(term, shape=None, stack=max(rank - 2, 0))


def _expanded(call: Call) -> Term:
    term = call.term()
    if term.shape is None:
        return term
    decided = ex.constant(call.option("axis", 1) or ast.Constant("?"))
    axes = decided[0] if decided and isinstance(decided[0], tuple) else decided
    if not axes or not all(isinstance(axis, int) for axis in axes):
        raise NoFormulaError("an axis that is not a number")
    rank = len(term.shape) + len(axes)
    new, sizes = {axis % rank for axis in axes}, iter(term.shape)
    return replace(term, shape=tuple(1 if i in new else next(sizes) for i in range(rank)))


def _repeated(call: Call) -> Term:
    """`np.broadcast_to(x, y.shape)`: as many ones as it takes, times x."""
    where = call.option("shape", 1)
    if isinstance(where, ast.Attribute) and where.attr == "shape":
        return _stretched(call.term(), call.translate(where.value).shape)
    return call.term()


def _filled(call: Call) -> Term:
    """`np.full_like(y, x)`: the same."""
    return _stretched(call.term(1), call.term(0).shape)


def _all_one(call: Call) -> Term:
    return _stretched(tex.number(1), call.term().shape)


def _stretched(term: Term, shape: Shape | None) -> Term:
    return tex.times(term, _ones(shape)) if shape and shape != term.shape else term


def _ones(shape: Shape) -> Term:
    sizes = r" \times ".join(map(_letter, shape))
    return Term(rf"\mathbf{{1}}_{{{sizes}}}", Level.ATOM, shape, leads=True)


def _swapped(call: Call) -> Term:
    axes = sorted(ast.unparse(argument) for argument in call.arguments[1:])
    term = call.term()
    if axes == ["-1", "-2"] or (_rank(term) == 2 and axes in ([], ["0", "1"])):
        return tex.transposed(term)
    raise NoFormulaError(call.name)


# Sums and the like


def _reduced(sign: str) -> Callable[[Call], Term]:
    def reduced(call: Call) -> Term:
        term = call.term()
        axes = axes_of(call.option("axis", 1), _rank(term))
        return tex.big(sign, _label(axes, term), term, _reduced_shape(call, axes, term))

    return reduced


def _averaged(call: Call) -> Term:
    """A mean: the sum, divided by how many there are."""
    term = call.term()
    axes = axes_of(call.option("axis", 1), _rank(term))
    shape = _reduced_shape(call, axes, term)
    if term.shape is None:
        return tex.applied(r"\operatorname{mean}", [term.tex], shape)
    return tex.over(tex.big(r"\sum", _label(axes, term), term, shape), count(term, axes))


def _label(axes: tuple[int, ...] | None, term: Term) -> str:
    """What a sum runs over; nothing where it runs over everything."""
    if axes is None or len(axes) == _rank(term):
        return ""
    if _rank(term) == 2:
        return ("rows", "columns")[axes[0]]
    return tex.axes_label(axes)


def _reduced_shape(call: Call, axes: tuple[int, ...] | None, term: Term) -> Shape | None:
    kept = ex.constant(call.keywords.get("keepdims", ast.Constant(False))) == (True,)
    if axes is None and not kept:
        return ()
    if term.shape is None:
        return None
    gone = range(len(term.shape)) if axes is None else axes
    if kept:
        return tuple(1 if i in gone else size for i, size in enumerate(term.shape))
    return tuple(size for i, size in enumerate(term.shape) if i not in gone)


_FUNCTIONS: dict[str, Callable[[Call], Term]] = {
    "exp": _exponential,
    "expm1": lambda call: tex.subtracted(_exponential(call), tex.number(1)),
    "log": lambda call: _logarithm(call.term()),
    "log1p": lambda call: _logarithm(tex.plus(tex.number(1), call.term())),
    "sqrt": lambda call: tex.root(call.term()),
    "clip": _clipped,
    "square": lambda call: tex.raised(call.term(), tex.number(2)),
    "negative": lambda call: tex.minus(call.term()),
    "reciprocal": lambda call: tex.over(tex.number(1), call.term()),
    "add": _binary(tex.plus),
    "subtract": _binary(tex.subtracted),
    "multiply": _binary(tex.times),
    "divide": _binary(tex.over),
    "power": _binary(tex.raised),
    "matmul": _binary(tex.matmul),
    **dict.fromkeys(("abs", "absolute", "fabs"), _absolute),
    **dict.fromkeys(("copy", "asarray", "array", "astype", "ascontiguousarray"), _same),
    "reshape": _reshaped,
    "expand_dims": _expanded,
    "broadcast_to": _repeated,
    "full_like": _filled,
    "ones_like": _all_one,
    **dict.fromkeys(("swapaxes", "transpose"), _swapped),
    "sum": _reduced(r"\sum"),
    "prod": _reduced(r"\prod"),
    **dict.fromkeys(("max", "amax"), _reduced(r"\max")),
    **dict.fromkeys(("min", "amin"), _reduced(r"\min")),
    "mean": _averaged,
}
"""By name; `np.where` stands with the conditions, in `translate`."""
