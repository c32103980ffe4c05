"""Where in a TOML file a key stands. `tomllib` reads values but forgets their lines."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from backhand.errors import BackhandError, did_you_mean, shown

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the top of the file, e.g. `("network", "steps", 1)`."""

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # text over several lines may end with quotes of its own
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|\n|[\[\]{},=]|[ \t\r]+"
    r"|[^\s\"'#\[\]{},=]+",
    re.DOTALL,
)
_KEY_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)")


@dataclass(frozen=True)
class Places:
    """The lines of a spec's keys."""

    file: str
    lines: dict[KeyPath, int]

    def line(self, path: KeyPath) -> int:
        """The line of a path, or of the closest thing around it; 1 for the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def where(self, path: KeyPath) -> str:
        """`homework.toml:12: network.steps[1]`."""
        line = f"{self.file}:{self.line(path)}"
        return f"{line}: {dotted(path)}" if path else line

    def check_keys(self, table: Iterable[str], known: tuple[str, ...], path: KeyPath) -> None:
        """Raise for the first key of a table that means nothing."""
        for key in table:
            if key not in known:
                raise BackhandError(
                    f"unknown key `{shown(key)}`",
                    where=self.where((*path, key)),
                    wanted=", ".join(known),
                    repair=did_you_mean(key, known),
                )


def dotted(path: KeyPath) -> str:
    """`network.steps[1]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def places(file: str, text: str) -> Places:
    """The lines of all keys, table headers and items of lists in a text that is TOML."""
    scan = _Scan()
    for token in _TOKEN.findall(text + "\n"):
        scan.take(token)
        scan.number += token.count("\n")
    return Places(file, scan.lines)


@dataclass
class _Scan:
    """Goes through a file's tokens: headers, keys, and within a value the items of its list."""

    lines: dict[KeyPath, int] = field(default_factory=dict)
    number: int = 1
    table: KeyPath = ()
    tables: dict[KeyPath, int] = field(default_factory=dict)
    """How many of a `[[table]]` there have been."""
    words: str = ""
    """What stands on this line so far: a header or a key."""
    value: KeyPath | None = None
    """The key whose value is being read."""
    depth: int = 0
    is_list: bool = False
    item: int = 0
    awaits_item: bool = False

    def take(self, token: str) -> None:
        if (token.isspace() and token != "\n") or token.startswith("#"):
            return
        if self.value is not None:
            self._in_value(token, self.value)
        elif token == "\n":
            self._header()
        elif token == "=":
            self.value = (*self.table, *_split(self.words))
            self._found(self.value)
        else:
            self.words += token

    def _in_value(self, token: str, path: KeyPath) -> None:
        if token == "\n":
            if self.depth == 0:
                self.value, self.words = None, ""
            return
        if self.depth == 1 and self.awaits_item and token != "]":
            self._found((*path, self.item))
            self.awaits_item = False
        if token in ("[", "{"):
            self.depth += 1
            if self.depth == 1:
                self.is_list = token == "["
                self.item, self.awaits_item = 0, self.is_list
        elif token in ("]", "}"):
            self.depth -= 1
        elif token == "," and self.depth == 1:
            self.item, self.awaits_item = self.item + 1, self.is_list

    def _header(self) -> None:
        """A line is over that held no `=`: a header, or nothing."""
        if self.words:
            self.table = _split(self.words.strip("[]"))
            self._found(self.table)
            if self.words.startswith("[["):
                number = self.tables.get(self.table, 0)
                self.tables[self.table] = number + 1
                self.table = (*self.table, number)
                self._found(self.table)
        self.words = ""

    def _found(self, path: KeyPath) -> None:
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], self.number)


def _split(key: str) -> KeyPath:
    """`a."b.c"` as its parts."""
    return tuple(a or b or c for a, b, c in _KEY_PART.findall(key))
