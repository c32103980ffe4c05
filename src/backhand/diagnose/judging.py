"""Which mistake it is: the one program whose numbers are theirs, where no other's are."""

from collections.abc import Sequence
from dataclasses import replace

from backhand.diagnose.machine import Machine
from backhand.diagnose.parting import parting
from backhand.diagnose.scene import Scene
from backhand.diagnose.search import Search, Tried
from backhand.diagnose.verdict import Verdict, verdict_of


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
        return verdict_of(search, right, (), (), search.unseen(right))
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
    found = next((f for one in every if (f := search.slips(one))), [])
    if found:
        return verdict_of(search, min(every, key=lambda t: t.nearness), found, tried)
    for one in every:
        found = search.pairs(singles[one.reading], one)
        if found:
            break
    verdict = verdict_of(search, every[0], found, tried)
    if found:
        return verdict
    return replace(verdict, parting=parting(machine, search.scenes, every[0].reading))


def _of_no_matter(search: Search, correct: Tried) -> str:
    """What is off by more than rounding and yet too little to matter, if all that is off is so."""
    off = [key for key, share in correct.shares.items() if share > 1]
    if not correct.complete or any(search.matters(key, correct.distances[key]) for key in off):
        return ""
    names = ", ".join(dict.fromkeys(name.partition("@")[0] for _, name in off))
    return f"{names} is off by a little more than rounding, as an epsilon of 1e-15 would do"


__all__ = ["Search", "Tried", "Verdict", "diagnose"]
