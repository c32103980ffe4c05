"""No bound is ever dropped in silence: unknown functions and every way out raise by name."""

import copy
import io
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backhand.errors import BackhandError
from backhand.rounding import Bounded, CannotTell, Exit, Untracked, bounded, run

X = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)


def x() -> Bounded:
    return bounded(X, 1e-3)


def one() -> Any:
    return x()[0, 0]


OUT: dict[str, Callable[[], Any]] = {
    "float": lambda: float(one()),
    "int": lambda: int(one()),
    "complex": lambda: complex(one()),
    "index": lambda: [1, 2, 3][one()],
    "range": lambda: range(one()),
    "round": lambda: round(one()),
    "math.sqrt": lambda: math.sqrt(one()),
    "math.floor": lambda: math.floor(one()),
    "math.fsum": lambda: math.fsum(x()[0]),
    "item": lambda: one().item(),
    "tolist": lambda: x().tolist(),
    "tobytes": lambda: x().tobytes(),
    "np.array": lambda: np.array(x()),
    "np.array of a list": lambda: np.array([one(), one()]),
    "np.array of mixed": lambda: np.array([1.0, one()]),
    "np.array of dtype": lambda: np.array(x(), dtype=np.float64),
    "np.asarray": lambda: np.asarray(x()),
    "np.asanyarray": lambda: np.asanyarray(x()),
    "np.ascontiguousarray": lambda: np.ascontiguousarray(x()),
    "np.float32()": lambda: np.float32(one()),
    "np.float64()": lambda: np.float64(one()),
    "np.fromiter": lambda: np.fromiter(x()[0], float),
    "a plain buffer": lambda: np.zeros((2, 2)).__setitem__(slice(None), x()),
    "a plain element": lambda: np.zeros(3).__setitem__(0, one()),
    "plain +=": lambda: _in_place(),
    "out=plain": lambda: np.add(x(), 1, out=np.zeros((2, 2))),
    "np.add.at(plain)": lambda: np.add.at(np.zeros(4), np.array([0, 1]), x()[0]),
    "np.copyto(plain)": lambda: np.copyto(np.zeros((2, 2)), x()),
    "np.put_along_axis(plain)": lambda: np.put_along_axis(
        np.zeros((2, 2)), np.array([[0], [1]]), x()[:, :1], 1
    ),
    "np.full_like(plain)": lambda: np.full_like(np.zeros(2), one()),
    "np.full": lambda: np.full((2, 2), one()),
    "np.where(out)": lambda: np.nan_to_num(x()),
    "np.save": lambda: np.save(io.BytesIO(), x()),
    "np.vectorize": lambda: np.vectorize(lambda v: v)(x()),
    "np.frompyfunc": lambda: np.frompyfunc(lambda v: v, 1, 1)(x()),
    "json": lambda: json.dumps(one()),
    "memoryview": lambda: memoryview(x()),
    "view": lambda: x().view(np.int32),
    "astype(int)": lambda: x().astype(int),
    "setting whole numbers": lambda: bounded(np.zeros(2, int)).__setitem__(0, one()),
    "a float index": lambda: x()[one()],
    "fft": lambda: np.fft.fft(x()),
    "solve": lambda: np.linalg.solve(x(), X),
    "median": lambda: np.median(x()),
    "percentile": lambda: np.percentile(x(), 30),
    "interp": lambda: np.interp(x(), [0, 1], [0, 1]),
    "add where=": lambda: np.add(x(), 1, where=X > 2),
    "add.reduceat": lambda: np.add.reduceat(x(), [0, 1]),
    "sum initial=": lambda: np.sum(x(), initial=3.0),
    "sum out=": lambda: np.sum(x(), out=np.zeros(())),
    "norm ord=": lambda: np.linalg.norm(x(), ord=1),
    "where alone": lambda: np.where(x() > 0),
    "nonzero": lambda: np.nonzero(x()),
    "unique": lambda: np.unique(x()),
    "flat": lambda: x().flat,
    "float16": lambda: bounded(X.astype(np.float16)),
    "complex numbers": lambda: bounded(X.astype(complex)),
    "power of ufunc": lambda: np.float_power(x(), 2),
    "an in-place cast": lambda: np.bincount(x()[0]),
}


def _in_place() -> None:
    plain = np.zeros((2, 2), np.float32)
    plain += x()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize("name", OUT)
