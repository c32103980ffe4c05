"""A ranking in words: the sentence, what speaks for it, and a table."""

from collections.abc import Iterator
from io import StringIO
from math import isfinite, log
from typing import TYPE_CHECKING, Literal

from backhand.diagnose.figures.ranking import LEVEL, Ranking, Standing

if TYPE_CHECKING:
    from rich.console import Console

Verdict = Literal["correct", "mistake", "not known"]

EXIT_CODES: dict[Verdict, int] = {"correct": 0, "mistake": 1, "not known": 3}

FAR_MORE = log(1000)
"""From where on a mistake is pointed out though the correct program is not rejected."""

MOST_ROWS = 6
"""Hypotheses that are told."""

WIDTH = 100
"""Columns of the table where it does not go to a terminal."""


def verdict(ranking: Ranking) -> Verdict:
    """`mistake` only where the correct program is rejected and a mistake is not: a mistake that
    fits better than the correct program, which fits as well, is no ground to accuse anybody."""
    if ranking.correct and ranking.correct.is_consistent:
        return "correct"
    return "mistake" if ranking.consistent else "not known"


def headline(ranking: Ranking, *, named: bool = True) -> str:
    """One sentence; with the mistakes' names, or without for who should find them."""
    title = f"{ranking.figures.title}: " if ranking.figures.title else ""
    match verdict(ranking):
        case "correct":
            return f"{title}consistent with the correct network."
        case "mistake":
            if not named:
                return f"{title}not a run of the correct network; a known mistake fits."
            names = " or ".join(f"{s.hypothesis.name}" for s in ranking.tied)
            return f"{title}not a run of the correct network. It looks like: {names}."
    return f"{title}not a run of the correct network, nor of any known mistake."


def reasons(ranking: Ranking) -> tuple[str, ...]:
    """What speaks for the headline, in sentences with numbers."""
    told = [] if ranking.correct is None else [_how_it_fits(ranking.correct)]
    if verdict(ranking) == "mistake":
        told.append(_how_it_fits(ranking.first))
        told += _margin(ranking)
    elif ranking.correct and ranking.first.belief - ranking.correct.belief > FAR_MORE:
        odds = likelier(ranking.first.belief - ranking.correct.belief)
        told.append(f'Yet "{ranking.first.hypothesis.name}" is {odds} likely.')
    told += _same(ranking)
    return tuple(told)


def _how_it_fits(standing: Standing) -> str:
    fit, name = standing.fit, standing.hypothesis.name
    subject = "The correct network" if not standing.hypothesis.mistakes else f'"{name}"'
    if fit.excess > 1:
        return (
            f"{subject} is ruled out: its runs never leave a flat space of "
            f"{fit.free} dimensions, and the figures are {times(fit.excess)} as far off it as "
            "the rounding of their digits allows."
        )
    if not fit.free:
        return f"{subject} has one outcome, and the figures are it."
    held = len(standing.cloud.held_back)
    if fit.distance > fit.farthest:
        return (
            f"{subject}: none of {held:,} runs lies as far out as the figures (distance "
            f"{fit.distance:.2f}, the farthest run {fit.farthest:.2f})."
        )
    return (
        f"{subject}: {share(fit.p)} of {held:,} runs lie at least as far out as the figures "
        f"(distance {fit.distance:.2f})."
    )


def _margin(ranking: Ranking) -> Iterator[str]:
    """How much more likely the first is than the next that is consistent."""
    rest = [s for s in ranking.consistent if s not in ranking.tied]
    if rest:
        odds = ranking.first.belief - rest[0].belief
        yield f'It is {likelier(odds)} likely as the next, "{rest[0].hypothesis.name}".'


def _same(ranking: Ranking) -> Iterator[str]:
    """What no figures could have told apart from what is first."""
    told = ranking.correct if verdict(ranking) == "correct" else ranking.first
    alike = [h.name for h in told.same] if told and told.is_consistent else []
    if alike:
        yield "Here this leads to the same weights: " + "; ".join(alike) + "."


