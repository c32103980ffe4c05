"""Sets of parameters by their keys, written so that repeated layers take one line for all."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from backhand.writers.layout import INDENT, WIDTH, quoted, wrapped


def name_set(label: str, names: Sequence[str]) -> str:
    """`LABEL = {...}`, with `*(f"h.{i}.{name}" for i in range(12) for name in (...))` in it."""
    lines: list[str] = []
    repeated: set[str] = set()
    for (prefix, suffixes), numbers in _layers(names).items():
        repeated |= {f"{prefix}{n}{suffix}" for n in numbers for suffix in suffixes}
        lines += _comprehension(prefix, suffixes, numbers)
    single = [f"{quoted(name)}," for name in names if name not in repeated]
    lines = [*_filled(single), *lines]
    return "\n".join([f"{label} = {{", *(INDENT + line for line in lines), "}"])


def _layers(names: Iterable[str]) -> dict[tuple[str, tuple[str, ...]], range]:
    """What repeats for several numbers in a row: the text before the number, the texts behind."""
    numbers: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for name in names:
        parts = name.split(".")
        at = next((n for n, part in enumerate(parts) if part.isdecimal()), None)
        if at is not None:
            prefix = "".join(f"{part}." for part in parts[:at])
            suffix = "".join(f".{part}" for part in parts[at + 1 :])
            numbers[prefix, suffix].append(int(parts[at]))
    together: defaultdict[tuple[str, range], list[str]] = defaultdict(list)
    for (prefix, suffix), found in numbers.items():
        run = range(min(found), max(found) + 1)
        if len(found) > 1 and sorted(found) == list(run):
            together[prefix, run].append(suffix)
    return {(prefix, tuple(found)): run for (prefix, run), found in together.items()}


def _comprehension(prefix: str, suffixes: Sequence[str], numbers: range) -> list[str]:
    """`*(f"h.{i}.{name}" for i in range(12) for name in (...)),`."""
    count = f"{numbers.start}, {numbers.stop}" if numbers.start else f"{numbers.stop}"
    before = quoted(prefix)[1:-1].replace("{", "{{").replace("}", "}}")
    if len(suffixes) == 1:
        return [f'*(f"{before}{{i}}{suffixes[0]}" for i in range({count})),']
    ends = [f"{quoted(suffix.removeprefix('.'))}," for suffix in suffixes]
    inner = [f"for name in ({' '.join(ends)[:-1]})"]
    if len(inner[0]) > WIDTH - 2 * len(INDENT):
        inner = ["for name in (", *(INDENT + line for line in _filled(ends)), ")"]
    lines = [f'f"{before}{{i}}.{{name}}"', f"for i in range({count})", *inner]
    return ["*(", *(INDENT + line for line in lines), "),"]


def _filled(items: Iterable[str]) -> list[str]:
    """The items, as many on a line as fit."""
    return wrapped(" ".join(items), 0, WIDTH - 3 * len(INDENT))
