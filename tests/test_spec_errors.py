"""What is wrong with a spec is said in full: every message stands in tests/golden/errors.

After a change of words, BACKHAND_UPDATE_GOLDEN=1 writes them again; read the difference before
you commit it.
"""

import os
import pickle
import re
import sys
import time
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backhand.capture.spec import load, parse
from backhand.cli import HOMEWORK
from backhand.errors import BackhandError
from backhand.experiment import Experiment
from backhand.writers.files import write_programs
from tests.random_specs import examples

GOLDEN = Path(__file__).parent / "golden" / "errors"

GOOD = """\
name = "good"
seed = 1
precision = "float64"

[inputs]
x = [[1, 2, 3], [4, 5, 6]]

[targets]
y = [[0, 1], [1, 0]]

[weights]
w1 = [
  [0.1, 0.2],
  [0.3, 0.4],
  [0.5, 0.6],
]
b1 = [0, 0]

[network]
steps = [
  "z = x @ w1 + b1",  # line 21
  "p = softmax(z)",
]
outputs = ["p"]
loss = "cross_entropy(p, y)"

[training]
optimizer = "sgd"
learning_rate = 0.1
epochs = 2

[[print]]
rows = "p"
"""

X, Y, B1 = "x = [[1, 2, 3], [4, 5, 6]]", "y = [[0, 1], [1, 0]]", "b1 = [0, 0]"
Z, P, LOSS = "x @ w1 + b1", "softmax(z)", '"cross_entropy(p, y)"'
RATE, EPOCHS, OPTIMIZER = "learning_rate = 0.1", "epochs = 2", 'optimizer = "sgd"'

