"""What others computed, held against the program: arrays by name, files of them, two at once."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from backhand.agreement.traces import (
    Passes,
    compare_arrays,
    passes_of,
    plain,
    precision_of,
    read_trace,
)
from backhand.errors import BackhandError
from backhand.run import trace
from backhand.run.program import run_numpy
from backhand.run.reference import run_torch
from backhand.writers.files import save_programs
from tests.agreement.comparisons import SMALL, read, verdicts

EXPERIMENT = read(SMALL + 'optimizer = "adam"\nlearning_rate = 0.05\n')


def ran(precision: str = "float64") -> trace.Trace:
    """PyTorch's run of the network."""
    with TemporaryDirectory() as place:
        program = save_programs(EXPERIMENT, Path(place))["torch"]
        return run_torch(program, EXPERIMENT, precision, Path(place))


@pytest.fixture(scope="module")
def torch_trace() -> trace.Trace:
    return ran()


def first_of(passes: Passes, **others: np.ndarray) -> Passes:
    """The evaluation alone, some of it replaced."""
    return {0: {**passes[0], **others}}


# --- arrays ---------------------------------------------------------------------------------------


def test_pytorchs_arrays_agree(torch_trace: trace.Trace) -> None:
    found = compare_arrays(EXPERIMENT, {"theirs": passes_of(torch_trace)})
    assert (found.verdict, found.epochs, found.ignored) == ("agrees", 3, ()), str(found)
    assert found.sides == ("NumPy", "theirs")
    names = {step.name for step in found.steps}
    assert {"z1", "loss", "dz1", "w1", "exp_avg.w1", "exp_avg_sq.b1"} <= names
    assert found.step("z1").caught < 1e-14, "float64, though PyTorch counts steps in float32"


def test_float32_arrays_are_judged_in_float32(torch_trace: trace.Trace) -> None:
    single = passes_of(ran("float32"))
    assert precision_of(single, {"z1"}) == "float32"
    assert compare_arrays(EXPERIMENT, {"theirs": single}).verdict == "agrees"
    widened = {epoch: {n: a.astype(float) for n, a in v.items()} for epoch, v in single.items()}
    assert compare_arrays(EXPERIMENT, {"theirs": widened}).verdict == "differs"


def test_a_float64_loss_beside_float32_arrays_is_one_of_them() -> None:
    """As `loss.item()` is, and data that was never converted."""
    values = passes_of(ran("float32"))[0]
    mixed = {**values, "loss": np.float64(values["loss"]), "x": EXPERIMENT.arrays["x"]}
    assert compare_arrays(EXPERIMENT, {"theirs": {0: mixed}}).verdict == "agrees"


def test_a_wrong_array_is_found_and_those_below_are_not_blamed(torch_trace: trace.Trace) -> None:
    passes = passes_of(torch_trace)
    wrong = first_of(passes, dz1=passes[0]["dz1"] * 1.001)
    found = compare_arrays(EXPERIMENT, {"mine": wrong})
    assert found.first is not None
    assert (found.first.step.name, found.first.where) == ("dz1", "mine")
    assert {s.name for s in found.steps if s.verdict == "differs"} == {"dz1", "dw1", "db1"}
    assert found.first.side == "mine"


def test_what_is_missing_is_carried(torch_trace: trace.Trace) -> None:
    """With z1, loss and dw1 alone, everything between them is ours."""
    values = torch_trace.evaluation
    few = {name: values[name] for name in ("z1", "loss", "dw1")}
    found = compare_arrays(EXPERIMENT, {"mine": {0: few}})
    assert (found.verdict, [s.name for s in found.steps]) == ("agrees", ["z1", "loss", "dw1"])
    assert found.step("dw1").lines == (
        "a1 = np.tanh(z1)",
        "mask = dropout_mask(generator, a1.shape, 0.25, a1.dtype)",
        "h = a1 * mask",
        "z2 = h @ w2",
        "p = softmax(z2)",
        "dz2 = (p - y) / len(p)",
        "dh = dz2 @ w2.T",
        "da1 = dh * mask",
        "dz1 = da1 * (1 - a1 * a1)",
        "dw1 = x.T @ dz1",
    )
    wrong = {**few, "dw1": few["dw1"] * (1 + 1e-12)}
    found = compare_arrays(EXPERIMENT, {"mine": {0: wrong}})
    assert found.verdict == "differs"
    assert "The mistake is in one of: " in str(found)


