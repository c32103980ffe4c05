"""A written NumPy program run step by step on a reference's numbers, each with its bound.

Every value that a line makes is shown beside the reference's, and the reference's takes its place
for the lines below: so errors do not pile up, and a line that computes something else is found
where it stands. Values that the reference does not have are carried on with their bounds.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backhand import rounding
from backhand.agreement.formulas import Formulas, Other
from backhand.agreement.judging import Judgement, Part, Sight, misfitting
from backhand.agreement.kernels import ALIKE_UPDATES
from backhand.agreement.statements import Statement, statements, unsettled
from backhand.errors import BackhandError
from backhand.experiment import Experiment, Precision
from backhand.rounding import Bounded, CannotTell, Untracked, bounded
from backhand.rules.updates import UPDATES
from backhand.run.program import namespace_of
from backhand.run.reference import state_name
from backhand.writers import shared
from backhand.writers.numpy_training import initial_state, kept_state
from backhand.writers.program import Program

Values = Mapping[str, np.ndarray]

GENERATOR = "generator"
"""What the written program calls what it draws masks from."""

PARTS: Mapping[str, Part] = {
    "network": "forward", "network_loss": "loss", "network_backward": "backward",
}  # fmt: skip


@dataclass
class Seen:
    """What one pass over the program has shown: values side by side, those whose shapes differ,
    those that have no bound; and all values that its lines read, weights before the update."""

    shown: dict[tuple[Part, str], Sight | Judgement] = field(default_factory=dict)
    refused: dict[tuple[Part, str], str] = field(default_factory=dict)
    given: dict[str, np.ndarray] = field(default_factory=dict)


class Feeder:
    """The recorder of a guarded program: shows what a line made, hands back the reference's."""

    refusals = (Untracked, CannotTell)

    def __init__(
        self,
        text: str,
        precision: Precision,
        formulas: Formulas,
        likely: bool,
        draws_are_data: bool,
    ) -> None:
        self.made_by: Mapping[str, Statement] = statements(text)
        self.unsettled = unsettled(text)
        self.dtype = np.dtype(precision)
        self.formulas, self.likely = formulas, likely
        self.guesses_update = False
        self.draws_are_data = draws_are_data
        self.reference: Values = {}
        self.epoch = 0
        self.known: dict[str, Bounded] = {}
        self.largest: dict[str, float] = {}
        self.seen = Seen()

    def begin(self, epoch: int, reference: Values) -> None:
        self.epoch, self.reference, self.seen = epoch, reference, Seen()
        self.known, self.largest = {}, {}

    def given(self) -> dict[str, np.ndarray]:
        """All values so far, as the lines below read them."""
        return {name: array.value for name, array in self.known.items()}

    def feed(self, name: str, ours: Bounded | None = None) -> Bounded:
        """The reference's number, exact; ours where somebody's array has another shape, which the
        lines below could not use."""
        theirs = self.reference[name]
        if ours is not None and self.draws_are_data and ours.shape != theirs.shape:
            self.known[name] = ours
        else:
            self.known[name] = bounded(theirs, likely=self.likely)
        self.largest[name] = _largest(theirs)
        return self.known[name]

    def value(self, name: str, value: Any) -> Any:
        ours = value if isinstance(value, Bounded) else bounded(value, likely=self.likely)
        other = self.formulas.value(name, self.known, self.likely)
        if name not in self.reference or name in self.unsettled:
            carried = ours if other is None else _by_either(ours, other)
            self.known[name], self.largest[name] = carried, _largest(ours.value)
            return carried
        is_draw = self.draws_are_data and GENERATOR in self.made_by[name].reads
        if not is_draw or ours.shape != self.reference[name].shape:
            self.show(self.part(name), name, ours, other, self.made_by[name].reads)
        return self.feed(name, ours)

    def part(self, name: str) -> Part:
        return PARTS[self.made_by[name].function]

    def refused(self, name: str, error: BackhandError) -> Any:
        """A line that has no bound: the reference's number, so that the others are seen."""
        self.seen.refused[self.part(name), name] = error.what
        if name not in self.reference:
            raise error
        return self.feed(name)

    def show(
        self,
        part: Part,
        name: str,
        ours: Bounded,
        other: Other | None = None,
        reads: Sequence[str] = (),
    ) -> None:
        """Put a value beside the reference's. `other` is it by the reference's own formula."""
        theirs = self.reference[name]
        if theirs.shape != ours.shape:
            words = f"shapes: {ours.shape} and {theirs.shape}"
            self.seen.shown[part, name] = misfitting(self.epoch, words)
            return
        if ours.dtype.kind == "f" and ours.dtype != self.dtype:
            words = f"types: {ours.dtype} and {theirs.dtype}"
            self.seen.shown[part, name] = misfitting(self.epoch, words)
            return
        went_in = max((self.largest.get(read, 0.0) for read in reads), default=0.0)
        bound, likely = 2 * ours.error, None if ours.likely is None else 2 * ours.likely
        if other is not None:
            bound = apart(ours.error, other.error, other.apart)
            if ours.likely is not None and other.likely is not None:
                likely = apart(ours.likely, other.likely, other.apart)
        value = np.array(ours.value)
        is_guess = self.guesses_update if part == "update" else name in self.formulas.guessed
        sight = Sight(name, part, self.epoch, value, theirs, bound, likely, went_in, is_guess)
        self.seen.shown[part, name] = sight


