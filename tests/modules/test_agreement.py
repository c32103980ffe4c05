"""`backhand.compare` of modules: what agrees, what is named where it parts, what cannot be told."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  (as everybody calls it)
from typer.testing import CliRunner

import backhand
from backhand import cli, rounding
from backhand.agreement.modules import ModuleAgreement, comparing, text, whole
from backhand.errors import BackhandError
from backhand.modules import write
from backhand.rounding.elementwise import ELEMENTWISE
from backhand.rules.operations import operation
from backhand.rules.register import Function, _rules, rule


class Twins(nn.Module):
    """Two layers of one shape beside each other, which a wiring mistake can confuse."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(4, 5)
        self.left = nn.Linear(5, 3)
        self.right = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(self.into(x))
        made: torch.Tensor = self.left(h) * 2 + self.right(h)
        return made


class Words(nn.Module):
    """Two layers of LSTM with dropout between them, and the last word's prediction."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.lstm = nn.LSTM(6, 5, 2, batch_first=True, dropout=0.2)
        self.head = nn.Linear(5, 11)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.head(self.lstm(self.embedding(words))[0][:, -1])
        return made


def twins() -> tuple[Twins, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return Twins(), torch.randn(6, 4), torch.randn(6, 3)


def convolutional() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.3),
        nn.Flatten(), nn.Linear(36, 3),
    )  # fmt: skip


IMAGES, CLASSES = torch.linspace(-2, 2, 5 * 2 * 64).reshape(5, 2, 8, 8).sin(), torch.arange(5) % 3


def names(found: ModuleAgreement, part: str) -> list[str]:
    return [one.name for one in found.whole if one.part == part]


# --- what agrees ----------------------------------------------------------------------------------


def test_layers_agree_in_both_formats_and_with_a_loss() -> None:
    module, x, y = twins()
    found = backhand.compare(module, (x,), loss=F.mse_loss, targets=y)
    assert (found.verdict, found.exit_code, found.formats) == ("agrees", 0, ("float64", "float32"))
    assert found.first is None
    keys = [f"d {key}" for key in module.state_dict()]
    assert names(found, "backward") == keys
    assert names(found, "loss") == ["loss"]
    # one for each weight, bias and array that a matrix product or an elementwise step is given
    through = [step.name for step in found.steps if step.part == "backward"]
    assert {"dleft_weight", "dright_bias", "dinto_weight", "dargs_0"} <= set(through)
    assert all(set(step.judgements) == {"float64", "float32"} for step in found.steps)


def test_a_network_with_batch_norm_and_dropout_agrees_in_training_with_its_buffers() -> None:
    found = backhand.compare(
        convolutional().train(), (IMAGES,), loss=F.cross_entropy, targets=CLASSES, seed=3
    )
    assert found.verdict == "agrees"
    assert names(found, "update") == [
        "1.running_mean", "1.running_var", "1.num_batches_tracked",
    ]  # fmt: skip
    # of equal numbers a window may take either: told for implementations that take the same
    assert "d 0.weight" in found.alike


def test_evaluation_is_compared_without_dropout() -> None:
    module = convolutional().train()
    found = backhand.compare(module, (IMAGES,), training=False, precision="float64")
    assert found.verdict == "agrees"
    assert not found.training
    assert not any(step.function.startswith("dropout") for step in found.steps)
    assert module.training
    assert int(module.state_dict()["1.num_batches_tracked"]) == 0


def test_a_transformer_layer_agrees_without_a_loss_masks_included() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
    found = backhand.compare(layer.train(), (torch.randn(2, 5, 8),))
    assert found.verdict == "agrees"
    assert "d src" in names(found, "backward")


def test_an_lstm_agrees() -> None:
    torch.manual_seed(0)
    words = torch.randint(0, 11, (3, 6))
    found = backhand.compare(
        Words().train(), (words,), loss=F.cross_entropy, targets=torch.tensor([1, 2, 3])
    )
    assert found.verdict == "agrees"
    assert any(step.function == "lstm's derivative" for step in found.steps)


def test_gpt2_agrees_by_its_own_loss() -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        n_layer=2, n_head=2, n_embd=16, vocab_size=50, n_positions=20,
        bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    words = torch.randint(0, 50, (2, 7))
    given = {"input_ids": words, "labels": words, "use_cache": False}
    found = backhand.compare(transformers.GPT2LMHeadModel(config).train(), (), given, loss="loss")
    # the loss is asked for in float32, and lifted all the same
    assert found.verdict == "agrees"
    assert len(found.steps) > 150


# --- what parts -----------------------------------------------------------------------------------


def wrong_tanh(x):  # type: ignore[no-untyped-def]
    return np.tanh(x) * 1.000001


def wrong_tanh_backward(dy, y):  # type: ignore[no-untyped-def]
    return dy * (1 - y)


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts other functions into the rule of tanh."""

    def planted(**changes: Callable[..., Any]) -> None:
        own = rule("tanh")
        functions = {name: Function(f.__name__, f) for name, f in changes.items()}
        monkeypatch.setitem(_rules, "tanh", replace(own, **functions))
        operation.cache_clear()

    yield planted
    monkeypatch.undo()
    operation.cache_clear()


