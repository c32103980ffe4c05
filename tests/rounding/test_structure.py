"""Functions that move numbers move their bounds; views share both; dtypes are NumPy's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from backhand.rounding import Bounded, BoundedBool, Untracked, bounded, run

SHARE = 2.0**-7  # an exact factor: what moves a number moves its bound
X = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
I = np.array([[2, 0], [1, 1], [3, 5], [0, 4]])  # noqa: E741

MOVES: dict[str, Callable[[Any], Any]] = {
    "reshape": lambda x: x.reshape(3, 8),
    "reshape -1": lambda x: np.reshape(x, -1),
    "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "transpose": lambda x: x.transpose(1, 0),
    "swapaxes": lambda x: x.swapaxes(-1, -2),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "squeeze": lambda x: x[:1].squeeze(0),
    "broadcast_to": lambda x: np.broadcast_to(x[0], (3, 6)),
    "concatenate": lambda x: np.concatenate([x, x[:2]], axis=0),
    "stack": lambda x: np.stack([x, +x], axis=1),
    "hstack": lambda x: np.hstack([x, x]),
    "split": lambda x: np.split(x, 3, axis=1),
    "pad": lambda x: np.pad(x, ((1, 0), (2, 1))),
    "pad edge": lambda x: np.pad(x, 1, mode="edge"),
    "tril": lambda x: np.tril(x, -1),
    "triu": lambda x: np.triu(x),
    "repeat": lambda x: np.repeat(x, 2, axis=1),
    "tile": lambda x: np.tile(x, (2, 1)),
    "flip": lambda x: np.flip(x, 0),
    "roll": lambda x: np.roll(x, 2, axis=1),
    "take": lambda x: np.take(x, [1, 1, 0], axis=0),
    "take_along_axis": lambda x: np.take_along_axis(x, I, axis=1),
    "diagonal": lambda x: np.diagonal(x),
    "copy": lambda x: x.copy(),
    "windows": lambda x: sliding_window_view(x, 3, axis=1),
    "index": lambda x: x[1],
    "element": lambda x: x[1, 2],
    "slice": lambda x: x[1:, ::2],
    "fancy": lambda x: x[[0, 2], [1, 1]],
    "mask": lambda x: x[X > 0],
    "newaxis": lambda x: x[:, None],
    "ellipsis": lambda x: x[..., 0],
    "where": lambda x: np.where(X > 0, x, 0),
    "maximum": lambda x: abs(x),
    "astype": lambda x: x.astype(np.float64),
    "rows": lambda x: list(x),
    "einsum diagonal": lambda x: np.split(x[:, :4], 2),
}


@pytest.mark.parametrize("name", MOVES)
def test_bounds_move_with_their_numbers(name: str) -> None:
    plain = MOVES[name](X)
    mine = MOVES[name](bounded(X, np.abs(X) * SHARE))
    for p, b in zip(
        *(r if isinstance(r, (list, tuple)) else [r] for r in (plain, mine)), strict=True
    ):
        assert (b.shape, b.dtype) == (np.shape(p), np.asarray(p).dtype)
        assert np.array_equal(b.value, p)
        assert np.allclose(b.error, np.abs(p) * SHARE, rtol=1e-4, atol=0)
        assert b.is_scalar == (not isinstance(p, np.ndarray))


VIEWS = ["reshape", "reshape -1", "ravel", "T", "swapaxes", "expand_dims", "index", "slice",
         "newaxis", "diagonal of a copy"]  # fmt: skip


@pytest.mark.parametrize("name", [v for v in VIEWS if v in MOVES])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_a_write_through_a_view_writes_both(name: str, layout: str) -> None:
    plain, mine = (np.array(X, order=layout) for _ in range(2))  # type: ignore[call-overload]
    x = bounded(mine)
    a, b = MOVES[name](plain), MOVES[name](x)
    a *= np.float32(0.1)
    b *= np.float32(0.1)
    assert np.array_equal(x.value, plain)
    assert np.array_equal(x.error > 0, plain != X)  # a copy changes neither
    assert x.origin.exact == np.array_equal(plain, X)


def test_a_scalar_is_no_view() -> None:
    x = bounded(X)
    s = x[0, 0]
    t = s
    s += 1
    x[0, 0] = 7
    assert (float(t.value), float(s.value)) == (X[0, 0], X[0, 0] + 1)


def test_a_leaf_is_a_copy() -> None:
    mine = X.copy()
    x = bounded(mine)
    x -= 1
    assert np.array_equal(mine, X)


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x * np.float64(0.1),
        lambda x: x * np.sqrt(5),
        lambda x: x * np.array(0.1),
        lambda x: x / np.int64(3),
        lambda x: x * np.arange(6),
        lambda x: x * 0.1,
        lambda x: x**2,
        lambda x: x**0.5,
        lambda x: 2**x,
        lambda x: x / len(x),
        lambda x: x * (x > 0).mean(),
        lambda x: (x > 0).sum(axis=0) + x,
        lambda x: np.float32(2) * x,
        lambda x: X + x,
        lambda x: X.T @ x,
        lambda x: x[0, 0] * 0.1,
        lambda x: x[0, 0] ** 2,
        lambda x: np.mean(x, axis=0, dtype=np.float64),
        lambda x: np.sum(x, dtype=np.float64),
        lambda x: np.exp(x, dtype=np.float64),
        lambda x: np.where(x > 0, 1, x),
        lambda x: np.dot(x[0], x[1]),
        lambda x: np.einsum("ij,kj->ik", x, x),
        lambda x: np.einsum("ij->j", x),
        lambda x: np.tensordot(x, x, axes=([0], [0])),
        lambda x: np.outer(x[0], x[1]),
        lambda x: np.inner(x, x),
        lambda x: np.vdot(x, x),
        lambda x: np.linalg.norm(x, axis=1),
        lambda x: np.linalg.norm(x),
        lambda x: np.var(x, axis=0),
        lambda x: x.std(ddof=1),
        lambda x: np.prod(x, axis=1),
        lambda x: np.cumsum(x),
        lambda x: np.clip(x, -0.5, 0.5),
        lambda x: np.sort(x, axis=0),
        lambda x: np.multiply.outer(x[0], x[1]),
        lambda x: np.add.reduce(x, axis=1),
        lambda x: np.maximum.reduce(x),
        lambda x: np.trace(x),
        lambda x: np.diff(x),
        lambda x: np.logaddexp(x, 0),
        lambda x: np.isfinite(x) * x,
        lambda x: (~(x > 0) & (x < 1) | (x == 2)) * x,
        lambda x: x.max(axis=1, keepdims=True) - x.min(),
        lambda x: x[np.argmax(x, axis=0), np.arange(6)],
        lambda x: np.sum(x, axis=1, where=X > 0),
        lambda x: np.full_like(x, x[0]),
        lambda x: np.ones_like(x) * 0.1 + np.zeros_like(x, dtype=np.float64),
        lambda x: np.add(x, 1, out=np.zeros_like(x)),
        lambda x: np.append(x, x),
    ],
)
def test_value_dtype_and_bound_are_right(compute: Callable[[Any], Any]) -> None:
    """One line each: the bits and the dtype of plain NumPy, and an error that is covered."""
    with np.errstate(all="ignore"):
        plain, mine, true = compute(X), compute(bounded(X)), compute(X.astype(np.longdouble))
    assert isinstance(mine, Bounded)
    assert (mine.dtype, mine.shape) == (np.asarray(plain).dtype, np.shape(plain))
    assert np.array_equal(mine.value, plain, equal_nan=True)
    known = np.isfinite(mine.error)
    assert known.any()
    off = np.abs(np.asarray(plain, np.longdouble) - true)
    assert (off <= mine.error * (1 + np.longdouble(2) ** -8))[known].all()


def test_add_at_counts_what_each_slot_gets() -> None:
    index, added = np.array([0, 2, 0, 0]), np.array([0.1, 0.2, 0.3, 1e5], np.float32)
    plain, x = np.ones(4, np.float32), bounded(np.ones(4, np.float32))
    np.add.at(plain, index, added)
    np.add.at(x, index, bounded(added))
    true = np.ones(4)
    np.add.at(true, index, added.astype(np.float64))
    assert np.array_equal(x.value, plain)
    assert (np.abs(plain - true) <= x.error).all()
    assert x.error[1] == x.error[3] == 0
    assert x.error[0] > x.error[2] > 0


def test_put_along_axis_puts_both() -> None:
    plain, x = X.copy(), bounded(X)
    np.put_along_axis(plain, I, np.float32(0.5), axis=1)
    np.put_along_axis(x, I, bounded(np.float32(0.5), 0.25), axis=1)
    assert np.array_equal(x.value, plain)
    assert ((x.error > 0) == (plain == 0.5)).all()


def test_truth_values_know_when_they_are_unsure() -> None:
    near = bounded(np.array([-0.1, 0.1, 3.0, -3.0]), 0.2)
    positive = near > 0
    assert isinstance(positive, BoundedBool)
    assert list(positive.unsure) == [True, True, False, False]
    assert list((positive & (near > 99)).unsure) == [False] * 4
    assert list((positive | True).unsure) == [False] * 4
    assert list((~positive).unsure) == list((positive ^ True).unsure) == list(positive.unsure)
    assert list((positive * 5.0).error > 4) == [True, True, False, False]
    assert list(positive.sum(dtype=float).error.reshape(1) >= 2) == [True]


def test_ties_are_unsure() -> None:
    assert np.argmax(bounded(np.array([1.0, 3.0, 3.0]))).error.all()
    assert not np.argmax(bounded(np.array([1.0, 3.0, 2.0]))).error.any()


def test_an_exact_infinity_stays_one() -> None:
    def masked(x):  # type: ignore[no-untyped-def]
        x = np.where(np.tril(np.ones((4, 4), bool)), x, -np.inf)
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    y = run(masked, X[:, :4])
    assert np.array_equal(y.value, masked(X[:, :4]))
    assert (y.error < 1e-5).all()
    assert (y.error[np.triu_indices(4, 1)] < 1e-40).all()


def test_what_is_not_finite_has_an_infinite_bound() -> None:
    with np.errstate(all="ignore"):
        x = bounded(np.array([0.0, -1.0, np.nan, 3e38], np.float32))
        for y in (np.log(x)[:3], np.sqrt(x)[1:3], 1 / x[:1], x[3:] * 2, x[3:] + x[3:], x[2:3] * 0):
            assert np.isinf(y.error).all(), y


def test_constructors_inside_a_program_are_tracked() -> None:
    def fills(x):  # type: ignore[no-untyped-def]
        out = np.empty(x.shape, x.dtype)
        half = np.full((2,), x[0, 0])
        both = np.array([x[0, 0], x[0, 1], 1.0], dtype=x.dtype)
        for i, row in enumerate(x):
            out[i] = row * np.sqrt(5) + np.eye(6)[0] + half[0] + both[1]
        assert isinstance(x, np.ndarray)
        return np.asarray(out, dtype=x.dtype)

    y = run(fills, X)
    assert np.array_equal(y.value, fills(X))
    assert (y.error >= 0.99 * np.abs(y.value) * 2.0**-24).all()
    assert np.isfinite(y.error).all()

    def forgets(x):  # type: ignore[no-untyped-def]
        return np.empty_like(x) + np.empty(3, np.float32)[0]

    with np.errstate(all="ignore"):
        assert np.isinf(run(forgets, X).error).all()


TABLE = np.array([0.1, 0.2], dtype=np.float32)


def test_globals_and_helpers_are_tracked() -> None:
    def scaled(x):  # type: ignore[no-untyped-def]
        return (TABLE * 3)[0] * x

    y = run(scaled, X)
    assert np.array_equal(y.value, scaled(X))
    assert (y.error >= 1.9 * np.abs(y.value) * 2.0**-24).all()  # TABLE * 3 rounds as well


def test_a_false_erf_is_refused() -> None:
    def erf(x):  # type: ignore[no-untyped-def]
        return np.tanh(x)

    with pytest.raises(Untracked, match="called erf"):
        run(erf, X)


def test_the_likely_bound_is_smaller_where_sums_are_long_and_never_larger() -> None:
    x = np.random.default_rng(1).normal(size=(30, 900)).astype(np.float32)
    y = run(lambda a: np.exp((a @ a.T) / 900) - a.sum(axis=1), x, likely=True)
    assert y.likely is not None
    assert (y.likely <= y.error).all()
    assert (y.likely < 0.5 * y.error).any()
    a = x.astype(np.float64)
    true = np.exp((a @ a.T) / 900) - a.sum(axis=1)
    assert (np.abs(y.value - true) <= y.likely).all()
    assert run(np.tanh, bounded(x)).likely is None
