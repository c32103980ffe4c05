"""What both derivers do with a value that is used several times, or stretched: the names of the
parts of its derivative, their sum, and the sums that undo broadcasting."""

from collections.abc import Callable, Iterator, Sequence

from backhand.derive.shapes import sums
from backhand.graph import Attribute, Step, Value

LONGEST_SUM = 50
"""Terms of a sum of derivatives on one line; a longer one goes on below."""


def fresh(name: str, taken: set[str]) -> str:
    """The name, or with a number behind it where it is taken; it is taken then."""
    free, number = name, 1
    while free.removeprefix("%") in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free.removeprefix("%"))
    return free


def part_name(value: str, through: str, uses: int) -> str:
    """`dx`, or `dx_z` for the part of `dx` that comes through `z` where there are several."""
    return f"d{value}" if uses <= 1 else f"d{value}_{through}"


def added(
    value: str,
    parts: Sequence[Value],
    named: Callable[[str], str],
    unnamed: Callable[[str], str],
) -> Iterator[Step]:
    """The steps that add up the parts of a derivative; the last makes the whole.

    Args:
        value: the name of what they are the derivative by.
        parts: two or more.
        named: a free name for what gets a line of its own.
        unnamed: a free name for what stands within the line that reads it.
    """
    times = "twice" if len(parts) == 2 else f"{len(parts)} times"
    because = f"{value} is used {times}: its derivatives add"
    total = parts[0]
    for count, part in enumerate(parts[1:], 2):
        if count == len(parts):
            made = Value(named(f"d{value}"), total.shape)
            yield Step("add", (total, part), (made,), because=because)
        elif count % LONGEST_SUM == 0:
            made = Value(named(f"d{value}_sum"), total.shape)
            yield Step("add", (total, part), (made,))
        else:
            made = Value(unnamed(f"d{value}_sum"), total.shape)
            yield Step("add", (total, part), (made,))
        total = made


def summed(
    out: Value, value: Value, step: Step, last: Callable[[], str], unnamed: Callable[[], str]
) -> Iterator[Step]:
    """The steps that sum what broadcasting repeated; none where nothing was.

    Args:
        out: a derivative, as a rule gives it.
        value: what it is the derivative by.
        step: the forward step that read the value.
        last: the name of the result.
        unnamed: a free name for what comes before it.
    """
    undoes = next(made.name for made in step.made())
    wanted = sums(out.shape, value.shape)
    for count, (axes, keepdims) in enumerate(wanted, 1):
        kept = tuple(1 if n in axes else size for n, size in enumerate(out.shape))
        left = tuple(size for n, size in enumerate(out.shape) if n not in axes)
        name = last() if count == len(wanted) else unnamed()
        made = Value(name, kept if keepdims else left)
        axis = axes[0] if len(axes) == 1 else axes
        attributes: tuple[tuple[str, Attribute], ...] = (("axis", axis), ("keepdims", keepdims))
        yield Step("sum", (out,), (made,), attributes, step.place, undoes)
        out = made
