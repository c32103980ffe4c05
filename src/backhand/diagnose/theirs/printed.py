"""Numbers pasted as text, as NumPy and PyTorch print them, with the rounding of the print."""

import re
from collections.abc import Iterator, Mapping

import numpy as np

from backhand.diagnose.machine import Machine
from backhand.diagnose.scene import Scene, Seen
from backhand.diagnose.theirs.saved import scenes_of_arrays
from backhand.errors import BackhandError

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
LABEL = re.compile(r"([A-Za-z_][\w ]*?)\s*(?:\([^)]*\))?\s*(?:[:=]|is)\s*$")
WORD = re.compile(r"[A-Za-z_]\w*")


def scenes_of_text(
    machine: Machine, text: str, where: str, given: Mapping[str, str]
) -> list[Scene]:
    """The scenes of a printed text: `name = numbers`, `name: tensor(...)`, a line of name before.

    Raises:
        BackhandError: if there are no numbers with a name that is known.
    """
    named = dict(arrays_of(text))
    if not named:
        raise BackhandError(
            "there are no numbers with a name in this text", where=where,
            wanted="lines such as `dw1 = [[0.38 0.47] ...]` or `w1: tensor([[0.04, 0.13], ...])`",
        )  # fmt: skip
    return scenes_of_arrays(machine, named, where, given)


def arrays_of(text: str) -> Iterator[tuple[str, Seen]]:
    """Each array, or single number, that stands behind a name."""
    place, label = 0, ""
    for found in re.finditer(r"\[|(?<![\w.\])])" + NUMBER, text):
        if found.start() < place:
            continue
        before = text[place : found.start()].removesuffix("tensor(").removesuffix("array(")
        label = _label(before) or label
        if found[0] == "[":
            end = _closing(text, found.start())
            inside = text[found.start() : end]
        else:
            end, inside = found.end(), found[0]
        place = end
        rest = re.match(r"[^\n\[]*?\)", text[end:])
        place += (
            rest.end()
            if rest and "tensor(" in text[max(0, found.start() - 8) : found.start()]
            else 0
        )
        seen = _array(inside)
        if label and seen is not None:
            yield label, seen
            label = ""


def _label(before: str) -> str:
    line = before.strip().splitlines()
    if not line:
        return ""
    found = LABEL.search(line[-1]) or LABEL.search(line[-1] + ":")
    words = WORD.findall(found[1]) if found else WORD.findall(line[-1])
    gradient = any(w.lower() in ("gradient", "grad", "derivative") for w in WORD.findall(line[-1]))
    if not words:
        return ""
    return f"d{words[-1]}" if gradient and len(words) > 1 else words[-1]


def _closing(text: str, start: int) -> int:
    depth = 0
    for i in range(start, len(text)):
        depth += {"[": 1, "]": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    return len(text)


def _array(text: str) -> Seen | None:
    numbers = re.findall(NUMBER + r"|nan|inf", text)
    if not numbers:
        return None
    half = max(_half(n) for n in numbers)
    digits = max(_digits(n) for n in numbers)
    values = np.array([float(n) for n in numbers])
    rows = re.findall(r"\[[^\[\]]*\]", text)
    if text.count("[") > 1 and rows and len(values) % len(rows) == 0:
        values = values.reshape(len(rows), -1)
    elif not text.startswith("["):
        values = values.reshape(())
    exact = digits >= 16
    return Seen(values, 0.0 if exact else half)


def _half(number: str) -> float:
    """Half a unit of the last digit that is printed. NumPy leaves zeros at the end out, so the
    widest-printed number of an array says how far it goes."""
    mantissa, _, exponent = number.lower().partition("e")
    after = len(mantissa.partition(".")[2])
    return 0.5 * 10.0 ** (int(exponent or 0) - after)


def _digits(number: str) -> int:
    mantissa = re.sub(r"[-+.]", "", number.lower().partition("e")[0]).lstrip("0")
    return len(mantissa)
