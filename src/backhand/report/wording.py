"""Numbers and differences in words, the same everywhere in the report."""

from math import isfinite, isnan

from backhand.compare import Comparison, Difference
from backhand.experiment import LIBRARY_NAMES
from backhand.graph import Size


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 epoch`, `2 epochs`, `10,000 epochs`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def side(name: str) -> str:
    """`NumPy, float64`, from the name of a trace."""
    library, _, precision = name.partition("-")
    return f"{LIBRARY_NAMES[library]}, {precision}"  # type: ignore[index]


def sizes(shape: tuple[int, ...]) -> str:
    """`2 × 4`; a scalar is `one number`."""
    return " × ".join(f"{size:,}" for size in shape) if shape else "one number"


def dimension(size: Size) -> str:
    return f"{size:,}" if isinstance(size, int) else size


def in_units(ulps: float) -> str:
    """`3 units in the last place`, with one decimal below ten, in words where it is nothing."""
    if ulps == 0:
        return "none"
    if isnan(ulps):
        return "not a number"
    if not isfinite(ulps):
        return "infinite"
    return f"{units(ulps)} {'unit' if units(ulps) == '1' else 'units'} in the last place"


def units(ulps: float) -> str:
    """Just the count: `0`, `0.5`, `12`, `1.3e+07`."""
    if not isfinite(ulps) or ulps >= 1e6:
        return f"{ulps:.1e}" if isfinite(ulps) else str(ulps)
    if ulps and ulps < 0.05:
        return "below 0.05"
    return f"{ulps:.1f}".removesuffix(".0") if ulps < 10 else f"{ulps:,.0f}"


def element(name: str, index: tuple[int, ...]) -> str:
    """`dw1[0, 2]`, as Python would index it; a scalar is its name."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def apart(difference: Difference, comparison: Comparison) -> str:
    """One value's difference, in full."""
    if difference.ulps == 0:
        return "no difference: every number is the same, to the last bit"
    return f"largest difference {in_units(difference.ulps)} ({scientific(difference.largest)})"


def scientific(number: float) -> str:
    """`1.8e-15`, and plain `0`."""
    return f"{number:.1e}" if number else "0"
