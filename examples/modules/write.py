"""Writes the programs that lie in `written/`: `make golden`.

    python examples/modules/write.py              # all of them
    python examples/modules/write.py resnet       # one

The tests compare them byte by byte with what backhand writes now.
"""

import sys
from pathlib import Path

import backhand.modules
from backhand.modules.loading import load

HERE = Path(__file__).parent
NETWORKS = ("gpt2", "resnet", "names_lstm")


def source(name):
    """The text of the program written from a file's `make_model`."""
    made = load(f"{HERE / name}.py:make_model")
    return backhand.modules.write(made.module, made.args, made.kwargs, **made.extras).source


def counted(text):
    """How long a program is."""
    lines = [line.strip() for line in text.splitlines()]
    blank, comments = lines.count(""), sum(line.startswith("#") for line in lines)
    code = len(lines) - blank - comments
    return f"{len(lines)} lines: {code} of code, {comments} of comments, {blank} blank"


def main():
    for name in sys.argv[1:] or NETWORKS:
        text = source(name)
        (HERE / "written" / f"{name}.py").write_text(text, encoding="utf-8")
        print(f"{name}: {counted(text)}")


if __name__ == "__main__":
    main()
