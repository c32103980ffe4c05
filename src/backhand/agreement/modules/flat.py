"""A module's graph as flat steps of our rules, sizes built in, and which node is which value."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backhand.agreement.modules.calls import all_floats_in
from backhand.capture import refused
from backhand.capture.identifiers import one_line
from backhand.capture.reading import Reading
from backhand.capture.steps import steps_of
from backhand.experiment import Precision
from backhand.graph import Network
from backhand.passes.results import with_asked_results
from backhand.passes.rewriting import renamed


def flattened(whole: Any, name: str, arguments: Any, precision: Precision) -> "Flat":
    """Export a module and read its graph.

    Args:
        whole: the module, its loss behind it.
        name: what to call it in errors.
        arguments: as for a call.
        precision: of its floats.

    Raises:
        BackhandError: as `capture` does.
    """
    import torch

    with all_floats_in(precision):
        program = _exported(whole, name, arguments)
    return _flat(whole, name, program, Reading({}, str(Path(torch.__file__).parent), precision))


def _exported(whole: Any, name: str, arguments: Any) -> Any:
    import torch

    try:
        return torch.export.export(whole, arguments, strict=False)
    except Exception as error:
        frame = refused.user_frame(error, [])
        raise refused.not_captured(one_line(name), error, frame) from None


@dataclass(frozen=True)
class Flat:
    """The steps of our rules, and how they hang together with the graph."""

    program: Any
    """PyTorch's."""
    reading: Reading
    """What each node of its graph stands for."""
    network: Network
    numbers: Mapping[str, np.ndarray]
    """What parameters, buffers and constants hold."""
    names: Mapping[str, str]
    """For the name of each value as it was read off the graph its name in the network."""
    changed: Mapping[str, str]
    """For each buffer that the module changes the name of its new value."""

    def name_of(self, value: Any) -> str:
        """What the network calls what a node of the graph stands for; empty if it has no such."""
        if value is None or isinstance(value, tuple):
            return ""
        return self.names.get(value.name, "")


def _flat(whole: Any, name: str, program: Any, reading: Reading) -> Flat:
    """A graph as flat steps, as `capture` reads it, every size built in."""
    import torch

    steps = steps_of(whole, name, program, reading, torch)
    network = _with_names(steps.network)
    pairs = zip(steps.network.forward.values(), network.forward.values(), strict=True)
    new = {before.name: after.name for before, after in pairs}
    names = {name: new[now] for name, now in steps.now.items()}
    network = _with_names(with_asked_results(network))
    return Flat(program, reading, network, steps.numbers, names, steps.updated)


def _with_names(network: Network) -> Network:
    """The network whose values all have a name of their own: `%3` is `v3`."""
    taken = {value.name for value in network.forward.values()}
    nameless = [name for name in taken if name.startswith("%")]
    prefix = "v"
    while any(name.replace("%", prefix) in taken for name in nameless):
        prefix += "_"
    return renamed(network, {name: name.replace("%", prefix) for name in nameless})
