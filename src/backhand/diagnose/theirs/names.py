"""What people call things: which of our values a name of theirs stands for."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backhand.diagnose.theirs.words import ROLES

WEIGHT = re.compile(r"^(weights?|kernel|theta|whidden|wout|wt|mat|w)_?(\w*)$")
BIAS = re.compile(r"^(biases|bias|offset|b)_?(\w*)$")
GRADIENT = re.compile(
    r"^(?:d_?l_?d_?|dloss_?d?_?|dj_?d?_?|grads?_?(?:of_?)?|gradient_?|g_|d_?|delta_?|nabla_?|total_?d|sum_?d|acc_?d)(\w+)$"
    r"|^(\w+?)_?(?:grads?|gradient|delta|_g)$"
)


LONGEST_INDEX, SHORTEST_WORD = 24, 3


def plain(name: str) -> str:
    """A name without case and underscores."""
    return name.lower().replace("_", "")


def role(name: str) -> str:
    """The role that a name usually has; empty if it has none."""
    short = plain(name)
    known = next((r for r, names in ROLES.items() if short in names), "")
    if known or "_" not in name.strip("_"):
        return known
    begun = short[:1]  # y_enc, x_scaled
    return begun if begun in ("x", "y") and name.strip("_")[1:2] == "_" else ""


@dataclass(frozen=True)
class Layout:
    """How the arrays of our weights lie: their names in order, and shapes."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    def kind(self, i: int) -> str:
        """Whether weight i is a matrix or a bias."""
        return "weight" if len(self.shapes[i]) >= 2 else "bias"


def fits(shape: tuple[int, ...], ours: tuple[int, ...]) -> bool:
    """Whether an array may be ours, transposed or with axes of 1."""
    squeezed = tuple(n for n in shape if n != 1)
    wanted = tuple(n for n in ours if n != 1)
    return squeezed in (wanted, wanted[::-1])


def gradient_of(name: str) -> str:
    """`W1` for `dW1`, `grad_W1`, `W1_grad`; empty if it is no gradient's name."""
    found = GRADIENT.match(name.lower())
    inner = (found[1] or found[2]) if found else ""
    return inner if inner and (WEIGHT.match(inner) or BIAS.match(inner)) else ""


def weight_key(name: str) -> tuple[str, str] | None:
    """Kind and index of a weight's name: `("weight", "1")` for `W1`; None if it is no such name."""
    lower = name.lower()
    for kind, pattern in (("weight", WEIGHT), ("bias", BIAS)):
        found = pattern.match(lower)
        if found and _is_index(found[1], found[2], lower):
            return kind, found[2] if found[1] in ("w", "weight", "weights", "b", "bias", "biases",
                                                  "kernel", "theta") else lower  # fmt: skip
    return None


def _is_index(stem: str, rest: str, name: str) -> bool:
    """Whether what follows says which weight it is: `w1`, `w_out`, `weights_input_hidden`; `where`
    is no w."""
    separate = name[len(stem) :].startswith("_") or len(stem) > 1
    return len(rest) <= (LONGEST_INDEX if separate else SHORTEST_WORD)


def slots(
    named: Sequence[tuple[str, tuple[int, ...]]], layout: Layout, given: Mapping[str, str]
) -> dict[str, int]:
    """Which of our weights each name is, by its name and shape.

    `given` maps their names to ours, where the user says so. Names count in the order in which they
    come; a numbered name keeps its number's order.
    """
    found: dict[str, int] = {}
    for name, _ in named:
        wanted = given.get(name)
        if wanted in layout.names:
            found[name] = layout.names.index(wanted)
    found |= _by_own_names([pair for pair in named if pair[0] not in found], layout)
    rest = [(n, s) for n, s in named if n not in found]
    for kind in ("weight", "bias"):
        free = [
            i
            for i in range(len(layout.names))
            if layout.kind(i) == kind and i not in found.values()
        ]
        chosen = [(n, s) for n, s in rest if (weight_key(n) or ("", ""))[0] == kind]
        chosen = _in_number_order(chosen)
        for i, (name, _) in zip(
            free, _matching(chosen, [layout.shapes[i] for i in free]), strict=False
        ):
            if name:
                found[name] = i
    return found


def _by_own_names(named: Sequence[tuple[str, tuple[int, ...]]], layout: Layout) -> dict[str, int]:
    """Names that are ours, where all of ours of a kind are there: else `W1` may be the second."""
    found: dict[str, int] = {}
    for kind in ("weight", "bias"):
        wanted = {plain(n): i for i, n in enumerate(layout.names) if layout.kind(i) == kind}
        same = {
            name: wanted[plain(name)]
            for name, shape in reversed(named)
            if plain(name) in wanted and fits(shape, layout.shapes[wanted[plain(name)]])
        }
        if set(same.values()) == set(wanted.values()):
            found |= same
    return found


def _in_number_order(named: list[tuple[str, tuple[int, ...]]]) -> list[tuple[str, tuple[int, ...]]]:
    numbers = [re.sub(r"\D", "", name) for name, _ in named]
    if all(numbers) and len(set(numbers)) == len(numbers):
        return [
            pair
            for _, pair in sorted(zip(map(int, numbers), named, strict=True), key=lambda p: p[0])
        ]
    return named


def _matching(
    named: list[tuple[str, tuple[int, ...]]], shapes: list[tuple[int, ...]]
) -> Iterable[tuple[str, tuple[int, ...]]]:
    """For each shape in order the next name that fits it."""
    if len(named) == len(shapes) and all(
        fits(s, shape) or set(s) <= {1} for (_, s), shape in zip(named, shapes, strict=True)
    ):
        yield from named
        return
    rest = list(named)
    for shape in shapes:
        place = next((k for k, (_, s) in enumerate(rest) if fits(s, shape)), None)
        if place is None:
            yield "", ()
        else:
            yield rest[place]
            rest = (
                rest[place + 1 :] if len(rest) > len(shapes) else rest[:place] + rest[place + 1 :]
            )