# name: what of GOOD is replaced by what
CASES: dict[str, tuple[str, str]] = {
    # keys and sections
    "unknown key": ("seed = 1", "sead = 1"),
    "unknown section": ("[targets]", "[target]"),
    "unknown key of the network": ("outputs =", "output ="),
    "unknown key of training": (RATE, "learningrate = 0.1"),
    "unknown key of a print": ('rows = "p"', 'row = "p"'),
    "no inputs": (f"[inputs]\n{X}\n", ""),
    "empty inputs": (f"{X}\n", ""),
    "no network": (GOOD[GOOD.index("[network]") : GOOD.index("[training]")], ""),
    "section that is a number": ("seed = 1", "published = 3"),
    "print that is a section": ("[[print]]", "[print]"),
    "not toml": ("seed = 1", "seed = "),
    "key given twice": ("seed = 1", "seed = 1\nseed = 2"),
    "nan is toml": (B1, "b1 = [0, nan]"),
    "inf": (B1, "b1 = [0, -inf]"),
    "overflow": (B1, "b1 = [0, 1e999]"),
    "integer beyond float64": (B1, f"b1 = [0, 1{'0' * 400}]"),
    # arrays
    "ragged": (X, "x = [[1, 2, 3], [4, 5]]"),
    "ragged deeper": (X, "x = [[[1, 2], [3, 4]], [[5, 6], [7]]]"),
    "number beside a row": (X, "x = [[1, 2, 3], 4]"),
    "empty array": (B1, "b1 = []"),
    "empty row": (X, "x = [[], []]"),
    "text in an array": (B1, 'b1 = [0, "1"]'),
    "true in an array": (B1, "b1 = [0, true]"),
    "date in an array": (B1, "b1 = [0, 2024-01-01]"),
    "not an array": (B1, "b1 = 0"),
    "table that makes no array": (B1, "b1 = { values = [0, 0] }"),
    "wrong shape": (B1, "b1 = [0, 0, 0]"),
    "rows of targets": (Y, "y = [[0, 1]]"),
    "width of targets": (Y, "y = [[0, 1, 0], [1, 0, 0]]"),
    "unknown init": (B1, 'b1 = { init = "kaiming_unifrom", shape = [2] }'),
    "init of a vector": (B1, 'b1 = { init = "kaiming_uniform", shape = [2] }'),
    "init without a shape": (B1, 'b1 = { init = "uniform" }'),
    "huge shape": (B1, 'b1 = { init = "fill", shape = [100000, 100000] }'),
    "very huge shape": (B1, f'b1 = {{ init = "fill", shape = [1{"0" * 30}] }}'),
    "negative shape": (B1, 'b1 = { init = "fill", shape = [-2] }'),
    "unknown option of an init": (B1, 'b1 = { init = "uniform", shape = [2], lo = 1 }'),
    "init with text for a number": (B1, 'b1 = { init = "uniform", shape = [2], low = "1" }'),
    "init with nan": (B1, 'b1 = { init = "uniform", shape = [2], low = nan }'),
    "init upside down": (B1, 'b1 = { init = "uniform", shape = [2], low = 1, high = -1 }'),
    "init with too large a number": (
        B1, f'b1 = {{ init = "fill", shape = [2], value = 1{"0" * 400} }}'),
    "negative std": (B1, 'b1 = { init = "normal", shape = [2], std = -1 }'),
    "init that is a number": (B1, "b1 = { init = 3, shape = [2] }"),
    "class too high": (Y, "y = { classes = [0, 2], of = 2 }"),
    "class that is no whole number": (Y, "y = { classes = [0, 1.0], of = 2 }"),
    "classes of none": (Y, "y = { classes = [0, 1], of = 0 }"),
    "classes of very many": (Y, "y = { classes = [0, 1], of = 999999999999 }"),
    "classes without of": (Y, "y = { classes = [0, 1] }"),
    "npz not found": (B1, 'b1 = { file = "weights.npz", key = "b1" }'),
    "npz without the key": (B1, 'b1 = { file = "good.npz", key = "bias1" }'),
    "npz pickled": (B1, 'b1 = { file = "pickled.npz", key = "b1" }'),
    "npz that is a pickle": (B1, 'b1 = { file = "pickle.npz", key = "b1" }'),
    "npz corrupted": (B1, 'b1 = { file = "corrupted.npz", key = "b1" }'),
    "npz cut off": (B1, 'b1 = { file = "short.npz", key = "b1" }'),
    "npz that is a folder": (B1, 'b1 = { file = ".", key = "b1" }'),
    "npz with nan": (B1, 'b1 = { file = "good.npz", key = "nan" }'),
    "npz with text": (B1, 'b1 = { file = "good.npz", key = "text" }'),
    "npz with nothing": (B1, 'b1 = { file = "good.npz", key = "nothing" }'),
    "npz with a zero byte": (B1, r'b1 = { file = "a\u0000b", key = "b1" }'),
    "npz without a key": (B1, 'b1 = { file = "good.npz" }'),
    "npz named by a number": (B1, 'b1 = { file = 3, key = "b1" }'),
    "npy instead": (B1, 'b1 = { file = "array.npy", key = "b1" }'),
    "scalar input": (X, 'x = { file = "good.npz", key = "scalar" }'),
    # names
    "keyword": (B1, "lambda = [0, 0]"),
    "dunder": (B1, "__import__ = [0, 0]"),
    "underscore": (B1, "_b = [0, 0]"),
    "unicode name": (B1, '"β" = [0, 0]'),
    "name with a blank": (B1, '"b 1" = [0, 0]'),
    "very long name": (B1, f"{'b' * 41} = [0, 0]"),
    "builtin": (B1, "print = [0, 0]"),
    "operator's name": (B1, "relu = [0, 0]"),
    "program's name": (X, "weights = [[1, 2, 3], [4, 5, 6]]"),
    "step called loss": ("p = softmax", "loss = softmax"),
    "step called by a keyword": ("p = softmax", "class = softmax"),
    "step without a name": (f"z = {Z}", Z),
    "name given twice": ("p = softmax", "z = softmax"),
    "weight named like an input": (B1, "x = [0, 0]"),
    "target named like a step": (Y, "z = [[0, 1], [1, 0]]"),
    "name of a derivative": ('"p = softmax(z)"', '"dz = softmax(z)", "p = relu(dz)"'),
    "spec's name": ('"good"', '"../evil"'),
    "spec's name that is a number": ('"good"', "3"),
    # formulas
    "unknown operator": (P, "sofmax(z)"),
    "unknown operator far off": (P, "qqqq(z)"),
    "relu misspelt": (P, "rleu(z)"),
    "unknown name": (P, "softmax(zz)"),
    "target in a step": (P, "softmax(z - y)"),
    "used before it is made": (Z, "x @ w1 + p"),
    "only a name": (P, "z"),
    "only a number": (P, "3"),
    "numbers alone": (P, "relu(3)"),
    "division by zero": (P, "z * (1 / 0)"),
    "empty formula": (P, ""),
    "half a formula": (P, "softmax(z"),
    "code": (P, "__import__('os').system('x')"),
    "call of a builtin": (P, "eval(z)"),
    "lambda": (P, "(lambda: z)()"),
    "comprehension": (P, "[z for z in x]"),
    "attribute": (P, "z.T"),
    "index": (P, "z[0]"),
    "f-string": (P, "f'{z}'"),
    "text": (P, "'z'"),
    "walrus": (P, "relu(q := z)"),
    "comparison": (P, "z > 0"),
    "if": (P, "z if z else x"),
    "remainder": (P, "z % 2"),
    "two formulas": (P, "z; x"),
    "two lines": (P, r"z +\n 1"),
    "zero byte": (P, r"z\u0000"),
    "true": (P, "z * True"),
    "imaginary": (P, "z * 1j"),
    "nested ten thousand deep": (P, "(" * 10_000 + "z" + ")" * 10_000),
    "nested deep": (P, "(" * 900 + "z" + ")" * 900),
    "nested calls": (P, "tanh(" * 300 + "z" + ")" * 300),
    "many signs": (P, "-" * 1900 + "z"),
    "long sum": (P, "z" + " + z" * 450),
    "huge constant": (P, "z * 2**9999999999"),
    "huger constant": (P, "z * 9**9**9**9**9"),
    "constant that overflows": (P, "z * (1e308 * 10)"),
    "infinite constant": (P, "z * 1e999"),
    "whole constant too large": (P, "z * 1" + "0" * 400),
    "infinite exponent": (P, "z ** 1e999"),
    "too many arrays": (P, "softmax(z, x, 3)"),
    "no arrays": (P, "softmax()"),
    "unknown option": (P, "softmax(z, axes=0)"),
    "option given twice": (P, "softmax(z, axis=0, axis=1)"),
    "option in both ways": (P, "softmax(z, 0, axis=1)"),
    "star": (P, "softmax(*z)"),
    "two stars": (P, "softmax(**z)"),
    "option that is an array": (P, "softmax(z, axis=x)"),
    "option with a huge number": (P, "dropout(z, 2**9999999999)"),
    "axis out of range": (P, "softmax(z, axis=7)"),
    "axis none": (P, "softmax(z, axis=None)"),
    "axis too large": (P, "softmax(z, axis=99999999999999999999)"),
    "keepdims as a number": (P, "sum(z, 1, 1)"),
    "dropout of 1.4": (P, "dropout(z, 1.4)"),
    "dropout of 1": (P, "dropout(z, 1)"),
    "dropout below 0": (P, "dropout(z, -0.1)"),
    "dropout without a rate": (P, "dropout(z)"),
    "dropout of text": (P, "dropout(z, 'a')"),
    "mask": (P, "dropout_mask(z, x)"),
    "slope of text": (P, "leaky_relu(z, 'steep')"),
    "matmul of wrong shapes": (Z, "w1 @ x"),
    "sum of wrong shapes": (P, "z + x"),
    "batch against a number": (P, "z + w1"),
    "vector in a product": (Z, "x @ b1"),
    "steps that are text": ('[\n  "z = x @ w1 + b1",  # line 21\n  "p = softmax(z)",\n]', '"z"'),
    "no steps": ('[\n  "z = x @ w1 + b1",  # line 21\n  "p = softmax(z)",\n]', "[]"),
    "step that is a number": ('"p = softmax(z)"', "3"),
    # outputs and loss
    "unknown output": ('outputs = ["p"]', 'outputs = ["q"]'),
    "input as output": ('outputs = ["p"]', 'outputs = ["x"]'),
    "output twice": ('outputs = ["p"]', 'outputs = ["p", "p"]'),
    "outputs that are text": ('outputs = ["p"]', 'outputs = "p"'),
    "no outputs": ('outputs = ["p"]', "outputs = []"),
    "loss that is no number": (LOSS, '"p - y"'),
    "loss of a hidden value": (LOSS, '"cross_entropy(z, y)"'),
    "loss that is a number": (LOSS, "3"),
    "loss that is an output": (LOSS, '"p"'),
    "loss with dropout": (LOSS, '"sum(dropout(p, 0.5))"'),
    "loss of one array": (LOSS, '"cross_entropy(p)"'),
    "loss with an unknown reduction": (LOSS, "\"cross_entropy(p, y, reduction='avg')\""),
    "loss against a number": (LOSS, '"mse(p, 0.5)"'),
    "loss against an output": (LOSS, '"mse(p, 0.5 * p)"'),
    "loss of logits of a vector": (LOSS, '"cross_entropy_logits(sum(p, 1), sum(y, 1))"'),
    "loss without the weights": (LOSS, '"sum(y)"'),
    "unused weight": (B1, f"{B1}\nb2 = [0, 0]"),
    "weight that does not reach the loss": (LOSS, '"sum(w1)"'),
    # training
    "epochs below 0": (EPOCHS, "epochs = -1"),
    "epochs of 0": (EPOCHS, "epochs = 0"),
    "epochs of 1.5": (EPOCHS, "epochs = 1.5"),
    "epochs of true": (EPOCHS, "epochs = true"),
    "epochs of very many": (EPOCHS, "epochs = 100000000000"),
    "no epochs": (EPOCHS, ""),
    "learning rate in words": (RATE, 'learning_rate = "fast"'),
    "learning rate below 0": (RATE, "learning_rate = -0.1"),
    "learning rate nan": (RATE, "learning_rate = nan"),
    "learning rate inf": (RATE, "learning_rate = inf"),
    "learning rate true": (RATE, "learning_rate = true"),
    "no learning rate": (RATE, ""),
    "learning rate too large a number": (RATE, f"learning_rate = 1{'0' * 400}"),
    "unknown optimizer": (OPTIMIZER, 'optimizer = "Adma"'),
    "optimizer of torch's spelling": (OPTIMIZER, 'optimizer = "SGD"'),
    "optimizer that is a number": (OPTIMIZER, "optimizer = 3"),
    "momentum for adam": (OPTIMIZER, 'optimizer = "adam"\nmomentum = 0.9'),
    "beta of 1": (OPTIMIZER, 'optimizer = "adam"\nbeta1 = 1'),
    "beta for sgd": (OPTIMIZER, "beta1 = 0.9"),
    "weight decay for rprop": (OPTIMIZER, 'optimizer = "rprop"\nweight_decay = 0.1'),
    "rho above 1": (OPTIMIZER, 'optimizer = "adadelta"\nrho = 1.1'),
    "eta minus of 0": (OPTIMIZER, 'optimizer = "rprop"\neta_minus = 0'),
    "eta plus of 1": (OPTIMIZER, 'optimizer = "rprop"\neta_plus = 1'),
    "t0 below 0": (OPTIMIZER, 'optimizer = "asgd"\nt0 = -1'),
    "dampening nan": (OPTIMIZER, "momentum = 0.9\ndampening = nan"),
    "dampening with nesterov": (OPTIMIZER, "momentum = 0.9\ndampening = 0.1\nnesterov = true"),
    "maximize of 1": (OPTIMIZER, 'optimizer = "radam"\nmaximize = 1'),
    "nesterov without momentum": (OPTIMIZER, "nesterov = true"),
    "nesterov of 1": (OPTIMIZER, "nesterov = 1\nmomentum = 0.9"),
    "training without a loss": (f"loss = {LOSS}", ""),
    "training without weights": (
        GOOD[GOOD.index("[weights]") : GOOD.index("[training]")],
        '[network]\nsteps = ["p = softmax(x)"]\nloss = "sum(p)"\n\n'),
    # the rest
    "seed below 0": ("seed = 1", "seed = -1"),
    "seed of 33 bits": ("seed = 1", "seed = 4294967296"),
    "seed of text": ("seed = 1", 'seed = "one"'),
    "precision of 16 bits": ('"float64"', '"float16"'),
    "precision for a library there is not": ('"float64"', '{ jax = "float32" }'),
    "precision that is a number": ('"float64"', "64"),
    "about that is a number": ("seed = 1", "about = 1"),
    "print of nothing": ('rows = "p"', 'title = "p"'),
    "print of two things": ('rows = "p"', 'rows = "p"\nvalue = "p"'),
    "print of an unknown value": ('rows = "p"', 'value = "q"'),
    "print of the rows of a weight": ('rows = "p"', 'rows = "w1"'),
    "print with an unknown library": ('rows = "p"', 'rows = "p"\nlabel = { jax = "a" }'),
    "print with a title that is a number": ('rows = "p"', 'rows = "p"\ntitle = 3'),
    "print of a number": ('rows = "p"', "rows = 3"),
    "print of the rows of a number": (
        GOOD[GOOD.index("steps = ["):GOOD.index("[training]")],
        'steps = ["p = sum(x @ w1 + b1)"]\nloss = "p * p"\n\n'),
    "print of nothing at all": ('rows = "p"', "rows = []"),
    "published of another shape": ('rows = "p"', 'rows = "p"\n[published.torch]\nb1 = [1]'),
    "published of no weight": ('rows = "p"', 'rows = "p"\n[published.torch]\np = [1]'),
    "published from a file": (
        'rows = "p"', 'rows = "p"\n[published.torch]\nb1 = { file = "good.npz", key = "b1" }'),
    "published that is a number": ('rows = "p"', 'rows = "p"\n[published]\ntorch = 3'),
    "published by a library there is not": ('rows = "p"', 'rows = "p"\n[published.jax]\nb1 = [1]'),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with arrays, good and bad."""
    place = tmp_path_factory.mktemp("specs")
    arrays = {
        "b1": np.zeros(2),
        "nan": np.array([0, np.nan]),
        "text": np.array(["a", "b"]),
        "scalar": np.array(3.0),
        "nothing": np.zeros((0, 2)),
    }
    np.savez(place / "good.npz", **arrays)
    np.savez(place / "pickled.npz", b1=np.array([Trap(), Trap()], dtype=object))
    (place / "pickle.npz").write_bytes(pickle.dumps(Trap()))
    (place / "corrupted.npz").write_bytes(b"PK\x03\x04" + bytes(range(256)) * 4)
    (place / "short.npz").write_bytes((place / "good.npz").read_bytes()[:200])
    np.save(place / "array.npy", np.zeros(2))
    return place


class Trap:
    """Sets off when it is unpickled."""

    set_off = False

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return set_trap_off, ()


def set_trap_off() -> None:
    Trap.set_off = True


def message(read: Callable[[], object]) -> str:
    """The message of the BackhandError that it raises; anything else fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BackhandError) as caught:
            read()
    return str(caught.value)


