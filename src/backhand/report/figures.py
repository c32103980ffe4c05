"""Published weights among simulated runs: the clouds, the published points, and what follows."""

import hashlib
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from markupsafe import Markup

from backhand import __version__
from backhand.diagnose.figures import Simulations, figures, rank
from backhand.diagnose.figures.ranking import Ranking, Standing
from backhand.diagnose.figures.telling import ending, headline, reasons, row, told, verdict
from backhand.experiment import LIBRARIES, LIBRARY_NAMES, Experiment
from backhand.report.plots import INK, PAPER, SERIES, Plot, figure
from backhand.report.wording import listed
from backhand.run.probes import Progress

FILE = "published.html"
"""Where a run leaves the section beside its report, so that the next need not simulate again."""

MOST_DOTS = 500
"""Runs of each cloud that are drawn."""
MARKS = ("D", "s", "^", "v", "P", "X")
LEGEND = 0.11
"""Room above the dots for a line of the legend, as a share of their height."""

FLOOR = 0.01
"""Spreads are taken as at least this share of the largest, so that directions in which runs do
not differ at all can be drawn beside those in which they do."""

HEADS = ("Hypothesis", "p", "Distance", "Off what it cannot leave", "Belief, log10")


def remembered(
    experiment: Experiment, earlier: Path, folder: Path, told: Progress | None = None
) -> Markup | None:
    """The section on an experiment's published weights, kept as `FILE` in `folder`.

    It is taken from the folder `earlier` where the same experiment left it; else some hundred
    thousand runs are simulated, and `told` hears how many percent are. None where nothing was
    published, or nothing is random.
    """
    if experiment.published is None or experiment.training is None or not experiment.draws:
        return None
    key = hashlib.sha256(f"{__version__} {experiment.seed} {experiment.source}".encode())
    mark = f"<!-- {key.hexdigest()} -->\n"
    known = _text(earlier / FILE)
    text = known if known.startswith(mark) else f"{mark}{section(rankings_of(experiment, told))}\n"
    (folder / FILE).write_text(text, encoding="utf-8", newline="\n")
    return Markup(text.removeprefix(mark))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def rankings_of(experiment: Experiment, told: Progress | None = None) -> list[Ranking]:
    """The hypotheses as each library's published weights order them."""

    def share(done: int, of: int) -> None:
        if told:
            told(100 * done // of)

    simulations = Simulations(experiment, told=share)
    published = experiment.published.weights if experiment.published else {}
    return [
        rank(
            simulations,
            figures(
                published[library], experiment, experiment.precision[library],
                f"published, {LIBRARY_NAMES[library]}",
            ),
        )
        for library in LIBRARIES
        if library in published
    ]  # fmt: skip


def section(rankings: Sequence[Ranking]) -> Markup:
    """What the report says about all sets of published figures of one experiment: HTML."""
    drawn = clouds_plot(rankings)
    parts = [Markup('<figure class="drift">{}<figcaption>{}</figcaption></figure>').format(
        drawn.drawing, drawn.note)]  # fmt: skip
    for ranking in rankings:
        parts.append(Markup("<h3>{}</h3>").format(headline(ranking)))
        parts += [Markup("<p>{}</p>").format(sentence) for sentence in reasons(ranking)]
        parts.append(_table(ranking))
        parts.append(Markup('<p class="note">{}</p>').format(ending(ranking)))
    return Markup("\n").join(parts)


def _table(ranking: Ranking) -> Markup:
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(word) for word in HEADS)
    rows = []
    for standing in told(ranking):
        name, *cells = row(ranking, standing)
        numbers = Markup("").join(Markup("<td>{}</td>").format(cell) for cell in cells)
        rows.append(Markup('<tr><th scope="row">{}</th>{}</tr>').format(name, numbers))
    return Markup(
        '<div class="scroll">\n<table class="data">\n<thead><tr>{}</tr></thead>\n'
        "<tbody>\n{}\n</tbody>\n</table>\n</div>"
    ).format(head, Markup("\n").join(rows))


def clouds_plot(rankings: Sequence[Ranking]) -> Plot:
    """The correct program's runs, those of the mistakes that were found, and the published points.

    All figures must be of the same weights. To the right: the direction that separates the first
    two clouds best (Fisher's discriminant). Up: the one in which runs differ most, of those that
    say nothing about the other. Both in standard deviations.
    """
    shown = _shown(rankings)
    clouds = [standing.cloud.runs for standing in shown]
    points = np.stack([ranking.figures.numbers for ranking in rankings])
    view, middle = _view(clouds), clouds[0].mean(axis=0)
    names = [standing.hypothesis.name for standing in shown]
    titles = [ranking.figures.title or "published" for ranking in rankings]
    label = f"Final weights of simulated runs ({listed(names)}) and {listed(titles)}"
    with figure("published", label) as (axes, finished):
        for name, cloud, colour in zip(names, clouds, SERIES, strict=False):
            x, y = view @ (cloud[:MOST_DOTS] - middle).T
            axes.plot(x, y, color=colour, linestyle="none", marker="o", markersize=2.2,
                      markeredgewidth=0, alpha=0.6, label=name, zorder=2)  # fmt: skip
        places = (points - middle) @ view.T
        for title, (x, y), mark in zip(titles, places, cycle(MARKS), strict=False):
            axes.plot([x], [y], color=INK, linestyle="none", marker=mark, markersize=7,
                      markeredgecolor=PAPER, label=title, zorder=3)  # fmt: skip
        axes.set_xlabel("what separates the clouds best, in standard deviations")
        axes.set_ylabel("what differs most")
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + LEGEND * (high - low) * (len(names) + len(titles)))
        axes.legend(frameon=False, fontsize=9, loc="upper left", markerscale=1.5)
    note = f"Each dot is one of {min(MOST_DOTS, len(clouds[0]))} runs with masks of its own."
    return Plot("published", finished[0], note)


def _shown(rankings: Sequence[Ranking]) -> list[Standing]:
    """The correct program and what was found in its place; or, where nothing was, the next best."""
    found = [s for r in rankings if (s := r.correct)][:1]
    found += [r.first for r in rankings if verdict(r) == "mistake"]
    different = {standing.hypothesis.name: standing for standing in found}
    for standing in rankings[0].standings:
        if len(different) < 2:
            different.setdefault(standing.hypothesis.name, standing)
    return list(different.values())[: len(SERIES)]


def _view(clouds: Sequence[np.ndarray]) -> np.ndarray:
    """Two directions, [2, numbers]: what separates the first two clouds, and how they spread."""
    within = np.mean([np.cov(cloud.T, bias=True) for cloud in clouds[:2]], axis=0)
    values, vectors = np.linalg.eigh(within)
    spreads = np.sqrt(np.maximum(values, FLOOR**2 * values.max()))
    across = (clouds[1].mean(axis=0) - clouds[0].mean(axis=0)) @ vectors / spreads
    across /= np.linalg.norm(across)
    widest = np.eye(len(values))[-1]
    up = widest - (widest @ across) * across
    view: np.ndarray = np.stack([across, up / np.linalg.norm(up)]) @ (vectors / spreads).T
    # the sign of an eigenvector is the linear algebra library's choice
    view[1] *= np.sign(view[1][np.argmax(np.abs(view[1]))])
    return view
