"""The backward function of a kind: each line of the forward quoted above those that undo it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from backhand.derive.pairs import CallBack, LoopBack, Pair, Undoing
from backhand.derive.reading import saved_by
from backhand.graph import Each, Step, Value
from backhand.passes.nesting import identifier
from backhand.writers.layout import listed
from backhand.writers.modules.fan_in import FanIn, fan_in, is_made_by_call
from backhand.writers.modules.forward import (
    NO_SLICES,
    Forward,
    Kinds,
    is_inside,
    parameter_of,
    parameters_for,
    paths_of,
    sizes_of_repetition,
)
from backhand.writers.modules.later import may_take_its_place, reads_below
from backhand.writers.modules.lists import pass_lists_on
from backhand.writers.modules.paths import Slices, quoted_path
from backhand.writers.modules.signatures import keywords
from backhand.writers.modules.sizes import with_sizes
from backhand.writers.modules.text import FunctionText, code_of, rendered, targets
from backhand.writers.shared import function


def write_backward(pair: Pair, forward: Forward, kinds: Kinds) -> str:
    """The backward function of a kind that has one."""
    text = FunctionText(kinds.widths, called=forward.called)
    writer = _Writer(pair, kinds, forward.quoted, text, forward.shown, added=fan_in(pair))
    text.shown.update({n: s for n, s in forward.shown.items() if not n.startswith("saved:")})
    for value in pair.kind.parameters:
        text.said[value.name] = parameter_of(value.name, NO_SLICES)
    text.shown.update(_derivatives_called(pair, forward))
    writer.begin()
    last = [v.name for v in (*pair.inputs, *pair.parameters) if v is not None]
    for part, after in zip(pair.body, reads_below(pair.body, last), strict=True):
        writer.write(part, NO_SLICES, after)
    writer.end()
    return _function(pair, forward, kinds, text)


def _derivatives_called(pair: Pair, forward: Forward) -> dict[str, str]:
    """`dx` for the derivative by what is written as `x`, where nothing else is called so."""
    last = [v.name for v in (*pair.inputs, *pair.parameters) if v is not None]
    names = [v.name for v in (*pair.cotangents, *_made(pair.body))]
    taken = {*names, *forward.saved}
    for part, after in zip(pair.body, reads_below(pair.body, last), strict=True):
        if isinstance(part, LoopBack) and len(part.carried) == 1 and _goes_on(part, 0, after):
            (back,) = part.carried
            taken -= {v.name for v in (back.cotangent, back.outside) if v is not None}
            taken -= {back.found.name} if _is_one_name(part, 0) else set()
    found: dict[str, str] = {}
    for name in names:
        written = _derivative_called(name, forward.called)
        if written.isidentifier() and written not in taken:
            found[name] = written
            taken.add(written)
    return found


def _derivative_called(name: str, called: Mapping[str, str]) -> str:
    """`dx` for `dx5`, and `dx_z` for a part of it, where `x5` is written as `x`; else nothing."""
    whole, _, through = name.removeprefix("d").partition("_")
    if name.startswith("d") and name[1:] in called:
        return f"d{called[name[1:]]}"
    return f"d{called[whole]}_{through}" if through and whole in called else ""


def _function(pair: Pair, forward: Forward, kinds: Kinds, text: FunctionText) -> str:
    """The whole function: what it takes, unpacks, computes and returns."""
    own = kinds.signatures[pair.kind.name]
    saved = forward.saved
    unpacked = listed(saved, after=" = saved") if saved else []
    returned = [text.read(v) for v in pair.inputs if v is not None]
    pass_lists_on(text, returned)
    has_parameters = any(v is not None for v in pair.parameters)
    last = listed([*returned, *["dp"] * has_parameters], before="return ")
    if len(returned) + has_parameters == 1:
        last = [f"return {'dp' if has_parameters else returned[0]}"]
    begun = ["dp = {}"] * has_parameters
    cotangents = [text.name(v) for v in pair.cotangents]
    arguments = [
        *cotangents,
        *["p"] * own.reads_parameters_back,
        *["saved"] * bool(saved),
        *own.attributes_back,
    ]
    shapes = (*pair.cotangents, *(v for v in pair.kind.values() if v.name in forward.shown))
    sized = with_sizes(
        shapes, code_of(text.parts), pair.kind, [*begun, *rendered(text.parts), *last], text.shown
    )
    return function(f"{pair.kind.name}_backward", arguments, "", [*unpacked, *sized])


@dataclass
class _Writer:
    pair: Pair
    kinds: Kinds
    quoted: Mapping[str, str]
    text: FunctionText
    saved: Mapping[str, str]
    totals: dict[str, str] = field(default_factory=dict)
    """For each derivative that the function returns in `dp` where it stands there, as text."""
    added: FanIn = field(default_factory=FanIn)
    """Those that calls add up."""
    kept: set[str] = field(default_factory=set)
    """Names that a call's derivatives by parameters cannot get."""
    heading: str = ""
    waiting: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For each derivative without a name what it undoes."""

    def begin(self) -> None:
        """Decide which derivatives by parameters are assigned where they are returned."""
        made = Counter(v.name for part in self.pair.body for v in part.made())
        returned = Counter(v.name for v in self.pair.parameters if v is not None)
        for value, parameter in zip(self.pair.parameters, self.pair.kind.parameters, strict=True):
            if value is not None and made[value.name] and returned[value.name] == 1:
                place = f"dp[{quoted_path(parameter.name, NO_SLICES)}]"
                self.totals[value.name] = self.text.shown[value.name] = place
        self.kept |= {
            identifier(value.name) for value in (*self.pair.kind.values(), *_made(self.pair.body))
        }

    def end(self) -> None:
        """Derivatives by parameters that are also something else."""
        for value, parameter in zip(self.pair.parameters, self.pair.kind.parameters, strict=True):
            if value is not None and value.name not in self.totals:
                place = f"dp[{quoted_path(parameter.name, NO_SLICES)}]"
                self.text.line(f"{place} = {self.text.read(value)}")

    def write(self, part: Undoing, slices: Slices, after: set[str]) -> None:
        if isinstance(part, Step):
            if part.made()[0].name not in self.added.skipped:
                self.step(part)
        elif isinstance(part, CallBack):
            self.quote(part.undoes)
            self.call(part, slices)
        else:
            self.loop(part, after)

    def step(self, step: Step) -> None:
        """A line, below all forward lines that it undoes: a derivative without a name stands in
        the line that reads it."""
        undone = [name for v in step.inputs for name in self.waiting.pop(v.name, ())]
        undone.append(step.undoes)
        if len(step.outputs) == 1 and step.made()[0].is_nameless:
            self.waiting[step.made()[0].name] = tuple(dict.fromkeys(undone))
        else:
            for name in undone:
                self.quote(name)
        self.text.step(step)

    def quote(self, undoes: str) -> None:
        """The forward line above the lines that undo it."""
        line = self.quoted.get(undoes, "")
        if line and line != self.heading:
            self.heading = line
            self.text.heading(line)

    # --- calls -----------------------------------------------------------------------------------

    def call(self, part: CallBack, slices: Slices) -> None:
        """`dx, dp_attn = attention_backward(dy, inside(p, "attn"), saved_attn)`."""
        text, pair = self.text, self.kinds.pairs[part.call.kind]
        results = [text.name(v) if v is not None else "_" for v in part.inputs]
        code = f"{pair.kind.name}_backward({', '.join(self._arguments(part, slices))})"
        shapes = ", ".join(text.widths.text(v.shape) for v in part.inputs if v is not None)
        if any(v is not None for v in pair.parameters):
            if any(v is not None for v in part.parameters):
                self._with_parameters(part, pair, results, code, shapes, slices)
                return
            results.append("_")
        text.line(f"{targets(results)} = {code}", shapes)

    def _arguments(self, part: CallBack, slices: Slices) -> list[str]:
        own, pair = self.kinds.signatures[part.call.kind], self.kinds.pairs[part.call.kind]
        text = self.text
        cotangents = [
            text.read(v) if v.literal is None else f"np.zeros({_shape(v)})" for v in part.cotangents
        ]
        paths = paths_of(self.pair.kind)
        given = (
            [parameters_for(part.call, self.kinds, slices, text, paths)]
            if own.reads_parameters_back
            else []
        )
        saved = [self._saved_name(saved_by(part.call))] if pair.saved else []
        return [*cotangents, *given, *saved, *keywords(part.call.attributes, own.attributes_back)]

    def _saved_name(self, name: str) -> str:
        return self.saved[name]

    def _with_parameters(
        self,
        part: CallBack,
        pair: Pair,
        results: list[str],
        code: str,
        shapes: str,
        slices: Slices,
    ) -> None:
        """The call, and what becomes of its derivatives by parameters."""
        text = self.text
        last = part.call.module.path.rpartition(".")[2].removeprefix("/")
        one = slices.get(last)
        base = one.path.rpartition(".")[2] or "layer" if one else last
        name = self._free(f"dp_{identifier(base)}")
        text.line(f"{', '.join([*results, name])} = {code}", shapes)
        keys = [
            paths[0]
            for paths, v in zip(pair.kind.paths, pair.parameters, strict=True)
            if v is not None
        ]
        path = quoted_path(part.call.module.path, slices)
        places = [self._place(v, slices) for v in part.parameters]
        below = [f"dp[{quoted_path(f'{part.call.module.path}.{key}', slices)}]" for key in keys]
        if not is_inside(part.call, pair.kind, paths_of(self.pair.kind)):
            below = [""] * len(below)
        rows = list(zip(part.parameters, keys, places, below, strict=True))
        elsewhere = [(v, key, at) for v, key, at, here in rows if at != here or not at]
        is_some = len(elsewhere) < len(rows)
        for value, key, at in elsewhere:
            if value is None and not is_some:
                continue
            said = (
                f"{name}.pop({quoted_path(key, {})})"
                if is_some
                else (f"{name}[{quoted_path(key, {})}]")
            )
            if value is None:
                text.line(f"del {name}[{quoted_path(key, {})}]")
            elif value.name in self.added.growing:
                text.line(f"add_to(dp, {{{at[3:-1]}: {said}}})", text.widths.text(value.shape))
            elif at or is_some:
                text.line(f"{at or text.name(value)} = {said}", text.widths.text(value.shape))
            else:
                text.shown[value.name] = said
                self.kept.add(name)
        if is_some:
            grows = self.added.growing & {v.name for v in part.parameters if v is not None}
            text.line(f"add_to(dp, under({path}, {name}))" if grows else
                      f"dp |= under({path}, {name})")  # fmt: skip

    def _place(self, value: Value | None, slices: Slices) -> str:
        """Where in `dp` a derivative is returned, or added to what is there."""
        return self._total(value.name) if value is not None else ""

    def _total(self, name: str) -> str:
        return self.totals.get(name) or self.totals.get(self.added.whole.get(name, name), "")

    def _free(self, name: str) -> str:
        """The name, with a number behind it where it is taken."""
        free, number = name, 1
        while free in self.kept:
            number += 1
            free = f"{name}_{number}"
        return free

    # --- loops -----------------------------------------------------------------------------------

    def loop(self, part: LoopBack, after: set[str]) -> None:
        """`for i in reversed(range(12)):`, each repetition undone."""
        text, loop = self.text, part.loop
        slices = {one.variable: one for one in loop.slices}
        self.heading = ""
        lists = self._parameters(part, slices)
        self._begin(part, lists, after)
        inside = _Writer(self.pair, self.kinds, self.quoted, text.inside(), self.saved)
        inside.totals, inside.added, inside.kept = self.totals, self.added, self.kept
        for each in loop.parameters:
            text.said[each.value.name] = parameter_of(each.value.name, slices)
        if part.saved:
            inside._unpack(part)
        for each in part.given:
            inside.text.line(f"{text.name(each.value)} = {_list(each, text)}[i]")
        for inner in part.body:
            inside.write(inner, slices, set())
        inside.text.parts[:0] = sizes_of_repetition(loop, inside.text)
        inside._end_of_repetition(part, lists)
        text.block(f"for i in reversed(range({loop.times})):", inside.text)
        self._after(part, lists)
        self.heading = ""

    def _parameters(self, part: LoopBack, slices: Slices) -> list[Each]:
        """Let the derivatives by each repetition's parameters be assigned where they are returned;
        those that cannot, because they are not the whole of it, are collected in lists."""
        lists: list[Each] = []
        for each, place in zip(part.parameters, part.by, strict=True):
            values = [v for v in each.outside if v is not None]
            if len(values) == len(each.outside) and all(self._total(v.name) for v in values):
                where = f"dp[{quoted_path(place, slices)}]"
                self.totals[each.value.name] = self.text.shown[each.value.name] = where
            else:
                lists.append(each)
        for one in part.summed:
            place = self._total(one.total.name)
            if place and is_made_by_call(one.part.name, part.body):
                self.added.growing.add(one.part.name)
            if place and one.part.name in self.added.growing:
                self.totals[one.part.name] = place
        return [*lists, *part.taken]

    def _begin(self, part: LoopBack, lists: list[Each], after: set[str]) -> None:
        text = self.text
        for number, back in enumerate(part.carried):
            if _goes_on(part, number, after):
                text.shown[back.cotangent.name] = text.name(back.start)
            else:
                text.line(f"{text.name(back.cotangent)} = {text.read(back.start)}")
            if _is_one_name(part, number):
                text.shown[back.found.name] = text.name(back.cotangent)
        for one in part.summed:
            if one.part.name not in self.added.growing:
                text.line(f"{text.name(one.total)} = 0.0")
        for each in part.given:
            outside = [text.read(v) if v is not None else "0" for v in each.outside]
            text.line(f"{_list(each, text)} = [{', '.join(outside)}]")
        for each in lists:
            text.line(f"{_list(each, text)} = [None] * {part.loop.times}")

    def _unpack(self, part: LoopBack) -> None:
        """`x, saved_mlp = saved_h[i]`; what one call saved is read where it is needed."""
        whole = f"{self._saved_name(saved_by(part.loop))}[i]"
        if len(part.saved) == 1 and part.saved[0].startswith("saved:"):
            self.saved = {**self.saved, part.saved[0]: whole}
            return
        shown = self.text.shown
        names = [
            self._saved_name(name)
            if name.startswith("saved:")
            else shown.get(name, identifier(name))
            for name in part.saved
        ]
        if len(names) > 1:
            self.text.line(f"{', '.join(names)} = {whole}")
        else:
            self.text.line(f"{names[0]} = {whole}")

    def _end_of_repetition(self, part: LoopBack, lists: list[Each]) -> None:
        text = self.text
        for one in part.summed:
            if one.part.name not in self.added.growing:
                total = text.name(one.total)
                reason = "the same in each repetition: its derivatives add"
                text.line(f"{total} = {total} + {text.read(one.part)}", reason=reason)
        for each in lists:
            text.line(f"{_list(each, text)}[i] = {text.read(each.value)}")
        moved = [b for b in part.carried if text.name(b.cotangent) != text.read(b.found)]
        if moved:
            left = ", ".join(text.name(b.cotangent) for b in moved)
            text.line(f"{left} = {', '.join(text.read(b.found) for b in moved)}")

    def _after(self, part: LoopBack, lists: list[Each]) -> None:
        text = self.text
        for back in part.carried:
            if back.outside is not None:
                text.shown[back.outside.name] = text.name(back.cotangent)
        for each in lists:
            names = [text.name(v) if v is not None else "_" for v in each.outside]
            text.line(f"{', '.join(names)} = {_list(each, text)}")


def _made(body: Iterable[Undoing]) -> Iterator[Value]:
    """All derivatives of a backward body, those of its loops too."""
    for part in body:
        yield from part.made()
        if isinstance(part, LoopBack):
            yield from _made(part.body)


def _goes_on(part: LoopBack, number: int, after: set[str]) -> bool:
    """Whether what a loop carries has the name that it had before, for nobody else reads that."""
    start = part.carried[number].start
    times = sum(back.start.name == start.name for back in part.carried)
    return start.literal is None and start.name not in after and times == 1


def _is_one_name(part: LoopBack, number: int) -> bool:
    """Whether what a repetition finds has the name of what it was given."""
    back = part.carried[number]
    is_alone = back.found.literal is None and len(part.carried) == 1
    return is_alone and may_take_its_place(part.body, back.found.name, back.cotangent.name)


def _list(each: Each, text: FunctionText) -> str:
    return f"every_{identifier(each.value.name)}"


def _shape(value: Value) -> str:
    return str(tuple(value.shape)).replace("'", "")