def check_golden(name: str, text: str) -> None:
    file = GOLDEN / f"{name.replace(' ', '_').replace(chr(39), '')}.txt"
    if "BACKHAND_UPDATE_GOLDEN" in os.environ:
        file.write_text(text + "\n", encoding="utf-8", newline="\n")
    assert text + "\n" == file.read_text(encoding="utf-8")


def changed(name: str) -> str:
    before, after = CASES[name]
    assert GOOD.count(before) == 1
    return GOOD.replace(before, after)


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_named(name: str, folder: Path) -> None:
    began = time.monotonic()
    text = message(lambda: parse(changed(name), "bad.toml", folder))
    assert time.monotonic() - began < 2
    assert text.startswith("bad.toml"), "the file comes first"
    check_golden(name, text.replace(str(folder), "FOLDER"))


def test_nothing_was_unpickled() -> None:
    assert pickle.loads(pickle.dumps(Trap())) is None
    assert Trap.set_off, "the trap works"


@pytest.mark.parametrize("name", ["npz pickled", "npz that is a pickle"])
def test_a_pickle_is_refused_unopened(name: str, folder: Path) -> None:
    Trap.set_off = False
    message(lambda: parse(changed(name), "bad.toml", folder))
    assert not Trap.set_off


def test_no_message_is_left_over() -> None:
    names = {re.sub("'", "", name).replace(" ", "_") for name in [*CASES, *FILES]}
    assert {file.stem for file in GOLDEN.iterdir()} == names


