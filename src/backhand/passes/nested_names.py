"""Names for a nested network: each function's values get names that its lines can be read by.

A name is what the source calls the value, else what its operator's results are called, or the
module that made it. A value that is read once, by a line that has room for it, and that no
derivative reads, stays nameless: it is `%` and the name it would have had.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from backhand.graph import (
    Call,
    Carried,
    Each,
    Loop,
    Nested,
    NestedKind,
    Statement,
    Step,
    Value,
    check,
)
from backhand.passes.attention_names import attention_names
from backhand.passes.nesting import identifier
from backhand.passes.nouns import PLAIN, REARRANGING, noun_of, stored_names
from backhand.passes.reserved import COMMAND_NAMES, MODULE_NAMES, is_operator
from backhand.rules.operations import operation
from backhand.rules.register import Rule, rule

DEEPEST = 2
"""How many operators without a name may stand within one another on a line."""

OWN_NAMES = frozenset({"p", "dp", "saved", "i", "inside", "under", "generator", "B", "T"})
"""What the functions of a module's program call things of their own."""


Scoped = Mapping[str, tuple[str, bool]]
"""By the class of a module, or empty for the network itself: a name, and whether it is one that
the source assigns to."""

LOOPED = re.compile(r"_in\d*(_\d+)?$")
"""What a loop puts behind the name of a value that it has under another name outside."""


def named(network: Nested, wishes: Mapping[str, Scoped]) -> Nested:
    """The network with new names for all values.

    Args:
        network: with calls and loops, its names those of a flat network.
        wishes: what the source calls each value, by the value's name in the flat network.
    """
    functions = frozenset(kind.name for kind in network.functions)
    functions |= {f"{name}_backward" for name in functions}
    functions |= {width.letter for width in network.widths}
    kinds = {kind.name: kind for kind in network.functions}
    new = tuple(_named(kind, wishes, functions, kinds) for kind in network.functions)
    forward = _named(network.forward, wishes, functions, kinds)
    return check(replace(network, forward=forward, functions=new))


def _named(
    kind: NestedKind,
    wishes: Mapping[str, Scoped],
    functions: frozenset[str],
    kinds: Mapping[str, NestedKind],
) -> NestedKind:
    taken = set(functions | OWN_NAMES | MODULE_NAMES | set(kind.attributes))
    names = _Names(kind, kinds, wishes, taken, _nameless(kind))
    for value, paths in zip(kind.parameters, kind.paths, strict=True):
        names.new[value.name] = paths[0] if paths else value.name
        taken |= {names.new[value.name], identifier(names.new[value.name])}
    for value in kind.inputs:
        wish = names.wish(value, value.name) if kind.class_name else value.name
        names.give(value, wish, "x")
    # what the source names has the first choice, then what is read by name
    for part in kind.body:
        if not isinstance(part, Loop):
            _name(part, names, is_given=True)
    for names.waits in (True, False):
        for part in kind.body:
            _name(part, names)
    return _renamed(kind, names.value)


