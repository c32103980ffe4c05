"""Numbers that carry their own rounding bound: run a program on them and read off how far any
correct implementation of it may be from exact arithmetic.

    x = bounded(np.array([1.0, 2.0], dtype=np.float32))
    y = run(softmax, x)
    y.value, y.error

`array.py` holds the type, `elementwise.py`, `powers.py`, `sums.py`, `products.py` and `extremes.py`
the rules, `accuracy.py` what libraries state of exp and its kin, `namespace.py` the running.
"""

from backhand.rounding import (  # noqa: F401  (each import fills the tables of rules)
    combine,
    extremes,
    methods,
    powers,
    products,
    structure,
    sums,
)
from backhand.rounding.accuracy import STATED, Accuracy
from backhand.rounding.array import Bounded, BoundedBool, bounded
from backhand.rounding.model import gamma
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
    "bounded",
    "certify",
    "gamma",
    "run",
    "self_test",
]
