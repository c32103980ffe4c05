"""A list that is unpacked only to be put together again is passed on as it is.

`z1, z2, z3 = every_z` and below it `np.stack((z1, z2, z3))` is `np.stack(every_z)`;
`x1, x2, x3 = np.moveaxis(x, 1, 0)` and below it `every_x = [x1, x2, x3]` is
`every_x = np.moveaxis(x, 1, 0)`.
"""

import ast
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from backhand.writers.layout import Line
from backhand.writers.modules.text import FunctionText, code_of


def pass_lists_on(text: FunctionText, elsewhere: Iterable[str] = ()) -> None:
    """Leave out the lines of a body that unpack what one later line puts together again.

    Args:
        text: the body of a function, which is changed.
        elsewhere: code outside the body that reads names of it: what the function returns.
    """
    reads = Counter(name for code in (*code_of(text.parts), *elsewhere) for name in _read(code))
    for part in tuple(text.parts):
        names = _unpacked(part.code) if isinstance(part, Line) else ()
        if isinstance(part, Line) and names and all(reads[name] == 1 for name in names):
            _pass_on(text, part, names)


def _pass_on(text: FunctionText, unpacking: Line, names: tuple[str, ...]) -> None:
    value = unpacking.code.partition(" = ")[2]
    for part in text.parts[text.parts.index(unpacking) + 1 :]:
        start, stop = _together(part.code, names) if isinstance(part, Line) else (0, 0)
        if not isinstance(part, Line) or not stop:
            continue
        before, after = part.code[:start], part.code[stop:]
        if value.isidentifier():
            _replace(text, part, before + value + after)
            text.parts.remove(unpacking)
        elif before.removesuffix(" = ").isidentifier() and not after:
            _replace(text, unpacking, before + value)
            text.parts.remove(part)
        return


def _replace(text: FunctionText, line: Line, code: str) -> None:
    """Other code for a line, where it is quoted too."""
    text.parts[text.parts.index(line)] = replace(line, code=code)
    text.quoted.update({name: code for name, old in text.quoted.items() if old == line.code})


def _read(code: str) -> list[str]:
    nodes = ast.walk(_statement(code))
    return [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]


def _unpacked(code: str) -> tuple[str, ...]:
    """The names on the left of `a, b = value`; none of any other line."""
    line = _statement(code)
    target = line.targets[0] if isinstance(line, ast.Assign) else None
    return _names(target.elts) if isinstance(target, ast.Tuple) else ()


def _together(code: str, names: tuple[str, ...]) -> tuple[int, int]:
    """From where to where a line says `(a, b)` or `[a, b]` of just these names; 0, 0 nowhere."""
    for node in ast.walk(_statement(code)):
        if isinstance(node, ast.Tuple | ast.List) and _names(node.elts) == names:
            return node.col_offset, node.end_col_offset or 0
    return 0, 0


def _names(nodes: list[ast.expr]) -> tuple[str, ...]:
    """The names that these expressions are; none if one is something else, or no name at all."""
    names = tuple(node.id for node in nodes if isinstance(node, ast.Name))
    return names if len(names) == len(nodes) and "_" not in names else ()


def _statement(code: str) -> ast.stmt:
    return ast.parse(f"{code} pass" if code.endswith(":") else code).body[0]
