"""float32 on one side, float64 on the other, without anybody's intent.

First somebody's arrays: they are float32, until one number of NumPy's, the gain, makes them float64
(NumPy 2 does so). What is handed in looks like float64 and has the errors of float32. Then a
program, ours with one change: its weights are made in float32. Both are found where they begin, and
the difference is about one unit of float32, and hundreds of millions of float64.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import backhand
from backhand.capture.spec import load
from backhand.testing import assert_agrees
from backhand.write.files import write_programs

SPEC = Path(__file__).parent / "two_layers.toml"


def in_units(found: float, right: float) -> str:
    """How far a number is off, in units in the last place of both formats."""
    off = abs(found - right)
    units = [off / float(np.spacing(kind(right))) for kind in (np.float32, np.float64)]
    return f"off by {units[0]:.1f} units of float32, {units[1]:.1g} of float64"


def main() -> None:
    x, _, w1, b1, _ = (array.astype(np.float32) for array in load(SPEC).arrays.values())
    gain = np.sqrt(1.0)  # of an initialiser: np.float64(1)
    z1 = (x @ w1 + b1) * gain
    print("somebody's arrays:", (x @ w1 + b1).dtype, "becomes", z1.dtype)
    try:
        assert_agrees({"z1": z1, "a1": np.maximum(z1, 0)}, SPEC)
    except AssertionError as finding:
        print(finding)
    print(in_units(z1[0, 3], 1.24))  # 0.05 + 0.72 + 0.27 + 0.2

    text = write_programs(load(SPEC))["numpy"].text
    weights = text.index("def initial_weights")
    with TemporaryDirectory() as folder:
        program = Path(folder) / "mine.py"
        program.write_text(text[:weights] + text[weights:].replace("PRECISION", "np.float32"))
        found = backhand.compare(SPEC, program=program)
    print("\na program:", found, sep="\n")
    if found.first:
        print(in_units(found.first.element.ours, found.first.element.theirs))


if __name__ == "__main__":
    main()
