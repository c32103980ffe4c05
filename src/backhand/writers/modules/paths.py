"""Where a function finds its parameters: `p["attn.weight"]`, `inside(p, "attn")`, in a loop
`inside(p, f"h.{i}")`."""

from collections.abc import Mapping

from backhand.graph import Slice

Slices = Mapping[str, Slice]


def quoted_path(path: str, slices: Slices) -> str:
    """A path as Python text; an f-string where the repetition of a loop is a part of it."""
    first, dot, rest = path.partition(".")
    one = slices.get(first)
    if one is None:
        return f'"{escaped(path)}"'
    before = f"{escaped(one.path)}." if one.path else ""
    return f'f"{_braced(before)}{{{_index(one)}}}{dot}{_braced(escaped(rest))}"'


def _index(one: Slice) -> str:
    """`i`, `i + 3` or `2 * i + 1`."""
    times = "i" if one.step == 1 else f"{one.step} * i"
    return f"{times} + {one.start}" if one.start else times


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def escaped(text: str) -> str:
    """Text that cannot end the string that it stands in."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return plain if plain.isprintable() else ascii(plain)[1:-1].replace("\\'", "'")
