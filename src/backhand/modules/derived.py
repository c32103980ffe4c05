"""A module captured, nested, named and derived: everything that its text is made from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.capture.exported import Captured, capture
from backhand.capture.trees import Tree, numbers
from backhand.derive.kinds import derive_kinds
from backhand.derive.pairs import Derived, Pair
from backhand.graph import Nested, Network, Step, Value, Width
from backhand.passes.by_hand import by_hand
from backhand.passes.kinds import shared_kinds
from backhand.passes.loops import looped
from backhand.passes.nested_names import named, renamed_functions
from backhand.passes.precision import in_precision
from backhand.passes.promotion import promoted
from backhand.passes.results import with_asked_results
from backhand.passes.rewriting import renamed
from backhand.passes.tree import tree
from backhand.passes.widths import widths_of

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Half:
    """A module, or a loss, as pairs of functions."""

    captured: Captured
    derived: Derived
    places: Mapping[str, str]
    """For each key that its functions read in `p`, the name of the array in what was captured."""
    widths: tuple[Width, ...]

    @property
    def top(self) -> Pair:
        """The function of the whole and its derivative."""
        return self.derived.pairs[-1]

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The arrays that it is given, in the order of its function."""
        return tuple(v for v in self.top.kind.inputs if v.role != "generator")

    @property
    def draws(self) -> bool:
        return any(v.role == "generator" for v in self.top.kind.inputs)


def half(
    module: "torch.nn.Module",
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None,
    *,
    name: str,
    training: bool,
    outputs: Callable[[Captured], Iterable[int]] | None = None,
    inputs: Callable[[Captured], Iterable[int]] | None = None,
    names: Callable[[Captured], Mapping[str, str]] | None = None,
    widths: tuple[Width, ...] | None = None,
) -> Half:
    """A module as pairs of functions.

    Args:
        module: any module.
        args: arguments by position, of PyTorch's arrays.
        kwargs: arguments by name.
        name: of its function.
        training: in which mode it is captured.
        outputs: numbers of the outputs that a cotangent is given for; all that are of floats.
        inputs: numbers of the inputs that there is a derivative by; all that are of floats.
        names: other names for inputs and outputs.
        widths: the numbers that have letters; looked for if None.
    """
    captured = capture(module, args, kwargs, training=training)
    arrays = _arrays(args, kwargs)
    flat = with_stores(_in_one_precision(captured, arrays), captured.updated)
    flat = by_hand(flat, captured.arrays)
    flat = with_asked_results(_with_names(flat, names(captured) if names else {}))
    flat = replace(flat, widths=widths_of(flat) if widths is None else widths)
    nested = _nested(flat, captured, module, name)
    wanted = set(outputs(captured)) if outputs else set(range(len(nested.forward.outputs)))
    floats = {n for n, v in enumerate(nested.forward.outputs) if v.numbers == "float"}
    before = flat.forward.parameters
    pairs = zip(nested.forward.parameters, before, strict=True)
    derived = derive_kinds(
        nested,
        trained=_trained(nested, captured, before, inputs),
        outputs=sorted(wanted & floats),
        sizes=_sizes(nested, captured.inputs, arrays),
    )
    return Half(captured, derived, {new.name: old.name for new, old in pairs}, flat.widths)


EVALUATED = "_evaluated"
"""Behind the names of functions that are for evaluation alone."""


def evaluated(
    module: "torch.nn.Module",
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None,
    trained: Half,
) -> Half | None:
    """The forward functions of a module in evaluation, where that is more than leaving out what is
    drawn: batch normalisation takes other statistics then."""
    keys = trained.captured.keys
    changing = [key for name in trained.captured.updated for key in keys.get(name, ())]
    captured = capture(module, args, kwargs, training=False, changing=changing)
    if _does(captured.network) == _does(trained.captured.network):
        return None
    captured = _beside(captured, trained.captured)
    arrays = _arrays(args, kwargs)
    flat = by_hand(_in_one_precision(captured, arrays), captured.arrays)
    flat = replace(flat, widths=trained.widths)
    nested = _nested(flat, captured, module, "network")
    pairs = zip(nested.forward.parameters, flat.forward.parameters, strict=True)
    places = {new.name: old.name for new, old in pairs}
    nested = renamed_functions(nested, EVALUATED)
    sizes = _sizes(nested, captured.inputs, arrays)
    derived = derive_kinds(nested, trained=(), outputs=(), sizes=sizes)
    return Half(captured, derived, places, trained.widths)


