"""Run the written PyTorch program with probes. One of the three places that reach torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.errors import BackhandError
from backhand.experiment import Experiment, Format
from backhand.run.probes import Progress, Uses
from backhand.run.program import NumpyRecorder, Watch, execute, trace_of
from backhand.run.trace import Trace
from backhand.writers import shared
from backhand.writers.program import Program

if TYPE_CHECKING:
    import torch


class TorchRecorder(NumpyRecorder):
    """Keeps tensors until their derivatives have arrived, then reads both."""

    def __init__(
        self, experiment: Experiment, progress: Progress | None, watch: Watch | None = None
    ) -> None:
        super().__init__(experiment, progress, watch)
        self.tensors: dict[str, torch.Tensor] = {}
        self.masks = {
            step.output.name: step.inputs[1].name
            for step in experiment.network.forward.body
            if step.function == "dropout"
        }
        self.uses: dict[str, torch.Tensor] = {}
        self.states: Any = {}

    def value(self, name: str, value: Any) -> Any:
        if self.listening:
            if value.requires_grad and not value.is_leaf:
                value.retain_grad()
            self.tensors[name] = value
        return value

    def use(self, part: str, value: Any) -> Any:
        """A tensor for one use alone, whose derivative is the part that comes through it."""
        if not self.listening or not value.requires_grad:
            return value
        alone = value.view_as(value)
        alone.retain_grad()
        self.uses[part] = alone
        return alone

    def optimizer(self, optimizer: Any) -> None:
        """What it keeps from step to step is read with the weights."""
        self.states = optimizer.state

    def forward(self, namespace: dict[str, Any], given: dict[str, Any]) -> Any:
        return namespace["network"](*(given[n] for n in shared.call_names(self.experiment)))

    def differentiate(self, namespace: dict[str, Any], given: dict[str, Any]) -> None:
        names = shared.loss_arguments(self.experiment)
        namespace["network_loss"](*(given[name] for name in names)).backward()

    def dropout(self, name: str, x: Any, rate: float, training: bool) -> None:
        """Draw the mask that is about to be drawn, and put the generator back."""
        import torch
        import torch.nn.functional as F  # noqa: N812

        if not self.listening:
            return
        state = torch.get_rng_state()
        mask = F.dropout(torch.ones_like(x), rate, training)
        torch.set_rng_state(state)
        self.current[self.masks[name]] = _array(mask)

    def own(self, value: Any) -> Any:
        """A tensor of its own with a derivative of its own, where dropout returned its input."""
        return value.view_as(value)

    def arguments(self, namespace: dict[str, Any]) -> dict[str, Any]:
        given = super().arguments(namespace)
        names = shared.data_names(self.experiment)
        self.current |= {name: _array(given[name]) for name in names}
        return given

    def read(self) -> dict[str, np.ndarray]:
        weights = self.experiment.network.forward.parameters
        named = dict(zip((w.name for w in weights), self.weights, strict=True))
        values = dict(self.current)
        for name, tensor in {**self.tensors, **named}.items():
            values[name] = _array(tensor)
            if tensor.requires_grad and tensor.grad is not None:
                values["d" + name] = _array(tensor.grad)
        for part, tensor in self.uses.items():
            if tensor.grad is not None:
                values[part] = _array(tensor.grad)
        for name, tensor in named.items():
            for state, kept in self.states.get(tensor, {}).items():
                values[state_name(state, name)] = _array(kept)
        self.current, self.tensors, self.uses = {}, {}, {}
        return values


def _array(tensor: "torch.Tensor") -> np.ndarray:
    """A copy; what NumPy has no type for (bfloat16) becomes float64, which holds it exactly."""
    plain = tensor.detach()
    return (plain.double() if plain.element_size() < 4 else plain).numpy().copy()


def state_name(state: str, weight: str) -> str:
    """What a trace calls an array that the optimizer keeps for a weight: `exp_avg.w1`."""
    return f"{state}.{weight}"


def run_torch(
    program: Program,
    experiment: Experiment,
    precision: Format,
    folder: Path,
    progress: Progress | None = None,
    watch: Watch | None = None,
    uses: Uses | None = None,
) -> Trace:
    """Run a written PyTorch program in this process, on the CPU.

    Args:
        program: what `write.torch_program.write` gave.
        experiment: what it was written from.
        precision: takes the place of the program's own.
        folder: where the program would lie, with its arrays beside it.
        progress: told after each epoch.
        watch: given the values of the evaluation and of every epoch, kept or not.
        uses: derivatives by one use of a value alone that are wanted too (`run.probes.probed`).

    Raises:
        BackhandError: if torch is not installed, or the program stops with an error of PyTorch's.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise BackhandError(
            "PyTorch is not installed",
            wanted="torch, to run the PyTorch program beside the NumPy one",
            repair="pip install torch; `backhand write` works without it",
        ) from None
    recorder = TorchRecorder(experiment, progress, watch)
    try:
        printed = execute(program, recorder, getattr(torch, precision), folder, uses)
    except RuntimeError as error:
        raise BackhandError(
            f"PyTorch stopped after {recorder.done} epochs",
            where=program.file,
            got=str(error).partition("\n")[0],
            repair="where training runs away to nan, a smaller learning_rate helps",
        ) from None
    return trace_of(program, recorder, precision, printed)
