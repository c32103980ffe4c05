"""Two programs over training: the figures, the plot and the words."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import backhand
from backhand.agreement.carried import Carried
from backhand.agreement.ensemble import Ensemble
from backhand.agreement.signs import Flip, Kink, Signs
from backhand.agreement.training import OverTraining, over_training
from backhand.capture.spec import load, parse
from backhand.experiment import Experiment
from backhand.report.drift import drift_plot, drift_sentences
from backhand.run.program import run_numpy
from backhand.run.reference import run_torch
from backhand.run.trace import Trace
from backhand.writers.files import write_programs
from tests.agreement.test_signs import CROSSING, NEAR

HOMEWORK = Path(backhand.__file__).with_name("homework.toml")
HERE = Path()


@cache
def homework(precision: Any) -> tuple[Experiment, Trace, Trace]:
    experiment = load(HOMEWORK)
    programs = write_programs(experiment)
    return (
        experiment,
        run_numpy(programs["numpy"], experiment, precision, HERE),
        run_torch(programs["torch"], experiment, precision, HERE),
    )


def followed(precision: Any, change: tuple[str, str] = ("", "")) -> OverTraining:
    """The homework over training; `change` is a mistake planted into the NumPy program."""
    experiment, ours, theirs = homework(precision)
    program = write_programs(experiment)["numpy"]
    if change[0]:
        wrong = replace(program, text=program.text.replace(*change))
        assert wrong != program
        ours = run_numpy(wrong, experiment, precision, HERE)
    return over_training(program, experiment, precision, HERE, ours, theirs)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_homework_drifts_as_far_as_rounding_goes(precision: Any) -> None:
    found = followed(precision)
    _, ours, theirs = homework(precision)
    w1, w2 = (np.abs(ours.training[w] - theirs.training[w]).max((1, 2)) for w in ("w1", "w2"))
    assert np.array_equal(found.differences, np.maximum(w1, w2).astype(float))
    assert found.epochs == found.ensemble.epochs == found.signs.epochs == tuple(range(1, 101))
    assert (found.first, found.second) == (f"numpy-{precision}", f"torch-{precision}")
    assert found.unexplained is None
    assert found.signs.first is None
    assert found == followed(precision)


@pytest.mark.parametrize(
    ("change", "latest"),
    [
        (("w -= 0.01 * dw", "w -= 0.0100001 * dw"), 3),
        (("da1 = dh * mask", "da1 = dh * (mask + 1e-9)"), 30),
        (("RandomState(seed)", "RandomState(seed + 1)"), 1),
    ],
)
def test_what_rounding_does_not_explain_is_seen(change: tuple[str, str], latest: int) -> None:
    found = followed("float64", change)
    assert found.unexplained is not None
    assert found.unexplained <= latest
    spread = found.ensemble.by_epoch[found.unexplained]
    difference = found.differences[found.unexplained - 1]
    assert difference > 8 * spread
    (sentence,) = [s for s in drift_sentences(found) if "does not explain" in s]
    assert sentence.startswith(f"After epoch {found.unexplained} the weights differ by ")


def crossing() -> OverTraining:
    """A ReLU's input is 1e-9 in one program and -1e-9 in the other; see test_signs.py."""
    experiments = [parse(CROSSING.replace("START", repr(1 + s * NEAR)), "c.toml", HERE)
                   for s in (1, -1)]  # fmt: skip
    programs = [write_programs(e)["numpy"] for e in experiments]
    traces = [run_numpy(p, e, "float64", HERE) for p, e in zip(programs, experiments, strict=True)]
    return over_training(programs[0], experiments[0], "float64", HERE, traces[0], traces[1])


def test_a_flip_explains_what_follows_it_but_nothing_before() -> None:
    """The two start 2e-9 apart, which no rounding in float64 explains. Were that so little as to
    be none, the flip in epoch 3 would explain that they end a quarter apart."""
    found = crossing()
    assert found.unexplained == 1
    assert found.signs.flipped == (3,)
    assert found.differences[1] == pytest.approx(2 * NEAR)
    assert found.differences[2] == pytest.approx(0.25)
    small = replace(found, differences=(0.0, 0.0, *found.differences[2:]))
    assert small.unexplained is None
    unseen = replace(small, signs=replace(small.signs, kinks=()))
    assert unseen.unexplained == 3


# --- the plot -----------------------------------------------------------------------------------


def texts(over: OverTraining, shares: dict[int, float] | None = None) -> list[str]:
    plot = drift_plot(over, shares)
    assert plot is not None
    root = ElementTree.fromstring(str(plot.drawing))
    return [e.text.strip() for e in root.iter() if e.tag.endswith("text") and e.text]


def test_the_plot_shows_every_line() -> None:
    found = followed("float64")
    shown = texts(found)
    assert {"difference", "rounding alone", "certain bound", "epoch"} <= set(shown)
    assert "a sign flips" not in shown
    assert "largest share of a step's own bound" not in shown
    with_shares = texts(found, {e: e / 200 for e in found.epochs})
    assert "largest share of a step's own bound" in with_shares
    assert "largest share of a step's own bound" in texts(found, {1: np.inf, 2: np.nan})
    assert drift_plot(found) == drift_plot(followed("float64"))


def lines(over: OverTraining) -> int:
    """How many vertical lines are dotted."""
    plot = drift_plot(over)
    assert plot is not None
    dotted = re.findall(r'd="M ([\d.]+) [\d.]+ L \1 [\d.]+ "[^>]*dasharray', str(plot.drawing))
    return len(dotted)


