"""The example that a program was written with, and what PyTorch makes of it."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.capture.copying import copied
from backhand.capture.trees import paths
from backhand.modules.arguments import arrays_of, flattened

if TYPE_CHECKING:
    import torch

    from backhand.modules.program import Interface

Loss = Callable[..., Any] | str
"""A function of the module's result and the targets, or the name of one of its results."""


@dataclass(frozen=True)
class Example:
    """A module as it was when it was written, with the arguments that it was written with."""

    module: "torch.nn.Module"
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    targets: tuple[Any, ...]
    loss: Loss | None

    def given(self, own: "Interface") -> list[np.ndarray]:
        """Inputs and targets, in the order of the written functions."""
        inputs = arrays_of(own.given, self.args, self.kwargs, own.inputs)
        return [*inputs, *map(_numbers, self.targets)]

    def by_torch(
        self, own: "Interface", weights: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """PyTorch's outputs, loss and derivatives (`d ` and the key) by name, drawn from seed 0.

        Args:
            own: how the written functions hang together with the module.
            weights: the arrays of its `state_dict`.
        """
        import torch

        twin = copied(self.module, torch.Tensor)
        twin.load_state_dict({key: torch.from_numpy(array) for key, array in weights.items()})
        evaluated = copy.deepcopy(twin).eval() if own.evaluation else None
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            results = twin(*self.args, **self.kwargs)
        outputs = predicted = flattened(own.results, results)
        if evaluated is not None:
            with torch.no_grad():
                predicted = flattened(own.results, evaluated(*self.args, **self.kwargs))
        found = {own.output_names[n]: _numbers(tensor) for n, tensor in predicted.items()}
        if self.loss is None:
            return found
        value = self._loss(own, results, outputs)
        value.backward()
        named = twin.named_parameters()
        derivatives = {f"d {k}": _numbers(w.grad) for k, w in named if w.grad is not None}
        return {**found, "loss": _numbers(value), **derivatives}

    def _loss(self, own: "Interface", results: Any, outputs: Mapping[int, Any]) -> Any:
        if not isinstance(self.loss, str):
            assert self.loss is not None
            return self.loss(results, *self.targets)
        (number,) = (n for n, path in paths(own.results).items() if path == self.loss)
        return outputs[number]


def _numbers(tensor: Any) -> np.ndarray:
    found: np.ndarray = tensor.detach().cpu().numpy()
    return found
