"""Where in a TOML file a key stands. `tomllib` reads values but forgets their lines."""

import re
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the top of the file, e.g. `("network", "steps", 1)`."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*(\"[^\"]*\"|'[^']*'|[A-Za-z0-9_.-]+)\s*=")


@dataclass(frozen=True)
class Places:
    """The lines of a spec's keys."""

    file: str
    lines: dict[KeyPath, int]
    text: tuple[str, ...]

    def line(self, path: KeyPath) -> int:
        """The line of a path, or of the closest thing around it; 1 for the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def line_of_text(self, path: KeyPath, text: str) -> int:
        """The first line at or after a key that holds `text`: for items of a list."""
        start = self.line(path)
        for number in range(start, len(self.text) + 1):
            if text in self.text[number - 1]:
                return number
        return start

    def where(self, path: KeyPath, text: str = "") -> str:
        """`homework.toml:12: network.steps[1]`."""
        line = self.line_of_text(path, text) if text else self.line(path)
        return f"{self.file}:{line}: {dotted(path)}" if path else f"{self.file}:{line}"


def dotted(path: KeyPath) -> str:
    """`network.steps[1]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def places(file: str, text: str) -> Places:
    """Read the lines of all keys and table headers."""
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _split(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            path = (*table, *_split(key[1]))
            lines.setdefault(path, number)
    return Places(file, lines, tuple(text.splitlines()))


def _split(key: str) -> KeyPath:
    """`a."b.c"` as its parts."""
    parts = re.findall(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)", key)
    return tuple(next(p for p in part if p) if any(part) else "" for part in parts)
