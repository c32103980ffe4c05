"""What a mistake is: a name, words for the reader, and a change of the correct program."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from backhand.diagnose.listing import Listing, together

Part = Literal[
    "forward", "loss", "backward", "dropout", "initialisation", "update", "training", "data"
]


MOST_PLACES = 6
"""At so many places at most a change is made again on top of the ones before."""


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
    """The mistake made at several of its places at once: at all, as in a function that layers
    share, and at those that belong to the same weights, as in a cell that is used step by step.

    `alone` are its changes one at a time.
    """
    if mistake.is_local or mistake.part not in ("forward", "backward", "dropout", "loss"):
        return
    found: dict[str, list[Change]] = {}
    for change in alone:
        found.setdefault(change.where, []).append(change)
    every = list(found)
    for places in (every, *(group for group in alike(listing, every) if len(group) < len(every))):
        for variant in range(max((len(found[where]) for where in places), default=0)):
            chosen = [found[where][variant] for where in places if variant < len(found[where])]
            if len(chosen) > 1:
                merged = together(listing, [change.listing for change in chosen])
                if merged is None:
                    merged = _one_after_another(mistake, listing, chosen, variant)
                yield Change("; ".join(change.where for change in chosen), merged)


def _one_after_another(
    mistake: Mistake, listing: Listing, chosen: Sequence[Change], variant: int
) -> Listing:
    """A variant of a mistake made at one place after the other, each on top of those before."""
    for where in [change.where for change in chosen][:MOST_PLACES]:
        there = (c for c in mistake.changes(listing) if c.where == where)
        for change in islice(there, variant, variant + 1):
            listing = change.listing
    return listing


def alike(listing: Listing, places: Sequence[str]) -> list[list[str]]:
    """Lines of a program in groups that belong to the same weights: each step of a recurrent
    network has its own lines, and one line of somebody's loop is all of these."""
    if not listing.reused:
        return []
    groups: list[tuple[str, set[str], list[str]]] = []
    for where in places:
        name, _, computed = where.partition(" = ")
        made = name.partition("_")[0].removeprefix("d")
        kind = re.sub(r"\d+", "#", computed)
        own = listing.nearest(made) or listing.nearest(name)
        for known, weights, group in groups:
            if known == kind and (weights & own or weights == own):
                weights |= own
                group.append(where)
                break
        else:
            groups.append((kind, set(own), [where]))
    return [group for _, _, group in groups if len(group) > 1]
