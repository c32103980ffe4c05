"""How two programs drift apart over training: one plot, and what it says in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from backhand.agreement.carried import USEFUL, Carried
from backhand.agreement.training import OverTraining
from backhand.report import plots
from backhand.report.plots import MUTED, SERIES, Plot
from backhand.report.wording import counted, element, listed, scientific, within
from backhand.rounding.at_random import BEYOND

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_FLIPS = 100
FEW = 30
"""Up to so many points are drawn as points, too: a line through one of them is not seen."""

WHOLE = (0.105, 0.14, 0.87, 0.76)
UPPER = (0.105, 0.42, 0.87, 0.48)
LOWER = (0.105, 0.14, 0.87, 0.19)
"""Where the panels stand in the figure: left, bottom, width, height."""


def drift_plot(over: OverTraining, shares: Mapping[int, float] | None = None) -> Plot | None:
    """The difference of the weights, the size that rounding reaches, the certain bound, the flips.

    Args:
        over: what is known of both programs over training.
        shares: by epoch, the largest part that a step's difference is of its bound; they get a
            panel of their own.

    Returns:
        None for a single update, of which there is no course, and if there is nothing but zeros.
    """
    lines = {
        "difference": (over.epochs, _positive(over.differences)),
        "rounding alone": (over.ensemble.epochs, _positive(over.ensemble.spread)),
        "certain bound": (range(1, over.carried.updates + 1), _positive(over.carried.bounds)),
    }
    numbers = np.concatenate([values[np.isfinite(values)] for _, values in lines.values()])
    if len(over.epochs) < 2 or not numbers.size:
        return None
    label = f"How far the weights are apart over {counted(over.epochs[-1], 'epoch')}"
    with plots.figure("drift", label) as (axes, finished):
        _scaled(axes, over.epochs[-1], numbers)
        axes.set_position(UPPER if shares else WHOLE)
        for colour, (name, (epochs, values)) in zip(SERIES, lines.items(), strict=False):
            _course(axes, np.asarray(epochs), values, colour, name)
        if over.carried.ends_in and over.carried.updates:
            axes.plot([over.carried.updates], over.carried.bounds[-1:], color=SERIES[2],
                      marker="x", markersize=7, markeredgewidth=1.8, clip_on=False)  # fmt: skip
        _flips(axes, over.signs.flipped)
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=4, frameon=False,
                    fontsize=9, handlelength=1.4, columnspacing=1.2)  # fmt: skip
        lowest = _panel(axes, shares) if shares else axes
        lowest.set_xlabel("epoch")
    return Plot("drift", finished[0], _note(over))


def _positive(values: tuple[float, ...]) -> np.ndarray:
    """What a logarithmic axis can show; anything else leaves a gap."""
    finite = plots.finite(np.array(values, dtype=np.float64))
    return np.where(finite > 0, finite, np.nan)


def _scaled(axes: "Axes", last: int, numbers: np.ndarray) -> None:
    """Whole powers of ten, so that the axis has a label even where all is of one size."""
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter("")
    low, high = np.floor(np.log10(numbers.min())), np.ceil(np.log10(numbers.max()))
    axes.set_ylim(0.8 * 10.0**low, 1.25 * 10.0 ** max(high, low + 1))
    axes.set_xlim(0, last * 1.02)
    axes.locator_params(axis="x", integer=True)


def _course(axes: "Axes", epochs: np.ndarray, values: np.ndarray, colour: str, name: str) -> None:
    if not np.isfinite(values).any():
        return
    kept = plots.spread(len(values), plots.MOST_POINTS)
    marker = "." if len(kept) <= FEW else ""
    axes.plot(epochs[kept], values[kept], color=colour, linewidth=1.5, marker=marker, label=name)


def _flips(axes: "Axes", epochs: tuple[int, ...]) -> None:
    for number, i in enumerate(plots.spread(len(epochs), MOST_FLIPS)):
        label = "" if number else "a sign flips"
        axes.axvline(epochs[i], color=MUTED, linewidth=0.9, linestyle=":", label=label)


def _panel(axes: "Axes", shares: Mapping[int, float]) -> "Axes":
    """Below: how much of its own bound the farthest step takes up."""
    panel: Axes = axes.figure.add_axes(LOWER, sharex=axes)
    axes.tick_params(labelbottom=False)
    epochs = sorted(shares)
    values = plots.finite(np.array([shares[e] for e in epochs], dtype=np.float64))
    _course(panel, np.array(epochs), values, SERIES[3], "")
    panel.set_ylim(0, 1.1 * max(1, values[np.isfinite(values)].max(initial=0)))
    panel.axhline(1, color=MUTED, linewidth=0.9, linestyle="--")
    panel.set_title("largest share of a step's own bound", fontsize=9, color=MUTED, loc="left")
    return panel


def _note(over: OverTraining) -> str:
    looked_at, last = len(over.epochs), over.epochs[-1]
    return f"{looked_at:,} of {last:,} epochs, evenly spread." if looked_at < last else ""


# --- in words -------------------------------------------------------------------------------------


def drift_sentences(over: OverTraining) -> list[str]:
    """What the plot shows: the bound as far as it goes, then the evidence."""
    return [
        _on_the_bound(over.carried),
        _on_rounding(over),
        _on_the_difference(over),
        _on_flips(over),
        *_on_the_unexplained(over),
    ]


def _on_the_bound(carried: Carried) -> str:
    head = "The certain bound, carried from step to step, says something for "
    head += counted(carried.updates, "update")
    if carried.updates:
        head += f": no weight is off by more than {scientific(carried.bounds[-1])} then, which is "
        head += f"{_percent(carried.shares[-1])} of the largest weight"
    if carried.ending == "trained":
        return f"{head}. Training ends there."
    if carried.ending == "work":
        return f"{head}. It is followed no further."
    return f"{head}. In epoch {carried.ends_in} {_why(carried)}; so it ends there."


def _why(carried: Carried) -> str:
    if carried.ending == "undecided":
        return f"the program decides by a number that rounding may turn around ({carried.message})"
    if carried.ending == "untracked":
        return f"the program does what no bound is known for ({carried.message})"
    exceeding = carried.exceeding or 0.0
    grown = "infinite" if carried.ending == "infinite" else scientific(exceeding)
    return (
        f"it is {grown}, more than {_percent(USEFUL)} of the largest weight, for it takes all "
        "errors to add up at their worst"
    )


def _percent(share: float) -> str:
    if share < 0.001:
        return scientific(share)
    return f"{100 * share:.2g} %"


def _on_rounding(over: OverTraining) -> str:
    ensemble = over.ensemble
    reached = ensemble.epochs[-1] if ensemble.epochs else 0
    spread = ensemble.spread[-1] if ensemble.spread else 0.0
    return (
        f"{counted(ensemble.members, 'run')} of the NumPy program whose every result is rounded at "
        f"random are, after {counted(reached, 'epoch')}, up to {scientific(spread)} away from the "
        "plain one: so much rounding alone can do. That is evidence, no proof."
    )


def _on_the_difference(over: OverTraining) -> str:
    sides = f"{within(over.first)} and {within(over.second)}"
    most = max(over.differences, default=0.0)
    if most == 0:
        return f"The weights of {sides} are the same after every update, to the last bit."
    epoch = over.epochs[over.differences.index(most)]
    said = f"The weights of {sides} differ by at most {scientific(most)}, after epoch {epoch}"
    spread = over.ensemble.by_epoch.get(epoch)
    if not spread or not np.isfinite(most / spread):
        return f"{said}."
    return f"{said}, which is {_factor(most / spread)} times what rounding alone did by then."


def _factor(ratio: float) -> str:
    """Two digits: `0.5`, `3,400`, `1.6 × 10⁻⁵`."""
    if ratio < 0.01 or ratio >= 1e6:
        return scientific(ratio)
    return f"{float(f'{ratio:.2g}'):,.2f}".rstrip("0").rstrip(".")


def _on_flips(over: OverTraining) -> str:
    kinks, flip = over.signs.kinks, over.signs.first
    if not kinks:
        return "Nothing in this network is decided by a sign or an order."
    if flip is None:
        names = listed([kink.value for kink in kinks])
        return f"No number that a step decides by takes different sides in the two ({names})."
    count = counted(len(over.signs.flipped), "epoch")
    return (
        f"In epoch {flip.epoch} {element(flip.value, flip.index)} is {flip.number:.3g} in "
        f"{within(over.first)} and {flip.other:.3g} in {within(over.second)}: they take different "
        f"sides of a kink, where {flip.result} jumps. From there on the weights may be far apart "
        f"and neither program is wrong. There are such flips in {count}."
    )


def _on_the_unexplained(over: OverTraining) -> list[str]:
    epoch = over.unexplained
    if epoch is None:
        return []
    difference = over.differences[over.epochs.index(epoch)]
    return [
        f"After epoch {epoch} the weights differ by {scientific(difference)}, more than {BEYOND} "
        "times what rounding alone did by then, and no sign had flipped: rounding does not explain "
        "that."
    ]
