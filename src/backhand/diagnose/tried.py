"""Programs with a mistake that were run, and which of them a pair may be made of."""

from dataclasses import dataclass

import numpy as np

from backhand.diagnose.machine import Reading
from backhand.diagnose.mistake import Mistake, Planted

Key = tuple[int, str]
"""A number of theirs: the place of its scene, and its name there."""


@dataclass(frozen=True)
class Tried:
    """A program that was run: how far each of their numbers is from its own, in allowances.

    `shares` has, for each scene and each name seen there, the largest difference as a part of what
    is allowed; infinity where the program gives no such number. What was not run is missing.
    """

    planted: Planted
    reading: Reading
    shares: dict[Key, float]
    distances: dict[Key, float]
    complete: bool

    @property
    def matches(self) -> bool:
        """Whether all of their numbers are this program's."""
        return self.complete and all(share <= 1 for share in self.shares.values())

    @property
    def explained(self) -> frozenset[Key]:
        """The numbers that are this program's."""
        return frozenset(key for key, share in self.shares.items() if share <= 1)

    @property
    def nearness(self) -> float:
        """Smaller for a program that is nearer in all of its numbers."""
        finite = [min(share, 1e12) for share in self.shares.values()]
        return float(np.sum(np.log1p(finite)))


def helpful(singles: list[Tried], wrong: frozenset[Key]) -> list[Tried]:
    """The mistakes that explain something by themselves, the most first."""
    found = distinct([t for t in singles if t.explained & wrong])
    return sorted(found, key=lambda t: (-len(t.explained), t.nearness))


def likely_seconds(singles: list[Tried], correct: Tried, rest: frozenset[Key]) -> list[Mistake]:
    """The mistakes that could explain the rest: those that do so alone, then all that touch it and
    leave right what is right."""
    alone: dict[str, Mistake] = {}
    touching: dict[str, Mistake] = {}
    for tried in singles:
        mistake = tried.planted.mistakes[0]
        if tried.explained & rest:
            alone[mistake.name] = mistake
        elif not correct.explained <= tried.explained:
            continue
        elif any(tried.distances.get(k) != correct.distances.get(k) for k in rest):
            touching[mistake.name] = mistake
    return list({**alone, **touching}.values())


def name_of(key: str) -> str:
    """A number's name, without its epoch."""
    return key.partition("@")[0]


def distinct(tried: list[Tried]) -> list[Tried]:
    """One of each set that gives the same distances everywhere."""
    seen: dict[tuple[float, ...], Tried] = {}
    for one in tried:
        key = tuple(float(f"{d:.6g}") for d in one.distances.values())
        seen.setdefault(key, one)
    return list(seen.values())