def _beside(captured: Captured, other: Captured) -> Captured:
    """What was captured, its constants under other names where the other has those for others."""
    new = {
        value.name: f"{value.name}{EVALUATED}"
        for value in captured.network.forward.parameters
        if value.role == "constant"
        and not np.array_equal(captured.arrays[value.name], other.arrays.get(value.name, np.nan))
    }
    arrays = {new.get(name, name): array for name, array in captured.arrays.items()}
    return replace(captured, network=renamed(captured.network, new), arrays=arrays)


def _nested(flat: Network, captured: Captured, module: "torch.nn.Module", name: str) -> Nested:
    """The network with a function for each kind of module, loops, and the source's names."""
    nested = looped(shared_kinds(tree(flat, _keys(captured, module))))
    nested = replace(nested, forward=replace(nested.forward, name=name))
    return named(nested, captured.wishes)


def _does(network: Network) -> list[str]:
    """What a network computes, line by line, without what is drawn, what only that is made from,
    and what is multiplied with it."""
    read = {value.name for value in network.forward.outputs}
    found: list[str] = []
    for step in reversed(network.forward.body):
        made = step.made()
        if made and not any(value.name in read for value in made):
            continue
        inputs = step.inputs[:1] if step.function == "dropout" else step.inputs
        read |= {value.name for value in inputs}
        if step.function != "dropout":
            found.append(step.function)
    return found


def _keys(captured: Captured, module: "torch.nn.Module") -> dict[str, tuple[str, ...]]:
    """The keys of each array, tied ones in the order of the `state_dict`: derivatives and optimiser
    speak of the first."""
    order = {key: number for number, key in enumerate(module.state_dict())}
    return {
        name: tuple(sorted(keys, key=lambda key: order.get(key, len(order))))
        for name, keys in captured.keys.items()
    }


def _with_names(network: Network, new: Mapping[str, str]) -> Network:
    """The flat network with new names for what it is given and what it makes."""
    forward = network.forward
    inputs = tuple(replace(v, name=new.get(v.name, v.name)) for v in forward.inputs)
    return renamed(replace(network, forward=replace(forward, inputs=inputs)), new)


def _trained(
    nested: Nested,
    captured: Captured,
    before: Sequence[Value],
    inputs: Callable[[Captured], Iterable[int]] | None,
) -> set[str]:
    """Parameters that are trained, and inputs of floats: what has a derivative."""
    pairs = zip(nested.forward.parameters, before, strict=True)
    trained = {
        new.name
        for new, old in pairs
        if old.role == "parameter" and old.name not in captured.frozen and new.numbers == "float"
    }
    given = [v for v in nested.forward.inputs if v.role != "generator"]
    meant = range(len(given)) if inputs is None else inputs(captured)
    return trained | {given[n].name for n in meant if given[n].numbers == "float"}


def _arrays(args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> list[Any]:
    """The arrays among the arguments, in the order of the captured inputs."""
    from torch.utils import _pytree as pytree

    leaves = pytree.tree_leaves((tuple(args), dict(kwargs or {})))
    return [leaf for leaf in leaves if hasattr(leaf, "shape")]


def _sizes(nested: Nested, inputs: Tree, arrays: Sequence[Any]) -> dict[str, int]:
    """A length for each size with a name, as the arguments have it; 2 where that is 1, which would
    look like a size that is stretched."""
    found: dict[str, int] = {}
    order = dict.fromkeys(numbers(inputs))
    given = [v for v in nested.forward.inputs if v.role != "generator"]
    for number, array in zip(order, arrays, strict=False):
        for size, length in zip(given[number].shape, array.shape, strict=True):
            if isinstance(size, str):
                found[size] = max(2, int(length))
    return found


def _in_one_precision(captured: Captured, arrays: Sequence[Any]) -> Network:
    """The flat network whose floats are what its parameters are, or else its inputs."""
    words = [array.dtype.name for array in captured.arrays.values()]
    words += [str(array.dtype).removeprefix("torch.") for array in arrays]
    precision = next((word for word in words if word in ("float32", "float64")), "float32")
    return in_precision(promoted(captured.network), precision)


def with_stores(network: Network, updated: Mapping[str, str]) -> Network:
    """The flat network that keeps the new values of its buffers itself, each where it is made,
    instead of handing them out."""
    if not updated:
        return network
    forward = network.forward
    buffers = {value.name: value for value in forward.parameters}
    news = {new: buffers[old] for old, new in updated.items()}
    body: list[Step] = []
    for step in forward.body:
        body.append(step)
        for value in step.made():
            if value.name in news:
                inputs = (news[value.name], value)
                body.append(Step("store", inputs, (), place=step.place, modules=step.modules))
    outputs = forward.outputs[: len(forward.outputs) - len(updated)]
    return replace(network, forward=replace(forward, body=tuple(body), outputs=outputs))
