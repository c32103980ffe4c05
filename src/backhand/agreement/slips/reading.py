"""What can be told of an expression without running it: its parts, its kind, its shape."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backhand.rules.register import AMBIENT
from backhand.writers.expressions import constant, substitute

Size = int | str
Shape = tuple[Size, ...]
"""Sizes as a comment gives them: numbers, or letters for what is not known, e.g. the batch."""

Options = Mapping[str, ast.expr]
"""The keyword-only parameters of a function whose value is the same in every call."""

REDUCTIONS = frozenset({"sum", "mean", "max", "min", "prod", "std", "var"})
RESHAPING = frozenset({"reshape", "swapaxes", "transpose", "astype", "expand_dims", "squeeze"})
ONLY_THE_SHAPE = frozenset({"full_like", "zeros_like", "ones_like", "empty_like"})
"""Of their first argument they read the shape, not the numbers."""

EPSILON = 1e-3
"""A literal below this that is added to something is there against division by 0."""


def parts(node: ast.expr, options: Options) -> Iterator[ast.expr]:
    """An expression and what its numbers are made of, in the order of the text.

    Shapes, axes, options and branches that these options switch off are left out: what is read
    there are not numbers of the computation.
    """
    yield node
    for child in _children(node, options):
        yield from parts(child, options)


def _children(node: ast.expr, options: Options) -> list[ast.expr]:
    match node:
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.Compare(left=left, comparators=others):
            return [left, *others]
        case ast.Tuple(elts=elements):
            return elements
        case ast.IfExp(test=test, body=yes, orelse=no):
            decided = evaluated(test, options)
            return [yes, no] if decided is None else [yes if decided[0] else no]
        case ast.Call():
            return _arguments(node)
        case ast.Attribute(value=value) if not _is_of_the_shape(node):
            return [value]
        case ast.Subscript(value=value):
            return [value]
    return []


def _arguments(call: ast.Call) -> list[ast.expr]:
    """The arrays that a call computes with."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="np"), attr=name):
            if name in ONLY_THE_SHAPE:
                return call.args[1:]
            return call.args[:1] if name in REDUCTIONS | RESHAPING else call.args
        case ast.Attribute(value=value, attr=name):
            return [value] if name in REDUCTIONS | RESHAPING else [value, *call.args]
        case ast.Name(id="len"):
            return []
    return call.args


def _is_of_the_shape(node: ast.Attribute) -> bool:
    return node.attr in ("size", "shape", "ndim", "dtype") or is_name(node.value, "np")


def is_name(node: ast.expr, name: str) -> bool:
    """Whether a node is this name."""
    return isinstance(node, ast.Name) and node.id == name


def names(node: ast.expr, options: Options) -> tuple[str, ...]:
    """The names whose numbers an expression reads, each once, in order."""
    found = [p.id for p in parts(node, options) if isinstance(p, ast.Name)]
    return tuple(name for name in dict.fromkeys(found) if name not in AMBIENT)


def is_number(node: ast.expr, numbers: frozenset[str]) -> bool:
    """Whether it is one number that no data is in: a literal, a length, arithmetic of those.

    `numbers` are the names that stand for one.
    """
    match node:
        case ast.Constant(value=value):
            return type(value) in (int, float)
        case ast.Name(id=name):
            return name in numbers
        case ast.BinOp(left=left, right=right):
            return is_number(left, numbers) and is_number(right, numbers)
        case ast.UnaryOp(operand=operand):
            return is_number(operand, numbers)
        case ast.IfExp(body=yes, orelse=no):
            return is_number(yes, numbers) and is_number(no, numbers)
        case ast.Attribute(attr=attribute):
            return attribute == "size" or is_name(node.value, "np")
        case ast.Subscript(value=ast.Attribute(attr="shape")):
            return True
        case ast.Call(func=function):
            return is_name(function, "len")
    return False


def is_literal(node: ast.expr, value: float) -> bool:
    """Whether a node is this number, written out."""
    return (
        isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value == value
    )


def is_epsilon(node: ast.expr) -> bool:
    """Whether it is a tiny positive literal, such as 1e-8."""
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, float)
        and 0 < node.value < EPSILON
    )


def evaluated(node: ast.expr, options: Options) -> tuple[object] | None:
    """The value of an expression of literals and options, in a tuple of one; None if there is more
    in it."""
    return constant(substitute(node, options))


