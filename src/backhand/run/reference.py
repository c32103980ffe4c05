"""Run the written PyTorch program with probes. One of the three places that reach torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.errors import BackhandError
from backhand.experiment import Experiment, Precision
from backhand.run.probes import Progress
from backhand.run.program import NumpyRecorder, execute, trace_of
from backhand.run.trace import Trace
from backhand.write import shared
from backhand.write.program import Program

if TYPE_CHECKING:
    import torch


class TorchRecorder(NumpyRecorder):
    """Keeps tensors until their derivatives have arrived, then reads both."""

    def __init__(self, experiment: Experiment, progress: Progress | None) -> None:
        super().__init__(experiment, progress)
        self.tensors: dict[str, torch.Tensor] = {}
        self.masks = {
            step.output.name: step.inputs[1].name
            for step in experiment.network.forward.body
            if step.function == "dropout"
        }
        backward = experiment.network.backward
        self.derivatives = {v.name for v in backward.values()} if backward else set()

    def value(self, name: str, value: Any) -> None:
        if not self.listening:
            return
        if value.requires_grad and not value.is_leaf:
            value.retain_grad()
        self.tensors[name] = value

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
        self.current[self.masks[name]] = mask.detach().numpy().copy()

    def own(self, value: Any) -> Any:
        """A tensor of its own with a derivative of its own, where dropout returned its input."""
        return value.view_as(value)

    def read(self) -> dict[str, np.ndarray]:
        weights = self.experiment.network.forward.parameters
        named = dict(zip((w.name for w in weights), self.weights, strict=True))
        values = dict(self.current)
        for name, tensor in {**self.tensors, **named}.items():
            values[name] = tensor.detach().numpy().copy()
            if tensor.requires_grad and tensor.grad is not None:
                values["d" + name] = tensor.grad.detach().numpy().copy()
        self.current, self.tensors = {}, {}
        return values


def run_torch(
    program: Program,
    experiment: Experiment,
    precision: Precision,
    folder: Path,
    progress: Progress | None = None,
) -> Trace:
    """Run a written PyTorch program in this process, on the CPU.

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
    recorder = TorchRecorder(experiment, progress)
    try:
        printed = execute(program, recorder, getattr(torch, precision), folder)
    except RuntimeError as error:
        raise BackhandError(
            f"PyTorch stopped after {recorder.done} epochs",
            where=program.file,
            got=str(error).partition("\n")[0],
            repair="where training runs away to nan, a smaller learning_rate helps",
        ) from None
    return trace_of(program, recorder, precision, printed)
