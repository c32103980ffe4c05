"""A written program as an object: run with NumPy alone, whatever the module was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from backhand.capture.trees import Tree
from backhand.errors import BackhandError
from backhand.modules.arguments import added, arrays_of, built
from backhand.modules.evidence import evidence
from backhand.modules.example import Example
from backhand.modules.training import NO_ARGUMENTS, Training
from backhand.modules.weights import as_complex, as_pairs, checked, read_weights, save_weights


@dataclass(frozen=True)
class Interface:
    """How the written functions hang together with the module's arguments and results."""

    function: str
    evaluation: str
    """The function that predicts, where that is another one."""
    inputs: tuple[str, ...]
    """The arrays that the network's function takes, in order."""
    given: Tree
    """The arguments of the module, with the inputs' numbers."""
    results: Tree
    """What the module returns, with the outputs' numbers."""
    output_names: tuple[str, ...]
    reads_parameters: bool
    saves: bool
    draws: bool
    cotangents: tuple[int, ...]
    """The outputs that the backward function takes a derivative by."""
    differentiated: tuple[str, ...]
    """The inputs that it gives a derivative by, in order."""
    gives_parameters: bool
    reads_parameters_back: bool
    targets: tuple[str, ...]
    has_loss: bool
    trains: bool
    state_keys: Mapping[str, str]
    """For each key of the `state_dict` the name of its array."""
    pairs: frozenset[str] = frozenset()
    """The keys of those whose numbers are complex, which are kept as pairs."""


