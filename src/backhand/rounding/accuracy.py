"""How accurate the elementary functions are said to be: one table, NumPy's and PyTorch's together.

An entry is the largest error in units in the last place, in float32 and in float64, of any library
that the bounds speak for; where two libraries differ the worse one counts. Measured maxima of
NumPy 2.4 (SVML, AVX512) and PyTorch 2.13 (MKL, SLEEF) are below every entry; `self_test` measures
the machine at hand. Sources:

- numpy: numpy/_core/tests/data/umath-validation-set-*.csv, last column, shipped in its wheel:
  float32 exp 3, log 4, tanh 2, sin 2, cos 2, tan 4, log1p 2, expm1 3, exp2 2, log2 3, log10 3;
  float64 1 each, tanh 2. Without AVX512 NumPy takes float64 functions from the C library, of which
  log10 has 1.62 (glibc; Gladman and others, hal-03141101) and the rest stay below 1. Pull
  requests 13134 (exp 2.52, log 3.83) and 19478 (SVML, at most 4 ulp).
- torch: aten/src/ATen/cpu/vml.h takes exp, log, sqrt, sin, cos, tanh, erf from MKL's VML in its
  VML_HA mode (Intel: at most 1 ulp; 0.75 was measured of sqrt, so not even that is correctly
  rounded); vec512_float.h takes SLEEF's *_u10 (1 ulp) and, for sin and cos, *_u35 (3.5 ulp).
- erf: NumPy has none; `rules/special.py` promises 1.5 (1.23 and 1.10 are its worst known), PyTorch
  1.0. PyTorch's float32 gelu has an erf of its own, which counts as another formula.
- pow: 1.0 and 0.70 (numpy), 1.48 for the exponent -0.5 (torch), measured on 1e6 points.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Accuracy:
    """Largest error in units in the last place, by dtype."""

    float32: float
    float64: float

    def roundings(self, dtype: np.dtype) -> float:
        """The same as a multiple of the unit roundoff: one ulp is at most two of them."""
        return 2 * (self.float32 if dtype == np.float32 else self.float64)


STATED = {
    "exp": Accuracy(3, 1),
    "exp2": Accuracy(2, 1),
    "expm1": Accuracy(3, 1),
    "log": Accuracy(4, 1),
    "log2": Accuracy(3, 1),
    "log10": Accuracy(4, 2),
    "log1p": Accuracy(2, 1),
    "tanh": Accuracy(2, 2),
    "sin": Accuracy(4, 4),
    "cos": Accuracy(4, 4),
    "tan": Accuracy(4, 1),
    "sqrt": Accuracy(1, 1),
    "power": Accuracy(2, 2),
    "square": Accuracy(1, 1),
    "erf": Accuracy(1.5, 1.5),
}
"""`square` is for a square spelled as a power, which a library may hand to its pow."""
