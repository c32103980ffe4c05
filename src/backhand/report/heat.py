"""Heat maps: weights before and after training as tables with coloured cells."""

from dataclasses import dataclass

import numpy as np

from backhand.report.values import aligned
from backhand.report.wording import sizes

MOST_CELLS = 32
"""Rows and columns of a map; of a larger array, blocks are averaged."""
MOST_NUMBERED = 10
"""Columns of a map whose cells still have room for their numbers."""


@dataclass(frozen=True)
class Cell:
    """`strength` from 0 to 100, the number's size beside the largest of its map."""

    text: str
    sign: str
    strength: int


@dataclass(frozen=True)
class Map:
    """One heat map."""

    title: str
    rows: tuple[tuple[Cell, ...], ...]
    label: str

    @property
    def numbered(self) -> bool:
        return len(self.rows[0]) <= MOST_NUMBERED and len(self.rows) <= MOST_CELLS


def before_and_after(name: str, before: np.ndarray, after: np.ndarray) -> tuple[list[Map], str]:
    """Maps of an array before, after, and of the change between, and a sentence on averaging."""
    pages = [_page(np.asarray(a, np.float64)) for a in (before, after)]
    pages.append(pages[1] - pages[0])
    small = [_blocks(page) for page in pages]
    scale = max(_largest(small[0]), _largest(small[1]))
    scales = (scale, scale, _largest(small[2]))
    titles = ("before", "after", "change")
    maps = [
        Map(title, _cells(page, largest), f"{name}, {title}: {_span(page)}")
        for title, page, largest in zip(titles, small, scales, strict=True)
    ]
    return maps, _note(pages[0], small[0])


def _page(values: np.ndarray) -> np.ndarray:
    """In two dimensions: a vector is one row, and leading dimensions follow one another."""
    return values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)


def _blocks(page: np.ndarray) -> np.ndarray:
    """At most so many rows and columns, each the mean of a block."""
    for axis in (0, 1):
        if page.shape[axis] > MOST_CELLS:
            parts = np.array_split(page, MOST_CELLS, axis)
            page = np.stack([part.mean(axis=axis) for part in parts], axis)
    return page


def _note(page: np.ndarray, small: np.ndarray) -> str:
    if page.shape == small.shape:
        return ""
    return f"Each cell is the mean of a block: {sizes(page.shape)} weights in {sizes(small.shape)}."


def _largest(page: np.ndarray) -> float:
    finite = page[np.isfinite(page)]
    return float(np.abs(finite).max()) if len(finite) else 0.0


def _span(page: np.ndarray) -> str:
    finite = page[np.isfinite(page)]
    return f"from {finite.min():.3g} to {finite.max():.3g}" if len(finite) else "no finite number"


def _cells(page: np.ndarray, largest: float) -> tuple[tuple[Cell, ...], ...]:
    texts = iter(aligned([f"{v:.3f}" if abs(v) < 1e4 else f"{v:.1e}" for v in page.ravel()]))
    return tuple(tuple(_cell(float(v), next(texts), largest) for v in row) for row in page)


def _cell(value: float, text: str, largest: float) -> Cell:
    if not np.isfinite(value):
        return Cell(str(value), "none", 0)
    strength = round(100 * abs(value) / largest) if largest else 0
    return Cell(text, "negative" if value < 0 else "positive", strength)
