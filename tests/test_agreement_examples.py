"""The eight cases of examples/agreement, and docs/agreement.md: run, and every figure compared.

What is expected comes from PyTorch, from a calculation by hand or from exact sums. Figures on the
pages are held against what the code prints here: those of rounding errors within a factor of 3,
for another processor rounds otherwise; all others to the digits that are shown.
"""

import inspect
import io
import json
import math
import re
import runpy
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

import backhand
from backhand import cli
from backhand.agreement.result import EXIT_CODES
from backhand.agreement.traces import compare_arrays
from backhand.capture.spec import load, parse
from backhand.errors import BackhandError
from backhand.testing import assert_agrees
from backhand.writers.files import write_programs

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "agreement"
FILES = sorted(EXAMPLES.glob("*.py"))
TWO_LAYERS, FAR = EXAMPLES / "two_layers.toml", EXAMPLES / "rows_far_apart.toml"
README, PAGE = EXAMPLES / "README.md", ROOT / "docs" / "agreement.md"

NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d_]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*[a-df-zA-DF-Z_])")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def printed(name: str) -> str:
    """What an example prints."""
    said = io.StringIO()
    with redirect_stdout(said):
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return said.getvalue()


def arrays(spec: Path) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in load(spec).arrays.items()}


def after(text: str, words: str) -> float:
    """The first number after these words."""
    found = NUMBER.search(text, text.index(words) + len(words))
    assert found
    return float(found.group())


# --- the cases ------------------------------------------------------------------------------------


def test_one_maximum_for_the_whole_batch() -> None:
    near, far = printed("softmax_over_the_batch").split("rows_far_apart:")
    assert "two_layers: NumPy and yours agree" in near
    assert "axis=-1 left out of `e = np.exp(x - x.max(axis=axis" in near
    assert "it shows with 3 normal rows, the second times 1000" in near
    assert "differ by more than rounding, in 1 of 2 steps" in far
    assert "First at p[0, 0], forward" in far
    # the logits of the first row are 0.5 * 0.4 + 1 and 0.5 * -0.2 + 1, so 0.3 apart
    assert after(far, "NumPy  ") == pytest.approx(1 / (1 + math.exp(-0.3)), rel=1e-15)
    assert re.search(r"yours +nan\n", far)


def test_log_of_p_plus_epsilon() -> None:
    single, double = printed("log_of_p_plus_epsilon").split("\nfloat64\n")
    for part in (single, double):
        assert "numpy.allclose with the right loss: True" in part
    assert "NumPy and yours agree" in single
    a = arrays(TWO_LAYERS)
    p = torch.softmax(torch.relu(a["x"] @ a["w1"] + a["b1"]) @ a["w2"], -1)
    right, wrong = (-(a["y"] * torch.log(p + extra)).sum() / 4 for extra in (0, 1e-7))
    assert "First at loss" in double
    assert after(double, "NumPy  ") == pytest.approx(right.item(), rel=1e-14)
    assert after(double, "yours  ") == pytest.approx(wrong.item(), rel=1e-14)
    assert after(double, "They differ by ") == pytest.approx((right - wrong).item(), rel=5e-3)
    # eps is 2 ** -52: rounding a loss of 0.66 and a dozen roundings before it stays below 1e-14
    assert after(double, "rounding allows ") < 1e-14


def test_float32_against_float64() -> None:
    theirs, program = printed("float32_against_float64").split("a program:")
    assert "somebody's arrays: float32 becomes float64" in theirs
    assert "First at z1[0, 3], forward" in theirs
    by_hand = 0.5 * 0.1 + -1.2 * -0.6 + 0.3 * 0.9 + 0.2
    assert after(theirs, "NumPy  ") == pytest.approx(by_hand, rel=1e-15)
    # three products and three sums, and inputs rounded: at most ten units of roundoff of 1.24
    assert 0 < abs(after(theirs, "yours  ") - by_hand) < 10 * 2**-24 * 1.24
    off = abs(after(theirs, "yours  ") - by_hand)
    single, double = (float(n) for n in re.findall(r"is off by (\S+) units", theirs))
    assert single == pytest.approx(off / 2**-23, rel=0.05)  # 1.24 lies between 1 and 2
    assert double == pytest.approx(off / 2**-52, rel=0.05)
    assert "First at w1, data" in program
    assert "Their types are float32 and float64." in program


