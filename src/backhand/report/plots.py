"""The loss and the weights over the epochs, both programs in one plot, as SVG for the page.

Matplotlib is imported in here only, when a report is made. It draws in stand-in colours, which
are replaced by the page's own, so that the plots follow its light and its dark side.
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from backhand.experiment import LIBRARY_NAMES
from backhand.report import svg
from backhand.report.wording import counted, element
from backhand.run.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, LINE, PAPER = "#010101", "#020202", "#030303", "#040404"
SERIES = ("#0a0101", "#0a0202", "#0a0303", "#0a0404", "#0a0505", "#0a0606")
COLOURS = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    PAPER: "var(--paper)",
    **{stand_in: f"var(--series-{i})" for i, stand_in in enumerate(SERIES, 1)},
}
"""What matplotlib draws, and what stands in the page."""

Epochs = Sequence[int] | np.ndarray

SIZE = (5.4, 3.3)
MOST_LINES = 12
MOST_PANELS = 6
MOST_POINTS = 500
MARKERS = 14


@dataclass(frozen=True)
class Plot:
    """A finished plot; `note` says what was left out of it."""

    title: str
    drawing: Markup
    note: str = ""


def loss_plot(ours: Trace, theirs: Trace) -> Plot | None:
    """The loss of every epoch; None if no loss is a finite number."""
    if not np.isfinite(ours.losses).any() and not np.isfinite(theirs.losses).any():
        return None
    label = f"The loss over {counted(len(ours.losses), 'epoch')}, {_both(ours, theirs)}"
    with figure("loss", label) as (axes, finished):
        for trace, draw in ((ours, _line), (theirs, _marks)):
            epochs = np.arange(1, len(trace.losses) + 1)
            draw(axes, epochs, trace.losses, SERIES[0])
        _scaled(axes, np.concatenate([ours.losses, theirs.losses]))
        axes.set_xlabel("epoch")
    kept = len(ours.losses) > MOST_POINTS
    note = f"Drawn from {MOST_POINTS} epochs, evenly spread." if kept else ""
    return Plot("loss", finished[0], note)


def weight_plots(ours: Trace, theirs: Trace, weights: Sequence[str]) -> tuple[list[Plot], str]:
    """A plot for each array of weights, and a sentence on the arrays that are left out."""
    shown = [weights[i] for i in spread(len(weights), MOST_PANELS)]
    plots = [_weight_plot(ours, theirs, name) for name in shown]
    left_out = len(weights) - len(shown)
    note = f"{len(shown)} of {len(weights)} arrays of weights are drawn." if left_out else ""
    return plots, note


def _weight_plot(ours: Trace, theirs: Trace, name: str) -> Plot:
    shape = ours.training[name].shape[1:]
    chosen = spread(int(np.prod(shape)), MOST_LINES)
    indices = [tuple(int(i) for i in np.unravel_index(n, shape)) for n in chosen]
    rows = sorted({index[0] if index else 0 for index in indices})
    label = f"The weights {name} over {counted(ours.epochs[-1], 'epoch')}, {_both(ours, theirs)}"
    with figure(name, label) as (axes, finished):
        ends = {}
        for index in indices:
            colour = SERIES[rows.index(index[0] if index else 0) % len(SERIES)]
            for trace, draw in ((ours, _line), (theirs, _marks)):
                draw(axes, (0, *trace.epochs), _course(trace, name, index), colour)
            ends[element("", index)] = (float(ours.training[name][-1][index]), colour)
        axes.set_xlabel("epoch")
        _name_ends(axes, ends, ours.epochs[-1])
    total = int(np.prod(shape))
    note = f"{len(chosen)} of {total:,} weights, evenly spread." if total > len(chosen) else ""
    return Plot(name, finished[0], note)


def _course(trace: Trace, name: str, index: tuple[int, ...]) -> np.ndarray:
    """One weight from before the first epoch to the last."""
    later = trace.training[name].reshape(len(trace.epochs), -1)
    place = int(np.ravel_multi_index(index, trace.evaluation[name].shape)) if index else 0
    return np.append(trace.evaluation[name][index], later[:, place])


def _both(ours: Trace, theirs: Trace) -> str:
    names = [f"{LIBRARY_NAMES[t.library]} ({t.precision})" for t in (ours, theirs)]
    return f"{names[0]} as lines and {names[1]} as rings"


def spread(count: int, most: int) -> list[int]:
    """All positions, or `most` of them evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({int(i) for i in np.linspace(0, count - 1, most).round()})


