"""Numbers that carry their own rounding bound: run a program on them and read off how far any
correct implementation of it may be from exact arithmetic.

    x = bounded(np.array([1.0, 2.0], dtype=np.float32))
    y = run(softmax, x)
    y.value, y.error
    z = run(softmax, np.array([1.0, 2.0]), arithmetic="bfloat16")  # z.error: PyTorch's, in bfloat16

`formats.py` and `model.py` say what a rounding costs, `accuracy.py` what libraries state of exp and
its kin; `array.py` holds the type, `elementwise.py`, `powers.py`, `sums.py`, `products.py` and
`extremes.py` the rules; `namespace.py` runs a function.
"""

from backhand.rounding import (  # noqa: F401  (each import fills the tables of rules)
    combine,
    extremes,
    further,
    methods,
    powers,
    products,
    steps,
    structure,
    sums,
)
from backhand.rounding.accuracy import STATED, Accuracy
from backhand.rounding.array import Bounded, BoundedBool, bounded, decided
from backhand.rounding.model import arithmetic, gamma
from backhand.rounding.namespace import Exit, run
from backhand.rounding.refusals import CannotTell, NotCertified, Untracked
from backhand.rounding.selftest import Measurement, certify, self_test

__all__ = [
    "STATED",
    "Accuracy",
    "Bounded",
    "BoundedBool",
    "CannotTell",
    "Exit",
    "Measurement",
    "NotCertified",
    "Untracked",
    "arithmetic",
    "bounded",
    "certify",
    "decided",
    "gamma",
    "run",
    "self_test",
]
