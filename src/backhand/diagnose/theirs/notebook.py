"""A notebook's code cells as one program."""

import json
from pathlib import Path

from backhand.errors import BackhandError


def code_of(file: Path) -> str:
    """The code cells in order; lines of magic (`%`, `!`) are left out.

    Raises:
        BackhandError: if it is no notebook.
    """
    try:
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        sources = [c["source"] for c in cells if c["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackhandError(
            "this is no notebook", where=str(file), wanted="an .ipynb with cells", got=str(error)
        ) from None
    texts = ["".join(s) if isinstance(s, list) else s for s in sources]
    return "\n\n".join("\n".join(map(_plain, text.splitlines())) for text in texts)


def _plain(line: str) -> str:
    bare = line.lstrip()
    return line[: len(line) - len(bare)] + "pass" if bare.startswith(("%", "!")) else line
