"""special.erf against mpmath and a published table, in units in the last place."""

import inspect
import math
import warnings
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import erfc, exp, mpf, sqrt

from backhand.rules.special import erf

MP = mpmath.mp.clone()
MP.dps = 40
ULPS = 1.5  # what the docstring promises; 1.06 (float64) and 1.23 (float32) are the worst known

both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def ulps(mine: Any, x: Any) -> float:
    """The largest distance from the true erf(x), in units in the last place of that value."""
    true = [MP.erf(MP.mpf(float(v))) for v in np.ravel(x)]
    unit = np.spacing(np.abs(np.array([float(v) for v in true])).astype(np.asarray(x).dtype))
    off = zip(np.ravel(mine), true, unit, strict=True)
    return max(float(abs(MP.mpf(float(m)) - v) / MP.mpf(float(u))) for m, v, u in off)


def dense(dtype: type) -> np.ndarray:
    """Most where the two ranges meet and just above, where erf is least exact."""
    draw = np.random.default_rng(0)
    small = 10 ** draw.uniform(-300 if dtype is np.float64 else -37, math.log10(27), 2000)
    spans = [(0, 0.8, 2000), (0.8, 1.15, 8000), (1.15, 7, 4000), (7, 27, 100)]
    x = np.concatenate([small, *(draw.uniform(*span) for span in spans)])
    return np.unique(x.astype(dtype))


@both_dtypes
def test_ulps_are_counted(dtype):
    x = np.array([1e-30, 0.25, 0.75, 5], dtype)
    nearest = np.array([float(MP.erf(MP.mpf(float(v)))) for v in x]).astype(dtype)
    assert ulps(nearest, x) <= 0.5 + 1e-6
    for steps in (2, -2):
        assert 1.5 < ulps(nearest + steps * np.spacing(nearest), x) <= 2.5 + 1e-6


@both_dtypes
def test_within_the_promised_ulps(dtype):
    x = dense(dtype)
    assert ulps(erf(x), x) <= ULPS


@given(st.floats(1e-300, 27))
def test_any_float64(x):
    assert ulps(erf(np.float64(x)), np.float64(x)) <= ULPS


@given(st.floats(2.0**-120, 27, width=32))
def test_any_float32(x):
    assert ulps(erf(np.float32(x)), np.float32(x)) <= ULPS


@pytest.mark.parametrize(
    ("x", "value"),
    [
        (0.1, 0.1124629160),
        (0.5, 0.5204998778),
        (1, 0.8427007929),
        (1.5, 0.9661051465),
        (2, 0.9953222650),
    ],
)
def test_abramowitz_and_stegun_table_7_1(x, value):
    assert erf(np.array(float(x))) == pytest.approx(value, rel=0, abs=5.1e-11)


@both_dtypes
def test_ends_and_nan(dtype):
    largest = np.finfo(dtype).max
    x = np.array([np.inf, -np.inf, largest, -largest, 6, 27, np.nan], dtype)
    assert np.array_equal(erf(x), np.array([1, -1, 1, -1, 1, 1, np.nan], dtype), equal_nan=True)


@both_dtypes
def test_odd_to_the_last_bit_and_so_at_zero(dtype):
    x = np.append(dense(dtype), dtype(0))
    assert np.array_equal(erf(-x), -erf(x))
    assert np.array_equal(np.signbit(erf(-x)), np.ones(x.shape, bool))
    assert np.array_equal(np.signbit(erf(x)), np.zeros(x.shape, bool))


@both_dtypes
def test_never_falls(dtype):
    steps = np.spacing(dtype(0.5)) * np.arange(-20000, 20000)
    for middle in (0.9, 1, 6):  # 0.9: where the two ranges meet
        assert (np.diff(erf((middle + steps).astype(dtype))) >= 0).all()
    assert (np.diff(erf(dense(dtype))) >= 0).all()


@both_dtypes
@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (2, 3, 4)])
def test_keeps_shape_dtype_and_argument(shape, dtype):
    x = np.linspace(-3, 3, math.prod(shape), dtype=dtype).reshape(shape).T
    kept = x.copy()
    y = erf(x)
    assert (type(y), y.shape, y.dtype) == (np.ndarray, x.shape, np.dtype(dtype))
    assert np.array_equal(x, kept)
    assert [float(v) for v in y.flat] == [float(erf(np.array(v))) for v in x.flat]


@both_dtypes
def test_no_warnings(dtype):
    ends = np.array([np.inf, -np.inf, np.nan, 0, np.finfo(dtype).max, np.finfo(dtype).tiny], dtype)
    for x in (ends, *ends, dense(dtype)):
        with warnings.catch_warnings(), np.errstate(divide="raise", over="raise", invalid="raise"):
            warnings.simplefilter("error")
            erf(x)


def test_source_alone_runs_with_numpy():
    program: dict[str, Any] = {}
    exec("import numpy as np\n" + inspect.getsource(erf), program)
    x = np.linspace(-7, 7, 1001)
    assert np.array_equal(program["erf"](x), erf(x))


def test_coefficients_are_the_fits_of_the_docstring():
    def a(t):
        return (1 + 3 * t) / (1 - t)

    with mpmath.workdps(40):
        near = mpmath.chebyfit(lambda z: mpmath.erf(sqrt(z)) / sqrt(z) - 1, [0, mpf("0.81")], 12)
        far = mpmath.chebyfit(
            lambda t: exp(a(t) ** 2) * erfc(a(t)), [mpf(-1) / 39, mpf(7) / 23], 13
        )
    held = [c for c in erf.__code__.co_consts if isinstance(c, tuple) and isinstance(c[0], float)]
    assert held == [tuple(map(float, near)), tuple(map(float, far))]
