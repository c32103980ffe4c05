"""Slips of the pen: one place of the correct program written otherwise, whatever it means.

They are tried where no known mistake fits. A slip has no name that people know, but it is said to
the letter: the line of the correct program, and the line that gives their numbers.
"""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from backhand.diagnose.editing import line, target_of
from backhand.diagnose.listing import Listing, swapped, text_of
from backhand.diagnose.mistake import Change, Mistake, Part, Planted

LIKELY = (
    "a term left out",
    "another sign",
    "a line left out",
    "an operation left out",
    "a power left out",
    "a division left out",
    "another axis",
    "another constant",
    "a factor left out",
)
"""Of slips that give the same numbers, the one that is said: the others come after these."""
PARTS: dict[str, Part] = {
    "network": "forward",
    "network_loss": "loss",
    "network_backward": "backward",
    "update": "update",
    "train": "training",
}
OURS = frozenset(
    ("data", "initial_weights", "main", "given_data", "given_weights", "given_outputs")
)
"""Functions in which nobody else's slip can be."""
WHY = "the other lines are as they should be: it is most likely a slip in this one"
LEFT_OUT = frozenset(("sqrt", "exp", "log", "log1p", "tanh", "abs", "square", "sign"))
FOR = {"sum": "mean", "mean": "sum", "maximum": "minimum", "minimum": "maximum"}
COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
}

Step = tuple[str, int | None]
"""From a node to one below it: a field, and a place in it where it is a list."""


@dataclass(frozen=True)
class Edit:
    """What is written otherwise: at the end of a path from a statement, a node made from the one
    that is there."""

    name: str
    path: tuple[Step, ...]
    made: Callable[[ast.AST], ast.AST]


def slips(listing: Listing, only: str = "") -> Iterator[Planted]:
    """Programs with one slip: at one line, or at all lines that are alike but for their numbers.

    Args:
        listing: of the program.
        only: the one function in which they are; any if empty.
    """
    for function, tree in listing.functions.items():
        if function in OURS or only not in ("", function):
            continue
        alike: dict[str, list[ast.stmt]] = {}
        statements = [s for s in listing.statements(function) if _is_computed(s)]
        for statement in statements:
            alike.setdefault(re.sub(r"\d+", "#", text_of(statement)), []).append(statement)
        known = _names(tree)
        for statement in statements:
            for edit in _edits(statement, known):
                yield _planted(listing, function, [statement], edit)
        for together in alike.values():
            if len(together) > 1:
                for edit in _edits(together[0], ()):
                    yield _planted(listing, function, together, edit)


def likelihood(planted: Planted) -> int:
    """The place of a slip among all that give the same numbers; the least is the likeliest."""
    name = planted.mistakes[0].name
    return LIKELY.index(name) if name in LIKELY else len(LIKELY)


def _is_computed(statement: ast.stmt) -> bool:
    """Whether a line computes something, and does not only take apart or hand on."""
    if isinstance(statement, ast.AugAssign):
        return True
    if isinstance(statement, ast.Return):
        return not isinstance(statement.value, ast.Tuple)
    return isinstance(statement, ast.Assign) and bool(target_of(statement))


def _names(tree: ast.FunctionDef) -> tuple[str, ...]:
    """The values that a function has, in the order in which it comes to them."""
    given = [a.arg for a in tree.args.args]
    made = [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id != "_"
    ]
    return tuple(dict.fromkeys([*given, *made]))


def _planted(
    listing: Listing, function: str, statements: Sequence[ast.stmt], edit: Edit
) -> Planted:
    wheres = [line(statement) for statement in statements]
    part: Part = PARTS.get(function, "backward" if function.endswith("_backward") else "forward")

    def changes(other: Listing) -> Iterator[Change]:
        for where in wheres:
            found = (s for s in other.statements(function) if line(s) == where)
            statement = next(found, None)
            new = _written(statement, edit) if statement is not None else ""
            if statement is None or not new:
                return
            other = other.changed(function, statement, new)
        yield Change("; ".join(wheres), other)

    written = [_written(statement, edit) for statement in statements]
    changed = listing
    for statement, new in zip(statements, written, strict=True):
        changed = changed.changed(function, statement, new)
    read = "; ".join(written)
    mistake = Mistake(
        edit.name,
        part,
        f"their numbers are those of `{read}`",
        WHY,
        f"compute `{'; '.join(wheres)}`",
        "",
        changes,
        is_local=True,
    )
    return Planted((mistake,), ("; ".join(wheres),), changed)


def _written(statement: ast.stmt, edit: Edit) -> str:
    """The statement with the edit in it."""
    node: ast.AST = statement
    for field, place in edit.path:
        held = getattr(node, field)
        node = held if place is None else held[place]
    if node is statement:
        return ast.unparse(ast.fix_missing_locations(edit.made(node)))
    return swapped(statement, node, edit.made(node))


