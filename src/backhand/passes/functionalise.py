"""Steps that work in place become steps that make a new value.

Afterwards no step changes an array that another value shares, but for those that this pass must
leave as they are: what is written into a parameter or a buffer, or through a view that somebody
still reads. Whoever comes next finds no rule for them and refuses them by name.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from backhand.graph import Network, Step, Value
from backhand.passes.rewriting import rebuilt, replaced


def functionalise(network: Network, views: Collection[str]) -> Network:
    """The network without in-place steps where that is plain renaming.

    Args:
        network: steps under the names of PyTorch's operators.
        views: operators whose result may share memory with their first input.
    """
    forward = network.forward
    found = _Sharing(frozenset(v.name for v in forward.parameters))
    instead: dict[str, Value] = {}
    body: list[Step] = []
    for index, old in enumerate(forward.body):
        step = replaced(old, instead)
        if is_in_place(step.function) and step.inputs and len(step.outputs) == 1:
            target = step.inputs[0]
            used = (v for s in forward.body[index + 1 :] for v in s.inputs)
            later = {instead.get(v.name, v).name for v in (*used, *forward.outputs)}
            if found.may_be_renamed(target, later):
                step = replace(step, function=without_mark(step.function))
                instead = {name: step.output if v == target else v for name, v in instead.items()}
                instead[target.name] = step.output
            found.joins(step.output, target)
        elif step.function in views and step.inputs:
            for value in step.made():
                found.joins(value, step.inputs[0])
        body.append(step)
    return rebuilt(network, body, instead)


@dataclass
class _Sharing:
    """Which values share memory."""

    kept: frozenset[str]
    """Parameters and buffers: what is written there outlives the call."""
    groups: dict[str, set[str]] = field(default_factory=dict)

    def joins(self, value: Value, other: Value) -> None:
        group = self.groups.setdefault(other.name, {other.name})
        group.add(value.name)
        self.groups[value.name] = group

    def may_be_renamed(self, target: Value, later: set[str]) -> bool:
        """Whether nobody else still reads the memory that is written to."""
        group = self.groups.get(target.name, {target.name})
        return not group & self.kept and not (group - {target.name}) & later


def is_in_place(function: str) -> bool:
    """Whether it is an operator such as `aten.add_.Tensor`."""
    return without_mark(function) != function


def without_mark(function: str) -> str:
    """`aten.add.Tensor` for `aten.add_.Tensor`; other names as they are."""
    space, _, rest = function.partition(".")
    name, _, overload = rest.partition(".")
    if name.endswith("_") and not name.endswith("__"):
        return f"{space}.{name[:-1]}.{overload}"
    return function