def test_a_wrong_derivative_is_named_at_its_step(plant: Callable[..., None]) -> None:
    plant(backward=wrong_tanh_backward)
    module, x, y = twins()
    found = backhand.compare(module, (x,), loss=F.mse_loss, targets=y)
    assert (found.verdict, found.exit_code) == ("differs", 1)
    assert found.first is not None
    step = found.first.step
    assert (step.function, step.part, found.first.where) == ("tanh's derivative", "backward",
                                                             "float64")  # fmt: skip
    assert found.first.side == "NumPy"
    text = str(found)
    assert f"{Path(__file__).name}:" in text
    assert "h = torch.tanh(self.into(x))" in text
    assert "PyTorch is near it, NumPy is not" in text
    # every other step by itself is right
    assert {s.function for s in found.steps if s.verdict == "differs"} == {"tanh's derivative"}


def test_a_wrong_forward_is_named_at_its_step(plant: Callable[..., None]) -> None:
    plant(forward=wrong_tanh)
    module, x, _ = twins()
    found = backhand.compare(module, (x,))
    assert found.verdict == "differs"
    assert found.first is not None
    assert (found.first.step.function, found.first.step.part) == ("tanh", "forward")
    assert found.first.element.difference == pytest.approx(
        1e-6 * abs(found.first.element.theirs), rel=1e-3
    )


def test_wrong_wiring_in_the_text_is_found_in_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def miswired(*args: Any, **kwargs: Any) -> Any:
        program = write(*args, **kwargs)
        changed = program.source.replace('p["left.weight"]', 'p["right.weight"]', 1)
        assert changed != program.source
        return replace(program, source=changed)

    monkeypatch.setattr(text, "write", miswired)
    module, x, y = twins()
    found = backhand.compare(module, (x,), loss=F.mse_loss, targets=y)
    assert found.verdict == "differs"
    assert all(step.verdict == "agrees" for step in found.steps)
    assert found.first is not None
    assert found.first.step.name == "output"
    assert "Every step by itself agrees" in str(found)


# --- what cannot be told --------------------------------------------------------------------------


def test_a_function_without_a_bound_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ELEMENTWISE, np.tanh)
    module, x, _ = twins()
    found = backhand.compare(module, (x,))
    assert (found.verdict, found.exit_code) == ("cannot tell", 3)
    assert "`np.tanh` has no rounding bound" in str(found)


def test_a_program_that_would_take_too_long_is_only_rounded_at_random(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whole, "MOST_SECONDS", 0)
    module, x, _ = twins()
    found = backhand.compare(module, (x,), precision="float64")
    assert found.verdict == "agrees"
    assert set(found.at_random) == {one.name for one in found.whole}
    assert "rounded at random, which is evidence and no proof" in str(found)


def deep() -> nn.Module:
    """Layers whose certain bounds multiply until they say nothing."""
    torch.manual_seed(0)
    layers = [nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 16), nn.Tanh()) for _ in range(12)]
    return nn.Sequential(*layers)