def _edits(statement: ast.stmt, known: Sequence[str]) -> Iterator[Edit]:
    if isinstance(statement, ast.AugAssign):
        yield from _of_update(statement)
    for path, node in _parts(statement):
        for name, made in _others(node):
            yield Edit(name, path, made)
    for path, node in _parts(statement):
        if isinstance(node, ast.Name) and node.id in known:
            for other in known:
                if other not in (node.id, target_of(statement)):
                    yield Edit("another value in its place", path, _always(_name(other)))


def _of_update(statement: ast.AugAssign) -> Iterator[Edit]:
    target, op, value = statement.target, statement.op, statement.value
    opposite = {ast.Add: ast.Sub(), ast.Sub: ast.Add()}.get(type(op))
    if opposite is not None:
        other = ast.AugAssign(target, opposite, value)
        yield Edit("added where it is subtracted", (), _always(other))
        yield Edit("assigned where it is added", (), _always(ast.Assign([target], value)))
    yield Edit("a line left out", (), _always(ast.Pass()))


def _parts(statement: ast.stmt) -> Iterator[tuple[tuple[Step, ...], ast.AST]]:
    """All parts of what a statement computes, each with its path."""
    stack: list[tuple[tuple[Step, ...], ast.AST]] = [
        ((("value", None),), value) for value in [getattr(statement, "value", None)] if value
    ]
    while stack:
        path, node = stack.pop()
        yield path, node
        for field, held in ast.iter_fields(node):
            if field == "func" and isinstance(held, ast.Name):
                continue
            if isinstance(held, ast.expr | ast.keyword):
                stack.append(((*path, (field, None)), held))
            elif isinstance(held, list):
                stack += [
                    ((*path, (field, i)), one)
                    for i, one in enumerate(held)
                    if isinstance(one, ast.expr | ast.keyword)
                ]


def _others(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], ast.AST]]]:
    """What may stand in the place of a node, each with the name of the slip."""
    match node:
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            yield "a term left out", lambda n: n.left  # type: ignore[attr-defined]
            yield "a term left out", _right_alone
            yield "another sign", _with_other_sign
        case ast.BinOp(op=ast.Mult()):
            yield "a factor left out", lambda n: n.left  # type: ignore[attr-defined]
            yield "a factor left out", lambda n: n.right  # type: ignore[attr-defined]
            yield "divided where it is multiplied", _with_operator(ast.Div())
        case ast.BinOp(op=ast.Div()):
            yield "a division left out", lambda n: n.left  # type: ignore[attr-defined]
            yield "multiplied where it is divided", _with_operator(ast.Mult())
        case ast.BinOp(op=ast.Pow()):
            yield "a power left out", lambda n: n.left  # type: ignore[attr-defined]
        case ast.UnaryOp(op=ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
            yield "another sign", lambda n: n.operand  # type: ignore[attr-defined]
        case ast.keyword(arg="axis", value=ast.Constant(value=int(axis))):
            for other in {0, 1, -1} - {axis}:
                yield "another axis", _keyword("axis", other)
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            for constant in _constants(number):
                yield "another constant", _always(ast.Constant(constant))
        case ast.Call(func=ast.Attribute(attr=called)) if called in FOR:
            yield "another operation", _called(FOR[called])
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=called), args=[_]):
            if called in LEFT_OUT:
                yield "an operation left out", lambda n: n.args[0]  # type: ignore[attr-defined]
        case ast.Call(func=ast.Name(), args=[_], keywords=[]):
            yield "an operation left out", lambda n: n.args[0]  # type: ignore[attr-defined]
        case ast.Compare(ops=[op]):
            for other_op in COMPARED.get(type(op), ()):
                yield "another comparison", _compared(other_op)


def _constants(number: float) -> list[float]:
    """What people write for a constant: half and twice, one more and less, the rest to 1; none."""
    if number == 0:
        return [type(number)(1)]
    near = [number + 1, number - 1, 1 - number]
    every = [2 * number, number / 2, -number, 1 / number, *near, type(number)(1), type(number)(0)]
    whole = [int(n) if isinstance(number, int) and n == int(n) else n for n in every]
    return [n for n in dict.fromkeys(whole) if n != number]


def _always(new: ast.AST) -> Callable[[ast.AST], ast.AST]:
    return lambda _: new


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _right_alone(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BinOp)
    return node.right if isinstance(node.op, ast.Add) else ast.UnaryOp(ast.USub(), node.right)


def _with_other_sign(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BinOp)
    other: ast.operator = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    return ast.BinOp(node.left, other, node.right)


def _with_operator(op: ast.operator) -> Callable[[ast.AST], ast.AST]:
    return lambda node: ast.BinOp(node.left, op, node.right)  # type: ignore[attr-defined]


def _keyword(name: str, value: int) -> Callable[[ast.AST], ast.AST]:
    return lambda _: ast.keyword(name, ast.Constant(value))


def _called(name: str) -> Callable[[ast.AST], ast.AST]:
    def made(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Attribute)
        return ast.Call(ast.Attribute(node.func.value, name, ast.Load()), node.args, node.keywords)

    return made


def _compared(op: type[ast.cmpop]) -> Callable[[ast.AST], ast.AST]:
    return lambda node: ast.Compare(node.left, [op()], node.comparators)  # type: ignore[attr-defined]
