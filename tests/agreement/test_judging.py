"""What is said of two numbers and the bound between them, on numbers that one can check by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backhand.agreement.judging import Element, Judgement, Sight, joined, judged, misfitting
from backhand.experiment import Format

inf, nan = np.inf, np.nan
with_and_without_likely = pytest.mark.parametrize("likely", [None, 0.0625])


def sight(
    ours: Any, theirs: Any, bound: Any, likely: float | None = 0.0625, went_in: float = 0.0
) -> Sight:
    first, second = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    bounds = np.broadcast_to(np.asarray(bound, np.float64), first.shape)
    share = None if likely is None else np.full_like(first, likely)
    return Sight("z", "forward", 2, first, second, bounds, share, went_in)


def seen(
    ours: Any,
    theirs: Any,
    bound: Any,
    likely: float | None = 0.0625,
    went_in: float = 0.0,
    precision: Format = "float16",
) -> Judgement:
    """In float16 a bound may be as large as the numbers themselves, so it can be written down."""
    return judged(sight(ours, theirs, bound, likely, went_in), precision)


# --- within, on and beyond a bound ----------------------------------------------------------------


@with_and_without_likely
def test_within_on_and_beyond_a_bound(likely: float | None) -> None:
    """The numbers are sums of powers of two, so that nothing is rounded here."""
    within = seen([4.0, 2.0], [4.0, 2.125], 0.25, likely)
    assert (within.verdict, within.share, within.first) == ("agrees", 0.5, None)
    assert within.widest == Element(2, (1,), 2.0, 2.125, 0.25)
    on = seen([4.0, 2.0], [4.0, 2.25], 0.25, likely)
    assert (on.verdict, on.share) == ("agrees", 1.0)
    beyond = seen([4.0, 2.0], [4.0, np.nextafter(2.25, 3)], 0.25, likely)
    assert beyond.verdict == "differs"
    assert beyond.first == Element(2, (1,), 2.0, np.nextafter(2.25, 3), 0.25)


@with_and_without_likely
def test_the_first_out_of_bound_is_the_one_that_is_furthest_out(likely: float | None) -> None:
    found = seen([[1.0, 1.0], [1.0, 1.0]], [[1.5, 1.0], [1.0, 2.0]], 0.25, likely)
    assert found.first == found.widest == Element(2, (1, 1), 1.0, 2.0, 0.25)
    assert found.share == 4


@with_and_without_likely
def test_a_bound_of_0_allows_nothing_but_the_same_number(likely: float | None) -> None:
    assert seen([3.0, 0.0], [3.0, -0.0], 0.0, likely).verdict == "agrees"
    differs = seen([3.0], [np.nextafter(3, 4)], 0.0, likely)
    assert (differs.verdict, differs.share) == ("differs", inf)


@with_and_without_likely
def test_each_number_has_its_own_bound(likely: float | None) -> None:
    found = seen([1.0, 1.0], [1.5, 1.5], [0.5, 0.25], likely)
    assert found.first == Element(2, (1,), 1.0, 1.5, 0.25)


# --- bounds that say nothing ----------------------------------------------------------------------


def test_a_bound_as_wide_as_the_format_allows_still_tells() -> None:
    """float64: a billionth of the largest number in sight."""
    at = judged(sight([1.0], [1.0], 1e-9), "float64")
    assert (at.verdict, at.blind) == ("agrees", 0)
    past = judged(sight([1.0], [1.0], 1.1e-9), "float64")
    assert (past.verdict, past.blind) == ("cannot tell", 1)
    assert judged(sight([1.0], [1.0], 1.1e-9, went_in=2.0), "float64").verdict == "agrees"
    assert judged(sight([1.0], [1.0], 0.01), "float32").verdict == "agrees"
    assert judged(sight([1.0], [1.0], 0.011), "float32").verdict == "cannot tell"


@with_and_without_likely
def test_an_infinite_bound(likely: float | None) -> None:
    """Beside numbers that are judged: the same and nearly the same pass unseen, others do not."""
    same = seen([1.0, 5.0], [1.0, 5.0], [0.25, inf], likely)
    assert (same.verdict, same.blind, same.unexplained) == ("agrees", 1, 0)
    near = judged(sight([1.0, 5.0], [1.0, 5.0 + 4e-9], [1e-12, inf], likely), "float64")
    assert (near.verdict, near.blind, near.unexplained) == ("agrees", 1, 0)
    far = judged(sight([1.0, 5.0], [1.0, 5.0 + 6e-9], [1e-12, inf], likely), "float64")
    assert (far.verdict, far.blind, far.unexplained) == ("cannot tell", 1, 1)
    assert far.puzzling == Element(2, (1,), 5.0, 5.0 + 6e-9, inf)
    assert far.first is None


@with_and_without_likely
def test_where_no_bound_says_anything_nothing_can_be_told(likely: float | None) -> None:
    found = seen([1.0, 5.0], [1.0, 5.0], inf, likely)
    assert (found.verdict, found.blind, found.elements) == ("cannot tell", 2, 2)
    assert (found.share, found.caught) == (0, inf)


def test_a_guess_is_no_proof() -> None:
    """Between the bound of a formula that may not be theirs and what would be visible."""
    guess = replace(sight([1.0, 1.0], [1.0, 1.0 + 2e-12], 1e-12), is_guess=True)
    found = judged(guess, "float64")
    assert (found.verdict, found.first, found.unexplained) == ("cannot tell", None, 1)
    assert found.puzzling == Element(2, (1,), 1.0, 1.0 + 2e-12, 1e-12)
    visible = replace(guess, theirs=np.array([1.0, 1.0 + 2e-9]))
    assert judged(visible, "float64").verdict == "differs"
    within = replace(guess, theirs=np.array([1.0, 1.0 + 5e-13]))
    assert judged(within, "float64").verdict == "agrees"


# --- what is no number ----------------------------------------------------------------------------


@with_and_without_likely
@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_the_same_nan_or_infinity_on_both_sides_is_no_difference(
    value: float, likely: float | None
) -> None:
    found = seen([1.0, value], [1.0, value], [0.25, 0.0], likely)
    assert (found.verdict, found.share) == ("agrees", 0)


@with_and_without_likely
@pytest.mark.parametrize(("ours", "theirs"), [(nan, 1.0), (1.0, nan), (inf, 1.0), (inf, -inf)])
def test_a_number_on_one_side_only(ours: float, theirs: float, likely: float | None) -> None:
    """With a bound it differs; where the bound is infinite as well, nobody can say."""
    found = seen([1.0, ours], [1.0, theirs], 0.25, likely)
    assert (found.verdict, found.first.index, found.first.share) == ("differs", (1,), inf)
    unknown = seen([1.0, ours], [1.0, theirs], [0.25, inf], likely)
    assert (unknown.verdict, unknown.unexplained, unknown.first) == ("cannot tell", 1, None)
    assert unknown.puzzling.index == (1,)


# --- shapes ---------------------------------------------------------------------------------------


@with_and_without_likely
def test_an_empty_array_agrees(likely: float | None) -> None:
    found = seen(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)), likely)
    assert (found.verdict, found.elements, found.caught) == ("agrees", 0, inf)


@with_and_without_likely
def test_a_single_number_has_an_empty_index(likely: float | None) -> None:
    assert seen(2.0, 2.25, 0.5, likely).widest == Element(2, (), 2.0, 2.25, 0.5)
    assert seen(2.0, 3.0, 0.5, likely).first.index == ()


def test_arrays_that_are_no_numbers_of_their_kind() -> None:
    """Truth values and whole numbers, as masks may be; a float32 beside a float64."""
    mask = np.array([True, False])
    same = Sight("mask", "forward", 1, mask, mask, np.zeros(2), None, 0.0)
    assert judged(same, "float64").verdict == "agrees"
    assert judged(replace(same, theirs=~mask), "float64").verdict == "differs"
    third = np.array([1 / 3], np.float32)
    mixed = Sight("z", "forward", 1, third, third.astype(float), np.zeros(1), None, 0.0)
    assert judged(mixed, "float32").verdict == "agrees"


def test_what_does_not_fit_differs_whatever_it_holds() -> None:
    found = misfitting(3, "shapes: (2,) and (3,)")
    assert (found.verdict, found.first.epoch, found.share) == ("differs", 3, inf)
    assert joined(Judgement(elements=4), found).misfit == "shapes: (2,) and (3,)"


# --- the smallest slip that would have been seen --------------------------------------------------


def test_the_smallest_slip_by_hand() -> None:
    """Off by 1 of 1000 where rounding allows 4: 5 more is seen for certain, 0.5 percent."""
    found = seen([1000.0, 10.0], [1001.0, 10.0], [4.0, 1.0])
    assert found.caught == pytest.approx(5 / 1001)
    assert seen([0.0, 10.0], [0.0, 10.0], [0.0, 1.0]).caught == pytest.approx(0.1)
    assert seen([1.0, 10.0], [1.0, 10.0], [0.0, 1.0]).caught == 0
    assert seen([0.0], [0.0], [0.0]).caught == inf


@pytest.mark.parametrize("seed", range(20))
def test_that_slip_planted_is_seen_and_half_of_it_is_not(seed: int) -> None:
    draw = np.random.default_rng(seed)
    theirs = draw.normal(size=(4, 3))
    bound = np.abs(theirs) * draw.uniform(1e-13, 1e-12, size=(4, 3))
    ours = theirs + bound * draw.uniform(-0.3, 0.3, size=(4, 3))
    small = judged(sight(ours, theirs, bound), "float64").caught
    assert 1e-13 < small < 1e-12 * 1.3

    def planted(factor: float) -> str:
        return judged(sight(ours * (1 + factor * small), theirs, bound), "float64").verdict

    assert planted(1.01) == "differs"
    assert planted(0.5) == "agrees"


# --- the statistical bound ------------------------------------------------------------------------


def test_the_statistical_bound_is_kept_and_decides_nothing() -> None:
    found = seen([1.0, 2.0], [1.125, 2.0], 0.25, likely=0.0625)
    assert (found.likely, found.verdict) == (2, "agrees")
    assert seen([1.0, 2.0], [1.0, 2.0], 0.25, likely=0.0).likely == 0
    assert seen([1.0, 2.0], [1.125, 2.0], 0.25, likely=None).likely is None


# --- several epochs -------------------------------------------------------------------------------


def test_joined_keeps_the_first_that_is_out_and_the_widest_of_all() -> None:
    early = judged(replace(sight([1.0], [1.5], 0.25), epoch=1), "float16")
    late = judged(replace(sight([1.0], [3.0], 0.25), epoch=2), "float16")
    both = joined(early, late)
    assert (both.verdict, both.first, both.widest) == ("differs", early.first, late.first)
    assert both.elements == 2


def test_joined_adds_up_and_takes_the_smallest_slip() -> None:
    sharp = seen([8.0, 1.0], [8.0, 1.0], [0.25, inf])
    blunt = seen([8.0, 1.0], [8.5, 1.0], [2.0, inf], likely=0.25)
    both = joined(sharp, blunt)
    assert (both.elements, both.blind, both.verdict) == (4, 2, "agrees")
    assert both.caught == sharp.caught == 0.25 / 8
    assert (both.likely, both.share) == (2, 0.25)
    unknown = seen([1.0, 1.0], [1.0, 2.0], [0.25, inf], precision="float32")
    assert joined(sharp, unknown).verdict == "cannot tell"
    assert joined(unknown, sharp).puzzling == unknown.puzzling


def test_one_epoch_that_shows_something_is_enough() -> None:
    """All was blind in one epoch, and nothing in another."""
    blind, clear = seen([1.0], [1.0], inf), seen([1.0], [1.0], 0.25)
    assert joined(blind, clear).verdict == "agrees"
    assert joined(blind, blind).verdict == "cannot tell"


@pytest.mark.parametrize("swapped", [False, True])
def test_a_reason_outweighs_agreement_and_no_difference(swapped: bool) -> None:
    refused = Judgement(reason="`np.linalg.det` has no rounding bound")
    agrees, differs = seen([1.0], [1.0], 0.25), seen([1.0], [2.0], 0.25)

    def both(a: Judgement, b: Judgement) -> Judgement:
        return joined(b, a) if swapped else joined(a, b)

    assert both(refused, agrees).verdict == "cannot tell"
    assert both(refused, agrees).reason == refused.reason
    assert both(refused, differs).verdict == "differs"