def _line(axes: "Axes", epochs: Epochs, values: np.ndarray, colour: str) -> None:
    kept = spread(len(values), MOST_POINTS)
    x, y = np.asarray(epochs)[kept], finite(values)[kept]
    axes.plot(x, y, color=colour, linewidth=1.5, zorder=2)


def _marks(axes: "Axes", epochs: Epochs, values: np.ndarray, colour: str) -> None:
    kept = spread(len(values), MARKERS)
    x, y = np.asarray(epochs)[kept], finite(values)[kept]
    axes.plot(x, y, color=colour, linestyle="none", marker="o", markersize=3.6, zorder=3,
              markerfacecolor=PAPER, markeredgewidth=1.1)  # fmt: skip


def finite(values: np.ndarray) -> np.ndarray:
    """In float64; what is not finite, or too large to draw, leaves a gap."""
    wide = values.astype(np.float64)
    return np.where(np.abs(wide) < 1e100, wide, np.nan)


def _scaled(axes: "Axes", values: np.ndarray) -> None:
    """A loss that falls by a factor of a hundred needs a logarithmic scale to be seen."""
    drawn = finite(values)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) and drawn.min() > 0 and drawn.max() > 100 * drawn.min():
        axes.set_yscale("log")


def _name_ends(axes: "Axes", ends: Mapping[str, tuple[float, str]], last: int) -> None:
    """Each line's index at its right end, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    ends = {label: end for label, end in ends.items() if abs(end[0]) < 1e100}
    labels = sorted(ends, key=lambda label: ends[label][0])
    places = _apart([ends[label][0] for label in labels], 0.072 * (high - low), low, high)
    for label, at in zip(labels, places, strict=True):
        axes.annotate(label, (last, at), xytext=(7, 0), textcoords="offset points",
                      va="center", color=ends[label][1], annotation_clip=False)  # fmt: skip


def _apart(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least `gap` apart and as near as can be to those wanted, which are ascending.

    Neighbours that are too close become a group around the mean of where they want to be.
    """
    groups: list[tuple[float, int]] = []  # the mean of `wanted - gap * position`, and how many
    for position, place in enumerate(wanted):
        mean, count = place - gap * position, 1
        while groups and groups[-1][0] > mean:
            before, many = groups.pop()
            mean, count = (mean * count + before * many) / (count + many), count + many
        groups.append((mean, count))
    free = [mean for mean, count in groups for _ in range(count)]
    ceiling = max(low, high - gap * (len(wanted) - 1))
    return [min(max(m, low), ceiling) + gap * i for i, m in enumerate(free)]


@contextmanager
def figure(name: str, label: str) -> Iterator[tuple["Axes", list[Markup]]]:
    """Axes to draw in; afterwards the list holds the finished SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ours: dict[Any, Any] = {
        **{key: value for key, value in mpl.rcParamsDefault.items() if "backend" not in key},
        "svg.fonttype": "none", "svg.hashsalt": f"backhand {name}", "font.size": 10,
        "text.color": INK, "axes.labelcolor": MUTED, "axes.edgecolor": MUTED,
        "xtick.color": MUTED, "ytick.color": MUTED, "grid.color": LINE, "axes.grid": True,
        "grid.linewidth": 0.8, "axes.spines.top": False, "axes.spines.right": False,
        "axes.axisbelow": True,
    }  # fmt: skip
    finished: list[Markup] = []
    with mpl.rc_context(ours), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paper = Figure(SIZE)
        axes = paper.add_axes((0.105, 0.14, 0.775, 0.83))
        axes.locator_params(nbins=6)
        axes.margins(y=0.07)
        yield axes, finished
        finished.append(_page_svg(paper, name, label))


def _page_svg(figure: Any, name: str, label: str) -> Markup:
    """The figure's SVG without what a page does not need, in the page's colours."""
    import io

    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r'font-family: [^;"]*; | transform="rotate\(-0[^"]*"', "", text)
    text = re.sub(r' (?:d|x|y)="[^"]*"', _shorter, text)
    used = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", text))
    ids = {name for pair in used for name in pair}
    text = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in ids else "", text)
    for stand_in, colour in COLOURS.items():
        text = text.replace(stand_in, colour)
    text = re.sub(r"\s*\n\s*", " ", text).replace("xlink:href", "href").replace("> <", "><")
    box = re.search(r'viewBox="([^"]*)"', text)
    assert box is not None
    opening = Markup('<svg class="plot" role="img" aria-label="{}" viewBox="{}">')
    return opening.format(label, box[1]) + Markup(text[text.index(">") + 1 :])


def _shorter(attribute: re.Match[str]) -> str:
    """Coordinates with two decimals."""
    return re.sub(r"\d+\.\d{3,}", lambda m: svg.number(float(m[0])), attribute[0])
