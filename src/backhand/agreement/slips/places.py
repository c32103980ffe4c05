"""Where a slip can be: the statements of a written program, and what is known before each."""

import ast
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace

from backhand.agreement.slips.facts import OPEN, PASSES, Facts, facts_of, names_of, shapes_of
from backhand.agreement.slips.reading import is_number, names
from backhand.writers.expressions import text as text_of

LEFT_ALONE = ("dropout_mask", "erf", "data", "initial_weights", "main", "train")
"""They hold the data and the loop, or, as erf and the mask's draw, are nothing a person writes."""

Computing = ast.Assign | ast.AugAssign | ast.Return


@dataclass(frozen=True)
class Names:
    """The names that can be read before a statement.

    `lines` says by which expression a name was made, here or in the passes before, and `sources`
    which arrays that reads; `originals` what an array was first called that was only passed on, as
    in `dkept = dh`; `items` as what part of a parameter a name was unpacked, e.g. `weights[0]`.
    `derivatives` were made by the backward pass; `numbers` are no arrays.
    """

    bound: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    derivatives: frozenset[str] = frozenset()
    lines: Mapping[str, ast.expr] = field(default_factory=dict)
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    originals: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, ast.Subscript] = field(default_factory=dict)

    def original(self, name: str) -> str:
        """What the array of that name was first called."""
        return self.originals.get(name, name)

    def with_bound(self, *made: str) -> "Names":
        """More of them, of which no more is known."""
        return replace(self, bound=self.bound | set(made))

    def with_line(self, name: str, line: ast.expr, facts: Facts) -> "Names":
        """One more, made by this expression."""
        numbers = self.numbers - {name}
        if is_number(line, self.numbers):
            numbers |= {name}
        made = {name} if facts.function == "network_backward" else set()
        original = self.original(line.id) if isinstance(line, ast.Name) else name
        read = tuple(self.original(n) for n in names(line, facts.options))
        return replace(
            self,
            bound=self.bound | {name},
            numbers=numbers,
            derivatives=self.derivatives | made,
            lines={**self.lines, name: line},
            sources={**self.sources, name: read},
            originals={**self.originals, name: original},
        )

    def with_items(self, target: ast.Tuple, source: ast.Name) -> "Names":
        """What stands on the left of `w1, w2 = weights`."""
        parts = {
            name.id: ast.Subscript(source, ast.Constant(i), ast.Load())
            for i, name in enumerate(target.elts)
            if isinstance(name, ast.Name)
        }
        return replace(self.with_bound(*parts), items={**self.items, **parts})


@dataclass(frozen=True)
class Place:
    """A statement that computes something, and what is known before it."""

    statement: Computing
    facts: Facts
    names: Names

    @property
    def line(self) -> str:
        """The statement as a reader may see it, in one line."""
        return text_of(self.statement)  # type: ignore[arg-type]

    @property
    def values(self) -> list[ast.expr]:
        """The expressions it computes: one, or one for each of several results."""
        return computed(self.statement)

    @property
    def value(self) -> str:
        """The name that a pass or the update gives to what it makes; empty where it gives none."""
        is_open = self.facts.function in OPEN
        return next(iter(_targets(self.statement)), "") if is_open else ""


def computed(statement: ast.stmt) -> list[ast.expr]:
    """The expressions that a statement computes; none where it only packs, unpacks or returns."""
    match statement:
        case ast.AugAssign(value=value):
            return [value]
        case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple(elts=elements)):
            return elements
        case ast.Assign(targets=[ast.Tuple()], value=ast.Name()):
            return []
        case ast.Assign(value=value) if not isinstance(value, ast.Tuple | ast.List):
            return [value]
        case ast.Return(value=ast.Tuple(elts=elements)):
            return [e for e in elements if not isinstance(e, ast.Name | ast.Tuple | ast.Constant)]
        case ast.Return(value=value) if value and not isinstance(value, ast.Name | ast.Constant):
            return [value]
    return []


def _targets(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.Assign(targets=[target]) | ast.AugAssign(target=target):
            return [n.id for n in ast.walk(target) if isinstance(n, ast.Name) and n.id != "_"]
    return []


def places(text: str) -> Iterator[Place]:
    """Every place of a program, in order."""
    tree = ast.parse(text)
    functions = [
        f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name not in LEFT_ALONE
    ]
    shapes = shapes_of(text, functions)
    passed = Names()
    for function in functions:
        is_pass = function.name in PASSES
        facts = facts_of(function, functions, shapes)
        arguments = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
        before = passed if is_pass else Names()
        known = replace(before, bound=frozenset(arguments), numbers=facts.numbers)
        known = yield from _within(function.body, facts, known)
        passed = known if is_pass else passed


def _within(body: list[ast.stmt], facts: Facts, known: Names) -> Generator[Place, None, Names]:
    """The places in some statements; what is known after them is returned."""
    for statement in body:
        if isinstance(statement, ast.For):
            known = known.with_bound(*names_of(statement.target))
        for block in ("body", "orelse"):
            known = yield from _within(getattr(statement, block, []), facts, known)
        if isinstance(statement, Computing) and computed(statement):
            yield Place(statement, facts, known)
        known = _after(statement, facts, known)
    return known


def _after(statement: ast.stmt, facts: Facts, known: Names) -> Names:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return known.with_line(name, value, facts)
        case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
            return known.with_line(name, ast.BinOp(target, op, value), facts)
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            for made, value in zip(targets, values, strict=False):
                if isinstance(made, ast.Name):
                    known = known.with_line(made.id, value, facts)
            return known
        case ast.Assign(targets=[ast.Tuple() as target], value=ast.Name() as source):
            return known.with_items(target, source)
    return known.with_bound(*_targets(statement))