def test_bfloat16_operands() -> None:
    short, long = printed("bfloat16_operands").split("n = 4096")
    for part in (short, long):
        assert "the formula, in float64: agrees" in part
        assert re.search(r"throughout: z is \S+ of the bound in float64, 0\.\d+ of the", part)
    assert "differ by more than rounding, in 1 of 3 steps" in short
    at = re.search(r"First at z\[(\d), (\d)\]", short)
    assert at
    row, column = map(int, at.groups())
    example = runpy.run_path(str(EXAMPLES / "bfloat16_operands.py"))
    network = parse(example["SPEC"].format(n=256, std=1 / 16), "n.toml", Path())
    x, w = (torch.from_numpy(network.arrays[name]) for name in ("x", "w"))
    right = (x.float().double() @ w.float().double())[row, column].item()
    wrong = (x.bfloat16() @ w.bfloat16())[row, column].item()
    assert after(short, "yours  ") == wrong
    assert after(short, "NumPy  ") == pytest.approx(right, abs=1e-5)
    assert after(short, "in float64 gives ") == pytest.approx(right, abs=1e-8)
    assert "NumPy is near it, yours is not" in short
    assert "NumPy and yours agree" in long
    assert "Beyond the statistical bound, though within the certain one: z." in long


def test_the_order_of_sums() -> None:
    *right, wrong = printed("order_of_sums").strip().split("\n\n", 3)
    for part, passed in zip(right, (True, False, False), strict=True):
        assert f"/ 512: allclose {passed}, with rtol=1e-2 True\nagrees" in part
        assert after(part, "agrees: ") < after(part, "bound ")
    assert wrong.startswith("in_pairs, / 511: allclose False, with rtol=1e-2 True")
    assert "differ by more than rounding, in 1 of 3 steps" in wrong
    at = re.search(r"First at z\[(\d+), (\d)\]", wrong)
    assert at
    row, column = map(int, at.groups())
    example = runpy.run_path(str(EXAMPLES / "order_of_sums.py"))
    network = parse(example["SPEC"], "order.toml", Path())
    x, w = (network.arrays[name].astype(np.float32).astype(float) for name in ("x", "w"))
    exact = math.fsum(x[row] * w[:, column])  # products of two float32 are exact in float64
    assert after(wrong, "in float64 gives ") == pytest.approx(exact / 512, rel=1e-8)
    assert after(wrong, "yours  ") == pytest.approx(exact / 511, rel=1e-6)
    assert "z1 = x @ w; z = z1 / 512" in wrong


def test_other_formulas() -> None:
    said = printed("other_formulas")
    assert "NumPy and PyTorch agree within their rounding bounds, all 6 steps" in said
    shares = {name: float(share) for share, name in re.findall(r"^  (\S+) of (\w+)$", said, re.M)}
    assert set(shares) == {"batch_norm", "folded", "gelu"}
    assert shares["folded"] <= 1  # PyTorch's own formula
    assert shares["gelu"] > 1  # by more than what its formula may be off: an erf of its own
    found = backhand.compare(EXAMPLES / "other_formulas.toml")
    for name in ("y", "a"):
        assert all(0 < j.share < 1 for j in found.step(name).judgements.values())


def test_a_missing_2() -> None:
    said = printed("missing_two")
    assert "two dw: 1.000000" in said
    assert "differ by more than rounding, in 1 of 5 steps" in said
    assert "First at dp[0, 0], backward" in said
    # p = 0.5 * 0.5 + 1 * 0.25 + 0.125 = 0.625, y = 1, four rows
    assert after(said, "NumPy  ") == 2 * (0.625 - 1) / 4 == -0.1875
    assert after(said, "yours  ") == -0.1875 / 2
    assert after(said, "loss gives ") == -0.1875
    assert "NumPy is near it, yours is not" in said
    for right in ("p", "loss", "dw", "db"):
        assert re.search(rf"^{right} .* agrees *$", said, re.MULTILINE)


