"""A dropout whose mask is applied forward and not backward: da1 = dh, not dh * mask.

The published NumPy weights of the homework that this project grew from show this mistake, and
numpy-ml has it (its issue 94). Without dropout, as gradients are usually checked, nothing can be
seen. The check trains both sides with the same masks, and finds it in the first epoch, at a unit
that was dropped: its derivative must be 0.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import backhand
from backhand.capture.spec import load
from backhand.cli import HOMEWORK
from backhand.writers.files import write_programs


def main() -> None:
    text = write_programs(load(HOMEWORK))["numpy"].text
    with TemporaryDirectory() as folder:
        program = Path(folder) / "mine.py"
        program.write_text(text.replace("da1 = dh * mask ", "da1 = dh "))
        untrained = backhand.compare(HOMEWORK, program=program, epochs=0)
        trained = backhand.compare(HOMEWORK, program=program, epochs=1)
    print("without training, so without dropout:", untrained.verdict)
    print(trained)


if __name__ == "__main__":
    main()
