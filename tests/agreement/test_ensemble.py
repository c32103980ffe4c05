"""Runs that are rounded at random: how far they get, and that nothing escapes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backhand
from backhand.agreement import ensemble as planning
from backhand.agreement.carried import Watcher, work_of_an_epoch
from backhand.agreement.ensemble import Plan, ensemble, plan
from backhand.capture.spec import load
from backhand.experiment import Experiment
from backhand.rounding import at_random as module
from backhand.rounding.at_random import MEMBERS, rounded_at_random
from backhand.run.program import namespace_of
from backhand.writers.files import save_programs
from backhand.writers.program import Program

HOMEWORK = Path(backhand.__file__).with_name("homework.toml")
EXAMPLES = Path(__file__).parents[2] / "examples"
FINE: dict[str, Any] = {"float32": np.float64, "float64": np.longdouble}


def written(name: str, folder: Path) -> tuple[Program, Experiment]:
    file = HOMEWORK if name == "homework" else EXAMPLES / f"{name}.toml"
    experiment = load(file)
    return save_programs(experiment, folder)["numpy"], experiment


def course(program: Program, precision: str, folder: Path, dtype: Any) -> list[list[np.ndarray]]:
    """The weights after every epoch, computed in `dtype` from the numbers that `precision` has."""
    after: list[list[np.ndarray]] = []
    watcher = Watcher(lambda: after.append([w.copy() for w in weights]))
    space = namespace_of(program, watcher, getattr(np, precision), folder)
    weights = [w.astype(dtype) for w in space["initial_weights"]()]
    space["train"](*(a.astype(dtype) for a in space["data"]()), weights)
    return after


def ratios(name: str, precision: Any, folder: Path) -> np.ndarray:
    """After each epoch, how many times the true error of the plain run the spread is."""
    program, experiment = written(name, folder)
    spread = ensemble(program, experiment, precision, folder).spread
    mine = course(program, precision, folder, getattr(np, precision))
    true = course(program, precision, folder, FINE[precision])
    gaps = [[np.abs(a - b).max() for a, b in zip(m, t, strict=True)]
            for m, t in zip(mine, true, strict=True)]  # fmt: skip
    return np.array(spread) / np.array([max(gap) for gap in gaps], np.float64)


def is_size_of_rounding(found: np.ndarray) -> bool:
    """Between once and ten times the true error: never below, and rarely above, for the error of a
    single run may be small by chance."""
    return bool(found.min() >= 1 and np.mean(found <= 10) > 0.9)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("name", ["homework", "residual", "two_in_two_out"])
def test_the_spread_has_the_size_of_the_true_error(
    name: str, precision: str, tmp_path: Path
) -> None:
    assert is_size_of_rounding(ratios(name, precision, tmp_path))


@pytest.mark.parametrize("factor", [0.0, 0.01, 20.0])
def test_another_size_of_roundings_is_seen(
    factor: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = module.Moves.take
    monkeypatch.setattr(module.Moves, "take", lambda *a: take(*a) * a[2].type(factor))
    if factor < 1:  # else other orders of summation would still make a spread
        monkeypatch.setattr(module.Moves, "shuffled", lambda _, x, __: x)
        monkeypatch.setattr(module.Moves, "factors", lambda _, a, b: (a, b))
    assert not is_size_of_rounding(ratios("homework", "float32", tmp_path))


def test_the_same_input_gives_the_same_spread(tmp_path: Path) -> None:
    told: list[int] = []
    first = ensemble(*written("homework", tmp_path), "float32", tmp_path, told.append)
    assert first == ensemble(*written("homework", tmp_path), "float32", tmp_path)
    assert first.members == MEMBERS
    assert first.epochs == tuple(range(1, 101))
    assert told == list(range(1, 100 * MEMBERS + 1))
    assert first.by_epoch[100] == first.spread[-1]


# --- what stays rounded at random -----------------------------------------------------------------

ONES = np.ones((3, 4), np.float32)
Made = Callable[[np.ndarray], Any]


def in_place(x: np.ndarray) -> np.ndarray:
    w = x.copy()
    w -= 0.25 * x
    return w


def through_a_view(x: np.ndarray) -> np.ndarray:
    w = x.copy()
    part = w[1:]
    part *= 3
    return w[1:]


def into_out(x: np.ndarray) -> np.ndarray:
    w = np.zeros_like(x)
    np.multiply(x, 3, out=w)
    return w


ROUNDED: dict[str, Made] = {
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(axis=0, keepdims=True),
    "matmul": lambda x: x @ x.T,
    "dot": lambda x: np.dot(x, x.T),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x),
    "tensordot": lambda x: np.tensordot(x, x, 2),
    "cumsum": lambda x: np.cumsum(x),
    "exp": lambda x: np.exp(x),
    "reflected": lambda x: 3 / x,
    "plain array on the left": lambda x: np.full((3, 4), 3, np.float32) * x,
    "a number made of one": lambda x: x.sum() * 3 / 7 * x[0, 0] * 5,
    "in place": in_place,
    "through a view": through_a_view,
    "into out": into_out,
}
"""Each makes new numbers."""

MOVED: dict[str, Made] = {
    "where": lambda x: np.where(x > 0, x, 0),
    "concatenate": lambda x: np.concatenate([x, x]),
    "stack": lambda x: np.stack([ONES, x]),
    "full_like": lambda x: np.full_like(x, 2.0),
    "zeros_like": lambda x: np.zeros_like(x) + 1,
    "split": lambda x: np.split(x, 2, axis=1)[1],
    "transpose": lambda x: x.T,
    "expand_dims": lambda x: np.expand_dims(x, 0),
    "maximum": lambda x: np.maximum(x, 0),
    "largest": lambda x: x.max(axis=0),
    "copy": lambda x: np.copy(x, subok=True),
    "astype": lambda x: x.astype(np.float64),
    "element": lambda x: x[0],
    "pad": lambda x: np.pad(x, 1),
    "repeat": lambda x: np.repeat(x, 2, axis=0),
    "clip": lambda x: np.clip(x, 0, 1),
}
"""Each moves numbers about; what is computed from them next must be rounded at random."""


def different(make: Made, kind: Callable[[int], Callable[[np.ndarray], Any]]) -> bool:
    """Whether members make different numbers."""
    results = [np.asarray(make(kind(seed)(ONES))) for seed in range(6)]
    assert {r.shape for r in results} == {np.shape(make(ONES.copy()))}
    return any(not np.array_equal(r, results[0]) for r in results)


@pytest.mark.parametrize("name", ROUNDED)
def test_new_numbers_are_rounded_at_random(name: str) -> None:
    assert different(ROUNDED[name], rounded_at_random)
    assert not different(ROUNDED[name], lambda _: np.array)


@pytest.mark.parametrize("name", MOVED)
def test_what_is_moved_about_is_rounded_at_random_afterwards(name: str) -> None:
    assert not different(lambda x: np.where(MOVED[name](x) > 0.5, 1, 0), rounded_at_random)
    assert different(lambda x: MOVED[name](x) * 3, rounded_at_random)


@pytest.mark.parametrize("name", ["where", "split", "pad"])
def test_a_subclass_that_is_lost_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second of NumPy's dispatch protocols, `np.where` gives plain arrays."""

    def lost(self: Any, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        plain = [np.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
        return function(*plain, **kwargs)

    monkeypatch.setattr(module.Random, "__array_function__", lost)
    assert not different(lambda x: MOVED[name](x) * 3, rounded_at_random)


def test_a_move_is_to_the_next_number() -> None:
    start = np.linspace(-3, 3, 999, dtype=np.float32)
    moved = np.asarray(rounded_at_random(0)(start) * 1)
    steps = np.round((moved - start) / np.spacing(np.abs(start)))
    assert (moved[start == 0] == 0).all()
    assert set(steps[start != 0]) <= {-1.0, -0.5, 0.0, 0.5, 1.0}  # next to a power of 2 a half
    assert 0.4 < np.mean(steps == 0) < 0.6
    assert abs(steps.mean()) < 0.1


def test_infinities_and_exact_results_stay() -> None:
    x = rounded_at_random(0)(np.array([-np.inf, 1.0, np.inf, 2.0]))
    with np.errstate(invalid="ignore"):
        assert np.array_equal(np.asarray(x * 1)[[0, 2]], [-np.inf, np.inf])
    scores = rounded_at_random(0)(np.linspace(0.1, 0.9, 50).reshape(5, 10)) * 1.1
    for _ in range(20):  # each row finds its largest number again
        assert (scores == scores.max(axis=1, keepdims=True)).any(axis=1).all()
        assert (np.maximum(scores, 0) == scores).all()


def test_sums_are_added_in_other_orders() -> None:
    """1e8 + 1 is 1e8 in float32: 1e8 + 1 - 1e8 is 0, and 1e8 - 1e8 + 1 is 1. No single move of a
    result makes that, and no move at all is made here."""
    x = np.array([1e8, 1.0, -1e8], np.float32)
    still = [rounded_at_random(seed) for seed in range(20)]
    sums: set[float] = set()
    products: set[float] = set()
    for array in still:
        vector = array(x)
        type(vector).moves.take = lambda shape, dtype: np.zeros(shape, dtype)
        sums.add(float(vector.sum()))
        product = np.stack([vector] * 4) @ np.ones((3, 4), np.float32)
        products.add(float(product[0, 0]))
    assert sums == {0.0, 1.0}
    assert products == {0.0, 1.0}


def test_masks_and_data_are_left_alone(tmp_path: Path) -> None:
    program, _ = written("homework", tmp_path)
    seen: dict[str, list[np.ndarray]] = {"mask": [], "z1": []}

    class Keeping(Watcher):
        def value(self, name: str, value: Any) -> Any:
            if name in seen:
                seen[name].append(np.array(value))
            return value

    for array in (np.array, rounded_at_random(0)):
        space = namespace_of(program, Keeping(lambda: None), np.float32, tmp_path)
        x, y = space["data"]()
        space["train"](x, y, tuple(map(array, space["initial_weights"]())), epochs=5)
        assert np.array_equal(x, [[1, 2, 3], [4, 5, 6]])
    assert len(seen["mask"]) == 10
    assert all(map(np.array_equal, seen["mask"][:5], seen["mask"][5:]))
    assert not all(map(np.array_equal, seen["z1"][:5], seen["z1"][5:]))


# --- how much is run ------------------------------------------------------------------------------


def test_the_work_decides_how_much_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, experiment = written("homework", tmp_path)
    cost = work_of_an_epoch(experiment)
    assert plan(experiment) == Plan(MEMBERS, 100)
    monkeypatch.setattr(planning, "WORK", 350 * cost)
    assert plan(experiment) == Plan(3, 100)
    monkeypatch.setattr(planning, "WORK", 30 * cost)
    assert plan(experiment) == Plan(2, 15)
    found = ensemble(program, experiment, "float32", tmp_path)
    assert (found.members, found.epochs) == (2, tuple(range(1, 16)))
    monkeypatch.setattr(planning, "WORK", 1)
    assert plan(experiment) == Plan(2, 1)
