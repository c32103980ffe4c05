"""Where a body repeats itself, and how each repetition follows from the one before."""

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from backhand.graph import Call, Step, Value
from backhand.passes.signature import looks

LONGEST_PERIOD = 128
"""Lines of one repetition, at most: it bounds the time that the search takes."""

PLACE = "index"
"""The attribute that may go up with the repetitions: a place along an axis, on which no shape
depends."""

FEWEST_AGAIN = 3
"""Times that the same plain lines must run on their own results to be a loop: two are as short."""


@dataclass(frozen=True)
class Here:
    """Made in the same repetition: result `output` of line `line`."""

    line: int
    output: int


@dataclass(frozen=True)
class Before:
    """Made in the repetition before; the first repetition has something from outside instead."""

    line: int
    output: int


@dataclass(frozen=True)
class Same:
    """The same in every repetition."""


@dataclass(frozen=True)
class Series:
    """A path with one number that goes up: `before.(start + repetition * step).after`."""

    before: str
    start: int
    step: int
    after: str


@dataclass(frozen=True)
class Rising:
    """A whole number that goes up evenly: `start + repetition * step`."""

    start: int
    step: int


@dataclass(frozen=True)
class Element:
    """One of several values that one line makes or an earlier loop collected: number
    `start + repetition * step`."""

    maker: Hashable
    start: int
    step: int


Source = Here | Before | Same | Series | Element | Rising
Sources = frozenset[Source]
"""All that a place of a repetition may be: what is tied has several paths."""


@dataclass(frozen=True)
class Body:
    """The lines of a body, with what the search asks again and again."""

    parts: tuple[Step | Call, ...]
    marks: tuple[int, ...]
    """Equal for lines of which one may repeat the other."""
    places: Mapping[int, tuple[int, ...]]
    """For each mark the lines that have it."""
    makers: Mapping[str, tuple[int, int]]
    """For each value the line that makes it, and the number of the result there."""
    paths: Mapping[str, tuple[str, ...]]
    worthy: tuple[int, ...]
    """For each line how many lines up to there may make a loop worth it: calls, and layers."""
    elements: dict[str, tuple[Hashable, int]]
    """For each of several values that a line makes the number of the line, for each that a loop
    collects the loop's value; and which of them it is."""


@dataclass(frozen=True)
class Repeat:
    """Lines of which `times` repetitions stand one after the other.

    `operands[line]` says of each operand of a line where it comes from, and `modules[line]` how
    each path of the modules in which it stands goes on.
    """

    start: int
    period: int
    times: int
    operands: tuple[tuple[Source, ...], ...]
    modules: tuple[tuple[Source, ...], ...]
    places: tuple[Source, ...]
    """For each line its `PLACE`, if it has one."""

    @property
    def length(self) -> int:
        return self.period * self.times

    @property
    def stop(self) -> int:
        return self.start + self.length

    def cost(self) -> tuple[int, int]:
        """How much the loop must say beside its lines: the less, the better it begins."""
        sources = {source for line in (*self.operands, *self.modules) for source in line}
        slices = {(s.before, s.start, s.step) for s in sources if isinstance(s, Series)}
        return len(slices), sum(isinstance(source, Before) for source in sources)


def body_of(
    parts: tuple[Step | Call, ...],
    paths: Mapping[str, tuple[str, ...]],
) -> Body:
    """The body with its lines marked."""
    known: dict[Hashable, int] = {}
    marks = tuple(known.setdefault(_mark(part), len(known)) for part in parts)
    places: dict[int, list[int]] = {}
    for index, mark in enumerate(marks):
        places.setdefault(mark, []).append(index)
    makers = {
        value.name: (index, number)
        for index, part in enumerate(parts)
        for number, value in enumerate(part.outputs)
        if value is not None
    }
    worthy = accumulate(
        isinstance(part, Call) or any(value.name in paths for value in part.operands)
        for part in parts
    )
    lines = {mark: tuple(found) for mark, found in places.items()}
    elements: dict[str, tuple[Hashable, int]] = {
        value.name: (index, number)
        for index, part in enumerate(parts)
        if isinstance(part, Step) and len(part.outputs) >= FEWEST_AGAIN and all(part.outputs)
        for number, value in enumerate(part.made())
    }
    return Body(parts, marks, lines, makers, paths, (0, *worthy), elements)


def _mark(part: Step | Call) -> Hashable:
    read = tuple((looks(value), repr(value.literal)) for value in part.operands)
    made = tuple(value and (looks(value), value.facts) for value in part.outputs)
    name = ("call", part.kind) if isinstance(part, Call) else ("step", part.function)
    classes = tuple(module.class_name for module in part.modules)
    attributes = [("#" if _is_place(name, value) else value) for name, value in part.attributes]
    return (name, repr(attributes), read, made, classes)


def _is_place(name: str, value: object) -> bool:
    return name == PLACE and isinstance(value, int)


def place_of(part: Step | Call) -> int | None:
    """The place along an axis that a step reads, if it reads one."""
    found = dict(part.attributes).get(PLACE) if isinstance(part, Step) else None
    return found if isinstance(found, int) else None


def longest(body: Body, start: int) -> Repeat | None:
    """The repetition that begins at a line and covers most; if it could as well begin somewhat
    later, then where it is said most shortly. None if there is none worth a loop."""
    best: Repeat | None = None
    seen: list[Repeat] = []
    for period in _periods(body, start):
        if any(period % one.period == 0 and period <= one.length for one in seen):
            continue  # several repetitions as one cover no more
        found = _repeat(body, start, period)
        if found is None:
            continue
        seen.append(found)
        if _is_worth_it(body, found) and (best is None or found.length > best.length):
            best = found
    if best is None:
        return None
    later = (_repeat(body, start + shift, best.period) for shift in range(1, best.period))
    as_long = [found for found in later if found and found.length >= best.length]
    return min([best, *as_long], key=Repeat.cost)


