"""Slips that leave something out: a term, a factor, a constant."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from backhand.agreement.slips.changes import Change, all_parts, binary, left_out, negated
from backhand.agreement.slips.places import Place
from backhand.agreement.slips.reading import is_epsilon, is_literal, is_number

Family = tuple[type[ast.operator], type[ast.operator]]
SUM: Family = (ast.Add, ast.Sub)
PRODUCT: Family = (ast.Mult, ast.Div)


@dataclass(frozen=True)
class Link:
    """An operand of a sum or a product, and the operator before it."""

    op: ast.operator
    operand: ast.expr


def omissions(place: Place) -> Iterator[Change]:
    """Each operand of each sum and product left out, and each constant exponent."""
    nodes = list(all_parts(place))
    for family in (SUM, PRODUCT):
        chains = [n for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, family)]
        inner = {id(n.left) for n in chains}
        for chain in chains:
            if id(chain) not in inner:
                yield from _shortened(chain, _links(chain, family), family, place)
    for node in nodes:
        match node:
            case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
                if is_number(exponent, place.names.numbers):
                    yield left_out("constant left out", exponent, node, base)


def _links(node: ast.expr, family: Family) -> list[Link]:
    """`a + b - c` as its operands; the first has no operator of its own and gets the neutral."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, family):
        return [*_links(node.left, family), Link(node.op, node.right)]
    return [Link(family[0](), node)]


def _shortened(
    chain: ast.BinOp, links: list[Link], family: Family, place: Place
) -> Iterator[Change]:
    is_array = [not is_number(link.operand, place.names.numbers) for link in links]
    neutral = 0 if family is SUM else 1
    for i, (link, is_one) in enumerate(zip(links, is_array, strict=True)):
        gone, rest = link.operand, links[:i] + links[i + 1 :]
        if is_one:
            kind = "missing term" if family is SUM else "missing factor"
            matters = family is SUM or sum(is_array) > 1
        else:
            kind = "epsilon" if family is SUM and is_epsilon(gone) else "constant left out"
            matters = not is_literal(gone, neutral) or (
                i == 0 and isinstance(rest[0].op, family[1])
            )
        if matters:
            yield left_out(
                kind, gone, chain, _joined(_opened(rest, gone, is_one) if i == 0 else rest)
            )


def _opened(rest: list[Link], gone: ast.expr, was_array: bool) -> list[Link]:
    """The operands behind the first, when that is gone. Of `1 - y` a person who forgets `1 -`
    keeps y, but of `a - b` -b; of `1 / y` remains y, of `a / b` 1 / b."""
    link, *others = rest
    operand = link.operand
    if isinstance(link.op, ast.Sub) and was_array:
        operand = negated(operand)
    if isinstance(link.op, ast.Div) and not is_literal(gone, 1):
        operand = binary(ast.Constant(1), ast.Div(), operand)
    return [Link(link.op, operand), *others]


def _joined(links: list[Link]) -> ast.expr:
    """The operands as an expression; the first one's operator is not written."""
    first, *others = links
    whole = first.operand
    for link in others:
        whole = binary(whole, link.op, link.operand)
    return whole
