"""The written NumPy program as functions that a mistake can change, one statement at a time."""

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from backhand.experiment import Experiment
from backhand.graph import Step
from backhand.writers import numpy_program, shared

KEPT_TEXTS = 1 << 14
LINEAR = frozenset(("matmul", "affine", "linear", "add", "sub"))
"""The operators by which weights make sums, before an activation."""
HOOKS = """
def given_data({data}):
    return {returned}

def given_weights(weights):
    return weights

def given_outputs(outputs):
    return outputs
"""
"""Functions that do nothing, where mistakes with data and initial weights and outputs go in."""


@dataclass(frozen=True)
class Listing:
    """The program of an experiment, function by function.

    `functions` holds the syntax tree of each. A change makes another listing, which shares the
    trees that it does not touch, so that changes can be made on top of changes.
    """

    experiment: Experiment
    functions: Mapping[str, ast.FunctionDef]

    def has(self, function: str) -> bool:
        """Whether the program has a function of that name."""
        return function in self.functions

    def statements(self, function: str) -> Iterator[ast.stmt]:
        """Every statement of a function, inner ones too, in order."""
        if function in self.functions:
            yield from _within(self.functions[function].body)

    def changed(self, function: str, old: ast.stmt, new: str) -> "Listing":
        """The listing with the lines `new` in place of one statement; no lines take it out."""
        tree = copy.copy(self.functions[function])
        tree.body = _put(tree.body, old, ast.parse(new or "pass").body)
        return self.with_function(function, tree)

    def with_lines(self, function: str, lines: str) -> "Listing":
        """The listing with another body of a function."""
        tree = copy.copy(self.functions[function])
        tree.body = ast.parse(lines).body
        return self.with_function(function, tree)

    def inserted(self, function: str, place: int, lines: str) -> "Listing":
        """The listing with lines more in a function; the trees of its other lines stay."""
        tree = copy.copy(self.functions[function])
        tree.body = [*tree.body[:place], *ast.parse(lines).body, *tree.body[place:]]
        return self.with_function(function, tree)

    def with_function(self, name: str, tree: ast.FunctionDef) -> "Listing":
        """The listing with another function of that name."""
        return replace(self, functions={**self.functions, name: tree})

    @cached_property
    def forward(self) -> tuple[Step, ...]:
        """The network's forward steps."""
        return self.experiment.network.forward.body

    @cached_property
    def made(self) -> Mapping[str, Step]:
        """By the name of a value, the forward or loss step that makes it."""
        return {step.output.name: step for step in self.experiment.network.steps}

    @cached_property
    def reused(self) -> bool:
        """Whether a weight is used in several steps of the forward pass."""
        used = [v.name for step in self.forward for v in step.inputs if v.name in self.parameters]
        return len(used) > len(set(used))

    def nearest(self, name: str) -> frozenset[str]:
        """The weights that a value is made of, up to the next activations."""
        if name in self.parameters:
            return frozenset((name,))
        step = self.made.get(name)
        ends = [] if step is None else [v.name for v in step.inputs]
        found: set[str] = set()
        while ends:
            one = ends.pop()
            before = self.made.get(one)
            if one in self.parameters:
                found.add(one)
            elif before is not None and before.function in LINEAR:
                ends += [v.name for v in before.inputs]
        return frozenset(found)

    @cached_property
    def masks(self) -> tuple[str, ...]:
        """The names of dropout's masks."""
        return tuple(s.output.name for s in self.forward if s.function == "dropout_mask")

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the weights."""
        return tuple(v.name for v in self.experiment.network.forward.parameters)


def listing_of(experiment: Experiment) -> Listing:
    """The experiment's written program, with the hooks."""
    text = numpy_program.write(experiment).text
    data = ", ".join(shared.data_names(experiment))
    # the generator is the scene's: it gives the masks that were drawn elsewhere
    text = text.replace("generator = np.random.RandomState(seed)", "generator = DRAWS")
    text += HOOKS.format(data=data, returned=data + ",")
    return Listing(experiment, functions_of(text))


def together(base: Listing, changed: Sequence[Listing]) -> Listing | None:
    """Several changes of one listing in one; None where they change the same lines, or where what
    they leave alone is no longer the same tree."""
    if any(one.functions.keys() != base.functions.keys() for one in changed):
        return None
    functions = dict(base.functions)
    for name, tree in base.functions.items():
        others = [one.functions[name] for one in changed if one.functions[name] is not tree]
        body = _merged(tree.body, [other.body for other in others])
        if body is None:
            return None
        if others:
            functions[name] = copy.copy(tree)
            functions[name].body = body
    return replace(base, functions=functions)


