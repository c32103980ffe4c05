"""What the source calls the values of a network: names from the columns of the lines that run.

While a module is traced, each call of an operator notes the frames that led to it, with the columns
of the expression that each of them is in (`exported.py` does that). `ast` says what becomes of
such an expression: the value of an assignment, which has its name; what a function returns, whose
name the caller gives; or a part of something larger, which needs none.

A name belongs to a scope, the class of the module whose `forward` runs: what one module returns as
`attn_output` may be `x` to the one that called it.
"""

import ast
import linecache
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

ALIASES = {
    "hidden_states": "x",
    "hidden_state": "x",
    "inputs_embeds": "x",
    "query_states": "q",
    "key_states": "k",
    "value_states": "v",
    "query_layer": "q",
    "key_layer": "k",
    "value_layer": "v",
    "query": "q",
    "key": "k",
    "value": "v",
    "attn_weights": "att",
    "attention_weights": "att",
    "attention_probs": "att",
    "attention_scores": "scores",
    "attn_output": "out",
    "attention_output": "out",
    "attn_scores": "scores",
    "feed_forward_hidden_states": "ff",
    "attention_mask": "mask",
    "causal_mask": "mask",
    "input": "x",
    "input_tensor": "x",
}
"""Short names for what the field's libraries spell out."""

_COMPOSED = re.compile(r"%\d+_([a-z]\w*?)\d*")
"""The name of a value within an operator that is several of our steps (`composites/`)."""

Position = tuple[int, int, int, int]
"""First line, last line, first column, column behind the last."""


class Wish(NamedTuple):
    """What the source calls a value; `is_given` is whether it is assigned to that name, or else it
    is what was called there (`q_proj` of `self.q_proj(x)`), a name only for want of a better."""

    name: str
    is_given: bool = True


@dataclass(frozen=True)
class Frame:
    """Where one function stood while an operator was called."""

    file: str
    function: str
    position: Position
    instance: int
    """Tells apart the calls of one function."""
    owner: str | None = None
    """The class of the module whose `forward` this is; None for any other function."""


Scoped = Mapping[str, Wish]
"""By the scope, the class of a module or empty for the network itself, innermost first."""


@dataclass
class Noted:
    """What was noted while a module was traced."""

    calls: dict[int, tuple[Frame, ...]] = field(default_factory=dict)
    """The frames of each call of an operator, by its number, the innermost first."""
    given: dict[tuple[int, int | None], dict[str, str]] = field(default_factory=dict)
    """By the number of a call and of its result: what it is called by each scope that it is given
    to."""
    own_derivatives: set[str] = field(default_factory=set)
    """The names of functions that have a derivative of their own."""


def wishes(noted: Noted, call: int, number: int | None) -> dict[str, Wish]:
    """What the source calls one result of a call: the name of each scope that has one.

    Args:
        noted: what was noted.
        call: the number of the call.
        number: which of its results, if it has several.
    """
    found = dict(_named(noted.calls.get(call, ()), number))
    for scope, name in noted.given.get((call, number), {}).items():
        found.setdefault(scope, Wish(short(name)))
    return found


def all_wishes(
    sources: Mapping[str, tuple[int, int | None]],
    noted: Noted,
    now: Mapping[str, str],
    gone: frozenset[str],
) -> dict[str, dict[str, Wish]]:
    """What the source calls each value, by the value's name now.

    Args:
        sources: for each value the number of the call that made it, and of its result.
        noted: what was noted.
        now: for each value the name of what stands for it now.
        gone: values for which another one stands. Their names go to it where it has none.
    """
    found: dict[str, dict[str, Wish]] = {}
    for name, (call, number) in sources.items():
        if name in now:
            own = wishes(noted, call, number)
            known = found.setdefault(now[name], {})
            first, then = (dict(known), own) if name in gone else (own, dict(known))
            known |= then | first
    for name, other in now.items():
        composed = _COMPOSED.fullmatch(name)
        if composed and name not in gone and other not in found:
            found[other] = {"": Wish(composed[1], False)}
    return found


