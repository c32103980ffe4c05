"""PyTorch's side of a module, operator by operator: what each makes, and what its derivative is.

The module is exported with its sizes built in, and the graph run node by node. Each operator also
runs by itself, on copies of what it was given, so that its own derivative can be asked for.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backhand.agreement.modules.calls import Call, generator_at, joined, random_cotangents
from backhand.agreement.modules.flat import Flat, flattened
from backhand.capture.reading import INLINED, operator_name
from backhand.experiment import Precision
from backhand.graph import Network


@dataclass(frozen=True)
class Operator:
    """One operator that PyTorch ran."""

    function: str
    """`aten.linear.default`."""
    made: tuple[str, ...]
    """Names of its results in the network; those that the network has no value for are left out."""
    read: tuple[str, ...]
    """Names of the arrays that it is given."""
    cotangents: Mapping[str, np.ndarray]
    """The loss's derivative by each result, as autograd has it."""
    derivatives: Mapping[str, np.ndarray]
    """What the operator's own derivative makes of those, by the names of the arrays it is given."""


@dataclass(frozen=True)
class Watched:
    """A module as flat steps of our rules, and all that PyTorch made on the way."""

    network: Network
    values: Mapping[str, np.ndarray]
    """PyTorch's numbers by the names of the network's values; those it does not show are absent."""
    operators: tuple[Operator, ...]
    formats: Mapping[str, str]
    """PyTorch's own word for the type of each of those."""


def watched(call: Call, precision: Precision, seed: int) -> Watched:
    """Run a module operator by operator.

    Args:
        call: which the run does not change.
        precision: of its floats.
        seed: of PyTorch's generator, which is put back afterwards.

    Raises:
        BackhandError: as `capture` does.
    """
    whole = joined(call)
    arguments = (call.args, dict(call.kwargs), call.targets)
    flat = flattened(whole, type(call.module).__name__, arguments, precision)
    with generator_at(seed):
        run = _run(flat.program, whole, arguments, seed)
    return _told(flat, run)


@dataclass
class _Run:
    """What a run leaves behind, by the nodes of the graph."""

    values: dict[Any, Any] = field(default_factory=dict)
    """Copies of what each node made, before anything was written into it."""
    tensors: dict[Any, Any] = field(default_factory=dict)
    """What it made itself, for autograd."""
    alone: dict[Any, tuple[list[tuple[Any, Any]], Any]] = field(default_factory=dict)
    """What it was given when it ran by itself, by node, and what it made then."""
    gradients: dict[int, Any] = field(default_factory=dict)
    """The derivative by each tensor, by the tensor's identity."""
    buffers: dict[str, Any] = field(default_factory=dict)
    """What the buffers are afterwards, by the names of their nodes."""


def _run(program: Any, whole: Any, arguments: Any, seed: int) -> _Run:
    """Run an exported program node by node, and its derivative."""
    import torch
    from torch.utils import _pytree as pytree

    run = _Run()
    runner = _interpreter(run)
    state = {**dict(whole.named_parameters(remove_duplicate=False)),
             **dict(whole.named_buffers(remove_duplicate=False))}  # fmt: skip
    given = iter(pytree.tree_leaves(arguments))
    inputs = []
    copies: dict[int, Any] = {}
    for spec in program.graph_signature.input_specs:
        kind = spec.kind.name
        tensor = next(given) if kind == "USER_INPUT" else state.get(spec.target)
        tensor = program.constants.get(spec.target) if tensor is None else tensor
        if id(tensor) not in copies:
            copies[id(tensor)] = _leaf(tensor, kind != "BUFFER")
        inputs.append(copies[id(tensor)])
        if kind == "BUFFER":
            run.buffers[spec.arg.name] = inputs[-1]
    with torch.enable_grad():
        outputs = runner(program.graph_module).run(*inputs)
        floats = [x for x in pytree.tree_leaves(outputs) if _has_gradient(x)]
        kept = list({id(t): t for ts in run.tensors.values() for t in _parts(ts)
                     if _has_gradient(t)}.values())  # fmt: skip
        if floats and kept:
            cotangents = random_cotangents([tuple(x.shape) for x in floats], seed)
            given_back = [torch.from_numpy(np.asarray(c)).to(x) for c, x in
                          zip(cotangents, floats, strict=True)]  # fmt: skip
            if len(floats) == 1 and floats[0].ndim == 0:
                given_back = [torch.ones_like(floats[0])]
            # a module may write into what its derivative needs; the whole then says so
            with suppress(RuntimeError):
                found = torch.autograd.grad(floats, kept, given_back, allow_unused=True)
                pairs = zip(kept, found, strict=True)
                run.gradients = {id(t): g for t, g in pairs if g is not None}
    return run


