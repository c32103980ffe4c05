"""Which mistake it is: the one program whose numbers are theirs, where no other's are."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backhand.diagnose.catalogue import CATALOGUE
from backhand.diagnose.listing import Listing
from backhand.diagnose.machine import Machine
from backhand.diagnose.parting import parting
from backhand.diagnose.scene import Scene
from backhand.diagnose.search import Search
from backhand.diagnose.tried import Tried
from backhand.diagnose.verdict import Finding, Verdict, verdict_of

FEWEST = 64
"""So many draws that are those of the epoch before are no chance."""


def diagnose(machine: Machine, scenes: Sequence[Scene]) -> Verdict:
    """Say which known mistake their numbers show.

    Args:
        machine: of the experiment.
        scenes: what was seen of their program; at least one with something in it.
    """
    search = Search(machine, scenes)
    every = search.correct()
    right = next((t for t in every if t.matches), None)
    if right is not None:
        verdict = verdict_of(search, right, (), (), search.unseen(right))
        same = _same_mask(machine.correct) if any(map(_is_redrawn, scenes)) else None
        return replace(verdict, outcome="mistake found", findings=(same,)) if same else verdict
    for one in every:
        if off := _of_no_matter(search, one):
            near = replace(one, shares={key: min(s, 1.0) for key, s in one.shares.items()})
            verdict = verdict_of(search, near, (), (), search.unseen(near))
            return replace(verdict, notes=(*verdict.notes, off))
    every.sort(key=lambda t: -len(t.explained))
    singles = {one.reading: search.singles(one) for one in every}
    tried = [t for of_one in singles.values() for t in of_one]
    found = [t for t in tried if t.matches]
    if found:
        return verdict_of(search, min(every, key=lambda t: t.nearness), found, tried)
    tried += [t for one in every for t in search.derived(singles[one.reading], one)]
    found = [t for t in tried if t.matches] or next(
        (f for one in every if (f := search.slips(one))), []
    )
    if found:
        return verdict_of(search, min(every, key=lambda t: t.nearness), found, tried)
    tried = []
    for one in every:
        partly = search.partly(one)
        tried += partly
        found = [t for t in partly if t.matches] or search.pairs(partly, one)
        if found:
            break
    verdict = verdict_of(search, every[0], found, tried)
    if found:
        return verdict
    return replace(verdict, parting=parting(machine, search.scenes, every[0].reading))


def _is_redrawn(scene: Scene) -> bool:
    """Whether their own run drew the same numbers in each of several epochs: the right program
    gives theirs then as well, as it is given their draws."""
    draws = [d.values for d in scene.draws or () if d.kind in ("uniform", "bits")]
    each, left = divmod(len(draws), max(scene.epochs, 1))
    if scene.mode != "training" or scene.is_called or not each or left:
        return False
    again = draws[each:]
    is_same = all(map(np.array_equal, draws, again))
    return is_same and sum(values.size for values in again) >= FEWEST


def _same_mask(listing: Listing) -> Finding | None:
    """The mistake of drawing one mask alone, with the line that draws it."""
    known = next(m for m in CATALOGUE if m.name == "the same mask in every epoch")
    change = next(iter(known.changes(listing)), None)
    return Finding(known, change.where) if change else None


def _of_no_matter(search: Search, correct: Tried) -> str:
    """What is off by more than rounding and yet too little to matter, if all that is off is so."""
    off = [key for key, share in correct.shares.items() if share > 1]
    if not correct.complete or any(search.matters(key, correct.distances[key]) for key in off):
        return ""
    names = ", ".join(dict.fromkeys(name.partition("@")[0] for _, name in off))
    return f"{names} is off by a little more than rounding, as an epsilon of 1e-15 would do"


__all__ = ["Search", "Tried", "Verdict", "diagnose"]