def numpy_call(node: ast.expr) -> str:
    """`log` for a call of `np.log`; empty for anything else."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=name)):
            return name
    return ""


@dataclass(frozen=True)
class Reduction:
    """`np.sum(x, axis=0)` or `x.sum(axis=0)`, taken apart."""

    call: ast.Call
    function: ast.Attribute
    array: ast.expr
    axis: ast.expr | None
    keepdims: bool

    def with_name(self, name: str) -> ast.Call:
        """The same of another name, e.g. mean for sum."""
        function = ast.Attribute(self.function.value, name, ast.Load())
        return ast.Call(function, self.call.args, self.call.keywords)

    def without(self, option: str) -> ast.Call:
        """The same without `axis` or without `keepdims`."""
        first = self.call.args[:1] if self.function.value is not self.array else []
        arguments = first if option == "axis" else self.call.args
        kept = [k for k in self.call.keywords if k.arg != option]
        return ast.Call(self.function, arguments, kept)

    def with_axis(self, axis: object) -> ast.Call:
        """The same along another axis."""
        call = self.without("axis")
        value = ast.parse(repr(axis), mode="eval").body
        return ast.Call(call.func, call.args, [ast.keyword("axis", value), *call.keywords])


def reduction(node: ast.expr) -> Reduction | None:
    """A node as a reduction, if it is one."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=name) as function, args=arguments):
            places = arguments if is_name(value, "np") else [value, *arguments]
            if name in REDUCTIONS and places:
                given = {k.arg: k.value for k in node.keywords}
                axis = places[1] if len(places) > 1 else given.get("axis")
                return Reduction(node, function, places[0], axis, "keepdims" in given)
    return None


def transposed(node: ast.expr) -> ast.expr | None:
    """`x` where a node is `x.T` or `x.swapaxes(-1, -2)`."""
    match node:
        case ast.Attribute(value=value, attr="T"):
            return value
        case ast.Call(func=ast.Attribute(value=value, attr="swapaxes"), args=[_, _]):
            return value
    return None


def shape_of(node: ast.expr, shapes: Mapping[str, Shape]) -> Shape | None:
    """The shape of an expression, where the comments tell those of its names."""
    inner = transposed(node)
    if inner is not None:
        shape = shape_of(inner, shapes)
        return shape[::-1] if shape is not None and len(shape) == 2 else None
    match node:
        case ast.Name(id=name):
            return shapes.get(name)
        case ast.Constant():
            return ()
        case ast.UnaryOp(operand=operand):
            return shape_of(operand, shapes)
        case ast.BinOp(left=left, op=op, right=right) if not isinstance(op, ast.MatMult):
            a, b = shape_of(left, shapes), shape_of(right, shapes)
            return a if b in (a, ()) else b if a == () else None
    found = reduction(node)
    return None if found is None else _reduced_shape(found, shapes)


def _reduced_shape(found: Reduction, shapes: Mapping[str, Shape]) -> Shape | None:
    shape = shape_of(found.array, shapes)
    known = evaluated(found.axis, {}) if found.axis else (None,)
    if shape is None or known is None:
        return None
    axes = range(len(shape)) if known[0] is None else each(known[0])
    reduced = {axis % len(shape) for axis in axes if shape}
    sizes = [1 if i in reduced else size for i, size in enumerate(shape)]
    return tuple(s for i, s in enumerate(sizes) if found.keepdims or i not in reduced)


def each(axis: object) -> list[int]:
    """One axis or several, as a list; nothing where it is not known."""
    return [a for a in (axis if isinstance(axis, tuple) else (axis,)) if isinstance(a, int)]


def could_be_equal(a: Size, b: Size) -> bool:
    """Whether two sizes may be the same number; a letter may be any."""
    return a == b or isinstance(a, str) or isinstance(b, str)


def signless(value: ast.expr, options: Options) -> frozenset[int]:
    """The ids of nodes whose sign falls out: within `np.abs` and even powers."""
    found: set[int] = set()
    for part in parts(value, options):
        match part:
            case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=int(power))):
                found |= {id(base)} if power % 2 == 0 else set()
            case ast.Call(args=[argument]) if numpy_call(part) in ("abs", "square", "cosh"):
                found.add(id(argument))
        if id(part) in found:
            match part:
                case ast.BinOp(left=left, op=ast.Mult() | ast.Div(), right=right):
                    found |= {id(left), id(right)}
                case ast.UnaryOp(operand=operand):
                    found.add(id(operand))
    return frozenset(found)
