"""Arrays as small tables of numbers; of a large one the corners and what can be said in a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

import numpy as np

from backhand.report.wording import sizes

MOST = 8
"""Rows and columns of an array that is shown whole, and decimals of a number."""
AHEAD, BEHIND = 2, 2
"""Rows and columns shown of a larger one, from its beginning and its end."""

GAP = "⋯"


@dataclass(frozen=True)
class Grid:
    """A table of numbers; `columns` and `rows` name positions, `GAP` stands for what is left out.

    A scalar or a vector has one row without a name.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    note: str = ""


def grid(values: np.ndarray, digits: int = 8, decimals: int | None = None) -> Grid:
    """An array as a table; of more than two dimensions the first page is shown.

    Args:
        values: any array of numbers.
        digits: how many significant digits the largest number gets.
        decimals: so many for every number, instead.
    """
    page = values.reshape(1, -1) if values.ndim < 2 else values
    while page.ndim > 2:
        page = page[0]
    rows, columns = _shown(page.shape[0]), _shown(page.shape[1])
    whole = page.size == values.size and None not in (*rows, *columns)
    picked = page[np.ix_([r for r in rows if r is not None], [c for c in columns if c is not None])]
    if decimals is not None:
        texts = iter([_signed(f"{v:.{decimals}f}") for v in picked.ravel()])
    else:
        texts = iter(_texts(picked, digits if picked.shape[1] <= 4 else min(digits, 5)))
    lines = []
    for row in rows:
        cells = [GAP if row is None or column is None else next(texts) for column in columns]
        label = "" if values.ndim < 2 else GAP if row is None else str(row)
        lines.append((label, tuple(cells)))
    labels = tuple(GAP if column is None else str(column) for column in columns)
    if whole:
        return Grid((), tuple(("", cells) for _, cells in lines))
    return Grid(labels, tuple(lines), _summary(values))


def _shown(length: int) -> list[int | None]:
    """Positions to show, None for a gap."""
    if length <= MOST:
        return list(range(length))
    return [*range(AHEAD), None, *range(length - BEHIND, length)]


def _summary(values: np.ndarray) -> str:
    """What can be said of an array that is not shown whole."""
    said = f"{sizes(values.shape)} in all"
    if values.ndim > 2:
        said = f"the slice [{', '.join(['0'] * (values.ndim - 2))}] of {said}"
    finite = values[np.isfinite(values)].astype(np.float64)
    if len(finite) < values.size:
        said += f", {values.size - len(finite):,} of them not finite"
    if not len(finite):
        return said
    low, mean, high = (f"{f(finite):.4g}" for f in (np.min, np.mean, np.max))
    return f"{said}; smallest {low}, mean {mean}, largest {high}"


def _texts(values: np.ndarray, digits: int) -> list[str]:
    """Numbers with the same decimals each, as few as lose nothing that is shown."""
    numbers = [float(v) for v in values.ravel()]
    finite = [abs(v) for v in numbers if isfinite(v)]
    largest = max(finite, default=0.0)
    if largest and not 1e-3 <= largest < 10**digits:
        return [_signed(f"{v:.{digits - 2}e}") if isfinite(v) else str(v) for v in numbers]
    decimals = max(0, digits - 1 - floor(log10(largest))) if largest else 0
    return aligned([f"{v:.{min(decimals, MOST)}f}" for v in numbers])


def aligned(texts: Sequence[str]) -> list[str]:
    """Decimal texts without the zeros that end every one of them."""
    tails = [len(t) - len(t.rstrip("0")) for t in texts if "." in t]
    cut = min(tails, default=0)
    shorter = [t[: len(t) - cut] if "." in t else t for t in texts]
    return [_signed(t.removesuffix(".")) for t in shorter]


def _signed(text: str) -> str:
    """With a true minus sign, and no minus before a zero."""
    if text.startswith("-") and not text.strip("-0."):
        return text[1:]
    return text.replace("-", "−")
