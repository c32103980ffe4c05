"""The forward function of a kind: its lines, what it returns, and what it saves."""

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from backhand.derive.pairs import Pair
from backhand.derive.reading import saved_by
from backhand.graph import Call, Each, Loop, NestedKind, Statement, Step
from backhand.passes.nesting import identifier
from backhand.writers.demand import names_read
from backhand.writers.layout import Line, listed, tuple_of
from backhand.writers.modules.later import may_take_its_place, reads_below
from backhand.writers.modules.lists import pass_lists_on
from backhand.writers.modules.paths import Slices, quoted_path
from backhand.writers.modules.saved import saved_names
from backhand.writers.modules.signatures import Signature, forward_arguments, keywords, sizes_for
from backhand.writers.modules.sizes import with_sizes
from backhand.writers.modules.text import FunctionText, code_of, rendered, targets
from backhand.writers.modules.widths import Widths
from backhand.writers.shared import function

NO_SLICES: Slices = {}


@dataclass(frozen=True)
class Kinds:
    """What is known of all kinds while one is written."""

    pairs: Mapping[str, Pair]
    signatures: dict[str, Signature]
    widths: Widths


@dataclass(frozen=True)
class Forward:
    """A forward function, and what its backward function must know of it."""

    text: str
    quoted: Mapping[str, str]
    """The line that makes each value, without what is saved."""
    saved: list[str]
    """What is saved, as it is written."""
    shown: Mapping[str, str]
    """The written names of saved values, and of what calls and loops save."""
    called: Mapping[str, str]
    """The names of values whose own name is not the one that is written."""


def write_forward(pair: Pair, kinds: Kinds) -> Forward:
    """The forward function of a kind."""
    writer = _Writer(pair, kinds, FunctionText(kinds.widths), saved_names(pair.kind))
    text = writer.text
    for value in pair.kind.parameters:
        text.said[value.name] = parameter_of(value.name, NO_SLICES)
    last = (*(value.name for value in pair.kind.outputs), *pair.saved)
    below = reads_below(pair.kind.body, last)
    for part, after in zip(pair.kind.body, below, strict=True):
        writer.write(part, NO_SLICES, after)
    outputs = ", ".join(text.read(value) for value in pair.kind.outputs)
    names = [writer.saved_name(name) for name in pair.saved]
    pass_lists_on(text, [outputs, *names])
    returned = _returned(outputs, names) if pair.saved else [f"return {outputs}"]
    lines = [*rendered(text.parts), *returned]
    lines = with_sizes(pair.kind.inputs, [*code_of(text.parts), *names], pair.kind, lines)
    arguments = forward_arguments(pair, kinds.signatures)
    written = function(pair.kind.name, arguments, "", lines)
    # what a loop keeps has its name there, if nothing else that is saved has it
    within = {inner: name for inner, name in text.shown.items() if name not in names}
    saved = {**within, **writer.saved, **dict(zip(pair.saved, names, strict=True))}
    return Forward(written, text.quoted, names, saved, text.shown)


def _returned(outputs: str, names: list[str]) -> list[str]:
    """`return y, (x, h)`; `return y, z, (x, h)`: what is saved is always last."""
    flat = f"return {outputs}, {tuple_of(names)}"
    if len(flat) <= 92:
        return [flat]
    return [*listed(names, before="saved = "), f"return {outputs}, saved"]


def parameter_of(path: str, slices: Slices) -> ast.expr:
    """`p["attn.weight"]`."""
    return ast.parse(f"p[{quoted_path(path, slices)}]", mode="eval").body


