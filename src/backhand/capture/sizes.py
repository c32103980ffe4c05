"""PyTorch's arithmetic on sizes as Python's: `FloorDiv(s77, 2)` is `T // 2`, `s77*s27` is `B*T`.

PyTorch keeps such a number as an expression of SymPy's, whose classes are known here by name only.
"""

from collections.abc import Mapping
from typing import Any

from backhand.graph import Size

SUM, PRODUCT, POWER, ATOM = range(4)
"""How tightly the parts of an expression hold together."""


def size(expression: Any, known: Mapping[str, Size]) -> float | int | bool | str:
    """A number, or an expression in our letters.

    Args:
        expression: SymPy's, over PyTorch's symbols.
        known: what symbols stand for: a letter of ours, or a number. Others keep their name.
    """
    symbols = {str(symbol): symbol for symbol in getattr(expression, "free_symbols", ())}
    fixed = {s: known[name] for name, s in symbols.items() if isinstance(known.get(name), int)}
    found = expression.subs(fixed) if fixed else expression
    text = str(found)
    if text in ("True", "False"):
        return text == "True"
    if getattr(found, "is_number", False):
        return int(found) if found.is_integer else float(found)
    letters = {name: letter for name, letter in known.items() if isinstance(letter, str)}
    return _text(found, letters)[0]


def _text(expression: Any, letters: Mapping[str, str]) -> tuple[str, int]:
    """An expression as Python, and how tightly it holds together."""
    kind, parts = type(expression).__name__, expression.args
    if kind == "Symbol":
        return letters.get(str(expression), str(expression)), ATOM
    if kind in ("Add", "Mul"):
        return _joined(expression, letters)
    if kind in ("FloorDiv", "CleanDiv", "IntTrueDiv", "FloatTrueDiv", "Mod", "PythonMod"):
        sign = {"FloorDiv": "//", "CleanDiv": "//"}.get(kind, "%" if "Mod" in kind else "/")
        first, second = _within(parts[0], PRODUCT, letters), _within(parts[1], POWER, letters)
        return f"{first} {sign} {second}", PRODUCT
    if kind in ("Pow", "PowByNatural", "FloatPow"):
        base, power = (_within(part, ATOM, letters) for part in parts)
        return f"{base}**{power}", POWER
    if kind in ("Min", "Max"):
        return f"{kind.lower()}({', '.join(_text(part, letters)[0] for part in parts)})", ATOM
    if kind == "ToFloat":
        return _text(parts[0], letters)
    if kind == "OpaqueUnaryFn_sqrt":
        return f"{_within(parts[0], ATOM, letters)}**0.5", POWER
    text = str(expression)
    return text, ATOM if text.isalnum() else SUM


def _within(part: Any, around: int, letters: Mapping[str, str]) -> str:
    text, holds = _text(part, letters)
    return text if holds >= around else f"({text})"


def _joined(expression: Any, letters: Mapping[str, str]) -> tuple[str, int]:
    """A sum or a product; letters stand before numbers in a sum, behind them in a product."""
    is_sum = type(expression).__name__ == "Add"
    around = SUM if is_sum else PRODUCT
    parts = sorted(
        expression.args, key=lambda part: (part.is_number is is_sum, _text(part, letters)[0])
    )
    texts = [_within(part, around if number == 0 else around + 1, letters)
             for number, part in enumerate(parts)]  # fmt: skip
    if not is_sum:
        return "*".join(texts), PRODUCT
    text = texts[0]
    for one in texts[1:]:
        text += f" - {one[1:]}" if one.startswith("-") else f" + {one}"
    return text, SUM
