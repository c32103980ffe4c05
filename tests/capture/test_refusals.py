"""What is refused is refused in whole sentences, all of it at once, with the module's lines.

After a change of words, BACKHAND_UPDATE_GOLDEN=1 writes the goldens again; read the difference.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from backhand.capture.exported import capture
from backhand.errors import BackhandError
from tests.capture import refusals

GOLDEN = Path(__file__).parents[1] / "golden" / "capture"
X = torch.ones(3, 4, dtype=torch.float64)

CASES: dict[str, tuple[Callable[[], nn.Module], torch.Tensor]] = {
    "several": (refusals.Several, X),
    "branches": (refusals.Branches, X),
    "takes_out": (refusals.TakesOut, X),
    "fails": (refusals.Fails, X),
    "draws": (refusals.Draws, X),
    "closest": (refusals.Closest, X),
    "half": (lambda: nn.Linear(4, 4).bfloat16(), X.bfloat16()),
    "complex": (refusals.TakesOut, X.to(torch.complex128)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_whole_text_of_a_refusal(name: str) -> None:
    make, x = CASES[name]
    module = make().double() if name != "half" else make()
    with pytest.raises(BackhandError) as caught:
        capture(module, (x,))
    text = str(caught.value).replace(str(Path(refusals.__file__).parent) + os.sep, "") + "\n"
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("BACKHAND_UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_every_golden_has_its_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)


def test_a_refused_module_is_left_as_it_was() -> None:
    module = refusals.Several().double().train()
    with pytest.raises(BackhandError):
        capture(module, (X,))
    assert module.training
    assert module.norm.training