def test_no_mask_in_the_backward_pass() -> None:
    said = printed("dropout_without_mask")
    assert "without training, so without dropout: agrees" in said
    assert "differ by more than rounding, in 1 of 19 steps" in said
    at = re.search(r"First at da1\[(\d), (\d)\], backward, epoch 1, in float64", said)
    assert at
    row, column = map(int, at.groups())
    a = arrays(cli.HOMEWORK)
    torch.manual_seed(0)
    a1 = torch.relu(a["x"] @ a["w1"]).requires_grad_()
    h = F.dropout(a1, 0.4)
    h.retain_grad()
    p = torch.softmax(h @ a["w2"], -1)
    (-(a["y"] * torch.log(p)).sum()).backward()
    assert h.grad is not None
    assert a1.grad is not None
    assert a1.grad[row, column] == 0
    assert after(said, "NumPy  ") == pytest.approx(h.grad[row, column].item(), rel=1e-12)
    assert after(said, "PyTorch  ") == 0
    assert after(said, "loss gives ") == 0
    assert "PyTorch is near it, NumPy is not" in said


# --- the pages ------------------------------------------------------------------------------------


def blocks(file: Path) -> list[tuple[str, str]]:
    found = FENCE.findall(file.read_text(encoding="utf-8"))
    assert found
    return found


def same(shown: str, said: str) -> bool:
    """Whether two lines say the same, but for the last places of their numbers."""
    if " ".join(NUMBER.sub("#", shown).split()) != " ".join(NUMBER.sub("#", said).split()):
        return False
    return all(map(_same_number, NUMBER.findall(shown), NUMBER.findall(said)))


def _same_number(shown: str, said: str) -> bool:
    a, b = float(shown), float(said)
    figures = len(re.sub(r"e.*|\D", "", shown).strip("0"))
    if figures > 4 or not re.search(r"[.e]", shown):  # not a rounding error, or a count
        return math.isclose(a, b, rel_tol=1e-6)
    return a == b or (a * b > 0 and 1 / 3 < a / b < 3)


def missing(shown: str, said: str) -> list[str]:
    """The lines on a page that do not come, in this order, in what is printed."""
    lines: Iterator[str] = iter(said.splitlines())
    return [line for line in shown.splitlines() if not any(same(line, other) for other in lines)]


def sections() -> dict[str, str]:
    """The page of the examples: by the example that a section is about, its text."""
    parts = README.read_text(encoding="utf-8").split("\n## ")[1:]
    found = {}
    for part in parts:
        name = re.search(r"^\[(\w+)\.py\]", part, re.MULTILINE)
        assert name
        found[name.group(1)] = part
    return found


def prose(text: str) -> list[str]:
    """The numbers in a text outside its blocks and links."""
    plain = re.sub(r"\]\([^)]*\)", "]", FENCE.sub("", text))
    return NUMBER.findall(plain)