def share(p: float) -> str:
    """`56 %`, `0.4 %`."""
    return f"{100 * p:.0f} %" if p >= 0.1 else f"{100 * p:.2g} %"


def times(number: float) -> str:
    """`3.2 times`, `1,000,000 times`."""
    return f"{number:.1f} times" if number < 10 else f"{number:,.0f} times"


def likelier(odds: float) -> str:
    """From a natural logarithm: `40 times as`, `10^6 times as`."""
    tens = odds / log(10)
    return f"10^{tens:.0f} times as" if tens >= 4 else f"{10**tens:,.0f} times as"


def sentences(ranking: Ranking, told: tuple[str, ...]) -> Iterator[str]:
    """What the catalogue says of the mistakes that are first: `what`, `why`, `fix`."""
    for made in ranking.first.hypothesis.made if verdict(ranking) == "mistake" else ():
        yield f"  {made.name}"
        for part in told:
            yield f"  {part + ':':6} {getattr(made.entry, part)}"


def text_of(ranking: Ranking, told: tuple[str, ...]) -> str:
    """The ranking as a person reads it; with nothing to be told, nothing is named."""
    from rich.console import Console

    if not told:
        return headline(ranking, named=False)
    console = Console(file=StringIO(), width=WIDTH)
    show(ranking, console, told)
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def show(ranking: Ranking, console: "Console", told_of: tuple[str, ...] = ()) -> None:
    """Print all of it, and of the mistakes as many sentences as are asked for."""
    from rich.table import Table

    styles = {"correct": "bold green", "mistake": "bold red", "not known": "bold yellow"}
    console.print(headline(ranking), style=styles[verdict(ranking)], markup=False, highlight=False)
    for line in (*sentences(ranking, told_of), *reasons(ranking)):
        console.print(line, markup=False, highlight=False)
    table = Table("hypothesis", "p", "distance", "off what it cannot leave", "belief, log10")
    for standing in told(ranking):
        table.add_row(*row(ranking, standing))
    console.print(table)
    console.print(ending(ranking), markup=False, highlight=False)


def told(ranking: Ranking) -> list[Standing]:
    """The first few, and the correct program wherever it stands."""
    few = list(ranking.standings[:MOST_ROWS])
    return few if ranking.correct is None or ranking.correct in few else [*few, ranking.correct]


def row(ranking: Ranking, standing: Standing) -> tuple[str, str, str, str, str]:
    """A line of the table, in words and numbers."""
    fit = standing.fit
    belief = (standing.belief - ranking.first.belief) / log(10)
    return (
        standing.hypothesis.name,
        f"{fit.p:.4f}" if standing.is_consistent else f"{fit.p:.4f}, rejected",
        f"{fit.distance:.2f}" if fit.free else "",
        "no" if fit.excess <= 1 else times(fit.excess),
        f"{belief:.1f}" if isfinite(belief) else "",
    )


def ending(ranking: Ranking) -> str:
    """How it was found."""
    runs = len(ranking.first.cloud.runs)
    return (
        f"By simulation, {runs:,} runs for each of these; {ranking.others:,} more hypotheses were "
        f"left far behind after a first look. p is the share of runs at least as far out as the "
        f"figures; below {LEVEL:g} a hypothesis is rejected, as one in a hundred true ones is. "
        "Belief counts the density of the runs at the figures, and what each further mistake costs."
    )


def as_json(ranking: Ranking) -> dict[str, object]:
    """One object for a grader."""
    return {
        "title": ranking.figures.title,
        "verdict": verdict(ranking),
        "headline": headline(ranking),
        "reasons": list(reasons(ranking)),
        "hypotheses": [
            {
                "mistakes": list(s.hypothesis.mistakes),
                "p": s.fit.p,
                "consistent": s.is_consistent,
                "distance": s.fit.distance,
                "excess": s.fit.excess,
                "belief": s.belief - ranking.first.belief,
                "same": [list(h.mistakes) for h in s.same],
            }
            for s in ranking.standings
        ],
    }
