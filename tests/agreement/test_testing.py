"""`assert_agrees`, as somebody uses it in the tests of a network written by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from backhand.errors import BackhandError
from backhand.testing import assert_agrees
from backhand.writers.files import write_programs
from tests.agreement.comparisons import SMALL, changed, read

SPEC = SMALL + "learning_rate = 0.05\n"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "small.toml"
    file.write_text(SPEC, encoding="utf-8")
    return file


def by_hand(dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    """SMALL without dropout, as one writes it in PyTorch."""
    arrays = {n: torch.tensor(a, dtype=dtype) for n, a in read(SPEC).arrays.items()}
    w1, b1, w2 = (arrays[name].requires_grad_() for name in ("w1", "b1", "w2"))
    z1 = arrays["x"] @ w1 + b1
    a1 = torch.tanh(z1)
    p = torch.softmax(a1 @ w2, -1)
    loss = -(arrays["y"] * torch.log(p)).sum() / 3 + 0.01 * (w2**2).sum()
    loss.backward()
    assert w1.grad is not None
    assert w2.grad is not None
    return {"z1": z1, "a1": a1, "p": p, "loss": loss, "dw1": w1.grad, "dw2": w2.grad}


def test_tensors_of_pytorch_agree_with_a_spec(spec: Path) -> None:
    found = assert_agrees(by_hand(), spec)
    assert found.ok
    assert [step.name for step in found.steps] == ["z1", "a1", "p", "loss", "dw1", "dw2"]


def test_the_two_may_change_places_and_the_spec_may_be_read(spec: Path) -> None:
    assert assert_agrees(spec, by_hand()).ok
    assert assert_agrees(str(spec), by_hand()).ok
    assert assert_agrees(by_hand(), read(SPEC)).ok


def test_float32_tensors_are_judged_in_float32(spec: Path) -> None:
    """A difference of a few millionths, which is rounding there and none in float64."""
    single = by_hand(torch.float32)
    assert assert_agrees(single, spec).ok
    with pytest.raises(AssertionError):
        assert_agrees({name: tensor.double() for name, tensor in single.items()}, spec)


def test_arrays_numbers_and_lists(spec: Path) -> None:
    values = by_hand()
    plain = {"z1": values["z1"].detach().numpy(), "loss": values["loss"].item(),
             "dw1": values["dw1"].tolist()}  # fmt: skip
    assert assert_agrees(plain, spec).ok


def test_the_message_is_the_finding(spec: Path) -> None:
    wrong = by_hand()
    wrong["dw1"] = wrong["dw1"] * 1.001
    with pytest.raises(AssertionError) as told:
        assert_agrees(wrong, spec)
    said = str(told.value)
    assert "differ by more than rounding, in 1 of 6 steps" in said
    assert "First at dw1[" in said
    assert "dw1 = x.T @ dz1" in said
    assert "rounding allows" in said


def test_a_stale_value_between_two_right_ones_is_found(spec: Path) -> None:
    """a1 taken for z1: what is made from it below is judged by it, and so is right."""
    wrong = by_hand()
    wrong["a1"] = wrong["z1"]
    with pytest.raises(AssertionError, match=r"First at a1\[\d, \d\]"):
        assert_agrees(wrong, spec)


def test_a_program_with_changes(spec: Path, tmp_path: Path) -> None:
    program = tmp_path / "mine.py"
    program.write_text(write_programs(read(SPEC))["numpy"].text)
    assert assert_agrees(program, spec).ok
    assert assert_agrees(str(program), read(SPEC)).ok
    program.write_text(changed(read(SPEC), r"da1 = dh \* mask", "da1 = dh"))
    with pytest.raises(AssertionError, match=r"First at da1\[\d, \d\], backward, epoch 1"):
        assert_agrees(program, spec)


def test_what_cannot_be_told_fails_too(spec: Path, tmp_path: Path) -> None:
    program = tmp_path / "mine.py"
    program.write_text(
        changed(read(SPEC), "z2 = h @ w2(?=  )", "z2 = np.linalg.multi_dot([h, w2])")
    )
    with pytest.raises(AssertionError, match="Cannot tell z2"):
        assert_agrees(program, spec)


def test_two_sets_of_arrays_have_no_bound_between_them() -> None:
    with pytest.raises(BackhandError, match="no bound between them"):
        assert_agrees({"z1": np.ones(3)}, {"z1": np.ones(3)})


def test_names_of_another_network_are_refused(spec: Path) -> None:
    with pytest.raises(BackhandError, match="none of these arrays has the name"):
        assert_agrees({"hidden": np.ones(3)}, spec)