@dataclass
class _Names:
    """The new names of one function's values."""

    kind: NestedKind
    kinds: Mapping[str, NestedKind]
    """Those that have functions of their own."""
    wishes: Mapping[str, Scoped]
    taken: set[str]
    nameless: frozenset[str]
    new: dict[str, str] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    """The new names without the numbers behind them."""
    waits: bool = True
    """Whether what stays nameless gets its name later."""

    def __post_init__(self) -> None:
        kind = self.kind
        self.classes = {other.class_name for other in self.kinds.values()}
        self.told = {v.name for v in (*kind.inputs, *kind.outputs) if not kind.class_name}
        """What the program's command knows by name."""
        keys = {v.name: of[0] for v, of in zip(kind.parameters, kind.paths, strict=True) if of}
        loops = (part for part in kind.body if isinstance(part, Loop))
        self.variables = {one.variable for loop in loops for one in loop.slices}
        self.roles: dict[str, str] = {}
        self.makers: dict[str, Step] = {}
        for body in _bodies(kind):
            self.roles |= {**attention_names(body), **stored_names(body, keys)}
            self.makers |= {v.name: s for s in body if isinstance(s, Step) for v in s.made()}

    def give(self, value: Value, wish: str, otherwise: str) -> None:
        """A name that is free, and its derivative's too."""
        if value.literal is not None or value.name in self.new:
            return
        if self.waits and value.name in self.nameless:
            return
        if value.role == "generator":
            self.new[value.name] = value.name
            return
        base = identifier(wish) if not wish.startswith("%") else otherwise
        base = base if base.isidentifier() and not is_operator(base) else otherwise
        name, number = base, 1
        between = "_" if base[-1].isdigit() else ""
        clashes = COMMAND_NAMES if value.name in self.told else frozenset()
        while name in clashes or not self._is_free(name):
            number += 1
            name = f"{base}{between}{number}"
        self.taken.add(name)
        self.bases[value.name] = base
        self.new[value.name] = f"%{name}" if value.name in self.nameless else name

    def wish(self, value: Value, otherwise: str, noun: str = PLAIN) -> str:
        """What the source calls a value in this function, or in one that is no function: there `x`
        says less than what an operator's results are called."""
        scoped = self.wishes.get(value.name) or self.wishes.get(LOOPED.sub("", value.name), {})
        if self.kind.class_name in scoped:
            return scoped[self.kind.class_name][0]
        within = (of for scope, of in scoped.items() if scope and scope not in self.classes)
        found = next((name for name, is_given in within if is_given), otherwise)
        return otherwise if found == "x" and noun != PLAIN else found

    def noun(self, part: Step | Call, value: Value) -> str:
        """What a result is called whose source has no name for it: after what it is within an
        operator of several steps, what is done with it, what it is a rearrangement of, what made
        it."""
        name, is_given = self.wishes.get(value.name, {}).get("", ("", True))
        within = "" if is_given or is_operator(name) else name
        role = self.roles.get(value.name, "")
        return (
            within or role or self._base(value) or noun_of(part, value, self.kinds, self.variables)
        )

    def _base(self, value: Value) -> str:
        """What the array is called that a value is a rearrangement of; empty if it is none."""
        maker = self.makers.get(value.name)
        while maker is not None and maker.function in REARRANGING:
            value = maker.inputs[0]
            if value.name in self.bases:
                return self.bases[value.name]
            maker = self.makers.get(value.name)
        return ""

    def _is_free(self, name: str) -> bool:
        around = {name, f"d{name}", f"saved_{name}", name.removeprefix("d") or name}
        return not (around & self.taken or is_operator(name))

    def value(self, old: Value) -> Value:
        return replace(old, name=self.new.get(old.name, old.name))


def _name(part: Statement, names: _Names, *, is_given: bool = False) -> None:
    """Names for what a statement makes; only for what the source names, if so asked."""
    if isinstance(part, Loop):
        _name_loop(part, names)
        return
    for value in part.made():
        noun = names.noun(part, value)
        otherwise = names.roles.get(value.name, value.name)
        wish = names.wish(value, otherwise, noun)
        if not is_given or wish != otherwise or value.name in names.told:
            names.give(value, wish, noun)


def _name_loop(loop: Loop, names: _Names) -> None:
    for carried in loop.carried:
        start = names.bases.get(carried.start.name, "x")
        wish = names.wish(carried.after, start)
        names.give(carried.value, wish, start)
        names.give(carried.after, wish, start)
    for each in loop.taken:
        names.give(each.value, names.wish(each.value, each.value.name), "x")
    for each in loop.parameters:
        names.new[each.value.name] = each.value.name
    for part in loop.body:
        _name(part, names)
    for each in loop.collected:
        base = names.new[each.value.name].removeprefix("%")
        for value in each.outside:
            if value is not None:
                names.give(value, names.wish(value, value.name), base)


def renamed_functions(network: Nested, behind: str) -> Nested:
    """The network with something behind the name of each function."""

    def part(old: Statement) -> Statement:
        if isinstance(old, Call):
            return replace(old, kind=old.kind + behind)
        if isinstance(old, Loop):
            return replace(old, body=tuple(map(part, old.body)))  # type: ignore[arg-type]
        return old

    def kind(old: NestedKind) -> NestedKind:
        return replace(old, name=old.name + behind, body=tuple(map(part, old.body)))

    functions = tuple(map(kind, network.functions))
    return check(replace(network, forward=kind(network.forward), functions=functions))


# --- what may stay without a name ----------------------------------------------------------------


def _nameless(kind: NestedKind) -> frozenset[str]:
    """Values that are read once, within one line that has room for them."""
    keep = {value.name for value in kind.outputs}
    loops = (part for part in kind.body if isinstance(part, Loop))
    keep |= {value.name for loop in loops for value in _at_the_border(loop)}
    found: set[str] = set()
    for body in _bodies(kind):
        found |= _nameless_in(body, keep)
    return frozenset(found)


def _bodies(kind: NestedKind) -> Iterator[tuple[Statement, ...]]:
    yield kind.body
    for part in kind.body:
        if isinstance(part, Loop):
            yield part.body