def test_a_way_out_is_refused(name: str) -> None:
    with pytest.raises((BackhandError, TypeError, ValueError)) as caught:
        OUT[name]()
    # NumPy puts an error of its own on top of ours, Python says that there is no such thing
    ours = isinstance(caught.value, BackhandError) or isinstance(
        caught.value.__cause__, BackhandError
    )
    assert ours or (isinstance(caught.value, TypeError) and "Bounded" in str(caught.value))


def test_the_refusal_says_what_and_what_to_do() -> None:
    with pytest.raises(Untracked) as caught:
        np.fft.fft(x())
    assert str(caught.value) == (
        "`np.fft.fft` has no rounding bound\n"
        "  wanted: a function that backhand.rounding knows\n"
        "  repair: write the step with functions it knows, or add a rule for this one"
    )
    with pytest.raises(Untracked) as caught:
        float(one())
    assert str(caught.value) == (
        "`float()` would drop a rounding bound\n"
        "  wanted: bounded numbers to stay bounded\n"
        "  repair: read `.value` and `.error`, or run the program with `exits=` to record `float()`"
    )


EVERY = sorted(
    name
    for name in dir(np)
    if callable(getattr(np, name)) and not isinstance(getattr(np, name), type)
    and name not in ("show_config", "show_runtime", "info", "save", "savez", "savez_compressed",
                     "savetxt", "test", "get_include", "printoptions", "errstate",
                     "set_printoptions")
)  # fmt: skip
# these say something about an array, or name or print it; they give no numbers away
TALK = {"shape", "ndim", "size", "array2string", "array_repr", "array_str", "iscomplexobj",
        "isrealobj", "result_type", "isscalar", "iterable", "typename", "may_share_memory",
        "shares_memory", "set_printoptions", "format_float_positional", "broadcast_shapes",
        "issubdtype", "iscomplex", "array_equiv"}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EVERY)
def test_no_numpy_function_gives_plain_numbers(name: str) -> None:
    """Called with one, two or three bounded arrays, each gives bounded ones or raises."""
    function = getattr(np, name)
    for arguments in ((x(),), (x(), x()), (x(), 1), (x(), x(), x())):
        try:
            with np.errstate(all="ignore"):
                result = function(*arguments)
        except Exception:
            continue
        if name not in TALK:
            assert not _plain_floats(result), (name, result)


def _plain_floats(result: Any) -> bool:
    if isinstance(result, (list, tuple)):
        return any(map(_plain_floats, result))
    if isinstance(result, (np.ndarray, np.generic)):
        return result.dtype.kind in "fc"
    return isinstance(result, (float, complex))


def test_loss_leaves_where_it_is_allowed_and_is_written_down() -> None:
    def train(w):  # type: ignore[no-untyped-def]
        losses = []
        for _ in range(2):
            losses.append(float((w * w).sum()))
            w -= 0.1 * w
        return losses, float(3)

    with pytest.raises(Untracked, match=r"float\(\)"):
        run(train, X)
    exits: list[Exit] = []
    losses, three = run(train, X, exits=exits)
    plain = train(X.copy())[0]
    assert (losses, three) == (plain, 3.0)
    assert [e.value for e in exits] == losses
    assert all(0 < e.error < 1e-4 for e in exits)


def test_math_stays_closed_where_float_is_open() -> None:
    def root(w):  # type: ignore[no-untyped-def]
        return math.sqrt(w[0, 0])

    with pytest.raises(Untracked, match=r"float\(\)"):
        run(root, X, exits=[])


def test_an_unsure_decision_is_refused() -> None:
    near = bounded(np.array([1e-5, 1.0], np.float32), 1e-3)
    assert list((near > 0).unsure) == [True, False]  # type: ignore[attr-defined]
    for decide in (
        lambda: bool((near > 0)[0]),
        lambda: near[near > 0],
        lambda: near.__setitem__(near > 0, 0),
        lambda: [1, 2][np.argmax(near - near)],
        lambda: X[0][near > 0],
        lambda: 1 if (near > 0).any() and (near > 0).all() else 0,
        lambda: bool(near[0]),
        lambda: max(near[0], near[0] * 1),
        lambda: bounded(X)[np.argmax(bounded(np.float32([2, 2])))],
    ):
        with pytest.raises(CannotTell):
            decide()
    assert bool((near > 0)[1])
    assert near[near > 0.5].shape == (1,)
    assert bool((near > 0).any())


def test_copies_keep_their_bounds() -> None:
    for again in (copy.copy(x()), copy.deepcopy(x()), pickle.loads(pickle.dumps(x()))):
        assert np.array_equal(again.value, X)
        assert (again.error == np.float32(1e-3)).all() or (again.error > 1e-3).all()