@dataclass(frozen=True)
class Program:
    """A module's NumPy program.

    `source` is its text, `parameters` the arrays that it reads by their `state_dict` keys: steps
    and training change them in place. Only NumPy is needed to call it.
    """

    source: str
    parameters: dict[str, np.ndarray]
    interface: Interface
    example: Example
    notes: tuple[str, ...] = ()

    @property
    def _outputs(self) -> int:
        return len(self.interface.output_names)

    @cached_property
    def namespace(self) -> dict[str, Any]:
        """The functions of the text."""
        functions: dict[str, Any] = {"__name__": "backhand_module", "__file__": "module.py"}
        exec(compile(self.source, "<module written by backhand>", "exec"), functions)
        return functions

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the module returns for these arguments, arrays of NumPy in its own tree."""
        outputs, _ = self._forward(args, kwargs, None)
        return built(self.interface.results, outputs)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """The same in evaluation, whatever mode the module was written in."""
        own = self.interface
        if not own.evaluation:
            return self(*args, **kwargs)
        given: list[Any] = list(arrays_of(own.given, args, kwargs, own.inputs))
        made = self.namespace[own.evaluation](*given, *[self.parameters] * own.reads_parameters)
        return built(own.results, list(made) if self._outputs > 1 else [made])

    def vjp(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = NO_ARGUMENTS,
        cotangents: Any = None,
        *,
        seed: int | None = None,
    ) -> tuple[Any, dict[str, np.ndarray]]:
        """The results, and the vector-Jacobian product of cotangents built as the results are.

        Args:
            args: arguments by position.
            kwargs: arguments by name.
            cotangents: the derivative by each result, in the tree of the results; None is zero.
            seed: of the dropout's generator; without it there is no dropout.

        Returns:
            The results, and derivatives by `state_dict` key and by the names of float inputs.
        """
        own = self.interface
        generator = None if seed is None else np.random.RandomState(seed)
        outputs, saved = self._forward(args, kwargs, generator)
        given = added(own.results, cotangents)
        carried = [np.asarray(given.get(n, np.zeros_like(outputs[n]))) for n in own.cotangents]
        return built(own.results, outputs), self._backward(carried, saved)

    def gradients(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = NO_ARGUMENTS,
        targets: Any = (),
        *,
        generator: np.random.RandomState | None = None,
    ) -> tuple[float, dict[str, np.ndarray]]:
        """The loss, and its derivatives by the parameters, by their `state_dict` keys.

        Args:
            args: arguments by position.
            kwargs: arguments by name.
            targets: what the loss was given beside the results: an array, or several in a tuple.
            generator: draws the dropout masks; without it there is no dropout.

        Raises:
            BackhandError: if the program was written without a loss.
        """
        return self.gradients_of(self.data_of(args, kwargs, targets), generator)

    def data_of(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], targets: Any
    ) -> dict[str, np.ndarray]:
        """The arrays of inputs and targets by the names that the program has for them."""
        own = self.interface
        if not own.has_loss:
            raise BackhandError(
                "this program has no loss",
                repair="backhand.write(module, args, loss=..., targets=...)",
            )
        wanted = targets if isinstance(targets, tuple | list) else (targets,)
        if len(wanted) != len(own.targets):
            raise BackhandError(
                "the loss was written with other targets",
                wanted=", ".join(own.targets) or "none",
                got=f"{len(wanted)} arrays",
            )
        arrays = [*arrays_of(own.given, args, kwargs, own.inputs), *map(np.asarray, wanted)]
        return dict(zip((*own.inputs, *own.targets), arrays, strict=True))

    def gradients_of(
        self, data: Mapping[str, np.ndarray], generator: np.random.RandomState | None
    ) -> tuple[float, dict[str, np.ndarray]]:
        """The same of arrays by their names."""
        drawing = [generator] if self.interface.draws else []
        loss, dp = self.namespace["gradients"](*data.values(), self.parameters, *drawing)
        return float(loss), dp

    def step(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = NO_ARGUMENTS,
        targets: Any = (),
    ) -> float:
        """One more step of the optimiser, the draws from seed 0 on; the loss before it."""
        return self._stepping.step(args, kwargs, targets)

    @cached_property
    def _stepping(self) -> Training:
        return self.training()

    def train(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = NO_ARGUMENTS,
        targets: Any = (),
        *,
        epochs: int = 1,
        batch: int = 64,
        seed: int = 0,
    ) -> list[float]:
        """Train as `python net.py train` does: same order, same batches, same draws.

        Returns:
            The mean loss of each epoch's steps; the parameters are changed in place.

        Raises:
            BackhandError: if the program was written without an optimiser.
        """
        training = self.training(seed=seed)
        return [training.epoch(args, kwargs, targets, batch=batch) for _ in range(epochs)]

    def training(self, *, seed: int = 0) -> Training:
        """Steps of the optimiser that the program was written with.

        Raises:
            BackhandError: if it was written without one.
        """
        if not self.interface.trains:
            raise BackhandError(
                "this program has no optimiser",
                repair="backhand.write(module, args, loss=..., targets=..., optimizer=...)",
            )
        return Training(
            self, self.namespace["new_state"](self.parameters), np.random.RandomState(seed)
        )

    def to_state_dict(self) -> dict[str, np.ndarray]:
        """The arrays under every key of the module's `state_dict`, tied ones under each."""
        found = {key: self.parameters[name] for key, name in self.interface.state_keys.items()}
        return found | {key: as_complex(found[key]) for key in self.interface.pairs}

    def load_weights(self, path: str | Path) -> None:
        """Take the weights of a file: `.npz`, `.safetensors`, or a `state_dict` saved by PyTorch.

        Raises:
            BackhandError: unless it has an array of the right shape for each key, and no other.
        """
        arrays = read_weights(path)
        checked(arrays, self.to_state_dict())
        for key, name in self.interface.state_keys.items():
            given = arrays[key]
            self.parameters[name][...] = as_pairs(given) if key in self.interface.pairs else given

    def save_weights(self, path: str | Path) -> Path:
        """Write the `state_dict` as `.npz` or `.safetensors`; the file."""
        return save_weights(path, self.to_state_dict())

    def save(self, path: str | Path) -> tuple[Path, Path]:
        """Write the text, and its arrays beside it as `.npz`; the two files.

        Raises:
            BackhandError: if a file of that name is there.
        """
        file = Path(path)
        beside = file.with_suffix(".npz")
        if file.suffix != ".py":
            raise BackhandError("a program is a .py file", got=str(file), repair=f"{file}.py")
        for one in (file, beside):
            if one.exists():
                raise BackhandError("this file is there already", where=str(one),
                                    repair="choose another name, or move it away")  # fmt: skip
        first = dict.fromkeys(id(array) for array in self.parameters.values())
        arrays: dict[str, np.ndarray] = {}
        for name, array in self.parameters.items():
            if id(array) in first:
                del first[id(array)]
                arrays[name] = array
        beside_it = evidence(self)
        file.write_text(self.source, encoding="utf-8")
        with beside.open("wb") as stream:
            np.savez(stream, **arrays, **beside_it)  # type: ignore[arg-type]
        return file, beside

    def _forward(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], generator: Any
    ) -> tuple[list[np.ndarray], tuple[Any, ...]]:
        own = self.interface
        given: list[Any] = list(arrays_of(own.given, args, kwargs, own.inputs))
        given += [self.parameters] * own.reads_parameters + [generator] * own.draws
        made = self.namespace[own.function](*given)
        results = made if self._outputs + own.saves > 1 else (made,)
        return list(results[: self._outputs]), tuple(results[self._outputs :])

    def _backward(self, cotangents: list[Any], saved: tuple[Any, ...]) -> dict[str, np.ndarray]:
        own = self.interface
        if not own.differentiated and not own.gives_parameters:
            return {}
        given = [*cotangents, *[self.parameters] * own.reads_parameters_back, *saved]
        made = self.namespace[f"{own.function}_backward"](*given)
        results = made if len(own.differentiated) + own.gives_parameters > 1 else (made,)
        found = dict(zip(own.differentiated, results, strict=False))
        return {**found, **(results[-1] if own.gives_parameters else {})}
