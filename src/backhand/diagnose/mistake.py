"""What a mistake is: a name, words for the reader, and a change of the correct program."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from backhand.diagnose.listing import Listing

Part = Literal[
    "forward", "loss", "backward", "dropout", "initialisation", "update", "training", "data"
]


@dataclass(frozen=True)
class Change:
    """A program with a mistake in it; `where` is the line of the correct program it is made at."""

    where: str
    listing: Listing


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    `what` says it in one sentence, `why` why it is wrong, `fix` how to mend it, and `known_from`
    who makes it, empty where nobody is known to. `changes` gives the program with it, once for each
    place where it can be made.
    """

    name: str
    part: Part
    what: str
    why: str
    fix: str
    known_from: str
    changes: Callable[[Listing], Iterable[Change]]
    is_local: bool = False
    """Whether it is another mistake where it is made at all of its places."""


@dataclass(frozen=True)
class Planted:
    """One or two mistakes in one program."""

    mistakes: tuple[Mistake, ...]
    places: tuple[str, ...]
    listing: Listing

    @property
    def name(self) -> str:
        """The mistakes' names, with `+` between."""
        return " + ".join(mistake.name for mistake in self.mistakes)

    def with_change(self, mistake: Mistake, change: Change) -> "Planted":
        """One mistake more."""
        return Planted((*self.mistakes, mistake), (*self.places, change.where), change.listing)


def everywhere(mistake: Mistake, listing: Listing, alone: Sequence[Change]) -> Iterable[Change]:
    """The mistake made at all of its places at once, as in a function that several layers share.

    `alone` are its changes one at a time.
    """
    if mistake.is_local or mistake.part not in ("forward", "backward", "dropout", "loss"):
        return
    found: dict[str, int] = {}
    for change in alone:
        found[change.where] = found.get(change.where, 0) + 1
    for variant in range(max(found.values(), default=0)) if len(found) > 1 else ():
        changed, places = listing, []
        for where in found:
            there = (c for c in mistake.changes(changed) if c.where == where)
            for change in islice(there, variant, variant + 1):
                changed = change.listing
                places.append(where)
        if len(places) > 1:
            yield Change("; ".join(places), changed)
