"""Is this machine as accurate as `accuracy.py` says? Measured in about three seconds."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from backhand.rounding.accuracy import STATED
from backhand.rounding.refusals import NotCertified

POINTS = {"float32": 1_000_000, "float64": 200_000}

RANGES: dict[str, tuple[tuple[float, float], ...]] = {
    "exp": ((-80, 80), (-1, 1)),
    "exp2": ((-120, 120), (-1, 1)),
    "expm1": ((-20, 80), (-1, 1)),
    "log": ((0, 10), (0.5, 2), (0, 1e30)),
    "log2": ((0, 10), (0.5, 2), (0, 1e30)),
    "log10": ((0, 10), (0.5, 2), (0, 1e30)),
    "log1p": ((-0.9, 10), (-1e-3, 1e-3)),
    "tanh": ((-4, 4), (-0.01, 0.01)),
    "sin": ((-10, 10), (-1e4, 1e4)),
    "cos": ((-10, 10), (-1e4, 1e4)),
    "tan": ((-1.5, 1.5), (-1e4, 1e4)),
    "sqrt": ((0, 10), (0, 1e30)),
    "erf": ((-4, 4), (-0.01, 0.01)),
}
"""Where each is measured: the ranges that networks use, and where a library changes its method."""

WORST = {
    # NumPy's float32 maxima by exhaustive search, AVX512; float64 from Zimmermann et al., Accuracy
    # of Mathematical Functions in Single, Double, ... Precision (hal-03141101)
    "exp": (87.90206, -0.34662557, -659.9002326437139, 1.9522813413503566),
    "log": (0.70710677, 1.4142134, 0.9297740588859362, 0.64266178502551),
    "log1p": (-0.2930306402505539, -0.29289323),
    "expm1": (0.3466438813556237, 0.3465736),
    "tanh": (-0.2349631003652517, 0.13864993058734557),
}
"""Points that are harder than most."""

Elementary = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Measurement:
    """The largest error of one function that was found, beside what is stated of it."""

    function: str
    dtype: str
    measured: float
    stated: float
    at: float

    @property
    def ok(self) -> bool:
        return self.measured <= self.stated

    def __str__(self) -> str:
        verdict = "within" if self.ok else "EXCEEDS"
        return (
            f"{self.function} {self.dtype}: {self.measured:.3f} ulp at {self.at!r},"
            f" {verdict} the stated {self.stated:g}"
        )


def self_test(functions: Mapping[str, Elementary] | None = None) -> tuple[Measurement, ...]:
    """Measure elementary functions against their stated accuracy.

    Args:
        functions: by name (see `STATED`); nothing means NumPy's own. Each takes and returns a
            NumPy array, so that PyTorch's fit through a small wrapper.

    float32 is measured against float64, float64 against long double where that is wider (not on
    Windows, not on ARM): elsewhere float64 goes unmeasured, and is not in the result.
    """
    named = functions or {n: getattr(np, n) for n in RANGES if hasattr(np, n)}
    is_wide = np.finfo(np.longdouble).nmant > 60
    dtypes = ["float32", "float64"] if is_wide else ["float32"]
    return tuple(measured(n, f, kind) for n, f in named.items() if n in RANGES for kind in dtypes)


def certify(functions: Mapping[str, Elementary] | None = None) -> tuple[Measurement, ...]:
    """`self_test`, and a refusal where anything is less accurate than the bounds assume.

    Raises:
        NotCertified: naming each function, where it fails and by how much.
    """
    found = self_test(functions)
    failed = [str(m) for m in found if not m.ok]
    if failed:
        raise NotCertified(
            "elementary functions of this machine are less accurate than stated",
            wanted="errors within backhand.rounding.STATED",
            got="; ".join(failed),
            repair="no bound can be given here: use other libraries, or state larger errors",
        )
    return found


def measured(name: str, function: Elementary, dtype: str) -> Measurement:
    """The largest error on random points, and on the worst known ones."""
    worst, at = 0.0, 0.0
    for x in _points(name, np.dtype(dtype)):
        ulps = np.nan_to_num(_ulps(function(x), _truth(name, x)), nan=np.inf)
        i = int(np.argmax(ulps))
        if ulps[i] > worst:
            worst, at = float(ulps[i]), float(x[i])
    stated = STATED[name]
    return Measurement(name, dtype, worst, getattr(stated, dtype), at)


def _points(name: str, dtype: np.dtype) -> Iterator[np.ndarray]:
    draw = np.random.default_rng(0)
    points = 20_000 if name == "erf" else POINTS[dtype.name] // 2  # erf's truth is a Python loop
    for low, high in RANGES[name]:
        yield draw.uniform(low, high, points).astype(dtype)
    if name in WORST:
        yield np.array(WORST[name], dtype=dtype)


def _truth(name: str, x: np.ndarray) -> np.ndarray:
    """The function in more digits than x has (erf: the C library's, whose error is below 1 ulp)."""
    wide = np.longdouble if x.dtype == np.float64 else np.float64
    if name == "erf":
        return np.array([math.erf(v) for v in x]).astype(wide)
    result: np.ndarray = getattr(np, name)(x.astype(wide))
    return result


def _ulps(computed: np.ndarray, true: np.ndarray) -> np.ndarray:
    unit = np.spacing(np.abs(true).astype(computed.dtype)).astype(true.dtype)
    off: np.ndarray = np.abs(computed.astype(true.dtype) - true) / unit
    return off
