"""Which names a body reads further down, and whether one value may take another's name.

Both go over a body's parts, forward and backward ones alike: steps, calls, loops, and what undoes
them.
"""

from collections.abc import Iterable, Sequence

from backhand.derive.pairs import Undoing
from backhand.graph import Statement, Step, Value

Part = Statement | Undoing


def read_by(part: Part) -> tuple[Value, ...]:
    """What a part reads."""
    return part.inputs if isinstance(part, Step) else part.operands


def reads_below(body: Sequence[Part], last: Iterable[str]) -> list[set[str]]:
    """For each part of a body the names that are read below it.

    Args:
        body: the parts in order.
        last: what is read behind them all.
    """
    below = set(last)
    found: list[set[str]] = []
    for part in reversed(body):
        found.append(set(below))
        below |= {value.name for value in read_by(part)}
    return found[::-1]


def may_take_its_place(body: Iterable[Part], new: str, old: str) -> bool:
    """Whether `new`, which a loop's body makes, can have the name of `old`, which it began with:
    nothing reads that any more once the new one is made."""
    made = False
    for part in body:
        if made and any(value.name == old for value in read_by(part)):
            return False
        made = made or any(value.name == new for value in part.made())
    return made
