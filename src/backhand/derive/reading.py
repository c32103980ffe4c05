"""What a backward body reads of the forward: that is what the forward saves."""

import re
from collections.abc import Iterable, Iterator, Mapping

from backhand.derive.pairs import CallBack, LoopBack, Pair, Undoing
from backhand.graph import Attribute, Call, Loop, NamedSize, Size, Statement, Step, Value


def saved_by(part: Call | Loop) -> str:
    """What stands for all that a call or a loop saves, beside the names of values."""
    made = next((value.name for value in part.made()), "nothing")
    return f"saved:{made}"


def read_from_forward(body: Iterable[Undoing], pairs: Mapping[str, Pair]) -> dict[str, None]:
    """Names that a backward body reads and does not make, in the order in which it reads them."""
    parts = tuple(body)
    own = {value.name for part in parts for value in part.made()}
    found: dict[str, None] = {}
    for part in parts:
        if isinstance(part, Step):
            found |= {v.name: None for v in part.inputs if v.literal is None}
        elif isinstance(part, CallBack):
            found |= {v.name: None for v in part.cotangents if v.literal is None}
            if pairs[part.call.kind].saved:
                found[saved_by(part.call)] = None
            if reads_parameters(pairs[part.call.kind], pairs):
                found |= {v.name: None for v in part.call.parameters}
        else:
            found |= _read_by_loop(part, pairs)
    return {name: None for name in found if name not in own}


def reads_parameters(pair: Pair, pairs: Mapping[str, Pair]) -> bool:
    """Whether the backward function of a kind is given parameters."""
    own = {value.name for value in pair.kind.parameters}
    return any(name in own for name in read_from_forward(pair.body, pairs))


def _read_by_loop(part: LoopBack, pairs: Mapping[str, Pair]) -> dict[str, None]:
    found = {v.name: None for v in part.operands if v.literal is None}
    if part.saved:
        found[saved_by(part.loop)] = None
    inside = {back.cotangent.name for back in part.carried}
    inside |= {each.value.name for each in part.given} | names_inside(part.loop)
    read = read_from_forward(part.body, pairs)
    outside = {e.value.name: e.outside for e in part.loop.parameters}
    found |= {v.name: None for name in read for v in outside.get(name, ()) if v is not None}
    return found | {name: None for name in read if name not in inside}


def names_inside(loop: Loop) -> set[str]:
    """Values of a loop's own body, and what its calls save."""
    made = {name for part in loop.body for name in made_by(part)}
    return made | {value.name for value in loop.given}


def made_by(part: Statement) -> tuple[str, ...]:
    """Names of what a statement of the forward leaves behind: values, and what it saves."""
    names = tuple(value.name for value in part.made())
    return names if isinstance(part, Step) else (*names, saved_by(part))


def in_order(names: Iterable[str], body: Iterable[Statement]) -> tuple[str, ...]:
    """Names in the order in which a forward body makes them; what it does not make comes first."""
    wanted = tuple(dict.fromkeys(names))
    made = tuple(name for part in body for name in made_by(part))
    given = tuple(name for name in wanted if name not in made)
    return (*given, *(name for name in made if name in wanted))


def saved_size(size: str) -> str:
    """What stands for a size that is saved, beside the names of values."""
    return f"size:{size}"


def sizes_unseen(body: Iterable[Undoing], values: Iterable[Value]) -> tuple[str, ...]:
    """Sizes with names that a backward body says, and that no array at hand has."""
    seen = {size for value in values for size in value.shape}
    return tuple(name for name in dict.fromkeys(_sizes_said(body)) if name not in seen)


def _sizes_said(body: Iterable[Undoing]) -> Iterator[str]:
    for part in body:
        if isinstance(part, Step):
            yield from (name for _, given in part.attributes for name in size_names(given))
        elif isinstance(part, CallBack):
            shapes = (v.shape for v in part.cotangents if v.literal is not None)
            yield from (
                name for shape in shapes for s in shape for name in size_names(named_size(s))
            )
        else:
            own = {letter for letter, _ in part.loop.sizes}
            yield from (name for name in _sizes_said(part.body) if name not in own)
            columns = (size for _, column in part.loop.sizes for size in column)
            yield from (name for size in columns for name in size_names(named_size(size)))


def named_size(size: Size) -> Attribute:
    """A size as an attribute has it, where text that is a size is told from other text."""
    return NamedSize(size) if isinstance(size, str) else size


def size_names(given: Attribute) -> Iterator[str]:
    """The names in an attribute's sizes, such as `B` in `2*B`."""
    for part in given if isinstance(given, tuple) else (given,):
        if isinstance(part, NamedSize):
            yield from re.findall(r"\b[A-Z]\w*\b", part)
