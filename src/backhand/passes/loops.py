"""Loops over repeated layers.

A body repeats itself where some lines stand several times after one another, equal but for names
and sizes, and where each value that such a repetition reads is one of these:

- made in the same place of the same repetition, or of the repetition before: it is carried;
- the same value every time;
- a parameter whose path has one number that goes up evenly (`h.0`, `h.1`, ...);
- what an earlier loop collected, one element after the other, from either end.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from backhand.graph import Call, Loop, Nested, NestedKind, Statement, Step, Value, check
from backhand.passes.folding import Folder
from backhand.passes.nesting import free_name, read_outside, without_unused
from backhand.passes.repeats import Body, body_of, longest
from backhand.passes.unify import letters_of, with_sizes


def looped(network: Nested) -> Nested:
    """The network with a loop wherever a body repeats itself."""
    letters = letters_of(network)
    kinds = {kind.name: kind for kind in network.functions}
    functions = tuple(_looped(kind, kind.outputs, kinds, letters) for kind in network.functions)
    forward = _looped(network.forward, read_outside(network), kinds, letters)
    return check(replace(network, forward=forward, functions=functions), named=False)


def _looped(
    kind: NestedKind,
    outside: Iterable[Value],
    kinds: Mapping[str, NestedKind],
    letters: frozenset[str],
) -> NestedKind:
    taken = _names_in(kind)
    parts = _filled(kind, kinds, taken)
    paths = dict(zip((v.name for v in kind.parameters), kind.paths, strict=True))
    needed = {value.name for value in outside}
    last = {v.name: index for index, part in enumerate(parts) for v in part.operands}
    last |= dict.fromkeys(needed, len(parts))
    body = body_of(parts, paths)
    folder = Folder(body, last, letters, frozenset(kind.attributes), taken)
    made = tuple(_folded(body, folder))
    used = needed | {value.name for part in made for value in part.operands}
    stripped = tuple(without_unused(p, used) if isinstance(p, Call) else p for p in made)
    return replace(kind, body=stripped)


def _names_in(kind: NestedKind) -> set[str]:
    """What a new name must not be: names of values and arguments, and what paths begin with."""
    names = {value.name for value in kind.values()}
    names |= {path for paths in kind.paths for path in paths}
    for part in kind.body:
        if not isinstance(part, Loop):
            names |= {module.path for module in part.modules}
    return names | {name.partition(".")[0] for name in names} | set(kind.attributes)


def _folded(body: Body, folder: Folder) -> Iterator[Statement]:
    index = 0
    while index < len(body.parts):
        repeat = longest(body, index)
        if repeat is None:
            yield body.parts[index]
            index += 1
            continue
        yield from body.parts[index : repeat.start]
        loop = folder.loop(repeat)
        body.elements.update(_elements(loop))
        yield loop
        index = repeat.stop


def _filled(
    kind: NestedKind, kinds: Mapping[str, NestedKind], taken: set[str]
) -> tuple[Step | Call, ...]:
    """The body with a value for all that a call makes, be it needed or not: the last of several
    layers often makes something that only a next one would need."""
    found: list[Step | Call] = []
    for part in kind.body:
        assert not isinstance(part, Loop), "a body is looped once"
        if isinstance(part, Call) and None in part.outputs:
            outputs = []
            for value, slot in zip(part.outputs, kinds[part.kind].outputs, strict=True):
                if value is None:
                    name = free_name(slot.name, taken)
                    taken.add(name)
                    value = replace(with_sizes(slot, dict(part.sizes)), name=name)
                outputs.append(value)
            part = replace(part, outputs=tuple(outputs))
        found.append(part)
    return tuple(found)


def _elements(loop: Loop) -> dict[str, tuple[str, int]]:
    """For each element of what a loop collects in full: the list, and its number there."""
    return {
        value.name: (each.value.name, number)
        for each in loop.collected
        if all(each.outside)
        for number, value in enumerate(each.outside)
        if value is not None
    }