def _periods(body: Body, start: int) -> Iterator[int]:
    lines = body.places[body.marks[start]]
    for index in lines[bisect_right(lines, start) :]:
        if index > start + LONGEST_PERIOD:
            return
        if body.worthy[index] > body.worthy[start]:
            yield index - start


def _is_worth_it(body: Body, repeat: Repeat) -> bool:
    """Calls are, but for queries, keys and values that one line makes and that go the same way;
    plain lines if the loop is shorter, and they are layers of a list, or the same layers again and
    again, each time on what came out before."""
    sources = {source for line in repeat.operands for source in line}
    kinds = {type(source) for source in sources}
    is_of_one_line = any(isinstance(s, Element) and isinstance(s.maker, int) for s in sources)
    if is_of_one_line and Before not in kinds:
        return False
    if _has_call(body, repeat.start, repeat.period):
        return True
    is_loop = Series in kinds or (Before in kinds and repeat.times >= FEWEST_AGAIN)
    return is_loop and 1 + repeat.period < repeat.length


def _has_call(body: Body, start: int, period: int) -> bool:
    return any(isinstance(part, Call) for part in body.parts[start : start + period])


def _repeat(body: Body, start: int, period: int) -> Repeat | None:
    """As many repetitions of that length as there are, if there are two."""
    sources: list[Sources] | None = None
    times = 1
    while start + (times + 1) * period <= len(body.parts):
        found = _narrowed(body, start, period, times, sources)
        if found is None:
            break
        sources, times = found, times + 1
    if sources is None:
        return None
    chosen = iter([min(choice, key=repr) for choice in sources])
    operands, modules, places = [], [], []
    for part in body.parts[start : start + period]:
        operands.append(tuple(next(chosen) for _ in part.operands))
        modules.append(tuple(next(chosen) for _ in part.modules))
        places.append(next(chosen))
    return Repeat(start, period, times, tuple(operands), tuple(modules), tuple(places))


def _narrowed(
    body: Body, start: int, period: int, repetition: int, sources: list[Sources] | None
) -> list[Sources] | None:
    """What the places may be once this repetition is seen too; None if one can be nothing."""
    found: list[Sources] = []
    for line in range(period):
        first, later = start + line, start + repetition * period + line
        if body.marks[first] != body.marks[later]:
            return None
        for seen in _line_sources(body, start, period, repetition, line):
            left = seen if sources is None else seen & sources[len(found)]
            if not left:
                return None
            found.append(left)
    return found


def _line_sources(
    body: Body, start: int, period: int, repetition: int, line: int
) -> Iterator[Sources]:
    """What each operand of a line may be, and then each of its modules' paths."""
    begin = start + repetition * period
    first, later = body.parts[start + line], body.parts[begin + line]
    for one, other in zip(first.operands, later.operands, strict=True):
        if one.literal is not None:
            yield frozenset({Same()})
            continue
        made_first, made_later = body.makers.get(one.name), body.makers.get(other.name)
        if made_first and made_first[0] >= start:
            is_here = made_later == (made_first[0] + repetition * period, made_first[1])
            here = Here(made_first[0] - start, made_first[1])
            yield frozenset({here} if is_here else ())
        elif made_later and begin - period <= made_later[0] < begin:
            yield frozenset({Before(made_later[0] - begin + period, made_later[1])})
        else:
            yield _from_outside(body, one, other, repetition)
    for module, again in zip(first.modules, later.modules, strict=True):
        yield frozenset(_series(module.path, again.path, repetition))
    yield _rising(place_of(first), place_of(later), repetition)


def _rising(first: int | None, later: int | None, repetition: int) -> Sources:
    if first is None or later is None or first == later:
        return frozenset({Same()} if first == later else ())
    step, rest = divmod(later - first, repetition)
    return frozenset({Rising(first, step)} if not rest else ())


def _from_outside(body: Body, first: Value, later: Value, repetition: int) -> Sources:
    if first.name == later.name:
        return frozenset({Same()})
    found: set[Source] = set()
    for path in body.paths.get(first.name, ()):
        for other in body.paths.get(later.name, ()):
            found |= {s for s in _series(path, other, repetition) if isinstance(s, Series)}
    one, other_one = body.elements.get(first.name), body.elements.get(later.name)
    if one and other_one and one[0] == other_one[0]:
        step = (other_one[1] - one[1]) // repetition
        if abs(step) == 1 and one[1] + step * repetition == other_one[1]:
            found.add(Element(one[0], one[1], step))
    return frozenset(found)


def _series(first: str, later: str, repetition: int) -> set[Source]:
    """How a path goes on from the first repetition to a later one: evenly in one number."""
    if first == later:
        return {Same()}
    one, other = first.split("."), later.split(".")
    differ = [i for i, parts in enumerate(zip(one, other, strict=False)) if parts[0] != parts[1]]
    if len(one) != len(other) or len(differ) != 1:
        return set()
    (place,) = differ
    if not (one[place].isdecimal() and other[place].isdecimal()):
        return set()
    start, distance = int(one[place]), int(other[place]) - int(one[place])
    if distance <= 0 or distance % repetition:
        return set()
    before, after = ".".join(one[:place]), ".".join(one[place + 1 :])
    return {Series(before, start, distance // repetition, after)}