def test_the_plot_marks_the_flips() -> None:
    found = crossing()
    assert "a sign flips" in texts(found)
    kinks = tuple(replace(k, counts=(0, 0, 1, 1, 0, 1)) for k in found.signs.kinks)
    more = replace(found, signs=replace(found.signs, kinks=kinks))
    assert lines(found) == 1
    assert lines(more) == 3


def test_nothing_is_drawn_where_there_is_nothing() -> None:
    zeros = replace(
        made(),
        differences=(0.0,) * 4,
        ensemble=Ensemble(8, (1, 2), (0.0, 0.0)),
        carried=Carried((), (), "infinite", np.inf),
    )
    assert drift_plot(zeros) is None
    assert drift_plot(replace(made(), epochs=(1,), differences=(1e-7,))) is None
    gaps = replace(made(), differences=(0.0, np.inf, np.nan, 1e-7))
    assert "difference" in texts(gaps)
    assert not re.search("nan|inf", " ".join(texts(gaps)))


def test_a_plot_of_some_epochs_says_so() -> None:
    plot = drift_plot(replace(made(), epochs=(1, 1000, 2000, 4000)))
    assert plot is not None
    assert plot.note == "4 of 4,000 epochs, evenly spread."


# --- the words ----------------------------------------------------------------------------------


def made(**changes: Any) -> OverTraining:
    """Four epochs, by hand."""
    kinks = (Kink("z1", 8, (0, 0, 0, 0), None), Kink("z2", 4, (0, 0, 0, 0), None))
    return OverTraining(
        "numpy-float32",
        "torch-float32",
        (1, 2, 3, 4),
        (1e-8, 2e-7, 4e-7, 3e-7),
        Carried((1e-5, 2e-4), (1e-5, 2e-3), "large", 0.05),
        Ensemble(8, (1, 2, 3, 4), (1e-7, 2e-7, 8e-7, 6e-7)),
        Signs((1, 2, 3, 4), kinks),
        **changes,
    )


def test_the_words_of_an_ordinary_training() -> None:
    assert [s.replace("\u00a0", " ") for s in drift_sentences(made())] == [
        "The certain bound, carried from step to step, says something for 2 updates: no weight is "
        "off by more than 2.0 × 10⁻⁴ then, which is 0.2 % of the largest weight. In epoch 3 it is "
        "5.0 × 10⁻², more than 1 % of the largest weight, for it takes all errors to add up at "
        "their worst; so it ends there.",
        "8 runs of the NumPy program whose every result is rounded at random are, after 4 epochs, "
        "up to 6.0 × 10⁻⁷ away from the plain one: so much rounding alone can do. That is "
        "evidence, no proof.",
        "The weights of NumPy in float32 and PyTorch in float32 differ by at most 4.0 × 10⁻⁷, "
        "after epoch 3, which is 0.5 times what rounding alone did by then.",
        "No number that a step decides by takes different sides in the two (z1 and z2).",
    ]


def test_the_words_of_a_flip() -> None:
    flip = Flip(3, "z1", (0, 2), 6.9e-8, -2e-8, "dz1")
    kinks = (Kink("z1", 8, (0, 0, 1, 2), flip),)
    over = replace(made(), differences=(1e-8, 1e-8, 1e-4, 3e-4), signs=Signs((1, 2, 3, 4), kinks))
    assert drift_sentences(over)[3:] == [
        "In epoch 3 z1[0, 2] is 6.9e-08 in NumPy in float32 and -2e-08 in PyTorch in float32: they "
        "take different sides of a kink, where dz1 jumps. From there on the weights may be far "
        "apart and neither program is wrong. There are such flips in 2 epochs."
    ]


@pytest.mark.parametrize(
    ("carried", "words"),
    [
        (Carried((), (), "infinite", np.inf), "for 0 updates. In epoch 1 it is infinite, more"),
        (Carried((1e-9,), (1e-9,), "trained"), "the largest weight. Training ends there."),
        (Carried((1e-9,), (1e-9,), "work"), "the largest weight. It is followed no further."),
        (
            Carried((1e-9,), (1e-9,), "undecided", None, "a truth value depends on rounding here"),
            "In epoch 2 the program decides by a number that rounding may turn around (a truth",
        ),
        (
            Carried((1e-9,), (1e-9,), "untracked", None, "`np.cbrt` has no rounding bound"),
            "In epoch 2 the program does what no bound is known for (`np.cbrt` has no",
        ),
    ],
)
def test_the_words_of_every_ending(carried: Carried, words: str) -> None:
    assert words in drift_sentences(replace(made(), carried=carried))[0]


@pytest.mark.parametrize(
    ("difference", "words"),
    [(4e-7, "0.5"), (8e-12, "1.0 × 10⁻⁵"), (2.75e-3, "3,400"), (9.9e-7, "1.2"), (8e-6, "10")],
)
def test_the_words_of_every_size(difference: float, words: str) -> None:
    over = replace(made(), differences=(0.0, 0.0, difference, 0.0))
    said = drift_sentences(over)[2].replace("\u00a0", " ")
    assert f"which is {words} times what" in said


def test_the_words_where_there_is_little_to_say() -> None:
    same = replace(made(), differences=(0.0,) * 4, signs=Signs((1, 2, 3, 4), ()))
    assert drift_sentences(same)[2:] == [
        "The weights of NumPy in float32 and PyTorch in float32 are the same after every update, "
        "to the last bit.",
        "Nothing in this network is decided by a sign or an order.",
    ]
    unlike = replace(made(), ensemble=Ensemble(2, (1, 2), (1e-7, 2e-7)))
    assert drift_sentences(unlike)[2].endswith("after epoch 3.")
