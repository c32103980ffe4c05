"""`backhand compare` as a user types it: what it prints, its exit codes, its errors."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backhand import cli
from backhand.writers.files import write_programs
from tests.agreement.comparisons import SMALL, changed, quietly, read

SPEC = SMALL + "learning_rate = 0.05\n"
Result = tuple[int, str, str]
Command = Callable[..., Result]


@pytest.fixture
def compare(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Call `backhand compare` beside small.toml: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(SPEC, encoding="utf-8")

    def call(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["backhand", "compare", *arguments])
        code = 0
        with quietly():
            try:
                cli.main()
            except SystemExit as end:
                code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def program(text: str) -> str:
    """A file with this program in it."""
    Path("mine.py").write_text(text, encoding="utf-8")
    return "mine.py"


def with_line(right: str, wrong: str) -> str:
    return program(changed(read(SPEC), right, wrong))


def flat(text: str) -> str:
    """Without the line breaks that the width of a terminal makes."""
    return " ".join(text.split())


# --- what is printed ------------------------------------------------------------------------------


def test_two_programs_that_agree(compare: Command) -> None:
    code, out, err = compare("small.toml")
    assert (code, err) == (0, "")
    assert flat(out).startswith(
        "small: NumPy and PyTorch agree within their rounding bounds, all 27 steps, at the initial "
        "weights and over 3 epochs, in float64 and in float32."
    )
    lines = [line.split() for line in out.splitlines()]
    assert ["z1", "z1", "=", "x", "@", "w1", "+", "b1"] in [line[:8] for line in lines]
    assert "known slips" in out


def test_the_homework_agrees_without_a_spec(compare: Command) -> None:
    code, out, _ = compare("--epochs", "2")
    assert code == 0
    assert out.startswith("homework: NumPy and PyTorch agree within their rounding bounds")


def test_a_difference(compare: Command) -> None:
    code, out, err = compare("small.toml", "--program", with_line(r"da1 = dh \* mask", "da1 = dh"))
    assert (code, err) == (1, "")
    text = flat(out)
    assert text.startswith("small: NumPy and PyTorch differ by more than rounding, in 1 of 27")
    assert "backward, epoch 1, in float64:" in text
    assert "da1 = dh" in text
    assert "autograd of `h = F.dropout(a1, 0.25, training)`" in text


def test_what_cannot_be_told(compare: Command) -> None:
    wrong = with_line("z2 = h @ w2(?=  )", "z2 = np.linalg.multi_dot([h, w2])")
    code, out, _ = compare("small.toml", "--program", wrong)
    assert code == 3
    assert flat(out).startswith("small: of 1 of 27 steps it cannot be told")
    assert "Cannot tell z2 (forward): `np.linalg.multi_dot` has no rounding bound." in flat(out)


@pytest.mark.parametrize(
    ("epochs", "span", "steps"),
    [("0", "at the initial weights, in", 24), ("1", "and over 1 epoch, in", 27),
     ("5", "and over 5 epochs, in", 27)],
)  # fmt: skip
def test_epochs(compare: Command, epochs: str, span: str, steps: int) -> None:
    code, out, _ = compare("small.toml", "--epochs", epochs)
    assert code == 0
    assert span in flat(out)
    assert f"all {steps} steps" in flat(out)


@pytest.mark.parametrize(
    ("precision", "formats"),
    [("float64", "in float64."), ("float32", "in float64 and in float32."),
     ("bfloat16", "in float64 and in bfloat16."), ("float16", "in float64 and in float16.")],
)  # fmt: skip
def test_precision(compare: Command, precision: str, formats: str) -> None:
    code, out, _ = compare("small.toml", "--precision", precision, "--epochs", "1")
    assert code == 0, out
    assert formats in flat(out)


def test_another_seed_draws_other_masks(compare: Command) -> None:
    """The program of another seed is the right one there, and the wrong one here."""
    code, _, _ = compare("small.toml", "--seed", "6")
    assert code == 0


def test_json_has_everything(compare: Command) -> None:
    wrong = with_line(r"da1 = dh \* mask", "da1 = dh")
    code, out, _ = compare("small.toml", "--program", wrong, "--json", "--epochs", "1")
    found = json.loads(out)
    assert (code, found["verdict"], found["epochs"]) == (1, "differs", 1)
    assert found["sides"] == ["NumPy", "PyTorch"]
    first = found["first"]
    assert (first["name"], first["part"], first["where"]) == ("da1", "backward", "float64")
    assert first["ours"] != first["theirs"]
    assert first["epoch"] == 1
    assert len(first["index"]) == 2
    steps = {(step["part"], step["name"]): step for step in found["steps"]}
    assert steps["backward", "da1"]["line"] == "da1 = dh"
    assert set(steps["forward", "z1"]["formats"]) == {"float64", "float32"}
    assert len(steps) == len(found["steps"]) == 27


def test_json_writes_numbers_that_json_has_none_for(compare: Command) -> None:
    """0 * log(0): nan on both sides, infinite bounds."""
    Path("nan.toml").write_text(
        "[inputs]\nx = [[0.0, 900.0]]\n[targets]\ny = [[0, 1]]\n[weights]\nw = [1.0]\n"
        '[network]\nsteps = ["p = softmax(x * w)"]\nloss = "cross_entropy(p, y)"\n'
    )
    code, out, _ = compare("nan.toml", "--json")
    assert code == 3
    json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


# --- errors ---------------------------------------------------------------------------------------

TEXT = write_programs(read(SPEC))["numpy"].text
BROKEN = {
    "no Python": (
        TEXT.replace("    z2 = h @ w2  ", "    z2 = h @@ w2  "),
        "mine.py:38: this is not Python",
    ),
    "no function": (TEXT.replace("def network_backward", "def backward"),
                    "mine.py: this program has no function `network_backward`"),
    "no update": (TEXT.replace("def update", "def step"),
                  "mine.py: this program has no function `update`"),
    "an empty file": ("", "mine.py: this program has no function `data`"),
    "a name that is not there": (
        TEXT.replace("    z2 = h @ w2  ", "    z2 = h @ w9  "),
        "mine.py:38: this program stops at `z2 = h @ w9",
    ),
    "shapes that do not fit": (
        TEXT.replace("    z2 = h @ w2  ", "    z2 = h @ w1  "),
        "mine.py:38: this program stops at `z2 = h @ w1",
    ),
    "an error of its own": (
        TEXT.replace("    z2 = h @ w2  ", '    raise RuntimeError("mine")  '),
        'mine.py:38: this program stops at `raise RuntimeError("mine")',
    ),
    "an error in the update": (
        TEXT.replace("        w -= 0.05 * dw", "        w -= 0.05 / 0 * dw"),
        "mine.py:79: this program stops at `w -= 0.05 / 0 * dw`",
    ),
    "an error on the way in": (
        TEXT.replace("import numpy as np", "import numpyy as np"),
        "mine.py:9: this program stops at `import numpyy as np`",
    ),
    "other arguments": (
        TEXT.replace("def network(x, weights, generator=None)", "def network(x)"),
        "mine.py: the program's functions do not fit",
    ),
    "other results": (
        TEXT.replace("return p, (a1", "return p, p, (a1"),
        "mine.py: the program's functions do not fit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_program_that_cannot_be_used_is_one_clear_error(kind: str, compare: Command) -> None:
    text, said = BROKEN[kind]
    assert text != TEXT
    code, out, err = compare("small.toml", "--program", program(text))
    assert (code, out) == (2, "")
    assert err.startswith(f"backhand: {said}"), err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 4


def test_a_program_file_that_cannot_be_read(compare: Command) -> None:
    code, _, err = compare("small.toml", "--program", "nowhere.py")
    assert code == 2
    assert err.startswith("backhand: nowhere.py: this program cannot be read\n")
    for content, said in {b"\xff\xfe": "cannot be read", b"x = 1\x00": "is not Python"}.items():
        Path("mine.py").write_bytes(content)
        code, _, err = compare("small.toml", "--program", "mine.py")
        assert code == 2
        assert err.startswith("backhand: mine.py: this ")
        assert err.splitlines()[0].endswith(said)
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--precision", "float8"), "--precision: unknown precision"),
        (("--epochs", "-1"), "epochs: there are no negative epochs"),
        (("--seed", "-1"), "--seed: a seed is a whole number"),
    ],
)
def test_options_that_cannot_be(arguments: tuple[str, str], said: str, compare: Command) -> None:
    code, _, err = compare("small.toml", *arguments)
    assert (code, err.splitlines()[0]) == (2, f"backhand: {said}")


def test_a_spec_that_is_not_there(compare: Command) -> None:
    code, _, err = compare("nowhere.toml")
    assert code == 2
    assert err.startswith("backhand: nowhere.toml: ")


# --- what somebody computed -----------------------------------------------------------------------


def test_a_trace_that_is_wrong_in_one_value(compare: Command) -> None:
    x, w1, b1 = (read(SPEC).arrays[name] for name in ("x", "w1", "b1"))
    z1 = x @ w1 + b1
    np.savez("mine.npz", z1=z1, a1=np.tanh(z1))
    assert compare("small.toml", "--trace", "mine.npz")[0] == 0
    np.savez("mine.npz", z1=z1, a1=np.sin(z1))
    code, out, _ = compare("small.toml", "--trace", "mine.npz")
    assert code == 1
    assert "First at a1[" in out
    assert "mine.npz" in out
