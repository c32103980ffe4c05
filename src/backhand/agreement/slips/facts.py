"""What holds in the whole of a function of a written program: options, shapes, kinds of names."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backhand.agreement.slips.reading import Options, Shape, is_name, reduction

PASSES = ("network", "network_loss", "network_backward")
"""The functions whose names mean the same in all of them."""

OPEN = (*PASSES, "update")
"""The functions whose names the outside knows."""


@dataclass(frozen=True)
class Facts:
    """What holds in the whole of a function.

    `shapes` are those of the comments; `numbers` are parameters that are no arrays; `stale` names
    could be read as they were an epoch ago; a factor of a `scale_free` name falls out.
    """

    function: str
    options: Options
    shapes: Mapping[str, Shape]
    numbers: frozenset[str]
    stale: frozenset[str]
    scale_free: frozenset[str]


def facts_of(
    function: ast.FunctionDef, functions: list[ast.FunctionDef], shapes: Mapping[str, Shape]
) -> Facts:
    """What holds in one of a program's functions; `shapes` are those of its passes."""
    return Facts(
        function.name,
        _options(function, functions),
        shapes if function.name in PASSES else {},
        frozenset(_numbers(function)),
        frozenset(_stale(function)),
        frozenset() if function.name in OPEN else _scale_free(function),
    )


def _numbers(function: ast.FunctionDef) -> set[str]:
    """Parameters that are plain numbers: a rule's options, and what an update counts."""
    numbers = {a.arg for a in function.args.kwonlyargs}
    if function.name == "update":
        loops = [n.iter for n in ast.walk(function) if isinstance(n, ast.For)]
        iterated = {name for loop in loops for name in names_of(loop)}
        numbers |= {a.arg for a in function.args.args} - iterated
    return numbers


def _options(function: ast.FunctionDef, functions: list[ast.FunctionDef]) -> Options:
    """The keyword-only parameters that have the same literal value in every call."""
    given: dict[str, list[ast.expr]] = {}
    calls = [
        node
        for caller in functions
        for node in ast.walk(caller)
        if isinstance(node, ast.Call) and is_name(node.func, function.name)
    ]
    for parameter, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        for call in calls:
            keywords = {k.arg: k.value for k in call.keywords}
            value = keywords.get(parameter.arg, default)
            given.setdefault(parameter.arg, []).extend([value] if value else [])
    return {
        name: values[0]
        for name, values in given.items()
        if len({ast.unparse(v) for v in values}) == 1 and not _reads_a_name(values[0])
    }


def _reads_a_name(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Name) for n in ast.walk(node))


def _stale(function: ast.FunctionDef) -> Iterator[str]:
    """Weights of the backward pass; weights and gradients of the update."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[target], value=source) if (
                function.name == "network_backward" and is_name(source, "weights")
            ):
                yield from (name for name in names_of(target) if name != "_")
            case ast.For(target=ast.Tuple(elts=targets), iter=ast.Call(args=sources)) if (
                function.name == "update"
            ):
                for target, source in zip(targets, sources, strict=False):
                    if is_name(source, "weights") or is_name(source, "gradients"):
                        yield from names_of(target)


def _scale_free(function: ast.FunctionDef) -> frozenset[str]:
    """Names that are only read as `e / e.sum()`: a factor of `e` falls out."""
    read: Counter[str] = Counter()
    cancelled: Counter[str] = Counter()
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read[name] += 1
            case ast.BinOp(left=ast.Name(id=name), op=ast.Div(), right=divisor):
                below = reduction(divisor)
                cancelled[name] += 2 if below and is_name(below.array, name) else 0
    return frozenset(name for name, count in cancelled.items() if count == read[name])


def names_of(node: ast.expr) -> list[str]:
    """Every name in an expression or a target, in order."""
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]


# --- shapes ---------------------------------------------------------------------------------------


def shapes_of(text: str, functions: list[ast.FunctionDef]) -> Mapping[str, Shape]:
    """The shapes in the comments of a program's passes, and those that follow: of `w1` from
    `dw1`'s, of `x` from `dw1 = x.T @ dz1`. Where others have one, a value without is a number."""
    lines = text.split("\n")
    shapes: dict[str, Shape] = {}
    assigned = [
        (target.id, statement)
        for function in functions
        if function.name in PASSES
        for statement in function.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    ]
    for name, statement in assigned:
        shape = _commented(lines, statement)
        if shape is not None:
            shapes[name] = shape
    for name, shape in tuple(shapes.items()):
        if name.startswith("d"):
            shapes.setdefault(name[1:], shape)
    for name, statement in assigned:
        match statement.value:
            case ast.BinOp(
                left=ast.Attribute(value=ast.Name(id=left), attr="T"),
                op=ast.MatMult(),
                right=ast.Name(id=right),
            ):
                made, read = shapes.get(name, ()), shapes.get(right, ())
                if len(made) == len(read) == 2:
                    shapes.setdefault(left, (read[0], made[0]))
    for name, _ in assigned if shapes else ():
        shapes.setdefault(name, ())
    return shapes


def _commented(lines: list[str], statement: ast.stmt) -> Shape | None:
    """The shape in the comment behind a statement, or in the one above where it did not fit."""
    last = statement.end_lineno or statement.lineno
    for line, pattern in (
        (last, r"#\s*\[([^\]]*)\]"),
        (statement.lineno - 1, r"^\s*# \[([^\]]*)\]"),
    ):
        found = re.search(pattern, lines[line - 1])
        if found:
            sizes = [size.strip() for size in found[1].split(",") if size.strip()]
            return tuple(int(size) if size.isdigit() else size for size in sizes)
    return None
