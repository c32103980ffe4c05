"""Number formats: how finely their numbers lie, and where they end.

float32 and float64 are NumPy's. bfloat16 and float16 are what PyTorch stores while its CPU kernels
compute in float32. Where that is said, and what was measured of PyTorch 2.13 (all 65,536 numbers of
both formats for the elementary functions; AVX512 with bfloat16 instructions; no processor that
multiplies float16 itself, and no GPU):

- element by element: operands become float32 (`at::opmath_type`, torch/include/ATen/OpMathType.h),
  the result is rounded once. Functions were off by at most 1.00 units of the format, but powers of
  constant exponent by 1.4: `x ** 3` and `x ** -2` round twice, other exponents are rounded
  themselves; products of many (`prod`) and index_add round each time.
- sums: float32 (SumKernel.cpp: "addition has to be performed in float"), rounded once; means and
  running sums as well (ReduceOps.cpp: "cast_fp32 -> sum -> div -> cast_bf16_or_fp16"). From 2 ** 15
  numbers on, threads share the work and each rounds its part (TensorIteratorReduce.cpp: in
  two_pass_reduction the parts have the result's type): 1.3 units were seen. What layer_norm adds up
  for the derivatives by its two weights is no such sum: it is rounded at each row, as by a loop of
  additions (layer_norm_kernel.cpp, dgamma_buffer).
- matrix products: float32 (oneDNN; ReducedPrecisionFloatGemvFastPathKernel.h; LinearAlgebra.cpp),
  rounded once. A processor's bfloat16 instructions (VDPBF16PS) count numbers below 2 ** -126 as 0,
  as operands and as results, which was seen from 64 x 64 on.
- erf of 16 bits is none of the accurate ones but Abramowitz and Stegun's 7.1.26, off by 1.5e-7 and
  what float32 rounds on the way: 2.8e-7 was the most that was seen.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np


@dataclass(frozen=True)
class Limits:
    """A format as rounding sees it.

    `unit` is half the distance from 1 to the next number, `tiny` the smallest normal number,
    `smallest` what one underflow may cost, `largest` the largest number.
    """

    unit: float
    tiny: float
    smallest: float
    largest: float


@cache
def limits(dtype: np.dtype) -> Limits:
    """The limits of a NumPy dtype."""
    about = np.finfo(dtype)
    return Limits(
        float(about.eps) / 2,
        float(about.smallest_normal),
        float(about.smallest_subnormal),
        float(about.max),
    )


FLOAT32 = limits(np.dtype(np.float32))
SPLIT = 2**15
"""From how many numbers on threads may share a sum (at::internal::GRAIN_SIZE)."""
ERF_OF_16_BITS = 2.0**-20
"""How far an erf of 16 bits may be off before it is rounded: 7.1.26's error and a dozen roundings
of float32 near 1."""


@dataclass(frozen=True)
class Narrow:
    """A 16-bit format: `bits` of a number count, from the leading one on; `lowest` is the exponent
    of its smallest normal number. `flushes` says that products may take what is below 2 ** -126
    for 0."""

    name: str
    bits: int
    lowest: int
    largest: float
    flushes: bool

    @property
    def unit(self) -> float:
        """What a result loses that was rounded to float32 and then to this format."""
        return (1 + 2.0**-self.bits) * (1 + FLOAT32.unit) - 1

    @property
    def stored(self) -> Limits:
        """The limits of what is stored."""
        return Limits(
            self.unit, 2.0**self.lowest, 2.0 ** (self.lowest + 1 - self.bits), self.largest
        )

    @property
    def summed(self) -> Limits:
        """The limits of what sums are held in."""
        lost = FLOAT32.tiny if self.flushes else FLOAT32.smallest
        return Limits(FLOAT32.unit, FLOAT32.tiny, lost, FLOAT32.largest)

    def nearest(self, x: np.ndarray) -> np.ndarray:
        """float64 numbers rounded to the format, ties to even; infinite where it has none."""
        exponent = np.maximum(np.frexp(x)[1], self.lowest + 1)
        step = np.ldexp(1.0, exponent - self.bits)
        found: np.ndarray = np.rint(x / step) * step
        return np.where(np.abs(found) > self.largest, np.copysign(np.inf, x), found)

    def lost(self, x: np.ndarray) -> np.ndarray:
        """How far `nearest` is from x: 0 where x is one of the format's numbers."""
        x = np.asarray(x, np.float64)
        near = self.nearest(x)
        return np.where(near == x, 0, np.abs(near - x))


NARROW = {
    "bfloat16": Narrow("bfloat16", 8, -126, (2 - 2.0**-7) * 2.0**127, True),
    "float16": Narrow("float16", 11, -14, 65504.0, False),
}
