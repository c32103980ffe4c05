"""Slips with names: another array that lies near, or the same one as it was an epoch ago."""

import ast
from collections.abc import Iterator

import numpy as np

from backhand.agreement.slips.changes import Change, all_parts
from backhand.agreement.slips.places import Names, Place
from backhand.agreement.slips.reading import is_literal, is_name, names
from backhand.writers.expressions import substitute, text

ASKEW = np.array([[-2, 0.3, -0.5], [5, -0.1, 0]])
"""Numbers on both sides of 0, not centred there: rows and columns have means that are not 0."""

STALE = "__stale__"
"""What a stale name is wrapped in: whoever runs the program must know the epoch before."""


def stale_values(place: Place) -> Iterator[Change]:
    """A weight or a gradient read as it was one epoch earlier."""
    for name in _read(place):
        if name in place.facts.stale and name not in place.names.lines:  # not yet another array
            call = ast.Call(ast.Name(STALE, ast.Load()), [ast.Constant(name)], [])
            yield _everywhere("stale value", name, call, f"`{name}` of the epoch before in", place)


def wrong_arrays(place: Place) -> Iterator[Change]:
    """A name replaced, throughout the statement, by what it was made from or what it made."""
    known, shapes = place.names, place.facts.shapes
    for name in _read(place):
        if name in known.numbers:
            continue
        for near in _near(name, place):
            other = _expressed(near, known)
            a, b = shapes.get(name), shapes.get(near)
            alike = a is None or b is None or a == b
            if alike and other is not None and not _is_same_side(name, near, place):
                what = f"`{near}` for `{name}` in"
                yield _everywhere("wrong array", name, other, what, place)


def _read(place: Place) -> list[str]:
    found = [name for v in place.values for name in names(v, place.facts.options)]
    return list(dict.fromkeys(found))


def _everywhere(kind: str, name: str, new: ast.expr, what: str, place: Place) -> Change:
    nodes = [part for part in all_parts(place) if is_name(part, name)]
    return Change(kind, what, tuple((node, new) for node in nodes))


def _near(name: str, place: Place) -> list[str]:
    """The names from which a value was made, and those made from it; no two of the same array.

    In the backward pass a derivative is only mistaken for a derivative.
    """
    known = place.names
    me = known.original(name)
    found: dict[str, str] = {}
    sources = names(known.lines[me], place.facts.options) if me in known.lines else ()
    results = [n for n, read in known.sources.items() if me in read]
    for other in (*sources, *results):
        alike = (other in known.derivatives) == (name in known.derivatives)
        if alike and other not in known.numbers:
            found.setdefault(known.original(other), other)
    return [other for original, other in found.items() if original != me]


def _expressed(name: str, known: Names) -> ast.expr | None:
    """A value in terms of the names that can be read here: by its name, or, where it was not kept
    from the forward pass, by the line that made it. None if that reads what is not here either."""
    if name in known.bound:
        return ast.Name(name, ast.Load())
    if name not in known.lines:
        return None
    line = known.lines[name]
    functions = {id(n.func) for n in ast.walk(line) if isinstance(n, ast.Call)}
    read = [n for n in ast.walk(line) if isinstance(n, ast.Name) and id(n) not in functions]
    missing = {n.id for n in read} - known.bound - {"np"}
    items = {n: item for n, item in known.items.items() if n in missing and _is_here(item, known)}
    return substitute(line, items) if len(items) == len(missing) else None


def _is_here(item: ast.Subscript, known: Names) -> bool:
    return isinstance(item.value, ast.Name) and item.value.id in known.bound


def _is_same_side(name: str, near: str, place: Place) -> bool:
    """Whether the statement only asks if a value is above 0, and the other one is just then: a
    rectifier's output is where its input is."""
    asked = [n.left for n in all_parts(place) if isinstance(n, ast.Compare) and _above_0(n)]
    reads = [n for n in all_parts(place) if is_name(n, name)]
    if not all(any(n is left for left in asked) for n in reads):
        return False
    lines = place.names.lines
    return any(
        made in lines and names(lines[made], {}) == (given,) and _keeps_signs(lines[made], given)
        for made, given in ((name, near), (near, name))
    )


def _above_0(node: ast.Compare) -> bool:
    return isinstance(node.ops[0], ast.Gt) and is_literal(node.comparators[0], 0)


def _keeps_signs(line: ast.expr, name: str) -> bool:
    """Whether an expression of one name is above 0 where the name is, on numbers that lie askew."""
    try:
        with np.errstate(all="ignore"):
            made = eval(text(line), {"np": np, name: ASKEW.copy()})
    except Exception:  # of functions that are not here, of shapes that do not fit
        return False
    return np.array_equal(np.greater(made, 0), ASKEW > 0)
