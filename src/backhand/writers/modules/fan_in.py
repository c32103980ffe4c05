"""Which derivatives by parameters are added up where they are returned, call by call.

The parameters of a module that is called several times get a part from each call. Where all parts
come from calls, each call adds its own to `dp`, and no line has to add them under names.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from backhand.derive.pairs import CallBack, LoopBack, Pair, Undoing
from backhand.graph import Step


@dataclass(frozen=True)
class FanIn:
    """The derivatives, by their names, that calls add up."""

    whole: dict[str, str] = field(default_factory=dict)
    """For each part the name of the sum that it belongs to, in the same body."""
    skipped: set[str] = field(default_factory=set)
    """Sums of which no line is written."""
    growing: set[str] = field(default_factory=set)
    """Parts that are added to what is there."""


def fan_in(pair: Pair) -> FanIn:
    """What the calls of a backward body add up."""
    found = FanIn()
    for total in pair.parameters:
        if total is not None:
            parts = FanIn()
            if _follow(total.name, total.name, pair.body, parts) and parts.skipped:
                found.whole.update(parts.whole)
                found.skipped.update(parts.skipped)
                found.growing.update(parts.growing)
    return found


def _follow(name: str, whole: str, body: Iterable[Undoing], found: FanIn) -> bool:
    """Whether a derivative is made by calls alone; what it is the sum of goes into `found`."""
    found.whole[name] = whole
    found.growing.add(name)
    for part in body:
        if not any(value.name == name for value in part.made()):
            continue
        if isinstance(part, CallBack):
            return any(v is not None and v.name == name for v in part.parameters)
        if isinstance(part, LoopBack):
            return _follow_into(name, part, found)
        if part.function == "add":
            found.skipped.add(name)
            return all(_follow(v.name, whole, body, found) for v in part.inputs)
        return False
    return False


def _follow_into(name: str, loop: LoopBack, found: FanIn) -> bool:
    inner = [one.part.name for one in loop.summed if one.total.name == name]
    inner += [
        each.value.name
        for each in loop.parameters
        if any(v is not None and v.name == name for v in each.outside)
    ]
    return bool(inner) and all(_follow(one, one, loop.body, found) for one in inner)


def is_made_by_call(name: str, body: Iterable[Undoing | Step]) -> bool:
    """Whether a call gives this derivative among those by its parameters."""
    calls = (part for part in body if isinstance(part, CallBack))
    return any(v is not None and v.name == name for call in calls for v in call.parameters)