def test_what_has_no_place_in_the_network_is_named(torch_trace: trace.Trace) -> None:
    found = compare_arrays(EXPERIMENT, {"mine": first_of(passes_of(torch_trace), zz=np.ones(3))})
    assert found.ignored == ("zz",)
    assert "not compared: zz" in str(found)


def test_a_mask_is_taken_as_it_is(torch_trace: trace.Trace) -> None:
    """Somebody else draws other masks; what is made with them is compared all the same."""
    passes = passes_of(torch_trace)
    other = np.where(np.arange(12).reshape(3, 4) % 3, 4 / 3, 0)
    h = passes[1]["a1"] * other
    mine = {0: passes[0], 1: {"a1": passes[1]["a1"], "mask": other, "h": h}}
    found = compare_arrays(EXPERIMENT, {"mine": mine})
    assert found.verdict == "agrees", str(found)
    dropped = {**mine, 1: {**mine[1], "h": passes[1]["a1"]}}
    assert compare_arrays(EXPERIMENT, {"mine": dropped}).first.step.name == "h"


def test_of_two_the_wrong_one_is_named(torch_trace: trace.Trace) -> None:
    right = passes_of(torch_trace)
    with TemporaryDirectory() as place:
        program = save_programs(EXPERIMENT, Path(place))["numpy"]
        ours = passes_of(run_numpy(program, EXPERIMENT, "float64", Path(place)))
    assert compare_arrays(EXPERIMENT, {"a": right, "b": ours}).verdict == "agrees"
    wrong = first_of(right, a1=right[0]["z1"])
    for traces in ({"good": right, "bad": wrong}, {"bad": wrong, "good": right}):
        found = compare_arrays(EXPERIMENT, traces)
        assert found.first is not None
        assert (found.first.where, found.first.step.name) == ("bad", "a1")
        assert found.step("a1").judgements["good"].verdict == "agrees"
        assert "in bad:" in str(found)


def test_an_epoch_is_compared_where_the_weights_before_it_are_known(
    torch_trace: trace.Trace,
) -> None:
    passes = passes_of(torch_trace)
    gap = {epoch: values for epoch, values in passes.items() if epoch != 2}
    assert compare_arrays(EXPERIMENT, {"mine": gap}).epochs == 1
    with pytest.raises(BackhandError, match="nothing of this can be compared"):
        compare_arrays(EXPERIMENT, {"mine": {2: passes[2]}})


def test_nan_on_their_side_alone_differs(torch_trace: trace.Trace) -> None:
    """In the evaluation, where much is noted, and in a later epoch, where less is."""
    passes = passes_of(torch_trace)
    for epoch in (0, 1, 3):
        broken = {**passes, epoch: {**passes[epoch], "h": passes[epoch]["h"] * np.nan}}
        found = compare_arrays(EXPERIMENT, {"mine": broken})
        assert (found.verdict, found.first.step.name) == ("differs", "h")
        assert found.first.element.epoch == epoch


def test_shapes_that_do_not_fit(torch_trace: trace.Trace) -> None:
    passes = passes_of(torch_trace)
    found = compare_arrays(EXPERIMENT, {"mine": first_of(passes, db1=passes[0]["db1"][None])})
    assert found.first.step.name == "db1"
    assert "Their shapes are (4,) and (1, 4)." in str(found)


# --- what cannot be compared ----------------------------------------------------------------------


def test_names_that_are_none_of_the_network_are_refused() -> None:
    with pytest.raises(BackhandError) as told:
        compare_arrays(EXPERIMENT, {"mine": {0: {"zz1": np.ones(3)}}})
    assert str(told.value).startswith("mine: none of these arrays has the name of a value")
    assert "did you mean `z1`?" in str(told.value)
    with pytest.raises(BackhandError, match="none of these arrays"):
        compare_arrays(EXPERIMENT, {"mine": {}})
    with pytest.raises(BackhandError, match="there is nothing to compare"):
        compare_arrays(EXPERIMENT, {})