@dataclass
class _Writer:
    pair: Pair
    kinds: Kinds
    text: FunctionText
    saved: Mapping[str, str]
    """The written names of what calls and loops save."""

    def write(self, part: Statement, slices: Slices, after: set[str]) -> None:
        if isinstance(part, Step):
            self.text.step(part)
        elif isinstance(part, Call):
            self.call(part, slices)
        else:
            self.loop(part, after)

    def saved_name(self, name: str) -> str:
        """`x`, or `saved_attn` for what a call or a loop saved."""
        name = name.removeprefix("size:")
        return self.saved.get(name) or self.text.shown.get(name, identifier(name))

    def call(self, call: Call, slices: Slices) -> None:
        """`y, saved_y = attention(x, inside(p, "attn"), mask)`."""
        text, pair = self.text, self.kinds.pairs[call.kind]
        made = [text.name(v) if v else "_" for v in call.outputs]
        arguments = call_arguments(call, self.kinds, slices, text, paths_of(self.pair.kind))
        code = f"{call.kind}({', '.join(arguments)})"
        text.quote([v.name for v in call.made()], f"{targets(made)} = {code}")
        names = [*made, self.saved_name(saved_by(call))] if pair.saved else made
        shapes = ", ".join(text.widths.text(v.shape) for v in call.made() if v.shape)
        text.line(f"{', '.join(names)} = {code}", shapes)
        for value in call.made():
            text.ranks[text.name(value)] = len(value.shape)

    def loop(self, loop: Loop, after: set[str]) -> None:
        """`for i in range(12):`, with what goes from one repetition to the next."""
        text = self.text
        slices = {one.variable: one for one in loop.slices}
        saved = self._saved_in(loop)
        self._begin(loop, saved, after)
        inside = _Writer(self.pair, self.kinds, text.inside(), self.saved)
        for each in loop.parameters:
            text.said[each.value.name] = parameter_of(each.value.name, slices)
        for each in loop.taken:
            inside.text.line(f"{text.name(each.value)} = {list_of(each, text)}[i]")
        for part in loop.body:
            inside.write(part, slices, set())
        inside.text.parts[:0] = sizes_of_repetition(loop, inside.text)
        self._end_of_repetition(loop, saved, inside)
        text.block(f"for i in range({loop.times}):", inside.text)
        self._collected(loop)
        code = next((c for c in code_of(inside.text.parts) if "=" in c), "")
        text.quote([v.name for v in loop.made()], f"for i in range({loop.times}): {code}")

    def _saved_in(self, loop: Loop) -> tuple[str, ...]:
        back = next((b for b in self.pair.body if getattr(b, "loop", None) is loop), None)
        return getattr(back, "saved", ())

    def _begin(self, loop: Loop, saved: tuple[str, ...], after: set[str]) -> None:
        text = self.text
        read = after | {v.name for v in loop.invariant} | set(text.said)
        starts = Counter(carried.start.name for carried in loop.carried)
        for carried in loop.carried:
            value, start, last = carried.value, carried.start, carried.after
            if start.literal is None and start.name not in read and starts[start.name] == 1:
                text.shown[value.name] = text.name(start)
            else:
                text.line(f"{text.name(value)} = {text.read(start)}")
            is_alone = value.name not in saved and len(loop.carried) == 1
            if is_alone and may_take_its_place(loop.body, last.name, value.name):
                text.shown[last.name] = text.name(value)
        if saved:
            text.line(f"{self.saved_name(saved_by(loop))} = []")
        for each in loop.taken:
            outside = [text.read(v) for v in each.outside if v is not None]
            text.line(f"{list_of(each, text)} = [{', '.join(outside)}]")
        for each in loop.collected:
            if _is_listed(each):
                text.line(f"{list_of(each, text)} = []")

    def _end_of_repetition(self, loop: Loop, saved: tuple[str, ...], inside: "_Writer") -> None:
        text = inside.text
        if saved:
            names = [self.saved_name(name) for name in saved]
            kept = names[0] if len(names) == 1 else tuple_of(names)
            text.line(f"{self.saved_name(saved_by(loop))}.append({kept})")
        for each in loop.collected:
            if _is_listed(each):
                text.line(f"{list_of(each, text)}.append({text.read(each.value)})")
        moved = [c for c in loop.carried if text.name(c.value) != text.read(c.after)]
        if moved:
            left = ", ".join(text.name(c.value) for c in moved)
            text.line(f"{left} = {', '.join(text.read(c.after) for c in moved)}")

    def _collected(self, loop: Loop) -> None:
        text = self.text
        for each in loop.collected:
            if _is_listed(each):
                names = [text.name(v) if v is not None else "_" for v in each.outside]
                text.line(f"{tuple_text(names)} = {list_of(each, text)}")
            elif (last := each.outside[-1]) is not None:
                text.shown[last.name] = text.name(each.value)


def sizes_of_repetition(loop: Loop, inside: FunctionText) -> list[Line]:
    """`C = (64, 128, 256)[i]` for each size of the loop's own that its lines say."""
    read = names_read(code_of(inside.parts))
    return [
        Line(f"{letter} = ({', '.join(map(str, column))})[i]")
        for letter, column in loop.sizes
        if letter in read
    ]


def _is_listed(each: Each) -> bool:
    """Whether more than the last of what is collected is read."""
    return any(v is not None for v in each.outside[:-1])


def list_of(each: Each, text: FunctionText) -> str:
    """The name of a list with one value for each repetition."""
    return f"every_{text.name(each.value)}"


def tuple_text(names: list[str]) -> str:
    return ", ".join(names) + ("," if len(names) == 1 else "")


Paths = Mapping[str, tuple[str, ...]]
"""The keys of a caller's parameters by their names: several where weights are tied."""


def paths_of(kind: NestedKind) -> Paths:
    """The keys of a kind's parameters by their names."""
    return dict(zip((v.name for v in kind.parameters), kind.paths, strict=True))


def call_arguments(
    call: Call, kinds: Kinds, slices: Slices, text: FunctionText, paths: Paths
) -> list[str]:
    """What stands in the parentheses of a call of a forward function."""
    own = kinds.signatures[call.kind]
    arrays = [text.read(v) for v in call.inputs if v.role != "generator"]
    drawing = ["generator" for v in call.inputs if v.role == "generator"]
    given = [parameters_for(call, kinds, slices, text, paths)] if own.reads_parameters else []
    names = tuple(name for name, _ in call.attributes)
    # what follows an argument by its name must have one, too
    if call.attributes and drawing:
        drawing = ["generator=generator"]
    return [
        *arrays,
        *sizes_for(call, kinds.signatures),
        *given,
        *keywords(call.attributes, names),
        *drawing,
    ]


def parameters_for(
    call: Call, kinds: Kinds, slices: Slices, text: FunctionText, paths: Paths
) -> str:
    """`inside(p, "attn")`; what lies elsewhere is put together by name."""
    kind = kinds.pairs[call.kind].kind
    if is_inside(call, kind, paths):
        return f"inside(p, {quoted_path(call.module.path, slices)})"
    pairs = zip(kind.paths, call.parameters, strict=True)
    items = [f"{quoted_path(below[0], {})}: {text.read(value)}" for below, value in pairs]
    return "{" + ", ".join(items) + "}"


def is_inside(call: Call, kind: NestedKind, paths: Paths) -> bool:
    """Whether the parameters of a call are those of the caller below the module's path."""
    path = call.module.path
    pairs = zip(kind.paths, call.parameters, strict=True)
    return not path.startswith("/") and all(
        f"{path}.{name}" in (value.name, *paths.get(value.name, ()))
        for below, value in pairs
        for name in below[:1]
    )
