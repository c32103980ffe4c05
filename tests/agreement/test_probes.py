"""The calls that are put into a running program: they see everything and change nothing."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch

from backhand.agreement.units import uses
from backhand.errors import BackhandError
from backhand.experiment import Experiment, Library
from backhand.run.probes import ERROR, RECORDER, probed
from backhand.run.program import run_numpy
from backhand.run.reference import run_torch
from backhand.run.trace import Trace
from backhand.writers.files import save_programs
from tests.agreement.comparisons import SMALL, read

ADAM = SMALL + 'optimizer = "adam"\nlearning_rate = 0.05\n'
Values = Mapping[str, np.ndarray]

RESIDUAL = """
[inputs]
x = [[0.5, -1.2], [0.1, 0.9], [-0.7, 0.2]]
[targets]
y = [[0, 1], [1, 0], [1, 0]]
[weights]
w = [[0.3, -0.2], [0.4, 0.6]]
[network]
steps = ["z = x @ w", "h = tanh(z)", "g = z * sigmoid(h)", "o = z + g"]
loss = "mse(o, y) + 0.1 * sum(w ** 2)"
"""
"""z goes three ways, and w into the loss."""


class Seen:
    """A recorder that writes everything down; `others` are put in the place of values."""

    refusals = (ZeroDivisionError,)

    def __init__(self, **others: Any) -> None:
        self.values: dict[str, Any] = {}
        self.others, self.errors = others, list[tuple[str, str]]()
        self.done = 0

    def value(self, name: str, value: Any) -> Any:
        self.values[name] = value
        return self.others.get(name, value)

    def refused(self, name: str, error: Exception) -> Any:
        self.errors.append((name, str(error)))
        return self.others[name]

    def epoch_done(self) -> None:
        self.done += 1


def functions(text: str, recorder: Seen, **options: Any) -> dict[str, Any]:
    space: dict[str, Any] = {RECORDER: recorder, "np": np}
    exec(probed(text, "small.py", **options), space)
    return space


# --- values ---------------------------------------------------------------------------------------

FORWARD = """\
def network(x, weights):
    w, b = weights
    z = x / w
    h, g = z + b, z - b
    return h * g
"""


def test_each_value_is_seen_and_unpacking_is_none() -> None:
    seen = Seen()
    assert functions(FORWARD, seen)["network"](6, (2, 1)) == 8
    assert seen.values == {"z": 3, "h": 4, "g": 2}


def test_another_value_may_take_its_place() -> None:
    seen = Seen(z=10)
    assert functions(FORWARD, seen)["network"](6, (2, 1)) == 99
    assert seen.values == {"z": 3, "h": 11, "g": 9}


def test_a_loss_that_is_returned_is_seen() -> None:
    seen = Seen()
    found = functions("def network_loss(p, y):\n    return p - y\n", seen)
    assert found["network_loss"](5, 3) == 2
    assert seen.values == {"loss": 2}


def test_other_functions_are_not_probed() -> None:
    seen = Seen()
    assert functions("def helper(x):\n    z = x + 1\n    return z\n", seen)["helper"](1) == 2
    assert seen.values == {}


def test_a_program_that_raises_stops_where_it_is_not_guarded() -> None:
    seen = Seen()
    with pytest.raises(ZeroDivisionError):
        functions(FORWARD, seen)["network"](6, (0, 1))
    assert seen.errors == []


def test_a_guarded_program_goes_on_past_a_line_that_raises() -> None:
    seen = Seen(z=10)
    network = functions(FORWARD, seen, guarded=True)["network"]
    assert network(6, (0, 1)) == 99
    assert seen.errors == [("z", "division by zero")]
    assert seen.values == {"h": 11, "g": 9}


def test_both_values_of_a_line_that_raises_are_refused() -> None:
    seen = Seen(h=1, g=2)
    text = "def network(x, weights):\n    h, g = divmod(x, weights)\n    return h + g\n"
    assert functions(text, seen, guarded=True)["network"](6, 0) == 3
    assert [name for name, _ in seen.errors] == ["h", "g"]


def test_a_guard_lets_other_errors_pass() -> None:
    with pytest.raises(TypeError):
        functions(FORWARD, Seen(), guarded=True)["network"]("six", (2, 1))


def test_the_names_of_probes_are_not_those_of_values() -> None:
    seen = Seen(z=10)
    assert {RECORDER, ERROR} & set(functions(FORWARD, seen, guarded=True)) == {RECORDER}


# --- whole programs -------------------------------------------------------------------------------


def ran(experiment: Experiment, library: Library, **options: Any) -> Trace:
    run = {"numpy": run_numpy, "torch": run_torch}[library]
    with TemporaryDirectory() as place:
        programs = save_programs(experiment, Path(place))
        return run(programs[library], experiment, "float64", Path(place), **options)


def watching(experiment: Experiment, library: Library, **options: Any) -> dict[int, Values]:
    epochs: dict[int, Values] = {}

    def watch(number: int, values: Values) -> None:
        epochs[number] = dict(values)

    ran(experiment, library, watch=watch, **options)
    return epochs


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_the_probed_program_makes_the_bits_of_the_unprobed_one(library: Library) -> None:
    """Run as a user runs it: what it trains is what the trace has, to the bit."""
    experiment = read(ADAM)
    parted = {"uses": uses(experiment.network)} if library == "torch" else {}
    trace = ran(experiment, library, **parted)
    with TemporaryDirectory() as place:
        program = save_programs(experiment, Path(place))[library]
        space: dict[str, Any] = {"__name__": "alone", "__file__": str(Path(place) / program.file)}
        exec(compile(program.text, program.file, "exec"), space)
        space["PRECISION"] = {"numpy": np.float64, "torch": torch.float64}[library]
        given, weights = space["data"](), space["initial_weights"]()
        losses = space["train"](*given, weights)
    assert losses == trace.losses.tolist()
    for value, array in zip(experiment.network.forward.parameters, weights, strict=True):
        alone = array.detach().numpy() if library == "torch" else array
        assert np.array_equal(alone, trace.training[value.name][-1]), value.name


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_watch_gets_the_evaluation_and_every_epoch(library: Library) -> None:
    epochs = watching(read(ADAM), library)
    assert sorted(epochs) == [0, 1, 2, 3]
    for values in epochs.values():
        assert {"z1", "mask", "h", "p", "loss", "dz1", "dw1", "w1", "b1", "w2"} <= set(values)
    assert (epochs[0]["mask"] == 1).all()
    assert not np.array_equal(epochs[1]["w1"], epochs[2]["w1"])
    trace = ran(read(ADAM), library)
    assert np.array_equal(epochs[2]["dz1"], trace.training["dz1"][1])
    assert np.array_equal(epochs[0]["dz1"], trace.evaluation["dz1"])


def test_watch_gets_epochs_that_a_trace_has_no_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backhand.run.trace.LARGEST", 0)
    experiment = read(ADAM)
    assert ran(experiment, "torch").epochs == (1, 3)
    assert sorted(watching(experiment, "torch")) == [0, 1, 2, 3]


def test_the_state_of_the_optimizer_is_seen() -> None:
    """Adam's after one step from zero: 0.1 dw and 0.001 dw ** 2, as its paper has it."""
    epochs = watching(read(ADAM), "torch")
    assert "exp_avg.w1" not in epochs[0]
    dw = epochs[1]["dw1"]
    np.testing.assert_allclose(epochs[1]["exp_avg.w1"], 0.1 * dw, rtol=1e-14)
    np.testing.assert_allclose(epochs[1]["exp_avg_sq.w1"], 0.001 * dw**2, rtol=1e-14)
    momentum = read(SMALL + "learning_rate = 0.05\nmomentum = 0.9\n")
    first = watching(momentum, "torch")[1]
    assert np.array_equal(first["momentum_buffer.w2"], first["dw2"])


