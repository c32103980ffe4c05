"""The report: what it must show, what it must never let through, and what it does without."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

from backhand.capture.spec import parse
from backhand.report.page import page_text, write_page
from backhand.report.training import beside_published
from backhand.report.wording import in_units, scientific
from backhand.study import Study, study
from backhand.writers.files import save_programs

HOMEWORK = files("backhand").joinpath("homework.toml").read_text(encoding="utf-8")
BEFORE_TRAINING = HOMEWORK[: HOMEWORK.index("[training]")]
TARGETS = HOMEWORK[HOMEWORK.index("[targets]") : HOMEWORK.index("[weights]")]
PRINT = '\n[[print]]\nrows = "p"\n'

DEEP_STEPS = ["z0 = x @ w0", "a0 = relu(z0)"] + [
    line
    for i in range(1, 12)
    for line in (f"z{i} = a{i - 1} @ w{i}", f"t{i} = tanh(z{i})", f"a{i} = a{i - 1} + t{i}")
]
DEEP = f"""
[inputs]
x = {{ init = "normal", shape = [3, 4], std = 1.0 }}
[targets]
y = {{ classes = [0, 1, 0], of = 2 }}
[weights]
w0 = {{ init = "xavier_uniform", shape = [4, 12] }}
{"".join(f'w{i} = {{ init = "xavier_uniform", shape = [12, 12] }}{chr(10)}' for i in range(1, 12))}
v = {{ init = "xavier_uniform", shape = [12, 2] }}
[network]
steps = {[*DEEP_STEPS, "q = a11 @ v", "p = softmax(q)"]!r}
loss = "cross_entropy(p, y)"
[training]
optimizer = "adam"
learning_rate = 0.01
epochs = 3
"""
BRANCHES = """
precision = "float64"
[inputs]
x = [[1, 2, 3], [4, 5, 6]]
c = [[0.5, 1], [1, 0.25]]
[targets]
y = [[0, 1], [1, 0]]
t = [[0.3], [0.7]]
[weights]
w = { init = "xavier_uniform", shape = [3, 4] }
v = { init = "xavier_uniform", shape = [2, 4] }
wp = { init = "xavier_uniform", shape = [4, 2] }
wq = { init = "xavier_uniform", shape = [4, 1] }
[network]
steps = ["f = tanh(x @ w)", "g = tanh(c @ v)", "s = f * g", "r = s + f", "p = softmax(r @ wp)",
         "q = sigmoid(r @ wq)"]
outputs = ["p", "q"]
loss = "cross_entropy(p, y) + 0.5 * mse(q, t) + 0.001 * sum(w * w)"
[training]
optimizer = "sgd"
learning_rate = 0.1
epochs = 4
"""
WIDE = """
[inputs]
x = { init = "normal", shape = [6, 784], std = 1.0 }
[targets]
y = { classes = [0, 1, 2, 3, 4, 5], of = 6 }
[weights]
w1 = { init = "kaiming_uniform", shape = [784, 512] }
w2 = { init = "kaiming_uniform", shape = [512, 6] }
[network]
steps = ["z = x @ w1", "h = relu(z)", "d = dropout(h, 0.5)", "q = d @ w2", "p = softmax(q)"]
loss = "cross_entropy(p, y)"
[training]
optimizer = "sgd"
learning_rate = 0.01
momentum = 0.9
epochs = 2
"""
EVIL = (
    "</p></pre></title></style><script>alert(1)</script><img src=x onerror=alert(2)>"
    " \"quoted\" & 'quoted' {{ 7*7 }}"
)

EACH = pytest.mark.parametrize(
    "spec", [HOMEWORK, BRANCHES, DEEP, WIDE], ids=["homework", "branches", "deep", "wide"]
)


@cache
def made(spec: str, name: str = "spec") -> Study:
    """The study of a spec's text."""
    folder = Path(mkdtemp())
    experiment = parse(spec, f"{name}.toml", folder)
    return study(experiment, save_programs(experiment, folder), folder)


@cache
def page(spec: str) -> str:
    return page_text(made(spec))