def test_every_example_has_its_section() -> None:
    assert set(sections()) == {file.stem for file in FILES}
    assert len(FILES) == 8
    assert all(28 < len(file.read_text(encoding="utf-8").splitlines()) < 66 for file in FILES)


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)", README.read_text(encoding="utf-8"))
    assert len(targets) > 8
    assert all("://" in target or (README.parent / target).exists() for target in targets)
    anchors = re.findall(r"README\.md#([\w-]+)", PAGE.read_text(encoding="utf-8"))
    headings = re.findall(r"^## (.*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert anchors
    assert set(anchors) <= {re.sub(r"[^\w-]", "", h.lower().replace(" ", "-")) for h in headings}


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_the_page_shows_what_the_example_prints(name: str) -> None:
    text = sections()[name]
    found = FENCE.findall(text)
    assert found
    shown = "".join(code for _, code in found)
    assert missing(shown, printed(name)) == []
    source = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    known = set(NUMBER.findall(source)) | set(NUMBER.findall(printed(name)))
    heading, _, rest = text.partition("\n")
    assert heading
    assert set(prose(rest)) <= known


def test_a_wrong_figure_on_a_page_is_seen() -> None:
    said = printed("missing_two")
    shown = "  They differ by 0.0938; rounding allows 6.25e-17: 1.5e+15 times that.\n"
    assert missing(shown, said) == []
    for right, wrong in (("0.0938", "0.938"), ("6.25e-17", "6.25e-16"), ("differ", "part")):
        assert missing(shown.replace(right, wrong), said)
    counted = "regression: NumPy and yours differ by more than rounding, in 1 of 5 steps."
    assert missing(counted, said) == []
    assert missing(counted.replace("1 of 5", "2 of 5"), said)


@pytest.fixture
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.usefixtures("at_the_root")
def test_the_blocks_of_the_users_page(tmp_path: Path) -> None:
    """Run one after the other; a block without a language is what the one before it prints."""
    space: dict[str, object] = {"folder": tmp_path}
    said, ran, compared = "", 0, 0
    for language, code in blocks(PAGE):
        if language == "python":
            out = io.StringIO()
            with redirect_stdout(out):
                exec(compile(code, str(PAGE), "exec"), space)
            said, ran = out.getvalue(), ran + 1
        elif not language:
            assert missing(code, said) == []
            compared += 1
    assert (ran, compared) == (6, 6)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["backhand", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_commands_of_the_users_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = load(TWO_LAYERS)
    Path("mine.toml").write_text(TWO_LAYERS.read_text())
    Path("mine.py").write_text(write_programs(experiment)["numpy"].text)
    data = experiment.arrays
    np.savez("theirs.npz", z1=data["x"] @ data["w1"] + data["b1"])
    ((_, shell),) = [block for block in blocks(PAGE) if block[0] == "sh"]
    lines = [line.partition("#")[0].split() for line in shell.splitlines()]
    for line in lines:
        assert line[:2] == ["backhand", "compare"]
        assert command(monkeypatch, *line[1:]) == 0
    known = capsys.readouterr().out
    assert known.count("agree within") == len(lines) - 1  # the last is in JSON
    assert json.loads(known[known.index("\n{") :])["verdict"] == "agrees"


def test_the_exit_codes_of_the_users_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z ]*) ?\| (\d) \| ", text, re.MULTILINE)
    told = {verdict.strip(): int(code) for verdict, code in rows}
    assert told.pop("") == cli.ERROR
    assert told == EXIT_CODES
    program = tmp_path / "mine.py"
    changes = {
        0: ("PRECISION", "PRECISION"),
        1: ("x @ w ", "x @ -w "),
        3: ("x.max(axis=axis, keepdims=True)", "x.max()"),
    }
    for code, change in changes.items():
        program.write_text(write_programs(load(FAR))["numpy"].text.replace(*change))
        assert command(monkeypatch, "compare", str(FAR), "--program", str(program)) == code
    assert command(monkeypatch, "compare", str(tmp_path / "none.toml")) == cli.ERROR


def test_what_an_agreement_has() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("| of an `Agreement` |")[2]
    table = text[: text.index("\n\nA program")]
    found = backhand.compare(TWO_LAYERS)
    assert found.first is None
    words = re.findall(r"`(\w+)(?:\(.*?\))?`", table)
    finding = {"where", "element", "ratio", "side", "witness", "step"}
    for word in words:
        if word in ("share", "caught"):
            assert hasattr(found.steps[0], word)
        elif word not in finding:
            assert hasattr(found, word), word
    assert finding <= set(words)
    zeros = backhand.compare(ROOT / "examples" / "xor.toml", epochs=1).step("b1", "data")
    assert zeros.caught == np.inf  # a relative error of zeros cannot be seen
    found = replace(found, steps=(zeros,))
    (step,) = json.loads(found.to_json())["steps"]
    assert step["formats"]["float64"]["caught"] == "inf"