def test_an_error_of_pytorch_is_told_in_a_word() -> None:
    """Sigmoids of nan: binary cross-entropy refuses them."""
    text = RESIDUAL.replace("mse(o, y) + 0.1 * sum(w ** 2)", "bce(o, y)")
    with pytest.raises(BackhandError, match="PyTorch stopped after 0 epochs"):
        ran(read(text), "torch")


# --- single uses ----------------------------------------------------------------------------------


def test_the_parts_of_a_derivative_through_single_uses_sum_to_it() -> None:
    """In the terms that PyTorch sums itself, so to a rounding or two: 4 units of the largest."""
    experiment = read(RESIDUAL)
    found = uses(experiment.network)
    values = watching(experiment, "torch", uses=found)[0]
    for name in ("z", "w"):
        parts = [values[part] for (_, read), part in found.items() if read == name]
        assert len(parts) == {"z": 3, "w": 2}[name]
        size = sum(np.abs(part).max() for part in parts)
        assert np.abs(sum(parts) - values[f"d{name}"]).max() <= 4 * np.finfo(float).eps * size


def test_a_single_use_has_pytorchs_part_of_the_derivative() -> None:
    """dz_o is do itself, dz_h is what comes back through tanh, computed here by hand."""
    values = watching(read(RESIDUAL), "torch", uses=uses(read(RESIDUAL).network))[0]
    assert np.array_equal(values["dz_o"], values["do"])
    h = values["h"]
    np.testing.assert_allclose(values["dz_h"], values["dh"] * (1 - h * h), rtol=1e-14)
    np.testing.assert_allclose(values["dw_t"], 0.2 * values["w"], rtol=1e-14)


def test_without_uses_there_are_no_parts() -> None:
    assert not {"dz_o", "dz_h", "dw_t"} & set(watching(read(RESIDUAL), "torch")[0])


def test_single_uses_change_no_bit_of_anything_else() -> None:
    plain = watching(read(ADAM), "torch")
    parted = watching(read(ADAM), "torch", uses=uses(read(ADAM).network))
    for epoch, values in plain.items():
        for name, array in values.items():
            assert np.array_equal(array, parted[epoch][name]), (epoch, name)