def _merged(old: list[ast.stmt], others: Sequence[list[ast.stmt]]) -> list[ast.stmt] | None:
    """A block with the changes of all the others; what several put in one place is put there
    once."""
    into: dict[int, dict[str, ast.stmt]] = {}
    instead: dict[int, list[ast.stmt]] = {}
    places = {id(statement): i for i, statement in enumerate(old)}
    for new in others:
        kept = [places[id(s)] for s in new if id(s) in places]
        if not kept:
            return None
        gone = [i for i in range(len(old)) if i not in set(kept)]
        lines = _between(new, places)
        for i in gone:
            if i in instead:
                return None
            instead[i] = lines.pop(i, [])
        for i, put in lines.items():
            into.setdefault(i, {}).update({text_of(s): s for s in put})
    body: list[ast.stmt] = []
    for i, statement in enumerate(old):
        body += [*into.get(i, {}).values(), *instead.get(i, [statement])]
    return [*body, *into.get(len(old), {}).values()]


def _between(new: list[ast.stmt], places: Mapping[int, int]) -> dict[int, list[ast.stmt]]:
    """The lines of a block that are not of the old one, by the place behind the old line before."""
    found: dict[int, list[ast.stmt]] = {}
    place = 0
    for statement in new:
        if id(statement) in places:
            place = places[id(statement)] + 1
        else:
            found.setdefault(place, []).append(statement)
    return found


text_of = lru_cache(KEPT_TEXTS)(ast.unparse)
"""The text of a node; most are asked for again and again, as changed programs share them."""


def functions_of(text: str) -> dict[str, ast.FunctionDef]:
    """The functions of a program's text."""
    return {n.name: n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)}


def _within(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        for block in ("body", "orelse"):
            yield from _within(getattr(statement, block, []))


def _put(body: list[ast.stmt], old: ast.stmt, new: list[ast.stmt]) -> list[ast.stmt]:
    """A block with other statements in place of one; what does not hold it is shared."""
    found: list[ast.stmt] = []
    for statement in body:
        if statement is old:
            found += new
            continue
        for block in ("body", "orelse"):
            inner = getattr(statement, block, [])
            if any(one is old for one in _within(inner)):
                statement = copy.copy(statement)
                setattr(statement, block, _put(inner, old, new))
        found.append(statement)
    return found


def in_two_terms(listing: Listing) -> Listing:
    """The derivative of a binary cross-entropy as the sum of its two terms, as it is taught:
    `-(y / p - (1 - y) / (1 - p))` for `(p - y) / (p * (1 - p))`."""
    for statement in listing.statements("network_backward"):
        for node in ast.walk(statement):
            match node:
                case ast.BinOp(
                    left=ast.BinOp(left=p, op=ast.Sub(), right=y),
                    op=ast.Div(),
                    right=ast.Call(func=ast.Attribute(attr="maximum"), args=[variance, _]),
                ) if text_of(variance) == f"{text_of(p)} * (1 - {text_of(p)})":
                    said = {"p": text_of(p), "y": text_of(y)}
                    terms = "-({y} / {p} - (1 - {y}) / (1 - {p}))".format(**said)
                    new = swapped(statement, node, ast.parse(terms, mode="eval").body)
                    return listing.changed("network_backward", statement, new)
    return listing


def swapped(tree: ast.stmt, old: ast.AST, new: ast.AST) -> str:
    """The text of a statement with one node replaced."""
    return ast.unparse(_replaced(tree, lambda node: new if node is old else None))


def renamed(tree: ast.stmt, names: Mapping[str, str]) -> str:
    """The text of a statement with names replaced by expressions."""

    def other(node: ast.AST) -> ast.AST | None:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
            return ast.parse(names[node.id], mode="eval").body
        return None

    return ast.unparse(_replaced(tree, other))


def _replaced(tree: ast.AST, other: Callable[[ast.AST], ast.AST | None]) -> ast.AST:
    """A tree with nodes replaced; what holds none of them is shared, not copied."""
    new = other(tree)
    if new is not None:
        return new
    changed: dict[str, object] = {}
    for field, value in ast.iter_fields(tree):
        if isinstance(value, ast.AST):
            inner: object = _replaced(value, other)
            is_same = inner is value
        elif isinstance(value, list):
            parts = [_replaced(v, other) if isinstance(v, ast.AST) else v for v in value]
            is_same = all(a is b for a, b in zip(parts, value, strict=True))
            inner = parts
        else:
            continue
        if not is_same:
            changed[field] = inner
    if not changed:
        return tree
    found = copy.copy(tree)
    for field, inner in changed.items():
        setattr(found, field, inner)
    return found
