"""A module's graph as flat steps of our rules, sizes built in, and which node is which value."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from backhand.agreement.modules.calls import all_floats_in
from backhand.capture import refused
from backhand.capture.aten import numbered, with_rules
from backhand.capture.identifiers import one_line
from backhand.capture.reading import Reading
from backhand.capture.signature import signature, with_named_outputs
from backhand.capture.tidying import tidied
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
    """What values are called now that were read off the graph under other names."""
    changed: Mapping[str, str]
    """For each buffer that the module changes the name of its new value."""

    def name_of(self, value: Any) -> str:
        """What the network calls what a node of the graph stands for; empty if it has no such."""
        if value is None or isinstance(value, tuple):
            return ""
        name = self.names.get(value.name, value.name)
        return name if name in self._known else ""

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(value.name for value in self.network.forward.values())


def _flat(whole: Any, name: str, program: Any, reading: Reading) -> Flat:
    """A graph as flat steps, by the passes that `capture` takes, every size built in."""
    import torch

    found = signature(whole, name, program, reading)
    network, numbers, instead, changed = tidied(found.network, found, reading, torch)
    network, missing = with_rules(network, reading.schemas, reading.shapes, reading.orders)
    if missing:
        raise refused.no_rules(one_line(name), missing, reading.schemas)
    made = [value.name for step in network.forward.body for value in step.made()]
    network = with_named_outputs(network, found.outputs, found.names, changed)
    network = _with_names(numbered(network))
    now = (value.name for step in network.forward.body for value in step.made())
    names = dict(zip(made, now, strict=True))
    still = dict(names)
    for gone in instead:
        last = gone
        while last in instead:
            last = instead[last]
        names[gone] = still.get(last, last)
    new = network.forward.outputs[len(network.forward.outputs) - len(changed) :]
    buffers = {old: value.name for old, value in zip(changed, new, strict=True)}
    network = _with_names(with_asked_results(network))
    return Flat(program, reading, network, numbers, names, buffers)


def _with_names(network: Network) -> Network:
    """The network whose values all have a name of their own: `%3` is `v3`."""
    taken = {value.name for value in network.forward.values()}
    nameless = [name for name in taken if name.startswith("%")]
    prefix = "v"
    while any(name.replace("%", prefix) in taken for name in nameless):
        prefix += "_"
    return renamed(network, {name: name.replace("%", prefix) for name in nameless})
