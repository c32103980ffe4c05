"""np.pad with a number around: the bounds of the inside stay, the number has its own."""

import numpy as np
import pytest

from backhand.rounding import Bounded, Untracked, arithmetic, bounded, run

X = np.random.default_rng(2).normal(size=(3, 4)).astype(np.float32)


def framed(value: float) -> Bounded:
    found = np.pad(bounded(X, 0.5), ((1, 0), (0, 2)), constant_values=value)  # type: ignore[call-overload]
    assert isinstance(found, Bounded)
    assert np.array_equal(found.value, np.pad(X, ((1, 0), (0, 2)), constant_values=value))
    assert np.array_equal(found.error[1:, :-2], bounded(X, 0.5).error)
    return found


def outside(found: Bounded) -> np.ndarray:
    return np.concatenate((found.error[0], found.error[1:, -2:].ravel()))


@pytest.mark.parametrize("value", [0.0, 1.0, -0.25, -np.inf])
def test_a_number_that_the_format_has_is_exact(value: float) -> None:
    assert not outside(framed(value)).any()


def test_a_number_that_is_rounded_is_not() -> None:
    off = abs(0.1 - float(np.float32(0.1)))
    assert (outside(framed(0.1)) >= off).all()
    assert (outside(framed(0.1)) < 1.01 * off).all()
    with arithmetic("bfloat16"):
        found = run(lambda x: np.pad(x, 1, constant_values=0.1), X.astype(np.float64))
    assert (found.error[0] > 1e-5).all()


def test_a_negative_number_around_is_no_root() -> None:
    """What is known of the sign of the inside does not hold outside."""
    positive = bounded(np.array([1.0, 4.0]), 0.5)
    assert abs(positive * positive).sign == frozenset()
    framed = np.pad(abs(positive), 1, constant_values=-1.0)
    assert framed.sign != frozenset()
    assert np.pad(abs(positive), 1, constant_values=1.0).sign == frozenset()


def test_an_exact_array_stays_exact() -> None:
    assert np.pad(bounded(X), 1, constant_values=-np.inf).origin.exact
    assert not np.pad(bounded(X), 1, constant_values=0.1).origin.exact


def test_the_largest_of_windows_with_infinities_around() -> None:
    def pooled(x):  # type: ignore[no-untyped-def]
        wide = np.pad(x, 1, constant_values=-np.inf)
        return np.lib.stride_tricks.sliding_window_view(wide, (3, 3)).max(axis=(-2, -1))

    y = run(pooled, bounded(X, 2.0**-10))
    assert np.array_equal(y.value, pooled(X))
    assert np.allclose(y.error, 2.0**-10, rtol=1e-4, atol=0)


@pytest.mark.parametrize("options", [{"constant_values": (1, 2)}, {"stat_length": 2}])
def test_what_is_not_known_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(Untracked):
        np.pad(bounded(X), 1, **options)  # type: ignore[call-overload]
