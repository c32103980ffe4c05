"""Parts of the report, each by itself: numbers, words, formulas, the picture's layout."""

from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from backhand.capture.spec import parse
from backhand.graph import Network, Step
from backhand.report import formula
from backhand.report.layout import layout
from backhand.report.picture import picture
from backhand.report.plots import _apart
from backhand.report.values import GAP, grid
from backhand.report.wording import in_units

HOMEWORK = files("backhand").joinpath("homework.toml").read_text(encoding="utf-8")
EVIL = "</text></svg><script>alert(1)</script> \"&' onload=x"


def network(steps: list[str], loss: str = "sum(p)", **weights: list[int]) -> Network:
    """A network of these steps on one input of four numbers."""
    ones = 'init = "fill", value = 1.0, shape ='
    lines = ["[inputs]", "x = [[1, 2, 3, 4]]", "[weights]"]
    lines += [f"{name} = {{ {ones} {shape} }}" for name, shape in weights.items()]
    lines += ["[network]", f"steps = {steps!r}", f"loss = {loss!r}"]
    return parse("\n".join(lines), "spec.toml", Path()).network


def homework() -> Network:
    return parse(HOMEWORK, "homework.toml", Path()).network


def residual() -> Network:
    """Twelve layers, each with a detour around it."""
    steps = ["a0 = x @ w"]
    for i in range(1, 13):
        steps += [f"z{i} = a{i - 1} @ w", f"t{i} = tanh(z{i})", f"a{i} = a{i - 1} + t{i}"]
    return network([*steps, "p = exp(a12)"], w=[4, 4])


def branches() -> Network:
    """Two ways that meet, a detour around one inside the other, and a loss with a weight in it."""
    steps = ["f = tanh(x @ v)", "g = exp(x @ w)", "h = relu(f)", "k = h + f", "p = k * g + x"]
    return network(steps, "sum(p) + sum(v * w)", v=[4, 4], w=[4, 4])


NETWORKS = pytest.mark.parametrize("plan", [homework, residual, branches])


def test_a_grid_shows_a_small_array_whole() -> None:
    shown = grid(np.array([[3.8000000000000003, -4.4], [0.0, 12.25]]))
    assert [cells for _, cells in shown.rows] == [("3.80", "−4.40"), ("0.00", "12.25")]
    assert shown.note == ""


def test_a_grid_abbreviates_a_large_one() -> None:
    shown = grid(np.arange(200.0).reshape(10, 20))
    assert shown.columns == ("0", "1", GAP, "18", "19")
    assert [name for name, _ in shown.rows] == ["0", "1", GAP, "8", "9"]
    assert shown.rows[-1][1] == ("180", "181", GAP, "198", "199")
    assert shown.note == "10 × 20 in all; smallest 0, mean 99.5, largest 199"


def test_a_grid_takes_anything() -> None:
    assert grid(np.float64(2.5)).rows == (("", ("2.5",)),)
    assert grid(np.array([np.nan, np.inf, 1.0])).rows == (("", ("nan", "inf", "1")),)
    assert grid(np.array([1.5e-9])).rows == (("", ("1.500000e−09",)),)
    assert "the slice [0, 0] of 2 × 2 × 2 × 2" in grid(np.zeros((2, 2, 2, 2))).note
    assert grid(np.zeros((0, 3))).rows == ()


@pytest.mark.parametrize(
    ("ulps", "words"),
    [
        (0.0, "none"),
        (1.0, "1 unit in the last place"),
        (2.5, "2.5 units in the last place"),
        (12.4, "12 units in the last place"),
        (0.001, "below 0.05 units in the last place"),
        (3e7, "3.0e+07 units in the last place"),
        (float("nan"), "not a number"),
        (float("inf"), "infinite"),
    ],
)
def test_units_in_words(ulps: float, words: str) -> None:
    assert in_units(ulps) == words


def test_labels_move_apart_and_no_farther() -> None:
    assert _apart([0.0, 5.0], 1, 0, 10) == [0.0, 5.0]
    assert _apart([5.0, 5.0, 5.0], 1, 0, 10) == [4.0, 5.0, 6.0]
    assert _apart([9.8, 9.9], 1, 0, 10) == [9.0, 10.0]


@NETWORKS
def test_no_two_boxes_share_a_place_and_lines_lead_down(plan: Callable[[], Network]) -> None:
    boxes = layout(plan()).boxes
    places = [(box.row, box.lane) for box in boxes]
    assert len(places) == len(set(places))
    rows = {box.name: box.row for box in boxes}
    assert all(rows[parent] < box.row for box in boxes for parent in box.parents)


@NETWORKS
def test_no_two_detours_run_side_by_side_in_one_channel(plan: Callable[[], Network]) -> None:
    detours = layout(plan()).detours
    for a in detours:
        for b in detours:
            if a != b and (a.start.lane, a.channel) == (b.start.lane, b.channel):
                assert a.end.row <= b.start.row or b.end.row <= a.start.row


def test_every_residual_connection_is_a_detour() -> None:
    ends = {(d.start.name, d.end.name) for d in layout(residual()).detours}
    assert ends == {(f"a{i - 1}", f"a{i}") for i in range(1, 13)}


def test_what_comes_from_outside_the_flow_stands_beside_its_step() -> None:
    beside = {box.name: [v.name for v in box.beside] for box in layout(homework()).boxes}
    shown = {name: names for name, names in beside.items() if names}
    assert shown == {"z1": ["w1"], "h": ["mask"], "z2": ["w2"], "loss": ["y"]}


@NETWORKS
def test_the_picture_is_well_formed_and_within_its_frame(plan: Callable[[], Network]) -> None:
    root = ElementTree.fromstring(str(picture(plan()).drawing))
    width, height = (float(n) for n in root.attrib["viewBox"].split()[2:])
    for rectangle in root.iter("rect"):
        x, y, w, h = (float(rectangle.attrib[k]) for k in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_a_small_layer_is_drawn_as_dots_and_threads() -> None:
    root = ElementTree.fromstring(str(picture(homework()).drawing))
    classes = [element.attrib.get("class") for element in root.iter()]
    assert classes.count("dot") == 3 + 4 + 4 + 4 + 2 + 2
    assert classes.count("thread") == 3 * 4 + 4 + 4 + 4 * 2 + 2 * 2 + 2


def test_names_are_never_markup() -> None:
    """A spec cannot make such a name, but another door into the network might."""
    drawn = homework()
    x = drawn.forward.inputs[0]
    evil = replace(x, name=EVIL)

    def renamed(step: Step) -> Step:
        return replace(step, inputs=tuple(evil if v == x else v for v in step.inputs))

    body = tuple(renamed(step) for step in drawn.forward.body)
    inputs = (evil, *drawn.forward.inputs[1:])
    changed = replace(drawn, forward=replace(drawn.forward, inputs=inputs, body=body))
    root = ElementTree.fromstring(str(picture(changed, frozenset({EVIL})).drawing))
    drawn_with = {element.tag for element in root.iter()}
    assert drawn_with <= {"svg", "title", "g", "rect", "path", "polygon", "circle", "text", "a"}


@pytest.mark.parametrize(
    "text",
    [
        "<math><script>alert(1)</script></math>",
        "<math><mi onclick='x'>a</mi></math>",
        "<math><mo><</mo></math>",
    ],
)
def test_what_is_not_mathml_becomes_plain_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formula, "mathml", lambda latex: text)
    assert formula.formula("a < b") == "<code>a &lt; b</code>"
