"""Slips within an expression: signs, factors, swapped operands, comparisons, tiny constants."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from backhand.agreement.slips.places import Place
from backhand.agreement.slips.reading import (
    is_epsilon,
    is_literal,
    is_number,
    numpy_call,
    parts,
    signless,
)
from backhand.writers.expressions import text

TINY = 1e-8
"""What people add so that nothing is divided by 0."""

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
}
EXTREMES = {"maximum": "minimum", "minimum": "maximum"}


@dataclass(frozen=True)
class Change:
    """Nodes of a statement and what takes their place; `what` says so, up to the statement."""

    kind: str
    what: str
    pairs: tuple[tuple[ast.AST, ast.AST], ...]


def change(kind: str, old: ast.expr, new: ast.expr, what: str = "") -> Change:
    """One node for another."""
    return Change(kind, what or f"`{text(new)}` for `{text(old)}` in", ((old, new),))


def left_out(kind: str, part: ast.expr, old: ast.expr, new: ast.expr) -> Change:
    """One node for another, which is the same without a part."""
    return Change(kind, f"`{text(part)}` left out of", ((old, new),))


def all_parts(place: Place) -> Iterator[ast.expr]:
    """Everything that the numbers of a statement are made of."""
    for value in place.values:
        yield from parts(value, place.facts.options)


def binary(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.BinOp:
    """`left op right`."""
    return ast.BinOp(left, op, right)


def plus(node: ast.expr, number: float) -> ast.BinOp:
    """`node + number`."""
    return binary(node, ast.Add(), ast.Constant(number))


def negated(node: ast.expr) -> ast.expr:
    """`-node`, or what stood behind a minus."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return node.operand
    return ast.UnaryOp(ast.USub(), node)


def _wholes(place: Place) -> list[ast.expr]:
    """The expressions whose size and sign matter: one array each, and no truth values."""
    statement = place.statement
    match statement:
        case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple()):
            pass
        case ast.Assign(targets=[ast.Tuple()]):
            return []
        case ast.Assign(targets=[ast.Name(id=name)]) if name in place.facts.scale_free:
            return []
    unsigned = ast.Compare | ast.BoolOp | ast.List | ast.ListComp | ast.Lambda
    return [v for v in place.values if not isinstance(v, unsigned)]


def signs(place: Place) -> Iterator[Change]:
    """The other sign: of the whole, of a term, of what stands behind a minus."""
    statement = place.statement
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add | ast.Sub):
        op = _opposite(statement.op)
        new, old = ("-=", "+=") if isinstance(op, ast.Sub) else ("+=", "-=")
        other = ast.copy_location(ast.AugAssign(statement.target, op, statement.value), statement)
        yield Change("sign", f"`{new}` for `{old}` in", ((statement, other),))
    else:
        for whole in _wholes(place):
            yield change("sign", whole, negated(whole), "the other sign in")
    for value in place.values:
        free = signless(value, place.facts.options)
        for node in parts(value, place.facts.options):
            match node:
                case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                    if not (is_literal(left, 0) or is_literal(right, 0)):
                        yield change("sign", node, binary(left, _opposite(op), right))
                case ast.UnaryOp(op=ast.USub(), operand=operand) if id(node) not in free:
                    if not is_literal(operand, 0):
                        yield change("sign", node, operand)


def _opposite(op: ast.operator) -> ast.operator:
    return ast.Sub() if isinstance(op, ast.Add) else ast.Add()


def factors(place: Place) -> Iterator[Change]:
    """The whole, twice as large or a thousandth larger."""
    for whole in _wholes(place):
        for factor in (2, 1.001):
            product = binary(ast.Constant(factor), ast.Mult(), whole)
            yield change(f"factor {factor}", whole, product, f"a factor of {factor} in")


def swaps(place: Place) -> Iterator[Change]:
    """Operands of `-`, `/` and `**` in the other order, where the order matters."""
    numbers = place.names.numbers
    for value in place.values:
        free = signless(value, place.facts.options)
        for node in parts(value, place.facts.options):
            if not isinstance(node, ast.BinOp):
                continue
            match node.op:
                case ast.Sub():
                    matters = id(node) not in free
                case ast.Div() | ast.Pow():
                    matters = not is_number(node, numbers)
                case _:
                    matters = False
            if matters:
                yield change("swapped operands", node, binary(node.right, node.op, node.left))


def comparisons(place: Place) -> Iterator[Change]:
    """Ties on the other side, the other direction, and the smaller for the larger of two."""
    for node in all_parts(place):
        match node:
            case ast.Compare(left=left, ops=[op], comparators=others) if type(op) in COMPARISONS:
                for new in COMPARISONS[type(op)]:
                    yield change("comparison", node, ast.Compare(left, [new()], others))
            case ast.Call(func=ast.Attribute(value=np), args=arguments, keywords=keywords):
                name = numpy_call(node)
                if name in EXTREMES:
                    function = ast.Attribute(np, EXTREMES[name], ast.Load())
                    yield change(
                        "comparison",
                        node,
                        ast.Call(function, arguments, keywords),
                        f"np.{EXTREMES[name]} for np.{name} in",
                    )


def epsilons(place: Place) -> Iterator[Change]:
    """A tiny constant where none is, and another one where there is one."""
    for node in all_parts(place):
        match node:
            case ast.Call(args=[argument]) if numpy_call(node) in ("log", "sqrt"):
                yield from _added(argument, place)
            case ast.BinOp(op=ast.Div(), right=divisor):
                yield from _added(divisor, place)
            case ast.Call(args=[a, b]) if numpy_call(node) in EXTREMES:
                for tiny, other in ((a, b), (b, a)):
                    if is_epsilon(tiny):
                        yield left_out("epsilon", tiny, node, other)
                        yield _ten_times(tiny)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from (_ten_times(tiny) for tiny in (left, right) if is_epsilon(tiny))


def _added(node: ast.expr, place: Place) -> Iterator[Change]:
    has_one = any(isinstance(n, ast.expr) and is_epsilon(n) for n in ast.walk(node))
    if not has_one and not is_number(node, place.names.numbers):
        yield change("epsilon", node, plus(node, TINY), f"{TINY} added to `{text(node)}` in")


def _ten_times(tiny: ast.expr) -> Change:
    assert isinstance(tiny, ast.Constant)
    assert isinstance(tiny.value, float)
    # as a person would write it: 1e-07, and not what 10 * 1e-08 rounds to
    return change("epsilon", tiny, ast.Constant(float(f"{10 * tiny.value:.15g}")))