def test_the_good_spec_is_good() -> None:
    assert isinstance(parse(GOOD, "good.toml", Path()), Experiment)


# --- files -------------------------------------------------------------------------------------

FILES: dict[str, Callable[[Path], object]] = {
    "file not there": lambda file: None,
    "file in a folder that is not there": lambda file: None,
    "file that is a folder": lambda file: file.mkdir(),
    "file that is empty": lambda file: file.write_bytes(b""),
    "file of blanks": lambda file: file.write_bytes(b" \n\n"),
    "file of binary garbage": lambda file: file.write_bytes(bytes(range(256))),
    "file of zeros": lambda file: file.write_bytes(bytes(100)),
    "file in utf-16": lambda file: file.write_bytes(GOOD.encode("utf-16")),
    "file with a lone carriage return": lambda file: file.write_bytes(b"seed = 1\rseed = 2"),
    "file that is python": lambda file: file.write_text("import os\n"),
    "file that is json": lambda file: file.write_text('{"inputs": [1]}'),
    "file of brackets": lambda file: file.write_text("x = " + "[" * 100_000),
    "file that is one list": lambda file: file.write_text("x = " + "[" * 500 + "]" * 500),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_spec(name: str, tmp_path: Path) -> None:
    file = tmp_path / ("away/mine.toml" if "in a folder" in name else "mine.toml")
    FILES[name](file)
    text = message(lambda: load(file))
    check_golden(name, text.replace(str(tmp_path), "FOLDER"))


def test_a_name_with_colons_is_no_trouble(tmp_path: Path) -> None:
    file = tmp_path / "a:b:c.toml"
    file.write_text(changed("relu misspelt").replace('name = "good"', 'name = "abc"'))
    assert message(lambda: load(file)).startswith("a:b:c.toml:22: network.steps[1]: unknown")


# --- every line number is right ----------------------------------------------------------------


ELSEWHERE = {
    "wrong shape": "the step that cannot add it, as the step may be what is wrong",
    "print of the rows of a number": "the print",
}


@pytest.mark.parametrize("name", [n for n in CASES if n not in ELSEWHERE])
def test_the_line_is_where_the_mistake_is(name: str, folder: Path) -> None:
    """It is at the change, or at the section that the change left without something."""
    before, after = CASES[name]
    text = message(lambda: parse(changed(name), "bad.toml", folder))
    found = re.match(r"bad\.toml:(\d+)", text)
    if not found:
        assert "is missing" in text
        return
    at = GOOD[: GOOD.index(before)].count("\n") + 1
    lines = range(at, at + max(after.count("\n"), before.count("\n")) + 1)
    if int(found[1]) not in lines:
        line = changed(name).splitlines()[int(found[1]) - 1]
        key = re.match(r"bad\.toml:\d+: ([\w.]+)", text)[1].rpartition(".")[2]
        section = re.match(r"bad\.toml:\d+: (\w+)", text)[1]
        assert line.strip().startswith((f"[{section}]", f"{key} =", "[[print]]"))


# --- fuzz: a mutated spec is an experiment or a BackhandError, soon ------------------------------

SPEC = HOMEWORK.read_text(encoding="utf-8")
BITS = [
    "[", "]", "[[", '"', "'", '"""', "\n", "=", "{", "}", ",", "#", "\\", "0", "-1", "1e999", "nan",
    "9" * 30, "true", "B", "x", "w1", "p", "loss", "(", ")", "@", "**", "relu(", "dropout(", "0.5",
    "softmax(p)", "[0.1, 0.2]", '["p"]', "axis=0", "lambda", "__class__", "é", "\x00", "1 / 0",
    "sum(p)", "mean(w1)", "[weights]", 'init = "fill"', "shape = [3]", "1979-05-27", ":", "\r",
    "%1",
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The homework's spec with up to four places cut, doubled, swapped or written over."""
    text = SPEC
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.sampled_from([0, 0, 1, 2, 3, 8, 40])))
        new = draw(st.sampled_from(BITS) | st.text(max_size=3) | st.just(text[start:stop] * 2))
        if draw(st.booleans()):  # whole lines
            lines = text.splitlines(keepends=True)
            i, j = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
            lines[i], lines[j] = lines[j], draw(st.sampled_from([lines[i], "", lines[j]]))
            text = "".join(lines) or " "
        else:
            text = text[:start] + new + text[stop:]
    return text


