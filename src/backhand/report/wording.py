"""Numbers and differences in words, the same everywhere in the report."""

from math import isfinite, isnan

from backhand.experiment import LIBRARY_NAMES

RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


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


def within(name: str) -> str:
    """`NumPy in float64`, for the middle of a sentence."""
    return side(name).replace(", ", " in ")


def sizes(shape: tuple[int, ...]) -> str:
    """`2 × 4`; a scalar is `one number`."""
    return " × ".join(f"{size:,}" for size in shape) if shape else "one number"


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


def scientific(number: float) -> str:
    """`1.8 × 10⁻¹⁵`, and plain `0`."""
    if not number or not isfinite(number):
        return f"{number:g}"
    mantissa, _, power = f"{number:.1e}".partition("e")
    return f"{mantissa}\u00a0×\u00a010{str(int(power)).translate(RAISED)}"
