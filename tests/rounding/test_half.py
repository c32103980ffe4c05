"""Bounds for PyTorch in bfloat16 and float16: they hold for it and for adversaries, and every part
of them is needed.

BACKHAND_PROGRAMS=10000 python -m pytest -n auto tests/rounding/test_half.py
"""

import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from tests.rounding.narrow import DTYPES, directed, leaf_of, rounded, seen
from tests.rounding.programs import program
from tests.rounding.worlds import MODES
from tests.rules.trial import summed_to

from backhand.rounding import (
    Untracked,
    arithmetic,
    bounded,
    elementwise,
    model,
    powers,
    products,
    run,
    sums,
)
from backhand.rounding.formats import NARROW, Limits, Narrow
from backhand.rules import Rule, formula_rules

PROGRAMS = int(os.environ.get("BACKHAND_PROGRAMS", "1000"))
PARTS = 5
both = pytest.mark.parametrize("name", DTYPES)
COMPOSED = ("softsign", "tanhshrink")
"""PyTorch puts these together from operations, each rounded to 16 bits, and autograd's derivative
is a difference of two terms: another formula than the rule's, which `agreement/kernels.py` has."""
CASES = [
    (n, i)
    for n, r in formula_rules().items()
    if r.backward and n not in ("dropout", *COMPOSED)
    for i in range(len(r.examples))
]


# --- it holds -----------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("number", range(len(list(directed("bfloat16")))))
def test_no_violation_on_directed_inputs(name: str, number: int) -> None:
    what, made = list(directed(name))[number]
    found = seen(made, name, MODES)
    assert found.ok, (what, found.worst, found.where)