@st.composite
def formulas(draw: st.DrawFn) -> str:
    """Something like a formula."""
    part = st.sampled_from(
        ["x", "w1", "w2", "z1", "y", "1", "0.5", "-", "+", "*", "/", "@", "**", "(", ")", ",", " ",
         "relu(", "softmax(", "sum(", "max(", "dropout(", "linear(", "mse(", "axis=", "keepdims=",
         "True", "None", "-1", "0", "2", "rate=", "'sum'", "1e400", "9**9", "pow(", "exp("]
    )  # fmt: skip
    return "".join(draw(st.lists(part, min_size=1, max_size=14)))


def only_ever_a_backhand_error(text: str) -> Experiment | None:
    began = time.monotonic()
    experiment, refusal = None, "fuzzed.toml"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            experiment = parse(text, "fuzzed.toml", Path())
            write_programs(experiment)
        except BackhandError as error:
            refusal = str(error)
    assert refusal.startswith("fuzzed.toml")
    assert time.monotonic() - began < 2
    return experiment


@given(mutated())
@settings(max_examples=examples(400))
def test_a_mutated_spec_is_read_or_refused(text: str) -> None:
    only_ever_a_backhand_error(text)


@given(formulas(), formulas())
@settings(max_examples=examples(400))
def test_a_random_formula_is_read_or_refused(step: str, loss: str) -> None:
    text = SPEC.replace('"a1 = relu(z1)"', f'"a1 = {step}"')
    only_ever_a_backhand_error(text)
    only_ever_a_backhand_error(SPEC.replace("cross_entropy(p, y, reduction='sum')", loss))


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=examples(200))
def test_random_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / f"bytes{os.getpid()}.toml"
    file.write_bytes(data)
    message(lambda: load(file))


def test_the_fuzz_reaches_experiments_and_refusals() -> None:
    """Both ends of the fuzz are met, or it would prove little."""
    assert only_ever_a_backhand_error(SPEC)
    assert only_ever_a_backhand_error(SPEC.replace("relu(z1)", "rleu(z1)")) is None
    assert tomllib.loads(SPEC)
    assert sys.getrecursionlimit() <= 1000
