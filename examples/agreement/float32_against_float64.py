"""float32 on one side, float64 on the other, without anybody's intent.

First somebody's arrays: they are float32, until one number of NumPy's, the gain, makes them float64
(NumPy 2 does so). What is handed in looks like float64 and has the errors of float32: about one
unit in the last place of float32, and hundreds of millions of float64. Then a program, ours with
one change: its weights are made in float32. Both are found where they begin.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import backhand
from backhand.capture.spec import load
from backhand.testing import assert_agrees
from backhand.writers.files import write_programs

SPEC = Path(__file__).parent / "two_layers.toml"


def main() -> None:
    x, _, w1, b1, _ = (array.astype(np.float32) for array in load(SPEC).arrays.values())
    gain = np.sqrt(1.0)  # of an initialiser: np.float64(1)
    z1 = (x @ w1 + b1) * gain
    print("somebody's arrays:", (x @ w1 + b1).dtype, "becomes", z1.dtype)
    try:
        assert_agrees({"z1": z1, "a1": np.maximum(z1, 0)}, SPEC)
    except AssertionError as finding:
        print(finding)
    right = 0.05 + 0.72 + 0.27 + 0.2  # z1[0, 3]
    for kind in (np.float32, np.float64):
        units = abs(z1[0, 3] - right) / np.spacing(kind(right))
        print(f"z1[0, 3] is off by {units:.2g} units in the last place of {kind.__name__}")

    text = write_programs(load(SPEC))["numpy"].text
    weights = text.index("def initial_weights")
    with TemporaryDirectory() as folder:
        program = Path(folder) / "mine.py"
        program.write_text(text[:weights] + text[weights:].replace("PRECISION", "np.float32"))
        found = backhand.compare(SPEC, program=program)
    print("\na program:", found, sep="\n")


if __name__ == "__main__":
    main()