@both
@pytest.mark.parametrize("part", range(PARTS))
def test_no_violation_on_random_programs(name: str, part: int) -> None:
    numbers, finite = 0, 0
    for seed in range(part, PROGRAMS // 2, PARTS):
        made = program(seed, "float64", leaf=leaf_of(name))
        found = seen(made, name, (MODES[seed // 3 % 3],), seed)
        assert found.ok, (seed, found.worst, found.where, made.lines)
        numbers, finite = numbers + found.numbers, finite + found.finite
    assert finite > 0.9 * numbers


def within(theirs: torch.Tensor, mine: Any) -> None:
    """PyTorch's numbers are within the bound of exact ones, of which float64's rounding is so
    small a part that it hides in a bound's last digits."""
    off = np.abs(theirs.detach().double().numpy() - mine.value)
    with np.errstate(invalid="ignore"):
        assert not (off > mine.error * (1 + 1e-9)).any(), np.max(off / mine.error)


@both
@pytest.mark.parametrize(("rule", "number"), CASES)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:overflow encountered")
def test_every_rule_forward_and_backward(name: str, rule: str, number: int, seed: int) -> None:
    """Fused kernels and all: PyTorch's own softmax, loss or norm, and autograd behind it."""
    check_rule(formula_rules()[rule], number, name, seed)


def check_rule(rule: Rule, number: int, name: str, seed: int) -> None:
    draw, example = np.random.default_rng(seed), rule.examples[number]
    arrays = {n: rounded(s.draw(draw), name) for n, s in example.arrays.items()}
    attributes = {**rule.forward.defaults, **example.attributes}
    tensors = {n: torch.tensor(a, dtype=DTYPES[name]) for n, a in arrays.items()}
    wanted = [tensors[n].requires_grad_() for n in rule.wrt]
    theirs = eval(rule.torch, {"torch": torch, "F": F, **tensors, **attributes})
    dy = rounded(draw.uniform(-1, 1, tuple(theirs.shape)), name)
    gradients = torch.autograd.grad(theirs, wanted, torch.tensor(dy, dtype=DTYPES[name]))
    assert rule.backward is not None
    with arithmetic(name):
        y = run(rule.forward.call, **arrays, **attributes)
        at_hand = {**arrays, **attributes, rule.output: y, "d" + rule.output: bounded(dy)}
        asked = (*rule.backward.parameters, *rule.backward.attributes)
        found = run(rule.backward.call, **{k: at_hand[k] for k in asked})
        found = found if isinstance(found, tuple) else (found,)
        total = row_by_row if rule.name == "layer_norm" else summed_to
        parts = [total(p, arrays[n].shape) for n, p in zip(rule.wrt, found, strict=True)]
    within(theirs, y)
    for gradient, part in zip(gradients, parts, strict=True):
        within(gradient, part)
        assert np.isfinite(part.error).all()


def row_by_row(part: Any, shape: tuple[int, ...]) -> Any:
    """PyTorch's layer_norm adds the rows of dg and db up in 16 bits (layer_norm_kernel.cpp)."""
    if part.shape == shape:
        return part
    rows = part.reshape(-1, part.shape[-1])
    total = rows[0]
    for row in rows[1:]:
        total = total + row
    return total


# --- sums, as PyTorch computes them ---------------------------------------------------------------


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def shared_sum(name: str) -> np.ndarray:
    """80,000 numbers; both threads' parts lose almost half a unit, and so does the last sum."""
    low = {"bfloat16": 256, "float16": 2048}[name]
    x = np.zeros(80_000)
    x[[0, 1, 50_000, 50_001]] = low, 2.984375, low, 0.9921875
    return rounded(x, name)


@both
@pytest.mark.usefixtures("two_threads")
def test_sums_that_threads_share(name: str) -> None:
    draw = np.random.default_rng(0)
    for x in (shared_sum(name), rounded(draw.uniform(size=(300, 120)), name)):
        within(torch.tensor(x, dtype=DTYPES[name]).sum(), run(np.sum, x, arithmetic=name))


@both
def test_sums_are_held_in_float32(name: str) -> None:
    """What the bound assumes of PyTorch, at 10,000 numbers, where 16 bits would be far off: also
    over axes that do not lie side by side, and over parts of arrays."""
    draw, dtype = np.random.default_rng(0), DTYPES[name]
    x = torch.tensor(draw.uniform(size=(40, 25, 12)), dtype=dtype)
    sums_of: list[Callable[[torch.Tensor], torch.Tensor]] = [
        lambda t: t.sum(), lambda t: t.sum((0, 2)), lambda t: t[:, 1:, 2:].sum((0, 1)),
        lambda t: t.permute(2, 0, 1)[1:].sum((0, 2)), lambda t: t.mean((0, 2)),
        lambda t: t.reshape(-1).cumsum(0), lambda t: t.reshape(1, -1) @ t.reshape(-1, 1),
        lambda t: torch.dot(t.reshape(-1), t.reshape(-1)), lambda t: t.transpose(0, 1) @ t[0, 0],
        lambda t: torch.einsum("abc,abd->cd", t, t), lambda t: t @ t.mT,
    ]  # fmt: skip
    unit = torch.finfo(dtype).eps / 2
    for number, total in enumerate(sums_of):
        true = total(x.double())
        allowed = true * (unit + x.numel() * 2.0**-24)
        assert (total(x).double() - true <= allowed).all(), number


def small_factors(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Factors below 2 ** -126 beside 1, and ordinary ones whose products are that small."""
    draw = np.random.default_rng(0)
    a = draw.uniform(size=(size, size)) * 2.0**-127
    return np.stack([a, 2.0**-63 * (1 + draw.uniform(size=a.shape))]), np.stack(
        [np.eye(size) * 100, 2.0**-64 * (1 + draw.uniform(size=a.shape))]
    )


def small_products(name: str) -> None:
    """By PyTorch, and as VDPBF16PS has them: not every processor does."""
    a, b = (rounded(x, name) for x in small_factors(64))
    for left, right in zip(a, b, strict=True):
        with arithmetic(name):
            mine = bounded(left) @ bounded(right)
        within(
            torch.tensor(left, dtype=DTYPES[name]) @ torch.tensor(right, dtype=DTYPES[name]), mine
        )
        if name == "bfloat16":
            normal = np.where(np.abs(left) < 2.0**-126, 0, left)
            products = normal[:, :, None] * right
            kept = np.where(np.abs(products) < 2.0**-126, 0, products).sum(axis=1)
            within(torch.tensor(kept).to(torch.bfloat16), mine)


@both
def test_products_that_some_processors_take_for_0(name: str) -> None:
    small_products(name)


# --- what it says ---------------------------------------------------------------------------------


def test_the_nearest_number_is_pytorchs() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=100_000) * 10 ** draw.uniform(-45, 40, 100_000)
    for name, narrow in NARROW.items():
        # float32 first is what PyTorch does too, and doubly rounded: keep what both round once
        with np.errstate(over="ignore"):
            once = x.astype(np.float32).astype(np.float64)
            assert np.array_equal(narrow.nearest(once), rounded(once, name))
            assert np.array_equal(narrow.nearest(rounded(x, name)), rounded(x, name))
        about = torch.finfo(DTYPES[name])
        limits = narrow.stored
        assert limits.tiny == about.smallest_normal
        assert limits.smallest == about.smallest_normal * about.eps
        assert limits.largest == about.max
        assert about.eps / 2 < limits.unit < about.eps / 2 * (1 + 2.0**-12)


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@both
def test_values_are_the_plain_ones_and_bounds_outside_are_as_before(name: str) -> None:
    x = rounded(np.random.default_rng(0).normal(size=(5, 6)), name)
    before = run(logistic, x)
    inside = run(logistic, x, arithmetic=name)
    with arithmetic(name):
        assert np.array_equal(run(logistic, x).error, inside.error)
        with arithmetic("float16" if name == "bfloat16" else "bfloat16"):
            assert not np.array_equal(run(logistic, x).error, inside.error)
        assert np.array_equal(run(logistic, x).error, inside.error)
    assert np.array_equal(inside.value, logistic(x))
    assert np.array_equal(run(logistic, x).error, before.error)
    unit = torch.finfo(DTYPES[name]).eps / 2
    # the quotient rounds, 1 + exp rounds, exp rounds: 3 units at most, and not much less
    assert (inside.error <= 3.1 * unit * inside.value).all()
    assert (inside.error >= 2 * unit * inside.value).all()


@both
def test_a_constant_is_exact_or_rounded(name: str) -> None:
    near = float(rounded(0.1, name))
    with arithmetic(name):
        zero = bounded(np.zeros(1))
        for y in (np.maximum(zero, 0.1), zero + np.array([0.1]), bounded(np.array([0.1])) + 0):
            assert y.error[0] >= abs(near - 0.1)
        assert np.maximum(zero, 0.125).error[0] == 0
        assert (bounded(np.array([near])) < 0.1).unsure.all()
        assert not (bounded(np.array([0.2])) < 0.1).unsure.any()
    assert np.maximum(bounded(np.zeros(1)), 0.125).error[0] == 0


def test_beyond_the_range_the_bound_is_infinite() -> None:
    with arithmetic("float16"), np.errstate(all="ignore"):
        x = bounded(np.array([300.0, 200.0]))
        assert list(np.isfinite((x * x).error)) == [False, True]
        assert np.isinf((x * 1e6).error).all()
        assert np.isinf(bounded(np.array([65520.0])).error).all()
        assert np.isfinite(bounded(np.array([65504.0])).error).all()
        # in float32 this sum is held without trouble
        assert np.isfinite(np.sum(bounded(np.array([6e4, 6e4, -6e4]))).error)
    with arithmetic("bfloat16"), np.errstate(all="ignore"):
        assert np.isinf(np.sum(bounded(rounded([3e38, 3e38, -3e38], "bfloat16"))).error)
        assert np.isfinite((bounded(np.array([1e38])) * 2).error).all()


def test_refusals() -> None:
    with pytest.raises(Untracked) as caught, arithmetic("float8"):
        pass
    assert str(caught.value) == (
        "`float8` is no arithmetic that bounds are known for\n"
        "  wanted: bfloat16 or float16\n"
        "  repair: for float32 and float64 give arrays of that type, and no arithmetic"
    )
    with pytest.raises(Untracked) as caught:
        run(logistic, np.zeros(3, np.float32), arithmetic="bfloat16")
    assert str(caught.value) == (
        "numbers of type float32 have no place in bfloat16 arithmetic\n"
        "  wanted: float64 arrays, which stand for both sides\n"
        "  repair: convert the array first"
    )


# --- each part is needed --------------------------------------------------------------------------

Mutant = Callable[[pytest.MonkeyPatch], None]
RIGHT_STORED, RIGHT_SUMMED = Narrow.stored.fget, Narrow.summed.fget  # type: ignore[attr-defined]


def changed(part: str, **limits: Any) -> Mutant:
    """Limits with some of their numbers multiplied."""
    right = {"stored": RIGHT_STORED, "summed": RIGHT_SUMMED}[part]

    def wrong(self: Narrow) -> Limits:
        kept = vars(right(self))
        return Limits(**{k: v * limits.get(k, 1) for k, v in kept.items()})

    return lambda patch: patch.setattr(Narrow, part, property(wrong))


def _exact_constants(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Narrow, "lost", lambda self, x: np.zeros_like(np.asarray(x, np.float64)))
    patch.setattr(Narrow, "nearest", lambda self, x: x)


def _square_is_in_range(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(powers, "_inverse_square", lambda m, v, a: elementwise.rounded(m, v, None, 3))


MUTANTS: dict[str, Mutant] = {
    "half the unit": changed("stored", unit=0.5),
    "nine tenths of the unit": changed("stored", unit=0.9),
    "no underflow": changed("stored", smallest=0),
    "a larger range": changed("stored", largest=4),
    "exact sums": changed("summed", unit=0.01),
    "constants are exact": _exact_constants,
    "an accurate erf": lambda patch: patch.setattr(elementwise, "ERF_OF_16_BITS", 0),
    "powers round once": lambda patch: patch.setattr(powers, "TWO_OPERATIONS", 0),
    "squares stay in range": _square_is_in_range,
    "sums are not rounded": lambda patch: patch.setattr(sums, "stored", lambda m, v, e, size: e),
    "threads do not round": lambda patch: patch.setattr(sums, "SPLIT", 10**9),
    "small products are kept": lambda patch: patch.setattr(products, "flushed", lambda m, x: x),
    "sums are rounded twice less": lambda patch: patch.setattr(
        products, "stored", lambda m, v, e, size: e
    ),
}


def violated() -> str:
    """The first input that shows a violation; nothing if none does."""
    for name in DTYPES:
        for what, made in directed(name):
            found = seen(made, name, ("up", "random"))
            if not found.ok:
                return f"{what}: {found.where} is {found.worst:.3g} times its bound"
        for check in (test_sums_that_threads_share, small_products):
            try:
                check(name)
            except AssertionError as error:
                return str(error)
    return ""


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("mutant", ["", *MUTANTS])
def test_a_mutant_is_found(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings.simplefilter("ignore")
    model._model.cache_clear()
    if mutant:
        MUTANTS[mutant](monkeypatch)
    try:
        assert bool(violated()) == bool(mutant)
    finally:
        model._model.cache_clear()
