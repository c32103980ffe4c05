"""What comes out of a diagnosis."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Literal

from backhand.diagnose.experiments import Proposal
from backhand.diagnose.mistake import Mistake, Planted
from backhand.diagnose.parting import Parting
from backhand.diagnose.scene import Scene

if TYPE_CHECKING:
    from backhand.diagnose.search import Search
    from backhand.diagnose.tried import Tried

Outcome = Literal["no mistake found", "mistake found", "not known", "cannot tell"]
EXIT_CODES: dict[Outcome, int] = {
    "no mistake found": 0, "mistake found": 1, "not known": 3, "cannot tell": 3,
}  # fmt: skip
SHOWN = 6
"""So many numbers are shown as evidence."""


@dataclass(frozen=True)
class Distance:
    """How far one of their numbers is from the correct program's, the named one's, the next's."""

    scene: str
    value: str
    correct: float
    named: float | None = None
    other: float | None = None


@dataclass(frozen=True)
class Finding:
    """A mistake that was found, and the line of the correct program where it is made."""

    mistake: Mistake
    where: str


@dataclass(frozen=True)
class Verdict:
    """What there is to say of one submission.

    `findings` has one mistake, or two that are made together. `ties` are those that give the same
    numbers everywhere they were tried. `parts_at` is the first number that parts from the correct
    program, where no mistake explains it. `unseen` are the mistakes that would not have shown on
    these numbers. `ran_out` says that the time was not enough to try everything. `matching` are the
    programs of what was found and of its ties. `experiment` would tell these apart; `settled_by`
    says which one did. `share` is how much of what rounding allows a right program uses.
    """

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    ties: tuple[str, ...] = ()
    next_best: str = ""
    evidence: tuple[Distance, ...] = ()
    parts_at: str = ""
    tried: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    ran_out: bool = False
    parting: Parting | None = None
    experiment: Proposal | None = None
    settled_by: str = ""
    matching: tuple[Planted, ...] = field(default=(), repr=False)
    share: float = 0.0
    programs: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 no mistake found, 1 a mistake, 3 not known or not to be told."""
        return EXIT_CODES[self.outcome]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the mistakes."""
        return tuple(finding.mistake.name for finding in self.findings)


def verdict_of(
    search: "Search",
    correct: "Tried",
    found: "Sequence[Tried]",
    singles: "Sequence[Tried]",
    unseen: tuple[str, ...] = (),
) -> Verdict:
    """The verdict, with its evidence, from what was tried."""
    scenes = search.scenes
    common = Verdict(
        "cannot tell",
        tried=tuple(scene.name for scene in scenes),
        compared=tuple(dict.fromkeys(_base(key) for scene in scenes for key in scene.seen)),
        notes=tuple(dict.fromkeys(note for scene in scenes for note in scene.notes)),
        unseen=unseen,
        ran_out=search.ran_out,
        programs=search.runs,
        seconds=monotonic() - search.started,
    )
    if correct.matches:
        outcome: Outcome = "no mistake found" if common.compared else "cannot tell"
        return replace(common, outcome=outcome, share=max(correct.shares.values(), default=0.0))
    off = [key for key, share in correct.shares.items() if share > 1]
    parts_at = f"{off[0][1]}, {scenes[off[0][0]].name}" if off else ""
    nearest = _next(singles, found, off)
    told = replace(common, parts_at=parts_at, next_best=nearest.planted.name if nearest else "")
    if not found:
        evidence = _evidence(scenes, correct, None, nearest, off)
        return replace(told, outcome="not known", evidence=evidence)
    named, *others = _ranked(found)
    ties = {o.planted.name: o.planted for o in others if o.planted.name != named.planted.name}
    return replace(
        told,
        outcome="mistake found",
        findings=tuple(map(Finding, named.planted.mistakes, named.planted.places)),
        ties=tuple(ties),
        matching=(named.planted, *ties.values()),
        evidence=_evidence(scenes, correct, named, nearest, off),
    )


def _ranked(found: "Sequence[Tried]") -> "list[Tried]":
    """Those that match, the simplest first; the catalogue's order decides between equals."""
    return sorted(found, key=lambda tried: len(tried.planted.mistakes))


def _next(
    singles: "Sequence[Tried]", found: "Sequence[Tried] | None", off: list[tuple[int, str]]
) -> "Tried | None":
    """The nearest of those that do not match, at the first number that parts."""
    matched = {id(t) for t in found or ()}
    rest = [t for t in singles if id(t) not in matched and not t.matches]
    if not rest or not off:
        return None
    return min(rest, key=lambda t: t.distances.get(off[0], float("inf")) or float("inf"))


def _evidence(
    scenes: Sequence[Scene],
    correct: "Tried",
    named: "Tried | None",
    nearest: "Tried | None",
    off: list[tuple[int, str]],
) -> tuple[Distance, ...]:
    return tuple(
        Distance(
            scenes[key[0]].name,
            key[1],
            correct.distances[key],
            named.distances.get(key) if named else None,
            nearest.distances.get(key) if nearest else None,
        )
        for key in off[:SHOWN]
    )


def _base(key: str) -> str:
    return key.partition("@")[0]