def _leaf(tensor: Any, trained: bool) -> Any:
    """A copy into which an operator may write, and by which there is a derivative."""
    import torch

    if not isinstance(tensor, torch.Tensor):
        return tensor
    copied = tensor.detach().clone()
    if trained and copied.is_floating_point():
        return copied.requires_grad_().clone()
    return copied


def _has_gradient(x: Any) -> bool:
    return hasattr(x, "requires_grad") and bool(x.requires_grad)


def _interpreter(run: _Run) -> Any:
    """PyTorch's interpreter of graphs, which writes down what it sees."""
    import torch
    from torch.utils import _pytree as pytree

    def alone(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        copied = leaf.detach().clone()
        return copied.requires_grad_(leaf.requires_grad)

    class Runner(torch.fx.Interpreter):
        def run_node(self, n: Any) -> Any:
            is_operator = n.op == "call_function" and hasattr(n.target, "_schema")
            if is_operator:
                self._by_itself(n)
            made = super().run_node(n)
            if n.op in ("call_function", "placeholder"):
                run.tensors[n] = made
                run.values[n] = pytree.tree_map(
                    lambda x: x.detach().clone() if isinstance(x, torch.Tensor) else x, made
                )
            return made

        def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
            if getattr(target, "__name__", "") != INLINED:
                return super().call_function(target, args, kwargs)
            enabled, part, *given = args
            with torch.set_grad_enabled(bool(enabled)):
                return Runner(part).run(*given)

        def _by_itself(self, n: Any) -> None:
            """The operator on copies of its own; the generator draws the same again."""
            before = torch.get_rng_state()
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            given: list[tuple[Any, Any]] = []

            def take(node: Any) -> Any:
                found = alone(self.env[node])
                if isinstance(found, torch.Tensor):
                    given.append((node, found))
                    # an operator that works in place cannot be given a leaf of autograd's
                    return found.clone()
                return found

            args, kwargs = torch.fx.node.map_arg((n.args, n.kwargs), take)
            with torch.enable_grad():
                run.alone[n] = given, n.target(*args, **kwargs)
            torch.set_rng_state(before)

    return Runner


def _told(flat: Flat, run: _Run) -> Watched:
    """The run in the names of the network."""
    values: dict[str, np.ndarray] = dict(flat.numbers)
    formats: dict[str, str] = {}

    def show(name: str, array: Any) -> None:
        if name and hasattr(array, "dtype") and name not in formats:
            values[name] = array.detach().cpu().numpy().copy()
            formats[name] = str(array.dtype).removeprefix("torch.")

    for node, made in run.values.items():
        for value, array in zip(_parts(flat.reading.values.get(node)), _parts(made), strict=False):
            show(flat.name_of(value), array)
        if node.name in run.buffers and (old := flat.name_of(flat.reading.values.get(node))):
            show(flat.changed.get(old, ""), run.buffers[node.name])
    operators = tuple(_operator(node, flat, run) for node in run.alone)
    return Watched(flat.network, values, operators, formats)


def _operator(node: Any, flat: Flat, run: _Run) -> Operator:
    """One operator with its own derivative."""
    given, made = run.alone[node]
    parts = _parts(flat.reading.values.get(node))
    cotangents: dict[str, Any] = {}
    results = []
    for value, result, tensor in zip(parts, _parts(made), _parts(run.tensors[node]), strict=False):
        gradient = run.gradients.get(id(tensor))
        if gradient is not None and _has_gradient(result) and (name := flat.name_of(value)):
            cotangents[name] = gradient.detach()
            results.append(result)
    read = [(flat.name_of(flat.reading.values.get(n)), tensor) for n, tensor in given]
    names = tuple(dict.fromkeys(name for value in parts if (name := flat.name_of(value))))
    return Operator(
        operator_name(node.target),
        names,
        tuple(name for name, _ in read),
        {name: gradient.cpu().numpy() for name, gradient in cotangents.items()},
        _derivatives(results, list(cotangents.values()), read),
    )


def _derivatives(
    results: Sequence[Any], cotangents: Sequence[Any], read: Sequence[tuple[str, Any]]
) -> dict[str, np.ndarray]:
    """What an operator's own derivative makes of cotangents, by what it was given; of an array
    that it was given twice both together."""
    import torch

    leaves = [(name, tensor) for name, tensor in read if name and tensor.requires_grad]
    if not results or not leaves:
        return {}
    tensors = [tensor for _, tensor in leaves]
    made = torch.autograd.grad(results, tensors, cotangents, allow_unused=True)
    found: dict[str, np.ndarray] = {}
    for (name, _), gradient in zip(leaves, made, strict=True):
        if gradient is not None:
            array = gradient.cpu().numpy()
            found[name] = found[name] + array if name in found else array
    return found


def _parts(made: Any) -> Sequence[Any]:
    """What a node makes, one by one."""
    return made if isinstance(made, list | tuple) else [made]