def _nameless_in(body: tuple[Statement, ...], keep: set[str]) -> set[str]:
    uses = Counter(value.name for part in body for value in part.operands)
    keep = keep | _kept(body)
    depths: dict[str, int] = {}
    for part in body:
        if not isinstance(part, Step) or len(part.outputs) != 1:
            continue
        depth = 1 + sum(depths.get(value.name, 0) for value in part.inputs)
        value = part.output
        if value.name not in keep and uses[value.name] == 1 and depth <= DEEPEST:
            depths[value.name] = depth
    return set(depths)


def _kept(body: tuple[Statement, ...]) -> set[str]:
    """What needs its name: what derivatives read, what is drawn, what goes into a call or a loop,
    and what the line that reads it would have to say twice."""
    kept: set[str] = set()
    for part in body:
        if not isinstance(part, Step):
            kept |= {value.name for value in part.operands}
            continue
        known = rule(part.function)
        if part.function == "dropout_mask":
            kept.add(part.output.name)
        kept |= set(_said_twice(part))
        if known.backward is None:
            continue
        asked = _asked(part, known)
        if not known.backward.expressions or known.outputs[0] in asked:
            kept |= {value.name for value in part.made()}
        for parameter, value in _named_inputs(part):
            if parameter in asked:
                kept.add(value.name)
    return kept


def _asked(step: Step, known: Rule) -> set[str]:
    """What the derivatives of a step read by name; by a literal there is none."""
    backward = known.backward
    assert backward is not None
    if len(backward.expressions) != len(known.wrt):
        return {*backward.parameters, *backward.attributes}
    literals = {name for name, value in _named_inputs(step) if value.literal is not None}
    pairs = zip(known.wrt, backward.expressions, strict=True)
    return {name for by, given in pairs if by not in literals for name in _said(given)}


def _at_the_border(loop: Loop) -> Iterator[Value]:
    for carried in loop.carried:
        yield from (carried.value, carried.after)
    yield from (each.value for each in (*loop.taken, *loop.collected))


def _named_inputs(step: Step) -> Iterator[tuple[str, Value]]:
    forward = rule(step.function).forward
    parameters = forward.parameters
    for number, value in enumerate(step.inputs):
        yield parameters[min(number, len(parameters) - 1)], value


def _said_twice(step: Step) -> Iterator[str]:
    """Inputs that the expression of a step reads more than once."""
    op = operation(step.function)
    if len(op.expressions) != 1:
        return
    times = _said(op.expressions[0])
    yield from (value.name for parameter, value in _named_inputs(step) if times[parameter] > 1)


def _said(expression: ast.expr) -> Counter[str]:
    """How often an expression says each name."""
    return Counter(node.id for node in ast.walk(expression) if isinstance(node, ast.Name))


# --- renaming ------------------------------------------------------------------------------------

Rename = Callable[[Value], Value]


def _renamed(kind: NestedKind, new: Rename) -> NestedKind:
    return replace(
        kind,
        inputs=tuple(map(new, kind.inputs)),
        parameters=tuple(map(new, kind.parameters)),
        outputs=tuple(map(new, kind.outputs)),
        body=tuple(_part(part, new) for part in kind.body),
    )


def _part(part: Statement, new: Rename) -> Statement:
    if isinstance(part, Loop):
        return _loop(part, new)
    outputs = _optional(part.outputs, new)
    inputs = tuple(map(new, part.inputs))
    if isinstance(part, Step):
        return replace(part, inputs=inputs, outputs=outputs)
    parameters = tuple(map(new, part.parameters))
    return replace(part, inputs=inputs, parameters=parameters, outputs=outputs)


def _loop(loop: Loop, new: Rename) -> Loop:
    body = tuple(_part(part, new) for part in loop.body)
    assert all(not isinstance(part, Loop) for part in body)
    return replace(
        loop,
        carried=tuple(Carried(new(c.value), new(c.start), new(c.after)) for c in loop.carried),
        invariant=tuple(map(new, loop.invariant)),
        parameters=_each(loop.parameters, new),
        taken=_each(loop.taken, new),
        body=body,  # type: ignore[arg-type]
        collected=_each(loop.collected, new),
    )


def _each(all_of_them: Iterable[Each], new: Rename) -> tuple[Each, ...]:
    return tuple(Each(new(each.value), _optional(each.outside, new)) for each in all_of_them)


def _optional(values: Iterable[Value | None], new: Rename) -> tuple[Value | None, ...]:
    return tuple(value and new(value) for value in values)