def test_the_figures_of_the_users_page() -> None:
    """Each number in its text, and where it is true."""
    text = PAGE.read_text(encoding="utf-8")
    exit_codes = {"0", "1", "2", "3"}
    years_and_places = {"3", "2019"}  # Higham's chapter; Higham and Mary
    doubled = {"0"}  # divides 0 by 0; what rounds to 0
    llm_c, allclose, jax = {"2e-2", "2"}, {"1e-5", "1e-8"}, {"0.5"}
    assert set(prose(text)) <= exit_codes | years_and_places | doubled | llm_c | allclose | jax
    defaults = inspect.signature(np.allclose).parameters
    assert (defaults["rtol"].default, defaults["atol"].default) == (1e-5, 1e-8)
    assert "rtol: float = 1e-05, atol: float = 1e-08" in (torch.allclose.__doc__ or "")
    units = [float(np.finfo(kind).eps) for kind in (np.float32, np.float64)]
    assert 5e8 < units[0] / units[1] < 6e8  # half a billion times


# --- what the examples brought to light -----------------------------------------------------------


def edited(spec: Path, folder: Path, old: str, new: str) -> Path:
    text = write_programs(load(spec))["numpy"].text
    assert old in text
    file = folder / "mine.py"
    file.write_text(text.replace(old, new))
    return file


def test_a_program_does_not_bear_witness_for_itself(tmp_path: Path) -> None:
    """Its line in float64 is one of the sides there; PyTorch is not off."""
    program = edited(cli.HOMEWORK, tmp_path, "np.log(p)", "np.log(p + 1e-7)")
    found = backhand.compare(cli.HOMEWORK, program=program, epochs=1)
    assert found.first
    assert (found.first.step.name, found.first.where) == ("loss", "float64")
    assert (found.first.side, found.first.witness) == ("", "")


def test_one_line_in_float32_cannot_be_told(tmp_path: Path) -> None:
    """It is named, and the reason that is given is right."""
    line = "z1 = (x.astype(np.float32) @ w1.astype(np.float32)).astype(x.dtype)  #"
    program = edited(cli.HOMEWORK, tmp_path, "z1 = x @ w1  ", line)
    found = backhand.compare(cli.HOMEWORK, program=program, epochs=1)
    assert [s.name for s in found.steps if s.verdict != "agrees"] == ["z1"]
    assert found.verdict == "cannot tell"
    assert "a narrower format" in " ".join(str(found).split())


@pytest.mark.parametrize(
    ("name", "shape", "wanted"),
    [("w1", (4, 3), (3, 4)), ("z1", (2, 4), (4, 4)), ("loss", (1, 1), ()), ("dw2", (2, 4), (4, 2))],
)
def test_an_array_of_another_shape(
    name: str, shape: tuple[int, ...], wanted: tuple[int, ...]
) -> None:
    """It differs, and the lines below go on without it: no other step is blamed."""
    data = load(TWO_LAYERS).arrays
    z2 = np.maximum(data["x"] @ data["w1"] + data["b1"], 0) @ data["w2"]
    with pytest.raises(AssertionError) as caught:
        assert_agrees({"z2": z2, name: np.ones(shape)}, TWO_LAYERS)
    said = str(caught.value)
    assert "in 1 of 2 steps" in said
    assert f"First at {name}, " in said
    assert f"Their shapes are {wanted} and {shape}." in said


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (torch.ones(4, 2).bfloat16(), "`z2` is no array of numbers"),
        (np.ones((4, 2), np.float16), "in float32 or float64\n  got: dtype float16"),
        (np.ones((4, 2), complex), "in float32 or float64\n  got: dtype complex128"),
        ([[1, 2], [3]], "`z2` is no array of numbers"),
    ],
)
def test_arrays_that_cannot_be_compared(array: object, words: str) -> None:
    with pytest.raises(BackhandError) as caught:
        assert_agrees({"z2": array}, TWO_LAYERS)
    assert words in str(caught.value)


def test_of_two_traces_the_one_that_parts_is_named() -> None:
    experiment = load(TWO_LAYERS)
    data = experiment.arrays
    z1 = data["x"] @ data["w1"] + data["b1"]
    found = compare_arrays(experiment, {"first": {0: {"z1": z1}}, "second": {0: {"z1": 1.01 * z1}}})
    assert found.first
    assert found.first.where == "second"
    assert re.search(r"\n  second  \S+\n", str(found))  # its lines are not known
    assert "torch" not in str(found)