def test_a_deep_network_is_told_by_rounding_at_random() -> None:
    found = backhand.compare(deep(), (torch.randn(8, 16),))
    assert found.verdict == "agrees"
    assert "d 0.0.weight" in found.at_random
    shares = [one.judgements["float32"].share for one in found.whole]
    assert 0 < max(shares) <= 1


def test_a_deep_network_wired_wrongly_is_not_called_right(monkeypatch: pytest.MonkeyPatch) -> None:
    def miswired(*args: Any, **kwargs: Any) -> Any:
        program = write(*args, **kwargs)
        parameters = dict(program.parameters)
        for key in ("1.weight", "1.bias"):
            first, other = (f"{layer}.{key}" for layer in (2, 3))
            parameters[first], parameters[other] = parameters[other], parameters[first]
        return replace(program, parameters=parameters)

    monkeypatch.setattr(text, "write", miswired)
    found = backhand.compare(deep(), (torch.randn(8, 16),))
    assert found.verdict == "differs" or "which is more than the" in str(found)
    assert all(step.verdict == "agrees" for step in found.steps)


class Overwritten(nn.Module):
    """Writes into what the derivative of its exp would need."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = x.exp().mul_(2)
        return made


def test_what_pytorch_cannot_differentiate_is_compared_forward_alone() -> None:
    found = backhand.compare(Overwritten(), (torch.randn(3, 4),), precision="float64")
    assert found.verdict == "cannot tell"
    assert "PyTorch itself cannot differentiate this module" in str(found)
    assert {one.name: one.verdict for one in found.whole}["output"] == "agrees"


def test_decisions_can_be_taken_as_they_are() -> None:
    near = rounding.bounded(np.array([1.0, 1.0]), np.array([0.1, 0.1]))
    assert (near[:1] > near[1:]).error.all()
    with rounding.decided():
        assert not (near[:1] > near[1:]).error.any()


# --- how it is called -----------------------------------------------------------------------------


def test_the_module_stays_as_it_was() -> None:
    module = convolutional().train()
    before = {key: array.clone() for key, array in module.state_dict().items()}
    state = torch.get_rng_state()
    backhand.compare(module, (IMAGES,), precision="float64")
    assert all(torch.equal(array, before[key]) for key, array in module.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_default_dtype() == torch.float32


def test_all_of_it_is_there_as_json() -> None:
    module, x, _ = twins()
    found = json.loads(backhand.compare(module, (x,), precision="float64").to_json())
    assert (found["verdict"], found["precision"]) == ("agrees", "float64")
    line = next(step for step in found["steps"] if step["function"] == "tanh")
    assert line["text"] == "h = torch.tanh(self.into(x))"
    assert line["theirs"] == "aten.tanh.default"
    inside = next(step for step in found["steps"] if step["function"] == "linear")
    assert inside["module"] == "into"


def test_another_precision_is_refused() -> None:
    module, x, _ = twins()
    with pytest.raises(BackhandError, match="no precision that a module is compared in"):
        comparing.compare_module(module, (x,), precision="bfloat16")


MODEL = """
import torch

def make_model():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
    return module, (torch.randn(4, 3),), {"loss": torch.nn.functional.mse_loss,
                                          "targets": torch.zeros(4, 2)}
"""


def test_the_command_compares_a_module(tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text(MODEL, encoding="utf-8")
    run = CliRunner().invoke(cli.app, ["compare", f"{file}:make_model"])
    assert run.exit_code == 0, run.output
    assert "NumPy and PyTorch agree within their rounding bounds" in run.output
    assert "d 0.weight" in run.output


def test_the_command_refuses_what_is_of_no_use_with_a_module(tmp_path: Path) -> None:
    target = f"{tmp_path / 'model.py'}:make_model"
    run = CliRunner().invoke(cli.app, ["compare", target, "--epochs", "3"])
    assert isinstance(run.exception, BackhandError)
    assert run.exception.what == "--epochs is of no use with a module"
