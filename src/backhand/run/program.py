"""Run a written program, text and all, with probes, and keep what it makes as a Trace."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backhand.experiment import Experiment, Format, Precision
from backhand.run.probes import RECORDER, Progress, Uses, probed
from backhand.run.trace import Trace, kept_epochs
from backhand.writers import shared
from backhand.writers.program import Program

Watch = Callable[[int, Mapping[str, np.ndarray]], None]
"""Given an epoch's number, 0 for the evaluation, and all its values by name."""


class NumpyRecorder:
    """Collects copies of every value: first of one evaluation, then of the epochs that are kept."""

    def __init__(
        self, experiment: Experiment, progress: Progress | None, watch: Watch | None = None
    ) -> None:
        self.experiment = experiment
        self.progress = progress
        self.watch = watch
        self.current: dict[str, np.ndarray] = {}
        self.evaluation: dict[str, np.ndarray] = {}
        self.epochs: dict[int, dict[str, np.ndarray]] = {}
        self.listening = False
        self.kept: frozenset[int] = frozenset()
        self.done = 0
        self.weights: tuple[Any, ...] = ()
        self.losses: list[float] = []

    def value(self, name: str, value: Any) -> Any:
        """What is seen; it is given back as it came."""
        if self.listening:
            self.current[name] = np.array(value)
        return value

    def dropout(self, name: str, x: Any, rate: float, training: bool) -> None:
        raise NotImplementedError("a NumPy program draws its masks itself")

    def evaluate(self, namespace: dict[str, Any]) -> None:
        """Run the network, its loss and its derivatives once, at the weights it begins with."""
        self.listening = True
        given = self.arguments(namespace)
        outputs = self.forward(namespace, given)
        network = self.experiment.network
        if network.loss is not None:
            names = shared.names(network.forward.outputs)
            given |= dict(zip(names, (outputs,) if len(names) == 1 else outputs, strict=True))
            self.differentiate(namespace, given)
        self.evaluation = self.read()
        self.listening = False
        if self.watch:
            self.watch(0, self.evaluation)

    def forward(self, namespace: dict[str, Any], given: dict[str, Any]) -> Any:
        """The outputs; what the backward pass needs is put beside what is given."""
        found = namespace["network"](*(given[n] for n in shared.call_names(self.experiment)))
        if self.experiment.network.backward is None:
            return found
        outputs, given["saved"] = found
        return outputs

    def arguments(self, namespace: dict[str, Any]) -> dict[str, Any]:
        """Data and initial weights, by the names that the program's functions take."""
        given = dict(zip(shared.data_names(self.experiment), namespace["data"](), strict=True))
        if self.experiment.network.forward.parameters:
            self.weights = namespace["initial_weights"]()
            given["weights"] = self.weights
        return given

    def differentiate(self, namespace: dict[str, Any], given: dict[str, Any]) -> None:
        """Loss and backward pass of the evaluation."""
        loss = namespace["network_loss"](
            *(given[n] for n in shared.loss_arguments(self.experiment))
        )
        if self.experiment.network.saved_by_loss:
            loss, given["saved_by_loss"] = loss
        names = shared.backward_arguments(self.experiment)
        namespace["network_backward"](*(given[n] for n in names))

    def read(self) -> dict[str, np.ndarray]:
        """Everything reported since the last reading, and the weights as they are now."""
        weights = self.experiment.network.forward.parameters
        named = zip(weights, self.weights, strict=True)
        values = {**self.current, **{w.name: np.array(array) for w, array in named}}
        self.current = {}
        return values

    def training_begins(self, weights: tuple[Any, ...]) -> None:
        self.weights = weights
        self.kept = frozenset(kept_epochs(self.experiment))
        self.listening = self.watch is not None or 1 in self.kept

    def epoch_done(self) -> None:
        self.done += 1
        if self.listening:
            values = self.read()
            if self.done in self.kept:
                self.epochs[self.done] = values
            if self.watch:
                self.watch(self.done, values)
        self.listening = self.watch is not None or self.done + 1 in self.kept
        if self.progress:
            self.progress(self.done)


def run_numpy(
    program: Program,
    experiment: Experiment,
    precision: Precision,
    folder: Path,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Trace:
    """Run a written NumPy program in this process.

    Args:
        program: what `write.numpy_program.write` gave.
        experiment: what it was written from.
        precision: takes the place of the program's own.
        folder: where the program would lie, with its arrays beside it.
        progress: told after each epoch.
        watch: given the values of the evaluation and of every epoch, kept or not.
    """
    recorder = NumpyRecorder(experiment, progress, watch)
    printed = execute(program, recorder, getattr(np, precision), folder)
    return trace_of(program, recorder, precision, printed)


def namespace_of(
    program: Program,
    recorder: Any,
    precision: Any,
    folder: Path,
    *,
    guarded: bool = False,
    uses: Uses | None = None,
) -> dict[str, Any]:
    """A program's functions, probed, after its text has run."""
    namespace: dict[str, Any] = {
        "__name__": "backhand_program",
        "__file__": str(folder / program.file),
        RECORDER: recorder,
    }
    exec(probed(program.text, program.file, guarded=guarded, uses=uses), namespace)
    namespace["PRECISION"] = precision
    return namespace


def execute(
    program: Program,
    recorder: NumpyRecorder,
    precision: Any,
    folder: Path,
    uses: Uses | None = None,
) -> tuple[str, ...]:
    """Run `main()` of a probed program; what it prints is returned, call by call, not shown."""
    namespace = namespace_of(program, recorder, precision, folder, uses=uses)
    experiment = recorder.experiment
    recorder.evaluate(namespace)
    if experiment.training:
        namespace["train"] = _reporting_training(namespace["train"], recorder)
    printed: list[str] = []
    namespace["print"] = lambda *values: printed.append(" ".join(map(str, values)))
    namespace["main"]()
    return tuple(printed)


def _reporting_training(train: Callable[..., Any], recorder: NumpyRecorder) -> Callable[..., Any]:
    place = len(shared.data_names(recorder.experiment))  # train(x, y, weights, ...)

    def reporting(*arguments: Any) -> Any:
        recorder.training_begins(arguments[place])
        recorder.losses = train(*arguments)
        return recorder.losses

    return reporting


def trace_of(
    program: Program, recorder: NumpyRecorder, precision: Format, printed: tuple[str, ...]
) -> Trace:
    """The trace of a recorder that has seen a whole run."""
    epochs = tuple(sorted(recorder.epochs))
    first = recorder.epochs[epochs[0]] if epochs else {}
    training = {name: np.stack([recorder.epochs[e][name] for e in epochs]) for name in first}
    return Trace(
        program.library,
        precision,
        recorder.evaluation,
        training,
        epochs,
        np.array(recorder.losses, dtype=np.float64),
        printed,
    )