@pytest.fixture(scope="module", autouse=True)
def _free_memory() -> Iterator[None]:
    """Studies are shared between the tests of this file only."""
    yield
    made.cache_clear()
    page.cache_clear()


class Reader(HTMLParser):
    """Collects elements, and checks that what is opened is closed, in order."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing, at {self.getpos()}"
        assert self.open.pop() == tag, f"</{tag}> out of order, at {self.getpos()}"
        if tag in ("td", "th", "dt", "dd"):
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.elements if re.fullmatch("h[1-6]", tag)]


@pytest.mark.parametrize(
    "words",
    [
        "Implement one network in NumPy and in PyTorch",
        "Task 1: the outputs",
        "output for x1: [0.13238887 0.86761113]",
        "output for x1: tensor([0.1324, 0.8676], grad_fn=<SelectBackward0>)",
        "Task 3: w1 and w2 after 100 epochs with dropout",
        "dz1 = da1 * (z1 > 0)",
        "h reaches the loss only through z2 = h @ w2",
        "multiplied by 1 / (1 − 0.4) = 1.667",
        "plain gradient descent, learning rate 0.01, 100 epochs",
        "the published PyTorch weights are an ordinary run",
        "0.0439 0.1263 0.2244 0.2644",
        "0.05097084 0.18139549 0.31182013 0.44224478",
        "Both programs dropped the same ones, in all 800 draws.",
    ],
)
def test_the_homework_says(words: str) -> None:
    assert words in Reader(page(HOMEWORK)).text


def test_the_homework_shows_every_part() -> None:
    reader = Reader(page(HOMEWORK))
    tags = [tag for tag, _ in reader.elements]
    found = {attributes.get("class") for tag, attributes in reader.elements if tag == "svg"}
    assert found == {"picture", "plot", "masks"}
    network = made(HOMEWORK).experiment.network
    assert network.backward is not None
    assert tags.count("math") >= len(network.steps) + len(network.backward.body)
    ids = {attributes.get("id") for _, attributes in reader.elements}
    assert {"question", "answers", "network", "forward", "backward", "training", "published",
            "agreement", "programs", "versions"} <= ids  # fmt: skip


def test_both_programs_stand_in_full() -> None:
    blocks = re.findall(r"<pre><code>(.*?)</code></pre>", page(HOMEWORK), flags=re.S)
    shown = ["".join(Reader(block).words) for block in blocks]
    for program in made(HOMEWORK).programs.values():
        assert program.text.rstrip("\n") in shown


def test_the_published_weights_stand_beside_ours_of_the_same_library() -> None:
    torch, numpy = beside_published(made(HOMEWORK))
    assert (torch.library, numpy.library) == ("PyTorch", "NumPy")
    last = made(HOMEWORK).trace("numpy").training["w1"][-1]
    assert numpy.pairs[0].ours.rows[0][1][0] == f"{last[0, 0]:.8f}"


def test_differences_are_stated_as_the_comparison_has_them() -> None:
    found = made(HOMEWORK)
    difference = found.comparison.difference("dw1")
    assert difference is not None
    sentence = f"Largest difference: {in_units(difference.ulps)} ({scientific(difference.largest)})"
    assert sentence in page(HOMEWORK)


@EACH
def test_the_page_is_well_formed(spec: str) -> None:
    reader = Reader(page(spec))
    assert reader.open == []
    headings = reader.headings()
    assert headings.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(headings))
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


@EACH
def test_every_link_stays_on_the_page(spec: str) -> None:
    reader = Reader(page(spec))
    ids = {attributes.get("id") for _, attributes in reader.elements}
    for tag, attributes in reader.elements:
        assert tag not in ("script", "link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        if "href" in attributes:
            assert str(attributes["href"]).startswith("#")
            assert str(attributes["href"])[1:] in ids
    addresses = set(re.findall(r"https?://[^\s\"'<]+", page(spec)))
    assert addresses <= {"http://www.w3.org/1998/Math/MathML", "http://www.w3.org/2000/svg"}
    assert "url(" not in re.sub(r"url\(#\w+\)", "", page(spec))


def test_the_same_study_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_page(made(HOMEWORK), tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_matplotlibrc_of_the_users_own_changes_nothing() -> None:
    import matplotlib as mpl

    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30, "axes.facecolor": "red"}):
        assert page_text(made(HOMEWORK)) == page(HOMEWORK)


def test_the_homeworks_report_stays_small() -> None:
    assert len(page(HOMEWORK).encode()) < 500_000


def test_words_of_a_spec_are_never_markup() -> None:
    """Each text that a spec can hold, filled with what would do harm if it got through."""
    study_ = made(HOMEWORK)
    experiment = study_.experiment
    printing = tuple(
        replace(p, title=EVIL, heading=(("torch", EVIL), ("numpy", EVIL)),
                label=(("torch", EVIL), ("numpy", EVIL)))
        for p in experiment.printing
    )  # fmt: skip
    assert experiment.published is not None
    traces = tuple(replace(t, printed=tuple(EVIL for _ in range(20))) for t in study_.traces)
    evil = replace(
        experiment, name=EVIL, about=EVIL, printing=printing, source=EVIL,
        published=replace(experiment.published, note=EVIL),
    )  # fmt: skip
    text = page_text(replace(study_, experiment=evil, traces=traces, versions={EVIL: EVIL}))
    reader = Reader(text)
    assert reader.open == []
    tags = {tag for tag, _ in reader.elements}
    assert not tags & {"script", "img", "iframe"}
    names = [name for _, attributes in reader.elements for name in attributes]
    assert not any(name.startswith("on") for name in names)
    assert "<script>alert(1)</script>" in reader.text
    assert "{{ 7*7 }}" in reader.text


# What a study may lack


def test_without_training() -> None:
    reader = Reader(page(BEFORE_TRAINING + PRINT))
    ids = {attributes.get("id") for _, attributes in reader.elements}
    assert "backward" in ids
    assert not ids & {"training", "published"}
    assert "the values at the initial weights differ by at most" in reader.text


def test_without_a_loss() -> None:
    spec = BEFORE_TRAINING[: BEFORE_TRAINING.index("loss =")].replace(TARGETS, "") + PRINT
    reader = Reader(page(spec))
    ids = {attributes.get("id") for _, attributes in reader.elements}
    assert "forward" in ids
    assert not ids & {"backward", "training"}
    assert "Targets" not in reader.text


def test_without_prints_or_about() -> None:
    experiment = replace(made(HOMEWORK).experiment, printing=(), about="")
    reader = Reader(page_text(replace(made(HOMEWORK), experiment=experiment)))
    assert "answers" not in {attributes.get("id") for _, attributes in reader.elements}


def test_training_that_diverges_is_said() -> None:
    spec = HOMEWORK.replace("learning_rate = 0.01", "learning_rate = 1e200")
    with np.errstate(all="ignore"):
        text = Reader(page(spec)).text
    assert "is no longer a finite number in epoch" in text


def test_several_outputs_and_a_value_used_twice() -> None:
    text = Reader(page(BRANCHES)).text
    assert "f is used twice further on. Each use sends a derivative back to it" in text
    assert "Adding up df" in text
    assert "f is used twice: its derivatives add." in text
    assert "Only the NumPy program has this number by itself" in text


def test_a_deep_network_folds_its_steps() -> None:
    reader = Reader(page(DEEP))
    folds = [a for tag, a in reader.elements if tag == "details" and a.get("class") == "fold"]
    assert len(folds) > 40
    assert "6 of 13 arrays of weights are drawn." in reader.text


def test_large_arrays_are_abbreviated() -> None:
    text = Reader(page(WIDE)).text
    assert "784 × 512 in all; smallest" in text
    assert "12 of 401,408 weights, evenly spread." in text
    assert "Each cell is the mean of a block: 784 × 512 weights in 32 × 32." in text
    assert "the first 24 of 3,072 units" in text
    assert len(page(WIDE)) < 600_000
