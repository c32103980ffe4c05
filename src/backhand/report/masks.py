"""The dropout masks as they were drawn: epochs from left to right, units from top to bottom."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from markupsafe import Markup

from backhand.report import svg
from backhand.report.wording import counted

MOST_EPOCHS, MOST_UNITS = 120, 24
WIDTH, ROW, LEFT, TOP = 720.0, 15.0, 64.0, 4.0


@dataclass(frozen=True)
class MaskPicture:
    """A drawing; `note` says what was left out of it, `kept` which share was kept in all."""

    name: str
    rate: float
    drawing: Markup
    note: str
    kept: float
    count: int


def mask_picture(name: str, rate: float, masks: np.ndarray, epochs: tuple[int, ...]) -> MaskPicture:
    """Masks by epoch, as a picture: a unit that was dropped is dark."""
    dropped = masks.reshape(len(masks), -1) == 0
    rows = masks.shape[1] if masks.ndim > 1 else 1
    shown = dropped[:MOST_EPOCHS, :MOST_UNITS]
    units = dropped.shape[1] // max(rows, 1)
    step = (WIDTH - LEFT) / len(shown)
    marks = [_dropped(shown[:, unit], unit, step) for unit in range(shown.shape[1])]
    height = TOP + ROW * shown.shape[1]
    names = [f"[{unit // units}, {unit % units}]" for unit in range(shown.shape[1])]
    labels = [
        svg.text(LEFT - 8, TOP + ROW * (unit + 0.5) + 4, name, "end")
        for unit, name in enumerate(names)
    ]
    drawing = svg.drawing(
        WIDTH,
        height + 22,
        f"The mask {name} over {counted(len(shown), 'epoch')}: dark where a unit was dropped",
        svg.rectangle(LEFT, TOP, WIDTH - LEFT, height - TOP, "kept"),
        svg.element("g", *marks, class_="dropped"),
        *_lines(shown.shape[1], units),
        *labels,
        *_epochs(epochs[: len(shown)], step, height),
        class_="masks",
    )
    return MaskPicture(name, rate, drawing, _note(dropped, shown), 1 - float(dropped.mean()),
                       dropped.size)  # fmt: skip


def _dropped(column: np.ndarray, unit: int, step: float) -> Markup:
    """One path for all epochs in which this unit was dropped."""
    y = svg.number(TOP + ROW * unit + 1)
    path, at = "", 0
    for is_dropped, run in groupby(column.tolist()):
        length = len(list(run))
        if is_dropped:
            path += f"M{svg.number(LEFT + at * step)} {y}h{svg.number(length * step)}"
            path += f"v{svg.number(ROW - 2)}h{svg.number(-length * step)}z"
        at += length
    return svg.element("path", d=path)


def _lines(units: int, each: int) -> list[Markup]:
    """A line between one row of the batch and the next."""
    ends = range(each, units, each)
    return [svg.line(LEFT, TOP + ROW * u, WIDTH, TOP + ROW * u, "between") for u in ends]


def _epochs(epochs: tuple[int, ...], step: float, y: float) -> list[Markup]:
    """Numbers below: the first epoch, the last, and some between."""
    places = sorted({round(i) for i in np.linspace(0, len(epochs) - 1, min(len(epochs), 6))})
    marks = []
    for i in places:
        where = "start" if i == 0 else "end" if i == len(epochs) - 1 else "middle"
        at = {"start": 0.0, "end": 1.0}.get(where, 0.5)
        words = f"epoch {epochs[i]}" if i == 0 else str(epochs[i])
        marks.append(svg.text(LEFT + (i + at) * step, y + 16, words, where))
    return marks


def _note(dropped: np.ndarray, shown: np.ndarray) -> str:
    if dropped.shape == shown.shape:
        return ""
    epochs = f"the first {shown.shape[0]} of {counted(dropped.shape[0], 'epoch')}"
    units = f"the first {shown.shape[1]} of {counted(dropped.shape[1], 'unit')}"
    parts = [epochs] * (dropped.shape[0] > shown.shape[0])
    parts += [units] * (dropped.shape[1] > shown.shape[1])
    return f"Drawn here: {' and '.join(parts)}."