def short(name: str) -> str:
    """The short name for a long one that is common, else the name."""
    return ALIASES.get(name, name)


def _named(frames: Sequence[Frame], number: int | None) -> Iterator[tuple[str, Wish]]:
    """From the innermost frame outward for as long as the value is returned."""
    best: Wish | None = None
    for at, frame in enumerate(frames):
        source = _source(frame.file)
        fate = source.fate(frame, number) if source else Fate()
        if fate.name:
            best = Wish(short(fate.name))
        elif fate.called and best is None:
            best = Wish(short(fate.called), False)
        if frame.owner is not None:
            if best:
                is_outermost = all(outer.owner is None for outer in frames[at + 1 :])
                yield "" if is_outermost else frame.owner, best
            best = None
        if not fate.is_returned:
            break
        number = fate.number
    else:
        return
    scopes = [outer.owner for outer in frames[at:] if outer.owner is not None]
    if best and frame.owner is None and scopes:
        yield scopes[0] if len(scopes) > 1 else "", best


@dataclass(frozen=True)
class Fate:
    """What becomes of an expression."""

    name: str = ""
    """The name that it is assigned to."""
    called: str = ""
    """The attribute that was called, if it is a call of one."""
    is_returned: bool = False
    number: int | None = None
    """Which part of what is returned, if that is a tuple."""


@dataclass
class Source:
    """A file as a tree, with each node's parent."""

    parents: dict[ast.AST, ast.AST]
    at: dict[Position, ast.AST]
    calls: dict[tuple[int, int], ast.AST]
    """Calls by where they end; where a call goes over several lines, Python says another start."""

    def fate(self, frame: Frame, number: int | None) -> Fate:
        """What becomes of what runs in a frame, or of one of its parts."""
        first, last, start, end = frame.position
        node = self.at.get((first, last, start, end)) or self.calls.get((last, end))
        if node is None:
            return Fate()
        called = _called(node)
        while True:
            around = self.parents.get(node)
            if isinstance(node, ast.AugAssign):
                return Fate(_name(node.target), called)
            match around:
                case ast.Assign(targets=[target]):
                    return self._assigned(node, target, number, called)
                case ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
                    return self._assigned(node, target, number, called)
                case ast.Expr():
                    return Fate(_changed(node), called)
                case ast.Return():
                    return Fate("", called, True, number)
                case ast.Tuple() if isinstance(self.parents.get(around), ast.Return):
                    return Fate("", called, True, around.elts.index(node))  # type: ignore[arg-type]
                case ast.Tuple() if beside := _beside(self.parents.get(around), around, node):
                    return self._assigned(node, beside, number, called)
                case ast.Subscript(value=value, slice=ast.Constant(value=int(which))) if (
                    value is node and number is not None
                ):
                    if which != number:
                        return Fate()
                    number = None
                case ast.IfExp(test=test) if test is not node:
                    pass
                case ast.BoolOp():
                    pass
                case _:
                    return Fate("", called)
            node = around

    def _assigned(self, node: ast.AST, target: ast.expr, number: int | None, called: str) -> Fate:
        """The name that a value has from an assignment, and whether it is returned by that name."""
        if isinstance(target, ast.Tuple):
            if number is None or number >= len(target.elts):
                return Fate("", called)
            name, number = _name(target.elts[number]), None
        elif number is not None:
            name = self._taken_out(node, _name(target), number)
            return Fate(name, called) if name else self._given_back(node, _name(target), number)
        else:
            name = _name(target)
        back = self._given_back(node, name, None)
        return Fate(name, called, back.is_returned, back.number)

    def _taken_out(self, node: ast.AST, name: str, number: int) -> str:
        """`x` where `x = outputs[0]` or `x, y = outputs` stands behind the assignment."""
        for statement in ast.walk(self._function(node)):
            match statement:
                case ast.Assign(
                    targets=[ast.Name(id=found)],
                    value=ast.Subscript(
                        value=ast.Name(id=of), slice=ast.Constant(value=int(which))
                    ),
                ) if of == name and which == number:
                    return found
                case ast.Assign(targets=[ast.Tuple(elts=parts)], value=ast.Name(id=of)) if (
                    of == name and number < len(parts)
                ):
                    return _name(parts[number])
        return ""

    def _given_back(self, node: ast.AST, name: str, number: int | None) -> Fate:
        """Whether what is assigned to a name is what the function returns, at its end."""
        function = self._function(node)
        later = [
            other.lineno
            for other in ast.walk(function)
            if isinstance(other, ast.Name | ast.AugAssign)
            and _is_set(other, name)
            and other.lineno > getattr(node, "end_lineno", 0)
            and self._branches(other) <= self._branches(node)
        ]
        body = getattr(function, "body", [])
        end = body[-1] if isinstance(body, list) and body else None
        if not name or later or not isinstance(end, ast.Return):
            return Fate()
        if isinstance(end.value, ast.Tuple):
            parts = [_name(part) for part in end.value.elts]
            return Fate("", "", True, parts.index(name)) if name in parts else Fate()
        return Fate("", "", end.value is not None and _name(end.value) == name, number)

    def _branches(self, node: ast.AST) -> set[ast.AST]:
        """The conditions on which a line runs."""
        found: set[ast.AST] = set()
        while not isinstance(node, ast.FunctionDef | ast.Lambda | ast.Module):
            node = self.parents[node]
            if isinstance(node, ast.If):
                found.add(node)
        return found

    def _function(self, node: ast.AST) -> ast.AST:
        while not isinstance(node, ast.FunctionDef | ast.Lambda | ast.Module):
            node = self.parents[node]
        return node

    def unpacked(self, frame: Frame, name: str, number: int) -> str:
        """What a function calls a part of the tuple that it is given under a name."""
        found = (n for n in ast.walk(self._tree()) if isinstance(n, ast.FunctionDef))
        first = frame.position[0]
        inside = [f for f in found if f.lineno <= first <= (f.end_lineno or 0)]
        for function in inside[-1:]:
            if part := self._taken_out(function.body[0], name, number):
                return part
        return f"{name}_{number}"

    def _tree(self) -> ast.AST:
        return next(node for node in self.parents.values() if isinstance(node, ast.Module))


