"""A repetition that was found, written as a loop."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from backhand.graph import (
    Attribute,
    Call,
    Carried,
    Counted,
    Each,
    Loop,
    Module,
    Size,
    Slice,
    Step,
    Value,
)
from backhand.passes.nesting import free_name, without_unused
from backhand.passes.repeats import (
    PLACE,
    Before,
    Body,
    Element,
    Here,
    Repeat,
    Rising,
    Series,
    Source,
)
from backhand.passes.unify import Letters


@dataclass(frozen=True)
class Folder:
    """Makes the loops of one body."""

    body: Body
    last_uses: Mapping[str, int]
    """For each value the last line that uses it; the number of lines if the outside does."""
    letters: frozenset[str]
    """Names of sizes that are taken."""
    arguments: frozenset[str]
    """Numbers that the kind is given, which are the same everywhere in it."""
    taken: set[str]
    """Names of values that are taken."""

    def loop(self, repeat: Repeat) -> Loop:
        """The repetition as a loop."""
        return _Fold(self, repeat, Letters(self.letters)).loop()

    def fresh(self, name: str) -> str:
        found = free_name(name, self.taken)
        self.taken.add(found)
        return found


@dataclass
class _Fold:
    """One loop while it is made; what it reads is noted as its lines are gone through."""

    folder: Folder
    repeat: Repeat
    letters: Letters
    slices: dict[tuple[str, int, int], Slice] = field(default_factory=dict)
    made: dict[tuple[int, int], Value] = field(default_factory=dict)
    """For each result of a line, by line and number, the value in the loop."""
    read: dict[tuple[str, ...], Value] = field(default_factory=dict)
    """For each row of values from outside or before, by name, the value in the loop."""
    carried: list[Carried] = field(default_factory=list)
    invariant: dict[str, Value] = field(default_factory=dict)
    parameters: list[Each] = field(default_factory=list)
    taken: list[Each] = field(default_factory=list)

    def loop(self) -> Loop:
        collected = self._collected()
        read = [tuple(self._operands(line)) for line in range(self.repeat.period)]
        body = [self._line(line, operands) for line, operands in enumerate(read)]
        used = {value.name for part in body for value in part.operands}
        used |= {one.after.name for one in self.carried} | {each.value.name for each in collected}
        return Loop(
            self.repeat.times,
            tuple(self.slices.values()),
            tuple(self.carried),
            tuple(self.invariant.values()),
            tuple(self.parameters),
            tuple(self.taken),
            tuple(without_unused(p, used) if isinstance(p, Call) else p for p in body),
            collected,
            tuple((letter, column) for column, letter in self.letters.made.items()),
        )

    def _row(self, line: int) -> list[Step | Call]:
        """The line in each of the repetitions."""
        repeat = self.repeat
        return list(self.folder.body.parts[repeat.start + line : repeat.stop : repeat.period])

    def _collected(self) -> tuple[Each, ...]:
        """What the lines make, noted, and of it what is needed behind the loop."""
        found = []
        for line in range(self.repeat.period):
            rows = zip(*(part.outputs for part in self._row(line)), strict=True)
            for number, column in enumerate(rows):
                values = [value for value in column if value is not None]
                if not values:
                    continue
                outside = tuple(v if v and self._is_needed(v) else None for v in column)
                value = self.letters.value(values)
                if outside[0] is not None:
                    value = replace(value, name=self.folder.fresh(f"{value.name}_in"))
                self.made[line, number] = value
                if any(outside):
                    found.append(Each(value, outside))
        return tuple(found)

    def _is_needed(self, value: Value) -> bool:
        return self.folder.last_uses.get(value.name, -1) >= self.repeat.stop

    def _operands(self, line: int) -> Iterator[Value]:
        columns = zip(*(part.operands for part in self._row(line)), strict=True)
        for column, source in zip(columns, self.repeat.operands[line], strict=True):
            yield self._operand(column, source)

    def _operand(self, column: tuple[Value, ...], source: Source) -> Value:
        first = column[0]
        if isinstance(source, Here):
            return self.made[source.line, source.output]
        if first.literal is not None or first.name in self.folder.arguments:
            return first
        if not isinstance(source, Before | Series | Element):
            return self.invariant.setdefault(first.name, first)
        names = tuple(value.name for value in column)
        if names not in self.read:
            self.read[names] = self._new(column, source)
        return self.read[names]

    def _new(self, column: tuple[Value, ...], source: Before | Series | Element) -> Value:
        """The loop's own name for what is another value in each repetition."""
        value = self.letters.value(column)
        if isinstance(source, Series):
            path = self._path(source)  # an element of a list of parameters is the variable itself
            value = replace(value, name=self.folder.fresh(path) if source.after else path)
            self.parameters.append(Each(value, column))
            return value
        name = self.folder.fresh(f"{value.name}_in")
        value = replace(value, name=name, role="step", facts=frozenset())
        if isinstance(source, Before):
            after = self.made[source.line, source.output]
            self.carried.append(Carried(value, column[0], after))
        else:
            self.taken.append(Each(value, column))
        return value

    def _path(self, series: Series) -> str:
        """`h.3.attn` as the loop says it: `p.attn`."""
        variable = self._slice(series).variable
        return f"{variable}.{series.after}" if series.after else variable

    def _slice(self, series: Series) -> Slice:
        key = (series.before, series.start, series.step)
        if key not in self.slices:
            last = series.start + (self.repeat.times - 1) * series.step
            name = self.folder.fresh("p")
            self.slices[key] = Slice(name, series.before, series.start, last + 1, series.step)
        return self.slices[key]

    def _line(self, line: int, operands: tuple[Value, ...]) -> Step | Call:
        row = self._row(line)
        part = row[0]
        modules = tuple(map(self._module, part.modules, self.repeat.modules[line]))
        outputs = tuple(self.made.get((line, i)) for i in range(len(part.outputs)))
        if isinstance(part, Step):
            places = [one.place for one in row if isinstance(one, Step)]
            place = part.place if all(one == part.place for one in places) else None
            return replace(
                part,
                inputs=operands,
                outputs=outputs,
                attributes=tuple(self._attributes(part, self.repeat.places[line])),
                modules=modules,
                place=place,
            )
        count = len(part.inputs)
        return replace(
            part,
            inputs=operands[:count],
            parameters=operands[count:],
            outputs=outputs,
            modules=modules,
            sizes=self._sizes([one for one in row if isinstance(one, Call)]),
        )

    def _attributes(self, step: Step, place: Source) -> Iterator[tuple[str, Attribute]]:
        for name, value in step.attributes:
            if name == PLACE and isinstance(place, Rising):
                yield name, Counted(place.start, place.step)
            else:
                yield name, value

    def _sizes(self, calls: list[Call]) -> tuple[tuple[str, Size], ...]:
        columns = zip(*(call.sizes for call in calls), strict=True)
        return tuple(
            (column[0][0], self.letters.size(tuple(size for _, size in column)))
            for column in columns
        )

    def _module(self, module: Module, source: Source) -> Module:
        return replace(module, path=self._path(source)) if isinstance(source, Series) else module