def apart(error: np.ndarray, other_error: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """How far two sides may be apart: the error of each, and the distance of their formulas."""
    with np.errstate(invalid="ignore", over="ignore"):
        total: np.ndarray = error + other_error + distance
    return np.where(np.isnan(total), np.inf, total)


def _by_either(ours: Bounded, other: Other) -> Bounded:
    """A value that the reference does not show, and may have made by its own formula."""
    if ours.shape != other.error.shape:
        return ours
    error = np.maximum(ours.error, other.error + other.apart)
    return bounded(ours.raw, error, likely=ours.likely is not None)


def _largest(array: np.ndarray) -> float:
    if array.dtype.kind != "f":
        return 1.0
    return float(np.max(np.abs(array), initial=0.0, where=np.isfinite(array)))


def _copy(array: Any) -> Any:
    """Of a bounded array, which an update may change; NumPy's stubs know only its own arrays."""
    return np.copy(array)


class FedProgram:
    """A NumPy program whose passes are run one by one on what a reference made.

    Args:
        program: as `write.numpy_program` gave it, or edited by hand.
        experiment: what it was written from; only its data, shapes and names are read.
        precision: what NumPy computes in.
        folder: where the program lies.
        formulas: the other ways in which the reference may have computed a value.
        likely: carry the statistical bound too, until `be_certain` ends it.
        draws_are_data: take the reference's masks as they are, whoever drew them.
    """

    def __init__(
        self,
        program: Program,
        experiment: Experiment,
        precision: Precision,
        folder: Path,
        formulas: Formulas,
        *,
        likely: bool = False,
        draws_are_data: bool = False,
    ) -> None:
        self.experiment, self.likely = experiment, likely
        self.feeder = Feeder(program.text, precision, formulas, likely, draws_are_data)
        self.namespace = namespace_of(
            program, self.feeder, getattr(np, precision), folder, guarded=True
        )
        self.data = dict(zip(shared.data_names(experiment), self.namespace["data"](), strict=True))
        weights = [v.name for v in experiment.network.forward.parameters]
        initial = self.namespace["initial_weights"]() if weights else ()
        self.weights: dict[str, Any] = dict(zip(weights, initial, strict=True))
        self.generator = np.random.RandomState(experiment.seed) if experiment.draws else None
        self.states: dict[str, Bounded] = {}
        self.kept: tuple[str, ...] = ()
        if experiment.training:
            self.kept = kept_state(experiment.training)
            self.feeder.guesses_update = experiment.training.optimizer not in ALIKE_UPDATES

    def be_certain(self) -> None:
        """Carry the certain bound alone from here on."""
        self.likely = self.feeder.likely = False
        for held in (self.data, self.weights, self.states):
            for name, array in held.items():
                error = array.error if array.error.any() else None
                held[name] = bounded(array.value, error)

    def evaluation(self, reference: Values) -> Seen:
        """Data, initial weights, and one pass without dropout."""
        self.feeder.begin(0, reference)
        for name, plain in {**self.data, **self.weights}.items():
            if name in reference:
                self.feeder.show("data", name, bounded(plain, likely=self.likely))
        self.data = {n: self._given(n, plain) for n, plain in self.data.items()}
        self.weights = {n: self._given(n, plain) for n, plain in self.weights.items()}
        self._passes(None)
        self.feeder.seen.given = self.feeder.given()
        return self.feeder.seen

    def epoch(self, number: int, reference: Values) -> Seen:
        """One pass with dropout and the update that follows; `number` counts from 1."""
        self.feeder.begin(number, reference)
        for name, exact in {**self.data, **self.weights}.items():
            self.feeder.known[name] = exact
            self.feeder.largest[name] = _largest(exact.value)
        gradients = self._passes(self.generator)
        self.feeder.seen.given = self.feeder.given()
        if gradients is not None:
            self._update(number, gradients)
        return self.feeder.seen

    def _given(self, name: str, plain: np.ndarray) -> Bounded:
        exact = bounded(plain, likely=self.likely)
        if name in self.feeder.reference:
            return self.feeder.feed(name, exact)
        self.feeder.known[name], self.feeder.largest[name] = exact, _largest(exact.value)
        return exact

    def _run(self, function: str, arguments: Sequence[Any]) -> Any:
        return rounding.run(self.namespace[function], *arguments, likely=self.likely)

    def _passes(self, generator: Any) -> Sequence[Any] | None:
        """Forward, loss and backward; the gradients, or None if a line cannot be passed."""
        experiment, network = self.experiment, self.experiment.network
        given: dict[str, Any] = {**self.data, "weights": tuple(self.weights.values())}
        draws = [generator] * (experiment.draws and generator is not None)
        try:
            found = self._run(
                "network", [*(given[n] for n in shared.call_names(experiment)), *draws]
            )
            if network.loss is None:
                return None
            outputs, given["saved"] = found if network.backward else (found, ())
            names = shared.names(network.forward.outputs)
            given |= dict(zip(names, (outputs,) if len(names) == 1 else outputs, strict=True))
            loss = self._run("network_loss", [given[n] for n in shared.loss_arguments(experiment)])
            if network.saved_by_loss:
                _, given["saved_by_loss"] = loss
            if network.backward is None:
                return None
            arguments = [given[n] for n in shared.backward_arguments(experiment)]
            gradients: Sequence[Any] = self._run("network_backward", arguments)
            return self._checked(gradients)
        except Feeder.refusals:
            return None  # `refused` has written down where

    def _checked(self, gradients: Sequence[Any]) -> Sequence[Any]:
        """The derivatives of the weights as the reference has them; what is returned in the place
        of one, but is another, is shown."""
        found = list(gradients)
        for i, name in enumerate(f"d{weight}" for weight in self.weights):
            if name in self.feeder.reference and name in self.feeder.known:
                ours = found[i] if isinstance(found[i], Bounded) else bounded(found[i])
                found[i] = self.feeder.known[name]
                if not np.array_equal(ours.value, found[i].value, equal_nan=True):
                    self.feeder.show("backward", name, ours)
        return found

    def _update(self, number: int, gradients: Sequence[Any]) -> None:
        """The optimiser's step, and each weight and state after it beside the reference's."""
        weights = tuple(map(_copy, self.weights.values()))
        state = [tuple(self.state(s, name) for s in self.kept) for name in self.weights]
        given = {"weights": weights, "gradients": gradients, "state": state, "step": number}
        arguments = inspect.signature(self.namespace["update"]).parameters
        try:
            self._run("update", [given[name] for name in arguments])
        except Feeder.refusals as error:
            for name in self.weights:
                self.feeder.seen.refused["update", name] = error.what
        for name, weight, states in zip(self.weights, weights, state, strict=True):
            for kind, array in zip(self.kept, states, strict=True):
                key = self.key(kind, name)
                self.states[key] = self._updated(key, name, array)
            self.weights[name] = self._updated(name, name, weight)

    def _updated(self, key: str, weight: str, ours: Bounded) -> Bounded:
        """What is carried into the next epoch: the reference's, beside which ours is shown."""
        if key not in self.feeder.reference:
            return ours
        self.feeder.show("update", key, ours, None, [weight, "d" + weight])
        return self.feeder.feed(key, ours)

    def state(self, state: str, weight: str) -> Bounded:
        """What the optimiser keeps of a weight, a copy."""
        key = self.key(state, weight)
        if key in self.states:
            kept: Bounded = _copy(self.states[key])
            return kept
        assert self.experiment.training is not None
        begun = initial_state(self.experiment.training, state, self.weights[weight].value)
        return bounded(begun, likely=self.likely)

    def key(self, state: str, weight: str) -> str:
        """What a reference calls what the optimiser keeps of a weight."""
        training = self.experiment.training
        assert training is not None
        return state_name(UPDATES[training.optimizer].torch_states[state], weight)