def unpacked(frame: Frame, name: str, number: int) -> str:
    """What the function of a frame calls part `number` of its argument `name`."""
    source = _source(frame.file)
    return source.unpacked(frame, name, number) if source else f"{name}_{number}"


def _beside(statement: ast.AST | None, parts: ast.Tuple, node: ast.AST) -> ast.expr | None:
    """`y` for `g(x)` in `x, y = f(x), g(x)`."""
    match statement:
        case ast.Assign(targets=[ast.Tuple(elts=targets)]) if len(targets) == len(parts.elts):
            return targets[parts.elts.index(node)]  # type: ignore[arg-type]
    return None


def _name(node: ast.AST) -> str:
    """`y` of `y`, of `y[0]` and of nothing else."""
    while isinstance(node, ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) and node.id != "_" else ""


def _is_set(node: ast.Name | ast.AugAssign, name: str) -> bool:
    if isinstance(node, ast.AugAssign):
        return _name(node.target) == name
    return node.id == name and isinstance(node.ctx, ast.Store)


def _called(node: ast.AST) -> str:
    """`q_proj` of `self.q_proj(x)`."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return name
    return ""


def _changed(node: ast.AST) -> str:
    """`y` of `y.mul_(z)`."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if attr.endswith(
            "_"
        ) and not attr.endswith("__"):
            return name
    return ""


@cache
def _source(file: str) -> Source | None:
    """A file as a tree; None where its text is not to be had."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    at: dict[Position, ast.AST] = {}
    calls: dict[tuple[int, int], ast.AST] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr | ast.AugAssign):
            continue
        last, end = node.end_lineno or 0, node.end_col_offset or 0
        at.setdefault((node.lineno, last, node.col_offset, end), node)
        if isinstance(node, ast.Call):
            calls[last, end] = node
    return Source(parents, at, calls)
