"""Whether the two programs agree, for the page: the verdict, the steps, what went unseen."""

from dataclasses import dataclass
from math import isfinite

from markupsafe import Markup, escape

from backhand.agreement.result import Agreement, Finding, StepAgreement, Unseen
from backhand.agreement.telling import apart, caught, headline, indexed, puzzles, remarks
from backhand.report.drift import drift_plot, drift_sentences
from backhand.report.plots import Plot
from backhand.report.wording import counted
from backhand.study import Study

MOST_STEPS = 60
"""Rows of the table that lie open; the rest are said to be there."""


@dataclass(frozen=True)
class Bar:
    """A step: its largest difference as a share of its bound, and a bar of that length."""

    name: str
    code: str
    verdict: str
    width: float
    """Of the bar, in percent; 100 and more is out of bound."""
    share: str
    where: str
    likely: str
    caught: str


@dataclass(frozen=True)
class Side:
    """One side of the first step that parts."""

    name: str
    number: str
    code: str
    is_off: bool


@dataclass(frozen=True)
class Parting:
    """The first step that parts, impossible to miss."""

    place: str
    sides: tuple[Side, ...]
    words: str
    lines: tuple[str, ...]
    witness: str


@dataclass(frozen=True)
class Section:
    """Everything about the agreement."""

    verdict: str
    headline: str
    parting: Parting | None
    puzzles: tuple[str, ...]
    bars: tuple[Bar, ...]
    left: int
    remarks: tuple[str, ...]
    tried: int
    unseen: tuple[Markup, ...]
    plot: Plot | None
    drift: tuple[str, ...]


def section(study: Study) -> Section:
    """What the page tells of a study's agreement."""
    agreement, over = study.agreement, study.over
    ranked = sorted(agreement.steps, key=lambda s: (s.verdict == "agrees", -s.share))
    shares = agreement.course.get(agreement.precision, ())
    return Section(
        agreement.verdict.replace(" ", "-"),
        headline(agreement),
        _parting(agreement.first, agreement.sides) if agreement.first else None,
        tuple(puzzles(agreement)),
        tuple(map(_bar, ranked[:MOST_STEPS])),
        max(0, len(ranked) - MOST_STEPS),
        tuple(remarks(agreement)),
        agreement.slips,
        tuple(map(_unseen, agreement.undetected or ())),
        drift_plot(over, dict(enumerate(shares[1:], 1))) if over else None,
        tuple(drift_sentences(over)) if over else (),
    )


def _parting(finding: Finding, sides: tuple[str, str]) -> Parting:
    step, element = finding.step, finding.element
    when = f"in epoch {element.epoch}" if element.epoch else "at the initial weights"
    numbers = ((sides[0], element.ours, step.code), (sides[1], element.theirs, step.theirs))
    return Parting(
        f"{indexed(step.name, element)}, {step.part}, {when}, in {finding.where}",
        tuple(Side(name, f"{n:.17g}", code, name == finding.side) for name, n, code in numbers),
        apart(finding),
        step.lines if len(step.lines) > 1 else (),
        finding.witness,
    )


def _bar(step: StepAgreement) -> Bar:
    where, judgement = step.worst
    share = judgement.share
    likely = [j.likely for j in step.judgements.values() if j.likely is not None]
    return Bar(
        step.name,
        step.code,
        step.verdict,
        min(100.0, 100 * share) if isfinite(share) else 100.0,
        f"{share:.2g}" if isfinite(share) else "out of bound",
        where if share else "",
        f"{max(likely):.2g}" if likely else "",
        caught(step),
    )


def _unseen(slip: Unseen) -> Markup:
    cure = f" It shows with {slip.separated_by}." if slip.separated_by else ""
    return coded(f"{slip.what}: {slip.because}.{cure}")


def coded(text: str) -> Markup:
    """Text whose parts between backticks are code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part)
        for i, part in enumerate(parts)
    )


def in_short(agreement: Agreement) -> str:
    """For the head of the page."""
    steps = counted(len(agreement.steps), "step")
    if agreement.verdict == "agrees":
        return f"They agree: all {steps}, each within its computed rounding bound."
    if agreement.verdict == "differs" and agreement.first:
        first = agreement.first.step
        return f"They DIFFER by more than rounding, first at {first.name} ({first.part})."
    return "Whether they agree cannot be told of every step."