@pytest.mark.parametrize(
    "array", [np.ones(3, complex), np.array(["a"]), np.array([None]), [[1, 2], [3]]]
)
def test_what_is_no_array_of_numbers_is_refused(array: object) -> None:
    with pytest.raises(BackhandError, match="`z1` is no array of numbers"):
        plain({"z1": array})


def test_lists_and_numbers_are_arrays() -> None:
    found = plain({"z1": [[1.0, 2.0]], "loss": 0.5, "n": 3, "mask": [True]})
    assert {name: array.dtype.kind for name, array in found.items()} == {
        "z1": "f", "loss": "f", "n": "i", "mask": "b",
    }  # fmt: skip


# --- files ----------------------------------------------------------------------------------------


def test_a_file_of_arrays(tmp_path: Path, torch_trace: trace.Trace) -> None:
    file = tmp_path / "mine.npz"
    for save in (np.savez, np.savez_compressed):
        save(file, **torch_trace.evaluation)
        passes = read_trace(file)
        assert list(passes) == [0]
        assert compare_arrays(EXPERIMENT, {"mine": passes}).verdict == "agrees"


def test_our_own_file_has_its_epochs_and_pytorch_first(
    tmp_path: Path, torch_trace: trace.Trace
) -> None:
    file = tmp_path / "trace.npz"
    ours = replace(torch_trace, library="numpy", evaluation={"z1": np.zeros((3, 4))})
    trace.save(file, [ours, torch_trace])
    passes = read_trace(file)
    assert list(passes) == [0, 1, 2, 3]
    assert compare_arrays(EXPERIMENT, {"theirs": passes}).verdict == "agrees"


def corrupt(file: Path) -> None:
    np.savez(file, z1=np.ones((300, 4)))
    data = bytearray(file.read_bytes())
    data[500:600] = b"x" * 100
    file.write_bytes(data)


BAD_FILES: dict[str, Callable[[Path], object]] = {
    "text": lambda f: f.write_text("z1 = 3"),
    "nothing": lambda f: f.write_bytes(b""),
    "one array": lambda f: f.open("wb").write(npy()),
    "a pickle": lambda f: f.write_bytes(pickle.dumps({"z1": 3})),
    "pickled arrays": lambda f: np.savez(f, z1=np.array([1, None], dtype=object)),
    "half a zip": lambda f: f.write_bytes(b"PK\x03\x04"),
    "a zip that is cut off": lambda f: (np.savez(f, z1=1), f.write_bytes(f.read_bytes()[:99])),
    "a zip with wrong bytes": corrupt,
    "a folder": lambda f: f.mkdir(),
    "no file": lambda f: None,
}  # fmt: skip


def npy() -> bytes:
    with TemporaryDirectory() as place:
        np.save(Path(place) / "a.npy", np.ones(3))
        return (Path(place) / "a.npy").read_bytes()


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_one_clear_error(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.npz"
    BAD_FILES[kind](file)
    with pytest.raises(BackhandError) as told:
        read_trace(file)
    assert str(told.value).startswith(f"{file}: this is not a file of arrays\n  wanted: an .npz")
    assert "allow_pickle" not in str(told.value) or kind == "pickled arrays"
    assert len(str(told.value).splitlines()) == 3


def test_a_trace_of_ours_that_lacks_a_part(tmp_path: Path) -> None:
    file = tmp_path / "trace.npz"
    np.savez(file, **{"torch-float64/evaluation/z1": np.ones((3, 4))})
    with pytest.raises(BackhandError, match="this is not a trace"):
        read_trace(file)


def test_words_in_a_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "words.npz"
    np.savez(file, z1=np.array(["one"]))
    with pytest.raises(BackhandError, match="`z1` is no array of numbers"):
        read_trace(file)


def test_arrays_laid_out_otherwise_are_the_same_numbers(
    tmp_path: Path, torch_trace: trace.Trace
) -> None:
    file = tmp_path / "mine.npz"
    z1, dw1 = torch_trace.evaluation["z1"], torch_trace.evaluation["dw1"]
    np.savez(file, z1=np.asfortranarray(z1), dw1=dw1.astype(">f8"))
    found = compare_arrays(EXPERIMENT, {"mine": read_trace(file)})
    assert not verdicts(found)
    assert len(found.steps) == 2
