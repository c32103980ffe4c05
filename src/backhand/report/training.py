"""Training as the page shows it: the update, plots, masks, weights before and after, published."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from backhand.experiment import LIBRARIES, LIBRARY_NAMES, Training
from backhand.report import heat, highlight, masks, plots
from backhand.report.formula import formula
from backhand.report.question import training_words
from backhand.report.values import Grid, grid
from backhand.report.wording import counted, in_units, scientific, side, within
from backhand.study import Study

MOST_MAPS = 12
"""Arrays of weights with heat maps; of a deeper network the first, the last and some between."""
MOST_MASKS = 4


@dataclass(frozen=True)
class Weights:
    """One array of weights, before and after."""

    name: str
    shape: str
    maps: tuple[heat.Map, ...]
    note: str
    apart: str


@dataclass(frozen=True)
class Pair:
    """One array of weights, ours and the published."""

    name: str
    ours: Grid
    theirs: Grid
    farthest: str


@dataclass(frozen=True)
class Beside:
    """Ours beside the published, for one library."""

    library: str
    ours: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Section:
    """Everything about training."""

    words: str
    formula: Markup
    update: Markup
    torch_update: Markup
    losses: tuple[tuple[str, str, str], ...]
    """By program: the loss in the first epoch, and in the last."""
    loss_apart: str
    plots: tuple[plots.Plot, ...]
    plots_note: str
    plotted: tuple[str, str]
    masks: tuple[masks.MaskPicture, ...]
    masks_note: str
    masks_apart: str
    weights: tuple[Weights, ...]
    weights_note: str


def section(study: Study) -> Section | None:
    """None without training."""
    training = study.experiment.training
    if training is None:
        return None
    ours, theirs = study.trace("numpy"), study.trace("torch")
    names = [v.name for v in study.experiment.network.forward.parameters]
    drawn, plots_note = plots.weight_plots(ours, theirs, names)
    loss = plots.loss_plot(ours, theirs)
    pictures, masks_note = _masks(study)
    weights, weights_note = _weights(study, names)
    return Section(
        training_words(training),
        _update_formula(training),
        highlight.python(_update_and_loop(study.programs["numpy"].text)),
        highlight.python(_loop(study.programs["torch"].text)),
        tuple((side(t.name), *_ends(t.losses)) for t in study.traces),
        _loss_apart(study),
        (*([loss] if loss else []), *drawn),
        plots_note,
        (side(ours.name), side(theirs.name)),
        pictures,
        masks_note,
        _masks_apart(study, [p.name for p in pictures]),
        weights,
        weights_note,
    )


def _update_formula(training: Training) -> Markup:
    """Of plain gradient descent, which is one line; other optimisers are read in their code."""
    options = {name: value for name, value in training.options if value}
    if training.optimizer != "sgd" or set(options) != {"learning_rate"}:
        return Markup()
    rate = options["learning_rate"]
    number = f"{rate:g}" if isinstance(rate, float | int) else ""
    if "e" in number:
        mantissa, _, power = number.partition("e")
        number = rf"{mantissa} \cdot 10^{{{int(power)}}}"
    return formula(rf"w \leftarrow w - {number}\, \frac{{\partial L}}{{\partial w}}")


def _ends(losses: np.ndarray) -> tuple[str, str]:
    return f"{losses[0]:.8g}", f"{losses[-1]:.8g}"


def _update_and_loop(program: str) -> str:
    return f"{_loop(program)}\n\n\n{highlight.functions(program)['update']}"


def _loop(program: str) -> str:
    """The lines of `train` after its docstring."""
    lines = highlight.functions(program)["train"].splitlines()
    end = next(i for i, line in enumerate(lines) if line.rstrip().endswith('"""'))
    return "\n".join(line.removeprefix("    ") for line in lines[end + 1 :])


def _loss_apart(study: Study) -> str:
    found = next((d for d in study.comparison.training if d.name == "loss"), None)
    if found is None:
        return ""
    return (
        f"Over all epochs, {within(study.comparison.first)} and {within(study.comparison.second)} "
        f"differ in the loss by at most {scientific(found.largest)}, {in_units(found.ulps)}."
    )


def _masks(study: Study) -> tuple[tuple[masks.MaskPicture, ...], str]:
    trace = study.trace("numpy")
    steps = [s for s in study.experiment.network.forward.body if s.function == "dropout_mask"]
    pictures = []
    for step in steps[:MOST_MASKS]:
        rate = dict(step.attributes)["rate"]
        assert isinstance(rate, int | float)
        name = step.output.name
        pictures.append(masks.mask_picture(name, rate, trace.training[name], trace.epochs))
    left_out = len(steps) - len(pictures)
    note = f"{counted(left_out, 'more mask')} not drawn here." if left_out else ""
    return tuple(pictures), note


def _masks_apart(study: Study, names: list[str]) -> str:
    ours, theirs = study.traces[0], study.traces[-1]
    if not names or ours.epochs != theirs.epochs:
        return ""
    both = [n for n in names if n in theirs.training]
    pairs = [(ours.training[n] == 0, theirs.training[n] == 0) for n in both]
    count = sum(a.size for a, _ in pairs)
    different = sum(int(np.count_nonzero(a != b)) for a, b in pairs)
    if different:
        return f"{different:,} of {count:,} numbers were dropped by one and kept by the other."
    return f"Both programs dropped the same ones, in all {count:,} draws."


def _weights(study: Study, names: list[str]) -> tuple[tuple[Weights, ...], str]:
    trace = study.trace("numpy")
    chosen = names
    if len(names) > MOST_MAPS:
        chosen = [names[round(i)] for i in np.linspace(0, len(names) - 1, MOST_MAPS)]
    found = []
    for name in chosen:
        before, after = trace.evaluation[name], trace.training[name][-1]
        maps, note = heat.before_and_after(name, before, after)
        apart = next((d for d in study.comparison.trained if d.name == name), None)
        shape = f"[{', '.join(map(str, before.shape))}]"
        words = "" if apart is None else f"{in_units(apart.ulps)} ({scientific(apart.largest)})"
        words = "none" if apart is not None and apart.ulps == 0 else words
        found.append(Weights(name, shape, tuple(maps), note, words))
    note = f"{len(chosen)} of {len(names)} arrays are shown." if len(chosen) < len(names) else ""
    return tuple(found), note


def beside_published(study: Study) -> list[Beside]:
    """Our trained weights beside those published for the same library, with its usual decimals."""
    published = study.experiment.published
    found: list[Beside] = []
    if published is None:
        return found
    for library in (lib for lib in LIBRARIES if lib in published.weights):
        trace = study.trace(library)
        decimals = 4 if library == "torch" else 8
        pairs = []
        for name, theirs in published.weights[library].items():
            ours = trace.training[name][-1] if trace.epochs else trace.evaluation[name]
            farthest = f"{np.abs(ours - theirs).max():.4f}"
            grids = (grid(ours, decimals=decimals), grid(theirs, decimals=decimals))
            pairs.append(Pair(name, *grids, farthest))
        found.append(Beside(LIBRARY_NAMES[library], side(trace.name), tuple(pairs)))
    return found
